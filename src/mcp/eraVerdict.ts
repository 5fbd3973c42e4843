// Judges the answer to a server/discover: which revisions of MCP the server speaks (MCP 2026-07-28, "Versioning and Compatibility").
import type { Era } from '../eraMemory.ts'

/** An answer over HTTP: `body` is one JSON text or the events of a stream, or what came of them. */
export interface DiscoverAnswer {
  readonly status: number
  readonly body: Uint8Array
}

/**
 * `newer`: only revisions that this program does not know. `askAgain`: it speaks 2026-07-28 and refuses it this time (-32022). `stripped`: it
 * speaks 2026-07-28, and something in between takes the headers or `_meta` out of the request (-32020, -32021).
 */
export type EraVerdict = Era | 'newer' | 'askAgain' | 'stripped'

/** undefined: the answer is no evidence, and nothing of it may be remembered. Never throws. */
export const judge = (answer: DiscoverAnswer): EraVerdict | undefined => readDiscover(answer).verdict

export interface Discovered {
  readonly verdict: EraVerdict | undefined
  /** The revisions that it names, as it named them: for a person. */
  readonly revisions: readonly string[]
  /** The JSON text of its DiscoverResult as the server wrote it; only with the verdict `2026`. */
  readonly discover?: string
}

/** The verdict with what it rests on. Never throws. */
export function readDiscover({ status, body }: DiscoverAnswer): Discovered {
  if (isSilent(status)) return NOTHING
  const { json, form } = responseIn(new TextDecoder().decode(body))
  // A page that is no refusal is of somebody in between; what was cut may have been anything.
  if (json === undefined) return form === 'none' || (form === 'page' && status < 400) ? NOTHING : LEGACY
  const { result, error } = json.value
  if (isObject(result) && Array.isArray(result.supportedVersions)) {
    const revisions = result.supportedVersions.filter(isRevision)
    const verdict = revisions.includes(MODERN) ? '2026' : onlyNewer(revisions)
    const discover = verdict === '2026' ? memberText(json.text, 'result') : undefined
    return { verdict, revisions, ...(discover !== undefined && { discover }) }
  }
  if (!isObject(error)) return LEGACY
  if (error.code === HEADER_MISMATCH || error.code === MISSING_CAPABILITY) return { verdict: 'stripped', revisions: [] }
  if (error.code !== UNSUPPORTED_VERSION || !isObject(error.data)) return LEGACY
  const { supported } = error.data
  const revisions = Array.isArray(supported) ? supported.filter(isRevision) : []
  return { verdict: revisions.includes(MODERN) ? 'askAgain' : onlyNewer(revisions), revisions }
}

/** Every era of a server, by what is remembered of it: one that speaks 2026-07-28 may list older revisions too. Never throws. */
export function erasOf(
  known: { readonly era: Era; readonly discover?: string | undefined } | undefined,
): readonly Era[] {
  if (known?.era !== '2026') return known ? [known.era] : []
  const { supportedVersions } = Object(parsed(known.discover ?? '')?.value) as Members
  const named = Array.isArray(supportedVersions) ? supportedVersions.filter(isRevision) : []
  return named.some((revision) => revision < MODERN) ? ['2026', '2025'] : ['2026']
}

const MODERN = '2026-07-28'
const [HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION] = [-32020, -32021, -32022]

const NOTHING: Discovered = { verdict: undefined, revisions: [] }
const LEGACY: Discovered = { verdict: '2025', revisions: [] }

/** Who answers so may be a proxy, or does not look at the request: a sign-in or time changes it. */
const isSilent = (status: number): boolean =>
  status < 200 || (status >= 300 && status < 400) || status >= 500 || [401, 403, 407, 408, 425, 429].includes(status)

/** Where a revision that this program speaks is among them, the server is not too new for it. */
const onlyNewer = (revisions: readonly string[]): EraVerdict =>
  revisions.length > 0 && revisions.every((revision) => revision > MODERN) ? 'newer' : '2025'

const isRevision = (given: unknown): given is string => typeof given === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(given)

type Members = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface Json {
  readonly text: string
  readonly value: Members
}

/** The JSON-RPC response, or what the text is instead; `none`: it is cut, or not about the question. */
function responseIn(text: string): { readonly json?: Json; readonly form?: 'none' | 'page' | 'other' } {
  const whole = parsed(text)
  if (whole && isOAuthError(whole.value)) return { form: 'none' }
  if (whole) return isResponse(whole.value) ? { json: { text, value: whole.value } } : { form: 'other' }
  if (/^\s*[<{[]/.test(text)) return { form: text.trimStart().startsWith('<') ? 'page' : 'none' }
  if (!EVENT_FIELD.test(text)) return { form: 'other' }
  for (const event of text.split(/\r\n\r\n|\n\n|\r\r/)) {
    const data = dataOf(event)
    const message = parsed(data)
    if (message && isResponse(message.value)) return { json: { text: data, value: message.value } }
  }
  return { form: 'none' }
}

/** A line of an event stream (WHATWG HTML section 9.2.6). */
const EVENT_FIELD = /^(?:event|data|id|retry)?:/m

const dataOf = (event: string): string =>
  event
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5))
    .join('\n')

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

/** What some servers send beside a challenge, or in its place: it is about the token (RFC 6750 section 3.1). */
const isOAuthError = (value: unknown): boolean =>
  isObject(value) && (value.error === 'invalid_token' || value.error === 'insufficient_scope')

/** Batches are of revision 2025-03-26 only. */
const isResponse = (value: unknown): value is Members =>
  isObject(value) && value.jsonrpc === '2.0' && (value.result !== undefined || value.error !== undefined)

/** The text of a member of the object that `json` is, as it was written; the last of two with one name, as for JSON.parse. */
function memberText(json: string, name: string): string | undefined {
  let found: string | undefined
  let depth = 0
  let key = ''
  let start = 0
  for (let at = 0; at < json.length; at++) {
    const letter = json[at]
    if (letter === '"') {
      const end = endOfString(json, at)
      if (depth === 1 && start === 0) key = JSON.parse(json.slice(at, end)) as string
      at = end - 1
    } else if (letter === '{' || letter === '[') depth++
    else if (letter === ':' && depth === 1) start = at + 1
    else if (depth === 1 && (letter === ',' || letter === '}')) {
      if (key === name && start > 0) found = json.slice(start, at).trim()
      start = 0
    }
    if (letter === '}' || letter === ']') depth--
  }
  return found
}

/** Where the string that begins at `at` ends, with its quote. */
function endOfString(json: string, at: number): number {
  let end = at + 1
  while (json[end] !== '"') end += json[end] === '\\' ? 2 : 1
  return end + 1
}
