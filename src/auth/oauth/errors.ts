// What openid-client throws → BridgeError. OAuth error codes decide, never texts (RFC 6749 sections 4.1.2.1 and 5.2).
import { retryAfter } from '../../bounds.ts'
import { BridgeError, type ErrorCode } from '../../errors.ts'
import { present } from '../../present.ts'
import { quote } from '../../redaction/text.ts'
import { bodyOf } from './fetch.ts'
import { meaningOf, namedScopes, refusedPart } from './providerErrors.ts'

interface OAuthError {
  readonly code?: string
  readonly error?: string
  /** As the server wrote it: any JSON. */
  readonly error_description?: unknown
  readonly status?: number
  /** openid-client hides it from logs, but still exposes it. */
  readonly response?: Response
  readonly cause?: unknown
}

/** The refresh token or code is permanently refused. */
export function isInvalidGrant(thrown: unknown): boolean {
  const { code, error, status } = thrown as OAuthError
  return code === 'OAUTH_RESPONSE_BODY_ERROR' && error === 'invalid_grant' && (status ?? 400) < 500
}

export function translateOAuthError(thrown: unknown, issuer: string): BridgeError {
  const inner = findBridgeError(thrown)
  if (inner) return asAuthorizationServerError(inner, issuer)
  const { code, error, status } = thrown as OAuthError
  if (error !== undefined) return oauthError(thrown as OAuthError, issuer)
  const response = findResponse(thrown)
  if (response && (response.status >= 500 || response.status === 429))
    return busy(issuer, response.status, response.headers.get('retry-after'), thrown)
  // RFC 6749 section 5.2: a client that authenticated by the Authorization header is refused with 401 and a challenge.
  if (code === 'OAUTH_WWW_AUTHENTICATE_CHALLENGE') {
    return new BridgeError('invalid_client', {
      message: `The authorization server ${quote(issuer)} refused this client with ${status ?? 401}.`,
      cause: thrown,
    })
  }
  if (code === 'OAUTH_TIMEOUT') {
    return new BridgeError('authorization_server_unreachable', {
      message: `The authorization server ${quote(issuer)} did not answer in time.`,
      cause: thrown,
    })
  }
  if (
    code === 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' ||
    code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED' ||
    code === 'OAUTH_KEY_SELECTION_FAILED' ||
    code === 'OAUTH_INVALID_SIGNATURE'
  ) {
    return new BridgeError('invalid_signature', {
      message: `The ID token of ${quote(issuer)} did not pass verification: ${quote(textOf(thrown))}.`,
      cause: thrown,
    })
  }
  // Servers report a forgotten client in many ways, some of them outside OAuth.
  if (response && UNKNOWN_CLIENT.includes(response.status)) {
    return new BridgeError('invalid_client', {
      message: `The authorization server ${quote(issuer)} refused this client with ${response.status}.${wordsOf(thrown)}`,
      cause: thrown,
      details: { status: response.status },
    })
  }
  const what = response
    ? `answered ${response.status}`
    : `sent something that is not an OAuth response (${quote(textOf(thrown))})`
  return new BridgeError('login_failed', {
    message: `The authorization server ${quote(issuer)} ${what}.${wordsOf(thrown)}`,
    cause: thrown,
    details: present({ status }),
  })
}

/** Statuses without an OAuth error code with which a server refuses an unknown client. */
const UNKNOWN_CLIENT = [400, 401, 403, 422]

const CODES = new Map<string, ErrorCode>(
  Object.entries({
    access_denied: 'access_denied',
    invalid_client: 'invalid_client',
    unauthorized_client: 'invalid_client',
    consent_required: 'consent_required',
    interaction_required: 'consent_required',
    invalid_redirect_uri: 'redirect_uri_mismatch',
    redirect_uri_mismatch: 'redirect_uri_mismatch',
    invalid_target: 'invalid_target',
    access_not_configured: 'access_not_configured',
    expired_token: 'login_timed_out',
    server_error: 'authorization_server_error',
    temporarily_unavailable: 'authorization_server_error',
  } as const),
)

/** What a refusal says that is not an OAuth error, as a sentence; '' where it says nothing. */
function wordsOf(thrown: unknown): string {
  const response = findResponse(thrown)
  const body = response ? bodyOf(response) : ''
  return body === '' ? '' : ` It says ${quote(body)}.`
}

function oauthError(thrown: OAuthError, issuer: string): BridgeError {
  const { error = '', error_description: told, status } = thrown
  const description = typeof told === 'string' ? told : undefined
  const said = quote(description ? `${error}: ${description}` : error)
  const message = `The authorization server ${quote(issuer)} says ${said}.`
  if (status !== undefined && (status >= 500 || status === 429))
    return busy(issuer, status, thrown.response?.headers.get('retry-after') ?? null, thrown, ` It says ${said}.`)
  const meaning = meaningOf({ error, description, numbers: numbersOf(thrown.cause) })
  const about = refusedPart({ error, description })
  return new BridgeError(meaning?.code ?? CODES.get(error) ?? 'login_failed', {
    message,
    ...present({ hint: meaning?.hint }),
    cause: thrown,
    details: { error, ...present({ about }), ...(about === 'scope' ? { scopes: namedScopes(description) } : {}) },
  })
}

/** Entra's `error_codes`, from the body that openid-client keeps as the cause. */
function numbersOf(body: unknown): readonly unknown[] {
  const numbers = (body as { error_codes?: unknown } | undefined)?.error_codes
  return Array.isArray(numbers) ? numbers : []
}

function busy(
  issuer: string,
  status: number,
  named: string | null,
  cause: unknown,
  words = wordsOf(cause),
): BridgeError {
  const retryAfterMs = retryAfter(named, Date.now())
  return new BridgeError('authorization_server_error', {
    message: `The authorization server ${quote(issuer)} answered ${status}.${words}`,
    details: present({ status, retryAfterMs }),
    cause,
  })
}

/** An HTTP failure at the authorization server is not a failure of the MCP server. */
function asAuthorizationServerError(inner: BridgeError, issuer: string): BridgeError {
  if (inner.code !== 'server_unreachable' && inner.code !== 'server_timeout') return inner
  return new BridgeError('authorization_server_unreachable', {
    message: `The authorization server ${quote(issuer)} cannot be reached: ${inner.message}`,
    details: inner.details,
    cause: inner,
  })
}

const causes = function* (thrown: unknown): Generator<unknown> {
  for (let at = thrown; at instanceof Error || at instanceof Response; at = (at as { cause?: unknown }).cause) yield at
}

const findBridgeError = (thrown: unknown) =>
  [...causes(thrown)].find((at): at is BridgeError => at instanceof BridgeError)
export const findResponse = (thrown: unknown) =>
  [...causes(thrown)].find((at): at is Response => at instanceof Response)
/** The innermost text, and the status of a response that was not wanted. */
export function reasonOf(thrown: unknown): string {
  const response = findResponse(thrown)
  return response ? `${textOf(thrown)}: ${response.status}` : textOf(thrown)
}
/** A parser quotes what it read, and that may be a token or a claim. */
const textOf = (thrown: unknown) =>
  [...causes(thrown)]
    .map((at) => (at instanceof Error && !(at instanceof SyntaxError) ? at.message : ''))
    .findLast((text) => text !== '') ?? 'no reason'
