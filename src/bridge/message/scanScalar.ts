// Finds the end of a JSON string, number, `true`, `false` or `null` (RFC 8259 sections 3, 6 and 7), in valid UTF-8.

export const FAILED = -1
const [SPACE, QUOTE, MINUS, DOT, ZERO, NINE, BACKSLASH, LETTER_U] = [32, 34, 45, 46, 48, 57, 92, 117]
const [TRUE, FALSE, NULL] = ['true', 'false', 'null'].map((word) => Buffer.from(word)) as [Buffer, Buffer, Buffer]
/** What may follow a backslash, but for `u`. */
const ESCAPE = Uint8Array.from({ length: 256 }, (_, byte) => Number('"\\/bfnrt'.includes(String.fromCharCode(byte))))

/** The index after the closing quote of the string whose first byte is at `from`. */
export function stringEnd(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const short = Math.min(at + LONG, bytes.length)
    let byte = 0
    for (; at < short; at++) {
      byte = bytes[at] as number
      // Small letters are most of all text: one comparison is enough for them.
      if (byte > BACKSLASH) continue
      if (byte === QUOTE) return at + 1
      if (byte === BACKSLASH || byte < SPACE) break
    }
    if (at === short) {
      at = skipPlainWords(bytes, at)
      if (at === bytes.length) return FAILED
      byte = bytes[at] as number
      if (byte === QUOTE) return at + 1
    }
    if (byte !== BACKSLASH || ++at === bytes.length) return FAILED
    if (ESCAPE[bytes[at] as number] === 1) at++
    else if (bytes[at] === LETTER_U && isHex(bytes, at + 1)) at += 5
    else return FAILED
  }
}

/** A string that goes on for this many bytes is looked through by words. */
const LONG = 256

/** The first quote after the place it was last asked for, in the text that is being scanned. */
let nextQuote = -1

/** To be called before another text is looked through. */
export function beginText(): void {
  nextQuote = -1
}

/** The first byte from `from` on that does not stand for itself inside a string. What `indexOf` finds is found far faster than here. */
function skipPlainWords(bytes: Uint8Array, from: number): number {
  // A long string with many escapes asks again and again for the same one.
  if (nextQuote < from) nextQuote = bytes.indexOf(QUOTE, from)
  const quote = nextQuote
  if (quote === -1) return bytes.length
  const backslash = bytes.subarray(from, quote).indexOf(BACKSLASH)
  const end = backslash === -1 ? quote : from + backslash
  return skipPrintable(bytes, from, end)
}

/** The first control between `from` and `end`, else `end`; thirty-two bytes at a time. */
function skipPrintable(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  const aligned = Math.min(from + (-(bytes.byteOffset + from) & 3), end)
  while (at < aligned && (bytes[at] as number) >= SPACE) at++
  if (at < aligned) return at
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >> 2)
  const last = words.length - 7
  let word = 0
  for (; word < last; word += 8) {
    const marked =
      control(words[word] as number) |
      control(words[word + 1] as number) |
      control(words[word + 2] as number) |
      control(words[word + 3] as number) |
      control(words[word + 4] as number) |
      control(words[word + 5] as number) |
      control(words[word + 6] as number) |
      control(words[word + 7] as number)
    if ((marked & 0x80808080) !== 0) break
  }
  at += word * 4
  while (at < end && (bytes[at] as number) >= SPACE) at++
  return at
}

/** The highest bit of a byte is set where that is a control, or stands above one: it borrows from there. */
const control = (four: number) => (four - 0x20202020) & ~four

/** Whether four hexadecimal digits begin at `from`. */
function isHex(bytes: Uint8Array, from: number): boolean {
  if (from + 4 > bytes.length) return false
  for (let at = from; at < from + 4; at++) {
    const byte = bytes[at] as number
    const isLetter = (byte | 32) >= 97 && (byte | 32) <= 102
    if (!isLetter && (byte < ZERO || byte > NINE)) return false
  }
  return true
}

/** The index after the number, `true`, `false` or `null` at `from`. */
export function literalEnd(bytes: Uint8Array, from: number): number {
  const byte = bytes[from]
  if (byte === MINUS || isDigit(byte)) return numberEnd(bytes, from)
  const word = byte === TRUE[0] ? TRUE : byte === FALSE[0] ? FALSE : NULL
  if (byte !== word[0]) return FAILED
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
