// How the part at the provider ended, carried from the callback to the page that goes on: sealed, for one flow, in a cookie of its path
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BridgeError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
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

export const failureOf = ({ code, message, hint }: BridgeError): Outcome => ({
  kind: 'failed',
  code,
  // What went wrong inside is for the log.
  message: code === 'internal' ? INSIDE : cut(message),
  hint: cut(hint),
})

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

const INSIDE = 'The sign-in failed inside the gateway.'

const DENIED = /^(access_denied|access_not_granted|consent_required)$/
const PASSING = /^(authorization_server_unreachable|authorization_server_error|database_\w+|tls_failed|proxy_failed)$/

/** For the client (RFC 6749 section 4.1.2.1), whose host shows the description. */
export function errorFor({ code, message }: { readonly code: string; readonly message: string }): AuthorizationOutcome {
  const error = DENIED.test(code) ? 'access_denied' : PASSING.test(code) ? 'temporarily_unavailable' : 'server_error'
  const said = code === 'internal' ? INSIDE : message
  return { error, description: descriptionOf(`${said} (${code})`) }
}

/** Printable ASCII without quotes and backslashes. */
export const descriptionOf = (text: string): string =>
  text
    .replace(/[\u2018\u2019"]/g, "'")
    .replaceAll('\\', '/')
    .replace(/[^\x20-\x7e]/g, '?')
