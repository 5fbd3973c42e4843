// One pass over the bytes of a JSON text: checks that it is valid (RFC 8259) and finds the members of a JSON-RPC message.
// Bytes, because decoding and building objects costs more than the rest of the relay together when an answer is large.
import { isUtf8 } from 'node:buffer'
import { beginText, FAILED, literalEnd, stringEnd } from './scanScalar.ts'

/** Where a value stands: from its first byte to the one after its last. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The members of one object that matter to a relay; the last of two with one name counts, as for JSON.parse. */
export interface Members {
  jsonrpc?: Span
  id?: Span
  method?: Span
  result?: Span
  error?: Span
}

/** Takes one message of a text; undefined is an element of a batch that is not an object. False: nothing more is looked at. */
export type Accept = (message: Members | undefined) => boolean

const [TAB, LF, CR, SPACE, QUOTE, COMMA, COLON] = [9, 10, 13, 32, 34, 44, 58]
const [OPEN_BRACKET, BACKSLASH, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [91, 92, 93, 123, 125]

const NAMES = (['jsonrpc', 'id', 'method', 'result', 'error'] as const).map((name) => ({
  name,
  bytes: Buffer.from(`"${name}"`),
}))

/** Hands over one message after the other. undefined: not one JSON object, nor an array, or not accepted. */
export function scan(bytes: Uint8Array, accept: Accept): 'single' | 'batch' | undefined {
  if (!isUtf8(bytes)) return undefined
  beginText()
  near = NEAR
  large = undefined
  const start = skipSpace(bytes, 0)
  const batch = bytes[start] === OPEN_BRACKET
  if (!batch && bytes[start] !== OPEN_BRACE) return undefined
  const end = batch ? readElements(bytes, start, accept) : readMembers(bytes, start, accept)
  shrink()
  if (end === FAILED || skipSpace(bytes, end) !== bytes.length) return undefined
  if (large) ends.set(bytes, large)
  return batch ? 'batch' : 'single'
}

/** The index after the value at `from` of a text that is known to be valid. */
export function skipValue(bytes: Uint8Array, from: number): number {
  const known = bytes.length > LARGE ? ends.get(bytes)?.get(from) : undefined
  if (known !== undefined) return known
  near = 0
  beginText()
  const end = valueEnd(bytes, from)
  shrink()
  return end
}

/** A message nested ever so deep costs its own time and nobody else’s memory. */
function shrink(): void {
  if (kinds.length > DEEP) kinds = new Uint8Array(256)
}

/** The index after the array at `start`; each of its elements is a message. */
function readElements(bytes: Uint8Array, start: number, accept: Accept): number {
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === CLOSE_BRACKET) return at + 1
  for (;;) {
    if (bytes[at] === OPEN_BRACE) at = readMembers(bytes, at, accept)
    else at = accept(undefined) ? valueEnd(bytes, at) : FAILED
    if (at === FAILED) return FAILED
    at = skipSpace(bytes, at)
    if (bytes[at] === CLOSE_BRACKET) return at + 1
    if (bytes[at] !== COMMA) return FAILED
    at = skipSpace(bytes, at + 1)
  }
}

/** The index after the object at `start`, whose members are one message. */
function readMembers(bytes: Uint8Array, start: number, accept: Accept): number {
  const members: Members = {}
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === CLOSE_BRACE) return accept(members) ? at + 1 : FAILED
  for (;;) {
    const valueStart = memberValue(bytes, at)
    if (valueStart === FAILED) return FAILED
    const end = valueEnd(bytes, valueStart)
    if (end === FAILED) return FAILED
    const name = nameAt(bytes, at)
    if (name !== undefined) members[name] = { start: valueStart, end }
    at = skipSpace(bytes, end)
    if (bytes[at] === CLOSE_BRACE) return accept(members) ? at + 1 : FAILED
    if (bytes[at] !== COMMA) return FAILED
    at = skipSpace(bytes, at + 1)
  }
}

/** Where the value begins of the member whose name begins at `from`. */
function memberValue(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== QUOTE) return FAILED
  const end = stringEnd(bytes, from + 1)
  if (end === FAILED) return FAILED
  const at = bytes[end] === COLON ? end : skipSpace(bytes, end)
  return bytes[at] === COLON ? skipSpace(bytes, at + 1) : FAILED
}

