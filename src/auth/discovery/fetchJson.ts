// One metadata document: JSON of limited size, in limited time, or undefined if there is none.
import { BridgeError } from '../../errors.ts'
import type { HttpClient } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import { wholeBody, withoutMark } from './body.ts'
import { withinTime } from './deadline.ts'

export type JsonObject = Readonly<Record<string, unknown>>

const TIMEOUT_MS = 10_000

/**
 * undefined: the server answered, but not with a JSON object. `wholeMs`: longest time of the answer.
 * @throws BridgeError when it cannot be reached
 */
export async function fetchJson(
  http: HttpClient,
  url: URL,
  headers: Readonly<Record<string, string>> = {},
  wholeMs = TIMEOUT_MS,
): Promise<JsonObject | undefined> {
  const asked = { method: 'GET', url, headers: { ...headers, accept: 'application/json' }, idleMs: TIMEOUT_MS } as const
  const asking = async (signal: AbortSignal) => {
    const response = await http.request({ ...asked, signal })
    if (response.status >= 200 && response.status < 300)
      return asObject((await wholeBody(response.body, () => tooLarge(url))).toString('utf8'))
    response.discard()
    if (response.status >= 500) throw serverError(url, response.status)
    return undefined
  }
  try {
    return await withinTime(wholeMs, () => tooSlow(url), asking)
  } catch (thrown) {
    throw thrown instanceof BridgeError ? thrown : tooSlow(url, thrown)
  }
}

function asObject(text: string): JsonObject | undefined {
  try {
    const json: unknown = JSON.parse(withoutMark(text))
    const object = typeof json === 'object' && json !== null && !Array.isArray(json)
    return object && !isDeep(json) ? (json as JsonObject) : undefined
  } catch {
    return undefined
  }
}

/** Deeper than any meaningful response; copying or serializing such a value would overflow the stack. */
export const isDeep = (value: unknown, most = 20): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (most === 0 || Object.values(value).some((one) => isDeep(one, most - 1)))

const tooSlow = ({ origin }: URL, cause?: unknown) =>
  new BridgeError('authorization_server_unreachable', { message: `${origin} did not answer in time.`, cause })

const tooLarge = (url: URL) =>
  new BridgeError('discovery_failed', { message: `The metadata at ${quote(url.href)} is larger than 1 MB.` })

const serverError = (url: URL, status: number) =>
  new BridgeError('authorization_server_error', {
    message: `${url.origin} answered the metadata request with ${status}.`,
    details: { status },
  })
