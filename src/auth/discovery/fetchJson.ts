// One metadata document: JSON of limited size, in limited time, or what its address gave instead.
import { BridgeError } from '../../errors.ts'
import type { HttpClient, HttpResponse } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import { type JsonObject, jsonObject, wholeBody } from './body.ts'
import { withinTime } from './deadline.ts'

/**
 * What an address gave that has no document.
 * 'absent': it says that there is none. 'refused': there may be one that must not be used. 'passing': a failure that may pass.
 * 'unreachable': nothing at this origin can be asked.
 */
export interface Nothing {
  readonly kind: 'absent' | 'refused' | 'passing' | 'unreachable'
  /** For a person, in a few words. Untrusted text in it is quoted. */
  readonly gave: string
  /** undefined only for 'absent' */
  readonly error?: BridgeError
}

/** It has none of the members that the document is known by. */
export const NO_METADATA: Nothing = { kind: 'absent', gave: 'JSON that is not metadata' }

export type Answer = { readonly document: JsonObject } | Nothing

const TIMEOUT_MS = 10_000
/** Whether a failure with this status may pass; of the client errors: timeout, too early, too many requests. */
export const mayPass = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status)

/** `wholeMs`: longest time of the answer. Does not throw what comes from the server or the network. */
export async function fetchDocument(
  http: HttpClient,
  url: URL,
  headers: Readonly<Record<string, string>> = {},
  wholeMs = TIMEOUT_MS,
): Promise<Answer> {
  const idleMs = Math.min(wholeMs, TIMEOUT_MS)
  const asked = { method: 'GET', url, headers: { ...headers, accept: 'application/json' }, idleMs } as const
  let status: number | undefined
  const asking = async (signal: AbortSignal) => {
    const response = await http.request({ ...asked, signal })
    status = response.status
    return read(url, response)
  }
  try {
    return await withinTime(wholeMs, () => tooSlow(url), asking)
  } catch (thrown) {
    const error = thrown instanceof BridgeError ? thrown : tooSlow(url, thrown)
    if (error.code === 'discovery_failed') return { kind: 'refused', gave: 'more than 1 MB', error }
    return unanswered(error, status)
  }
}

/** undefined: the server answered, but not with a JSON object. @throws BridgeError when it cannot be reached, or refers elsewhere */
export async function fetchJson(
  http: HttpClient,
  url: URL,
  headers: Readonly<Record<string, string>> = {},
  wholeMs = TIMEOUT_MS,
): Promise<JsonObject | undefined> {
  const answer = await fetchDocument(http, url, headers, wholeMs)
  if ('document' in answer) return answer.document
  if (answer.error) throw answer.error
  return undefined
}

async function read(url: URL, response: HttpResponse): Promise<Answer> {
  const { status } = response
  const type = String(response.headers['content-type'] ?? '')
  if (status < 200 || status > 299) {
    response.discard()
    if (!mayPass(status)) return { kind: 'absent', gave: String(status) }
    return { kind: 'passing', gave: String(status), error: serverError(url, status) }
  }
  // A stream has no end.
  if (/^text\/event-stream\b/i.test(type)) {
    response.discard()
    return { kind: 'absent', gave: 'an event stream' }
  }
  const text = (await wholeBody(response.body, () => tooLarge(url))).toString('utf8')
  const document = jsonObject(text)
  return document && !isDeep(document) ? { document } : { kind: 'absent', gave: formOf(text) }
}

function formOf(text: string): string {
  if (text.trim() === '') return 'nothing'
  return /^\s*</.test(text) ? 'a web page' : 'no JSON object'
}

/** An answer that broke off says nothing about other addresses; a connection that failed does. */
function unanswered(error: BridgeError, status: number | undefined): Nothing {
  const { code, details } = error
  if (code === 'redirect_refused') return { kind: 'refused', gave: 'a redirect that is not followed', error }
  if (status !== undefined) return { kind: 'passing', gave: 'an answer that broke off', error }
  if (code === 'server_unreachable' && details.sent === true)
    return { kind: 'passing', gave: 'a closed connection', error }
  if (code === 'server_timeout' || code === 'authorization_server_unreachable')
    return { kind: 'passing', gave: 'no answer in time', error }
  return { kind: 'unreachable', gave: 'no connection', error }
}

/** Deeper than any meaningful response; copying or serializing such a value would overflow the stack. */
export const isDeep = (value: unknown, most = 20): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (most === 0 || Object.values(value).some((one) => isDeep(one, most - 1)))

const tooSlow = ({ origin }: URL, cause?: unknown) =>
  new BridgeError('authorization_server_unreachable', { message: `${origin} did not answer in time.`, cause })

const tooLarge = (url: URL) =>
  new BridgeError('discovery_failed', {
    message: `The metadata at ${quote(url.href)} is larger than 1 MB.`,
    hint: 'Tell the server’s owner, or check that the URL is the MCP endpoint.',
    details: { incomplete: true },
  })

const serverError = (url: URL, status: number) =>
  new BridgeError('authorization_server_error', {
    message: `${url.origin} answered the metadata request with ${status}.`,
    details: { status },
  })
