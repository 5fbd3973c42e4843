// The kind, id and method of one JSON-RPC message, read without changing it. The bytes travel on as they came.
import { type Members, type Span, scan, textAt } from './scan.ts'

/** The JSON text of a message id: `1`, `"a"`, `12345678901234567890`. One id has one text, however it was written. */
export type RawId = string

export interface Message {
  readonly kind: 'request' | 'notification' | 'response' | 'batch'
  /** The ids this message asks an answer for: one for a request, any number for a batch, none for the rest. */
  readonly asks: readonly RawId[]
  /** The ids this message answers. */
  readonly answers: readonly RawId[]
  readonly method?: string
  /** An answer that is an error. */
  readonly failed?: boolean
  readonly bytes: Uint8Array
}

const [LF, CR, SPACE] = [10, 13, 32]

/** Request ids for a text; hosts and servers may put anything into them, and any number. */
export const nameOf = (ids: readonly RawId[]) =>
  ids
    .slice(0, 10)
    .map((id) => id.slice(0, 80))
    .join(', ')
    .slice(0, 80)

/** Whether a message is the request that a session begins with: a notification of that name is nothing that anybody answers. */
export const isInitialize = ({ kind, method }: Message): boolean => kind === 'request' && method === 'initialize'

/** Whether a message answers another request than this one: a server may answer it on the stream of this one. */
export const isForAnother = ({ answers }: Message, { asks }: Message): boolean =>
  answers.some((id) => id !== 'null' && !asks.includes(id))

/** Whether a message answers this request, and no other. */
export const isAnswerTo = (one: Message, request: Message): boolean =>
  one.answers.length > 0 && !isForAnother(one, request)

/** undefined: not a JSON-RPC 2.0 message. */
export function parseMessage(raw: Uint8Array): Message | undefined {
  const bytes = withoutBom(raw)
  let first: Seen | undefined
  let batch: Batch | undefined
  // The pass ends at the first element that is not a message: nothing of a list of millions is kept.
  const scanned = scan(bytes, (members) => {
    const one = members && see(bytes, members)
    if (!one) return false
    if (first) {
      batch ??= begin(first)
      note(batch, one)
    } else first = one
    return true
  })
  if (!scanned || !first) return undefined
  // Batches exist in revision 2025-03-26 only.
  if (scanned === 'batch') return { kind: 'batch', ...(batch ?? begin(first)), bytes }
  const { id, method, failed } = first
  if (method === undefined) return { kind: 'response', asks: NONE, answers: [id as RawId], failed, bytes }
  if (id === undefined) return { kind: 'notification', asks: NONE, answers: NONE, method, bytes }
  return { kind: 'request', asks: [id], answers: NONE, method, bytes }
}

type Batch = { readonly asks: RawId[]; readonly answers: RawId[] }

function begin(first: Seen): Batch {
  const batch: Batch = { asks: [], answers: [] }
  note(batch, first)
  return batch
}

function note({ asks, answers }: Batch, { id, method }: Seen): void {
  if (id !== undefined) (method === undefined ? answers : asks).push(id)
}

/** A UTF-8 byte order mark is allowed to be ignored (RFC 8259 section 8.1). */
export function withoutBom(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

/** Raw line breaks never occur inside a JSON string, so replacing them by spaces changes only the layout. */
export function toOneLine(bytes: Uint8Array): Uint8Array {
  if (bytes.indexOf(LF) === -1 && bytes.indexOf(CR) === -1) return bytes
  const line = Uint8Array.prototype.slice.call(bytes)
  for (const byte of [LF, CR])
    for (let at = line.indexOf(byte); at !== -1; at = line.indexOf(byte, at + 1)) line[at] = SPACE
  return line
}

/** An id found at the top of broken or oversized text; for an error answer when nothing better is known. */
export const guessId = (start: Uint8Array): RawId | undefined => guess(ID_AT_START, start)

/** The same for an id at the end of a text whose end is complete. */
export const guessIdAtEnd = (end: Uint8Array): RawId | undefined => guess(ID_AT_END, end)

function guess(pattern: RegExp, bytes: Uint8Array): RawId | undefined {
  const text = new TextDecoder().decode(bytes)
  const id = /"method"\s*:/.test(text) ? pattern.exec(text)?.[1] : undefined
  // It goes back as it came, so it must be valid JSON on its own: `007` or `"\q"` is not.
  return id !== undefined && isJson(id) ? id : undefined
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const ID_AT_START =
  /^\s*\{(?:\s*"(?:jsonrpc|method)"\s*:\s*"[^"\\]*"\s*,)*\s*"id"\s*:\s*(-?\d+|"(?:[^"\\]|\\.)*")(?=\s*[,}])/
/** Only the brace of the outermost object closes the line. */
const ID_AT_END = /,\s*"id"\s*:\s*(-?\d+|"(?:[^"\\]|\\.)*")\s*(?:,\s*"(?:jsonrpc|method)"\s*:\s*"[^"\\]*"\s*)*\}\s*$/

interface Seen {
  readonly id: RawId | undefined
  readonly method: string | undefined
  readonly failed: boolean
}

const NONE: readonly RawId[] = []

/** undefined: not a message by JSON-RPC 2.0 sections 4 and 5. */
function see(bytes: Uint8Array, { jsonrpc, id, method, result, error }: Members): Seen | undefined {
  if (!jsonrpc || !(isTwo(bytes, jsonrpc) || stringAt(bytes, jsonrpc) === '2.0')) return undefined
  const text = id && idAt(bytes, id)
  if (id && text === undefined) return undefined
  if (method) {
    const name = stringAt(bytes, method)
    return name === undefined || text === 'null' ? undefined : { id: text, method: name, failed: false }
  }
  // Many write both members, and null for the one that there is not.
  const failed = error !== undefined && !(result && bytes[error.start] === LETTER_N)
  return text !== undefined && (result || failed) ? { id: text, method: undefined, failed } : undefined
}

/** `"2.0"` as everybody writes it; no text is made of it. */
const isTwo = (bytes: Uint8Array, { start, end }: Span) =>
  end - start === 5 &&
  bytes[start] === QUOTE &&
  bytes[start + 1] === 50 &&
  bytes[start + 2] === 46 &&
  bytes[start + 3] === 48

function stringAt(bytes: Uint8Array, { start, end }: Span): string | undefined {
  if (bytes[start] !== QUOTE) return undefined
  const text = textAt(bytes, { start: start + 1, end: end - 1 })
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
}

/** The id at `span`; undefined: neither string, number nor null. JSON.parse would round integers beyond 2^53; those keep their own text. */
export function idAt(bytes: Uint8Array, span: Span): RawId | undefined {
  const first = bytes[span.start] as number
  if (first === OPEN_BRACE || first === OPEN_BRACKET || first === LETTER_T || first === LETTER_F) return undefined
  const count = countAt(bytes, span)
  if (count !== undefined) return String(count)
  const text = textAt(bytes, span)
  if (first === QUOTE) return text.includes('\\') ? JSON.stringify(JSON.parse(text)) : text
  return Number.isSafeInteger(Number(text)) ? String(Number(text)) : text
}

/** What most ids are: a count from one on. */
function countAt(bytes: Uint8Array, { start, end }: Span): number | undefined {
  if (end - start > 15 || bytes[start] === ZERO) return undefined
  let count = 0
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit < 0 || digit > 9) return undefined
    count = count * 10 + digit
  }
  return count
}

const ZERO = 48
const [QUOTE, OPEN_BRACKET, LETTER_F, LETTER_N, LETTER_T, OPEN_BRACE] = [34, 91, 102, 110, 116, 123]
