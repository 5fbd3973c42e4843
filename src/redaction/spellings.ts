// Finds parts of a text as it is written and as it reads without the escapes of JSON, URLs and HTML, and replaces them where they are.

/** Start and end of a part of a text. */
export type Span = readonly [from: number, to: number]

/** A text that stands for another one. */
export interface Reading {
  readonly text: string
  /** Where a part of it is in the other one. */
  readonly placeOf: (span: Span) => Span
}

/** `text` with `mark` for each part that `find` finds in it, or in what its escapes stand for. */
export function replaceFound(text: string, find: (text: string) => Span[], mark: string): string {
  const spans = readings(text)
    .flatMap((reading) => find(reading.text).map(reading.placeOf))
    .sort(([one], [other]) => one - other)
  if (spans.length === 0) return text
  let safe = ''
  let end = 0
  for (const [from, to] of spans) {
    if (to <= end) continue
    // What overlaps the part before is one with it.
    if (from >= end) safe += text.slice(end, from) + mark
    end = to
  }
  return safe + text.slice(end)
}

/** The text without any escape: `%252F` is `/`. */
export const unescaped = (text: string): string => readings(text).at(-1)?.text ?? text

/** Programs quote what others quoted: JSON in JSON in a URL. */
const DEEPEST = 3

/** The text as it is, then without its escapes, then without those that this makes visible, and so on. */
function readings(text: string): Reading[] {
  let last: Reading = { text, placeOf: (span) => span }
  const all = [last]
  while (all.length <= DEEPEST) {
    const { text, placeOf } = last
    const next = rewritten(text, ESCAPE, meaning)
    if (next === undefined) break
    last = { text: next.text, placeOf: (span) => placeOf(next.placeOf(span)) }
    all.push(last)
  }
  return all
}

/**
 * One character as JSON, JavaScript, shells and Markdown escape it (PHP also `/`, .NET also `+`), as HTML does, and as URLs and forms do,
 * in UTF-8.
 */
const ESCAPE =
  /\\(?:u[\da-fA-F]{4}|x[\da-fA-F]{2}|[bfnrt!-/:-@[-`{-~])|&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|amp|lt|gt|quot|apos);|%(?:[0-7][\da-fA-F]|[c-fC-F][\da-fA-F](?:%[89abAB][\da-fA-F]){1,3})/g

const BY_NAME: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '\\b': '\b',
  '\\f': '\f',
  '\\n': '\n',
  '\\r': '\r',
  '\\t': '\t',
}

function meaning(written: string): string {
  const named = BY_NAME[written]
  if (named !== undefined) return named
  if (written.startsWith('%')) return Buffer.from(written.replaceAll('%', ''), 'hex').toString('utf8')
  const [, hex] = /^(?:\\[ux]|&#[xX])(.+?);?$/.exec(written) ?? []
  if (hex === undefined && written.startsWith('\\')) return written.slice(1)
  const point = hex === undefined ? Number.parseInt(written.slice(2), 10) : Number.parseInt(hex, 16)
  return point > 0x10ffff ? '\ufffd' : String.fromCodePoint(point)
}

/** A match, and where what is written for it begins. */
interface Piece {
  readonly from: number
  readonly to: number
  readonly at: number
  readonly size: number
}

/** With `write` of each match in its place; undefined: there is none. The pattern has no groups. */
export function rewritten(text: string, pattern: RegExp, write: (match: string) => string): Reading | undefined {
  const pieces: Piece[] = []
  let shorter = 0
  const bare = text.replace(pattern, (match: string, from: number) => {
    const written = write(match)
    pieces.push({ from, to: from + match.length, at: from - shorter, size: written.length })
    shorter += match.length - written.length
    return written
  })
  if (pieces.length === 0) return undefined
  return { text: bare, placeOf: ([from, to]) => [characterOf(pieces, from)[0], characterOf(pieces, to - 1)[1]] }
}

/** What the character at `at` stands for. */
function characterOf(pieces: readonly Piece[], at: number): Span {
  const piece = lastUpTo(pieces, at)
  if (piece === undefined) return [at, at + 1]
  const after = at - piece.at - piece.size
  return after < 0 ? [piece.from, piece.to] : [piece.to + after, piece.to + after + 1]
}

function lastUpTo(pieces: readonly Piece[], at: number): Piece | undefined {
  let [low, high] = [0, pieces.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((pieces[middle]?.at ?? 0) <= at) low = middle + 1
    else high = middle
  }
  return pieces[low - 1]
}
