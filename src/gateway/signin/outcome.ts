// How the part at the provider ended, carried from the callback to the page that goes on: sealed, for one flow, in a cookie of its path
import type { IncomingMessage, ServerResponse } from 'node:http'
import { asBridgeError, BridgeError, type ErrorCode, reworded } from '../../errors.ts'
import type { Clock, Logger } from '../../ports.ts'
import type { AuthorizationOutcome, GatewaySeal } from '../ports.ts'
import type { Cookies } from './cookies.ts'

export type Outcome =
  | { readonly kind: 'person'; readonly personId: string; readonly account: string | undefined }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly hint: string }

export interface Outcomes {
  give(response: ServerResponse, path: string, outcome: Outcome): void
  /** undefined: there is none, or it is not of this path. */
  take(request: IncomingMessage, response: ServerResponse, path: string): Outcome | undefined
}

/** The browser is on its way already, in seconds. */
const SECONDS = 120
const NAME = 'outcome'

export function createOutcomes({
  seal,
  cookies,
  clock,
}: {
  seal: GatewaySeal
  cookies: Cookies
  clock: Clock
}): Outcomes {
  const placeOf = (path: string) => ['sign-in-outcome', path]
  return {
    give(response, path, outcome) {
      const until = clock.now() + SECONDS * 1_000
      const value = Buffer.from(seal.seal(JSON.stringify({ ...outcome, until }), placeOf(path))).toString('base64url')
      cookies.set(response, { name: NAME, value, seconds: SECONDS }, { path })
    },
    take(request, response, path) {
      const value = cookies.read(request, NAME, { path })
      if (value === undefined) return undefined
      cookies.set(response, { name: NAME, value: '', seconds: 0 }, { path })
      const text = seal.open(Buffer.from(value, 'base64url').toString('utf8'), placeOf(path))
      if (text === undefined) return undefined
      const { until, ...outcome } = JSON.parse(text) as Outcome & { readonly until: number }
      return clock.now() < until ? outcome : undefined
    },
  }
}

/** In bytes of UTF-8, message and hint each: sealed, both fit into a cookie (RFC 6265 section 6.1: 4096 bytes). */
const MOST = 800

export function failureOf(error: BridgeError): Outcome {
  const { code, message, hint } = toldOf(error)
  return { kind: 'failed', code, message: cut(message), hint: cut(hint) }
}

const OWN = /^(database_\w+|schema_missing|internal)$/

/** What failed, as a person and a client may read it: what is wrong inside, such as where the database is, is for the log. */
export function toldOf(thrown: unknown): BridgeError {
  const error = asBridgeError(thrown)
  if (!OWN.test(error.code)) return reworded(error, { hint: hintFor(error) })
  return new BridgeError(error.code, {
    message:
      error.code === 'internal'
        ? 'Something unexpected went wrong in the gateway.'
        : 'The database of the gateway is not available.',
    hint: 'Try again in a moment. If it keeps failing, tell the operator of this gateway: its log has the reason.',
  })
}

const ANEW = 'Sign in again: remove the sign-in for this server in your client, then connect again.'
const START = 'Start again from your application.'
/** In place of hints that speak of a bridge's commands. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  access_denied: `${START} Approve the access at the provider, or ask the operator of this gateway for it.`,
  consent_required: `${START} Consent at the provider, or have an administrator grant it there. prompt: consent in config.yaml asks each time.`,
  login_failed: `${START} If it keeps failing, show the message above to the operator of this gateway.`,
  invalid_client: 'Check client_id and client_secret of this provider in config.yaml; a secret may have expired there.',
  redirect_uri_mismatch:
    'Register exactly the callback_url with the provider or, where there are several, the redirect URI that serve prints for it at its start.',
  invalid_target:
    'Check audience and authorize_params of this provider in config.yaml: it refuses the resource that they name.',
  id_token_missing: 'Add openid to the scopes of this provider in config.yaml.',
  token_expired: ANEW,
  refresh_token_missing: `${ANEW} Add the scope offline_access if the provider knows it.`,
  not_signed_in: ANEW,
}

/** One that is about this very failure stays. */
function hintFor({ code, hint }: BridgeError): string {
  const isOfTable = hint === new BridgeError(code).hint
  return (isOfTable || code === 'invalid_target' ? HINTS[code] : undefined) ?? hint
}

/** For who runs the gateway: with what to do. */
export function logFailed(log: Logger, event: 'gateway:sign-in-failed' | 'gateway:refresh', error: BridgeError): void {
  const { code, message } = error
  log.warn(event, { code, message, hint: OWN.test(code) ? error.hint : hintFor(error) })
}

/** Of a page: a provider that fails is none of the gateway's own failures. */
export function statusOf({ code }: Pick<BridgeError, 'code'>): number {
  if (code === 'internal') return 500
  return OWN.test(code) ? 503 : 502
}

/** Whole characters, as many as there is room for. JSON writes some of them longer. */
function cut(text: string): string {
  let bytes = 0
  let end = 0
  for (const char of text) {
    bytes += Buffer.byteLength(JSON.stringify(char)) - 2
    if (bytes > MOST) return text.slice(0, end)
    end += char.length
  }
  return text
}

const DENIED = /^(access_denied|access_not_granted|consent_required)$/
const PASSING =
  /^(authorization_server_unreachable|authorization_server_error|database_\w+|schema_missing|tls_failed|proxy_failed)$/

/** For the client (RFC 6749 section 4.1.2.1), whose host shows the description. */
export function errorFor({ code, message }: { readonly code: string; readonly message: string }): AuthorizationOutcome {
  const error = DENIED.test(code) ? 'access_denied' : PASSING.test(code) ? 'temporarily_unavailable' : 'server_error'
  return { error, description: descriptionOf(`${message} (${code})`) }
}

/** Printable ASCII without quotes and backslashes. */
export const descriptionOf = (text: string): string =>
  text
    .replace(/[\u2018\u2019"]/g, "'")
    .replaceAll('\\', '/')
    .replace(/[^\x20-\x7e]/g, '?')
