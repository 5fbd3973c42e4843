// What a refresh that failed means: refused for good, whatever name and status the server gives it, or only for now.
import { retryAfter } from '../../bounds.ts'
import { BridgeError, reworded } from '../../errors.ts'
import { present } from '../../present.ts'
import { quote } from '../../redaction/text.ts'
import { mayPass } from '../discovery/fetchJson.ts'
import { findResponse, isInvalidGrant, translateOAuthError } from './errors.ts'

/** Error codes that ask for patience; RFC 6749 section 4.1.2.1 has two of them, RFC 8628 section 3.5 one. */
const LATER_CODE =
  /^(server_error|temporarily_unavailable|slow_down|(temporary|internal|service|rate|too_many|throttl|time|request_time|try_again|retry|over(load|_limit)|busy).*)$/i

/**
 * 'rejected': `invalid_grant` (RFC 6749 section 5.2). An error with `details.refused` is a refusal in the server’s own words; any other
 * one says nothing about the refresh token.
 */
export function readRefreshFailure(thrown: unknown, issuer: string): 'rejected' | BridgeError {
  if (isInvalidGrant(thrown)) return 'rejected'
  const error = translateOAuthError(thrown, issuer)
  const { status, later, said } = answerOf(thrown)
  if (status === undefined || error.code === 'authorization_server_error') return error
  if (mayPass(status) || later !== null || LATER_CODE.test(said))
    return new BridgeError('authorization_server_error', {
      message: `The authorization server ${quote(issuer)} answered ${said === '' ? status : `${status} ${quote(said)}`}.`,
      details: present({ status, retryAfterMs: retryAfter(later, Date.now()) }),
      cause: thrown,
    })
  return reworded(error, { details: { refused: true }, cause: thrown })
}

interface Thrown {
  readonly code?: string
  readonly error?: unknown
  readonly status?: number
  readonly response?: Response
  readonly cause?: unknown
}

/** The HTTP answer, where there was one that has no tokens; `later`: its Retry-After. */
function answerOf(thrown: unknown): { status: number | undefined; later: string | null; said: string } {
  const { code, error, status, response, cause } = thrown as Thrown
  const answer = response ?? findResponse(thrown)
  const later = answer?.headers.get('retry-after') ?? null
  const said = typeof error === 'string' ? error : ''
  if (status !== undefined) return { status, later, said }
  if (answer && answer.status >= 400) return { status: answer.status, later, said }
  // A JSON object without an access token, with 200: the server has read the request, and gives none.
  const body = code === 'OAUTH_INVALID_RESPONSE' ? bodyIn(cause) : undefined
  return { status: body && body.access_token === undefined ? 400 : undefined, later, said }
}

function bodyIn(cause: unknown): Record<string, unknown> | undefined {
  const { body, cause: inner } = (cause ?? {}) as { body?: Record<string, unknown>; cause?: unknown }
  return body ?? (inner === undefined ? undefined : bodyIn(inner))
}
