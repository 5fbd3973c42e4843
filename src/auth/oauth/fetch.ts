// The fetch for openid-client: our own HTTP client, so that one place decides on TLS, timeouts and redirects.
import { BridgeError } from '../../errors.ts'
import type { HttpClient } from '../../ports.ts'
import { wholeBody } from '../discovery/body.ts'
import { withinTime } from '../discovery/deadline.ts'
import { withoutMembersOf } from './endpoint.ts'
import { type IdToken, normalized, normalizedDocument, type Reading } from './normalize.ts'

interface FetchOptions {
  readonly method?: string
  readonly headers?: unknown
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

export type Fetch = (url: string, options: FetchOptions) => Promise<Response>

interface ThroughOptions {
  /** How to treat an ID token in the response; omitted: unchanged. */
  readonly idToken?: IdToken | undefined
  /** Whether the tokens are to be bound to a key (RFC 9449); omitted: 'bearer'. */
  readonly binding?: 'bearer' | 'dpop'
  readonly wholeMs?: number
}

/** Longest time of a response from first to last byte, in ms. */
const WHOLE_MS = 30_000

/** `timeoutMs`: longest silence; `wholeMs`: longest time of an answer. Never follows a redirect of a POST away from its method, nor any to another origin; bodies up to 1 MB. */
export function fetchThrough(http: HttpClient, timeoutMs: number, options: ThroughOptions = {}): Fetch {
  const { idToken = 'read', binding = 'bearer', wholeMs = WHOLE_MS } = options
  return async (url, { method = 'GET', headers, body, signal }) => {
    const asking = async (signal: AbortSignal) => {
      const response = await http.request({
        method: method as 'GET' | 'POST',
        url: withoutMembersOf(body, new URL(url)),
        headers: Object.fromEntries(new Headers(headers as Record<string, string>)),
        ...(body === undefined || body === null ? {} : { body: String(body) }),
        signal,
        idleMs: timeoutMs,
      })
      return { response, bytes: await wholeBody(response.body, () => tooLarge(url)) }
    }
    const { response, bytes } = await withinTime(wholeMs, () => tooSlow(url), asking, signal)
    const received = new Headers()
    for (const [name, value] of Object.entries(response.headers))
      for (const one of [value ?? []].flat()) received.append(name, one)
    // Without its challenge, the body decides: an invalid grant with a challenge is still an invalid grant (RFC 6749 section 5.2). Userinfo
    // has no body for that: its challenge asks for a nonce (RFC 9449 section 9).
    if (method === 'POST') received.delete('www-authenticate')
    const contentType = received.get('content-type') ?? ''
    const came = { status: response.status, contentType, body: bytes.toString('utf8') }
    const { status, ...answer } =
      method === 'POST'
        ? normalized(came, { idToken, otherType: otherTypeOf(binding, body) })
        : normalizedDocument(came)
    if (answer.contentType !== contentType) received.set('content-type', answer.contentType)
    const made = new Response(WITHOUT_BODY.includes(status) ? null : answer.body, { status, headers: received })
    if (status >= 400 && !answer.body.trimStart().startsWith('<')) bodies.set(made, answer.body.slice(0, 1_000).trim())
    return made
  }
}

const bodies = new WeakMap<Response, string>()

/** The start of the body of a refusal, which a library may have read; '' for none, and for a page. Foreign text. */
export const bodyOf = (response: Response): string => bodies.get(response) ?? ''

/** Statuses of responses that have no body (Fetch standard, "null body status"). */
const WITHOUT_BODY = [204, 205, 304]

/** The tokens of a refresh are bound to the key that the ones before were bound to, whatever the server calls them. */
function otherTypeOf(binding: 'bearer' | 'dpop', body: unknown): Reading['otherType'] {
  if (binding === 'bearer') return 'bearer'
  const refreshed = body instanceof URLSearchParams && body.get('grant_type') === 'refresh_token'
  return refreshed ? 'dpop' : 'refused'
}

const tooLarge = (url: string) =>
  new BridgeError('authorization_server_error', { message: `${new URL(url).origin} sent an answer of more than 1 MB.` })

const tooSlow = (url: string) =>
  new BridgeError('authorization_server_unreachable', { message: `${new URL(url).origin} did not answer in time.` })
