// One pass over the bytes of a JSON text: is it valid (RFC 8259), and where do the members of a JSON-RPC message stand.
// Bytes, because decoding and building objects costs more than the rest of the relay together when an answer is large.
import { isUtf8 } from 'node:buffer'

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

/** A member that is not an object is undefined. */
export interface Scanned {
  readonly batch: boolean
  readonly messages: readonly (Members | undefined)[]
}

const [TAB, LF, CR, SPACE, QUOTE, COMMA, MINUS, DOT, ZERO, NINE, COLON] = [9, 10, 13, 32, 34, 44, 45, 46, 48, 57, 58]
const [OPEN_BRACKET, BACKSLASH, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE, LETTER_U] = [91, 92, 93, 123, 125, 117]
const FAILED = -1

/** Bytes that stand for themselves inside a string: all but controls, the quote and the backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH),
)
const ESCAPES = new Set(Buffer.from('"\\/bfnrt'))
const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word))
const NAMES = (['jsonrpc', 'id', 'method', 'result', 'error'] as const).map((name) => ({
  name,
  bytes: Buffer.from(`"${name}"`),
}))

/** undefined: not one JSON object, nor an array. Depth costs one byte a level, so no nesting exhausts the stack. */
export function scan(bytes: Uint8Array): Scanned | undefined {
  if (!isUtf8(bytes)) return undefined
  const start = skipSpace(bytes, 0)
  const batch = bytes[start] === OPEN_BRACKET
  if (!batch && bytes[start] !== OPEN_BRACE) return undefined
  const messages: (Members | undefined)[] = []
  /** Depth at which the members of a message stand. */
  const deep = batch ? 2 : 1
  let kinds = new Uint8Array(64)
  let depth = 0
  let members: Members | undefined
  let name: keyof Members | undefined
  let valueStart = 0
  let at = start

  for (;;) {
    // At the first byte of a value.
    if (depth === deep) valueStart = at
    const byte = bytes[at]
    let opened = false
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth === kinds.length) {
        const more = new Uint8Array(depth * 2)
        more.set(kinds)
        kinds = more
      }
      kinds[depth++] = byte
      if (depth === deep) members = byte === OPEN_BRACE ? {} : undefined
      at = skipSpace(bytes, at + 1)
      opened = bytes[at] !== (byte === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)
    } else {
      at = byte === QUOTE ? stringEnd(bytes, at + 1) : literalEnd(bytes, at)
      if (at === FAILED) return undefined
      if (batch && depth === 1) messages.push(undefined)
    }

    // After a value, or at the close of an empty object or array: close what ends here.
    while (!opened) {
      if (depth === deep && name !== undefined && members && kinds[depth - 1] === OPEN_BRACE) {
        members[name] = { start: valueStart, end: at }
        name = undefined
      }
      if (depth === 0) return skipSpace(bytes, at) === bytes.length ? { batch, messages } : undefined
      at = skipSpace(bytes, at)
      if (bytes[at] === COMMA) {
        at = skipSpace(bytes, at + 1)
        break
      }
      if (bytes[at] !== (kinds[depth - 1] === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)) return undefined
      if (depth === deep) messages.push(members)
      depth--
      at++
    }

    // In an object a name and a colon come before the next value.
    if (kinds[depth - 1] === OPEN_BRACE) {
      if (bytes[at] !== QUOTE) return undefined
      const end = stringEnd(bytes, at + 1)
      if (end === FAILED) return undefined
      if (depth === deep) name = nameAt(bytes, at, end)
      at = skipSpace(bytes, end)
      if (bytes[at] !== COLON) return undefined
      at = skipSpace(bytes, at + 1)
    }
  }
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  for (; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte !== SPACE && byte !== LF && byte !== CR && byte !== TAB) break
  }
  return at
}

/** The index after the closing quote of the string whose first byte is at `from`. */
function stringEnd(bytes: Uint8Array, from: number): number {
  for (let at = from; ; at++) {
    at = skipPlain(bytes, at)
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    if (byte !== BACKSLASH) return FAILED
    at++
    if (bytes[at] === LETTER_U) {
      for (let digit = 1; digit <= 4; digit++) if (!isHex(bytes[at + digit])) return FAILED
      at += 4
    } else if (!ESCAPES.has(bytes[at] ?? 0)) return FAILED
  }
}

/** A string that goes on for this many bytes is looked through by words. */
const LONG = 256

function skipPlain(bytes: Uint8Array, from: number): number {
  const short = Math.min(from + LONG, bytes.length)
  let at = from
  while (at < short && PLAIN[bytes[at] as number] === 1) at++
  return at === short ? skipPlainWords(bytes, at) : at
}

/** Four bytes at a time: a byte below a bound borrows from its highest bit when the bound is taken away. */
function skipPlainWords(bytes: Uint8Array, from: number): number {
  let at = from + (-(bytes.byteOffset + from) & 3)
  for (let before = from; before < at; before++) if (PLAIN[bytes[before] ?? 0] === 0) return before
  if (at < bytes.length) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (bytes.length - at) >> 2)
    let word = 0
    for (; word < words.length; word++) {
      const four = words[word] as number
      const quote = four ^ 0x22222222
      const backslash = four ^ 0x5c5c5c5c
      const control = (four - 0x20202020) & ~four
      const marked = control | ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash)
      if ((marked & 0x80808080) !== 0) break
    }
    at += word * 4
  }
  while (at < bytes.length && PLAIN[bytes[at] as number] === 1) at++
  return at
}

const isHex = (byte = 0) => (byte >= ZERO && byte <= NINE) || ((byte | 32) >= 97 && (byte | 32) <= 102)

/** The index after the number, `true`, `false` or `null` at `from`. */
function literalEnd(bytes: Uint8Array, from: number): number {
  const byte = bytes[from]
  if (byte === MINUS || isDigit(byte)) return numberEnd(bytes, from)
  const word = LITERALS.find((literal) => literal[0] === byte)
  if (!word) return FAILED
  for (let at = 1; at < word.length; at++) if (bytes[from + at] !== word[at]) return FAILED
  return from + word.length
}

function numberEnd(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from
  if (!isDigit(bytes[at])) return FAILED
  at = bytes[at] === ZERO ? at + 1 : skipDigits(bytes, at)
  if (bytes[at] === DOT) {
    if (!isDigit(bytes[at + 1])) return FAILED
    at = skipDigits(bytes, at + 1)
  }
  const exponent = bytes[at]
  if (exponent === 69 || exponent === 101) {
    at += bytes[at + 1] === MINUS || bytes[at + 1] === 43 ? 2 : 1
    if (!isDigit(bytes[at])) return FAILED
    at = skipDigits(bytes, at)
  }
  return at
}

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= ZERO && byte <= NINE

function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from
  while (isDigit(bytes[at])) at++
  return at
}

/** Which of the names stands between `start` and `end`, quotes included; a name may be written with escapes. */
function nameAt(bytes: Uint8Array, start: number, end: number): keyof Members | undefined {
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
