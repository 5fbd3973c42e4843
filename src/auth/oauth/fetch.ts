// The fetch for openid-client: our own HTTP client, so that one place decides on TLS, timeouts and redirects.
import { BridgeError } from '../../errors.ts'
import type { HttpClient } from '../../ports.ts'
import { wholeBody } from '../discovery/body.ts'
import { withinTime } from '../discovery/deadline.ts'
import { type IdToken, normalized } from './normalize.ts'

interface FetchOptions {
  readonly method?: string
  readonly headers?: unknown
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

interface ThroughOptions {
  /** How to treat an ID token in the response; omitted: unchanged. */
  readonly idToken?: IdToken | undefined
  readonly wholeMs?: number
}

/** Longest time of a response from first to last byte, in ms. */
const WHOLE_MS = 30_000

/** `timeoutMs`: longest silence; `wholeMs`: longest time of an answer. Never follows a redirect of a POST away from its method, nor any to another origin; bodies up to 1 MB. */
export function fetchThrough(
  http: HttpClient,
  timeoutMs: number,
  { idToken, wholeMs = WHOLE_MS }: ThroughOptions = {},
): (url: string, options: FetchOptions) => Promise<Response> {
  return async (url, { method = 'GET', headers, body, signal }) => {
    const asking = async (signal: AbortSignal) => {
      const response = await http.request({
        method: method as 'GET' | 'POST',
        url: new URL(url),
        headers: Object.fromEntries(new Headers(headers as Record<string, string>)),
        ...(body === undefined || body === null ? {} : { body: String(body) }),
        signal,
        idleMs: timeoutMs,
      })
      return { response, bytes: await wholeBody(response.body, () => tooLarge(url)) }
    }
    const { response, bytes } = await withinTime(wholeMs, () => tooSlow(url), asking, signal)
    const received = new Headers()
    // Without its challenge, the body decides: an invalid grant with a challenge is still an invalid grant (RFC 6749 section 5.2).
    const { 'www-authenticate': _challenge, ...headersOfAnswer } = response.headers
    for (const [name, value] of Object.entries(headersOfAnswer))
      for (const one of [value ?? []].flat()) received.append(name, one)
    const empty = [204, 205, 304].includes(response.status)
    if (empty) return new Response(null, { status: response.status, headers: received })
    if (method !== 'POST') return new Response(bytes, { status: response.status, headers: received })
    const contentType = received.get('content-type') ?? ''
    const answer = normalized({ status: response.status, contentType, body: bytes.toString('utf8') }, idToken)
    if (answer.contentType !== contentType) received.set('content-type', answer.contentType)
    return new Response(answer.body, { status: answer.status, headers: received })
  }
}

const tooLarge = (url: string) =>
  new BridgeError('authorization_server_error', { message: `${new URL(url).origin} sent an answer of more than 1 MB.` })

const tooSlow = (url: string) =>
  new BridgeError('authorization_server_unreachable', { message: `${new URL(url).origin} did not answer in time.` })