/** The index after the value at `from`. */
function valueEnd(bytes: Uint8Array, from: number): number {
  const byte = bytes[from]
  if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return treeEnd(bytes, from)
  return byte === QUOTE ? stringEnd(bytes, from + 1) : literalEnd(bytes, from)
}

/** Which kinds are open; one byte a level, so no nesting exhausts the stack. Nothing in it outlives a call. */
let kinds = new Uint8Array(256)
const DEEP = 64 * 1024

/** Objects and arrays of more bytes, and at most this deep in a member of a message, are gone through once: their ends are kept with the text. */
const [LARGE, NEAR] = [64 * 1024, 3]
const ends = new WeakMap<Uint8Array, ReadonlyMap<number, number>>()
/** Those of the text that is being scanned; how deep they are looked for, which is nowhere in a value that is skipped. */
let large: Map<number, number> | undefined
let near = 0
const starts = [0, 0, 0]

/** The index after the object or array at `from`. What follows nearly every byte is looked at in place: calls cost more than the looks. */
function treeEnd(bytes: Uint8Array, from: number): number {
  let depth = 0
  let inObject = false
  let at = from

  for (;;) {
    // At the first byte of a value.
    const byte = bytes[at]
    let opened = false
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth === kinds.length) deepen()
      if (depth < near) starts[depth] = at
      kinds[depth++] = byte
      inObject = byte === OPEN_BRACE
      at++
      if ((bytes[at] as number) <= SPACE) at = skipSpace(bytes, at)
      opened = bytes[at] !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)
    } else {
      at = byte === QUOTE ? stringEnd(bytes, at + 1) : literalEnd(bytes, at)
      if (at === FAILED) return FAILED
    }

    // After a value, or at the close of an empty object or array: close what ends here.
    if (!opened) {
      for (;;) {
        if ((bytes[at] as number) <= SPACE) at = skipSpace(bytes, at)
        if (bytes[at] === COMMA) break
        if (bytes[at] !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) return FAILED
        at++
        if (--depth < near && at - (starts[depth] as number) > LARGE) noteEnd(starts[depth] as number, at)
        if (depth === 0) return at
        inObject = kinds[depth - 1] === OPEN_BRACE
      }
      at++
      if ((bytes[at] as number) <= SPACE) at = skipSpace(bytes, at)
    }

    if (inObject) {
      if (bytes[at] !== QUOTE) return FAILED
      at = stringEnd(bytes, at + 1)
      if (at === FAILED) return FAILED
      if (bytes[at] !== COLON) {
        at = skipSpace(bytes, at)
        if (bytes[at] !== COLON) return FAILED
      }
      at++
      if ((bytes[at] as number) <= SPACE) at = skipSpace(bytes, at)
    }
  }
}

function noteEnd(start: number, end: number): void {
  large ??= new Map()
  large.set(start, end)
}

function deepen(): void {
  const deeper = new Uint8Array(kinds.length * 4)
  deeper.set(kinds)
  kinds = deeper
}

/** The index of the first byte from `from` on that is not white space. */
export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  // Most messages have none.
  if (at < bytes.length && (bytes[at] as number) > SPACE) return at
  for (; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte !== SPACE && byte !== LF && byte !== CR && byte !== TAB) break
  }
  return at
}

/** Which of the names begins at `start`; a name may be written with escapes. */
function nameAt(bytes: Uint8Array, start: number): keyof Members | undefined {
  const end = stringEnd(bytes, start + 1)
  for (const known of NAMES) {
    if (known.bytes.length !== end - start || known.bytes[1] !== bytes[start + 1]) continue
    if (equals(bytes, start, known.bytes)) return known.name
  }
  const escaped = bytes.subarray(start, end).indexOf(BACKSLASH) !== -1
  if (!escaped) return undefined
  const plain: unknown = JSON.parse(textAt(bytes, { start, end }))
  return NAMES.find(({ name }) => name === plain)?.name
}

function equals(bytes: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let at = 0; at < wanted.length; at++) if (bytes[start + at] !== wanted[at]) return false
  return true
}

/** The text of a value as it was written. */
export function textAt(bytes: Uint8Array, { start, end }: Span): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString('utf8', start, end)
}
