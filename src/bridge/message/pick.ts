// Reads single values of a message in place: building all of it as objects costs many times its size, and a server
// may send a list with millions of entries.
import type { Message } from './message.ts'
import { type Span, skipSpace, skipValue, textAt } from './scan.ts'

const [QUOTE, COMMA, OPEN_BRACKET, BACKSLASH, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [34, 44, 91, 92, 93, 123, 125]
/** No requested name is longer. */
const LONGEST_NAME = 256
/** Longer strings and larger values are not read. */
const LONGEST_TEXT = 64 * 1024

export type Bytes = Message['bytes']

/** The value of a whole text. */
export const whole = (bytes: Bytes): Span => ({ start: skipSpace(bytes, 0), end: bytes.length })

/** Each member of the object at `span`, in their order; none where it is not an object. The text must be valid JSON. */
export function eachMember(bytes: Bytes, span: Span, visit: (name: string, value: Span) => void): void {
  eachPlace(bytes, span, (at, value) => visit(at.end - at.start > LONGEST_NAME ? '' : nameAt(bytes, at), value))
}

/** The name of a member, from where it stands. */
export function nameAt(bytes: Bytes, name: Span): string {
  const text = textAt(bytes, { start: name.start + 1, end: name.end - 1 })
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
}

/** Whether a member has this name; most names are known by their bytes, and no text is made of them. */
export function isNamed(bytes: Bytes, name: Span, wanted: string): boolean {
  const { start, end } = name
  if (end - start === wanted.length + 2) {
    let at = 0
    while (at < wanted.length && bytes[start + 1 + at] === wanted.charCodeAt(at)) at++
    if (at === wanted.length) return true
  }
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte === BACKSLASH || byte > 127) return end - start <= LONGEST_NAME && nameAt(bytes, name) === wanted
  }
  return false
}

/** The same with where its name stands; `after` is where the comma or brace behind its value stands. */
export function eachPlace(bytes: Bytes, span: Span, visit: (name: Span, value: Span, after: number) => void): void {
  if (bytes[span.start] !== OPEN_BRACE) return
  let at = skipSpace(bytes, span.start + 1)
  while (bytes[at] !== CLOSE_BRACE) {
    const name = { start: at, end: skipValue(bytes, at) }
    const start = skipSpace(bytes, skipSpace(bytes, name.end) + 1)
    const end = skipValue(bytes, start)
    const after = skipSpace(bytes, end)
    visit(name, { start, end }, after)
    at = bytes[after] === COMMA ? skipSpace(bytes, after + 1) : after
  }
}

/** Each element of the array at `span`; `after` is where the comma or bracket behind it stands. */
export function eachElement(bytes: Bytes, span: Span, visit: (value: Span, after: number) => void): void {
  if (bytes[span.start] !== OPEN_BRACKET) return
  let start = skipSpace(bytes, span.start + 1)
  while (bytes[start] !== CLOSE_BRACKET) {
    const end = skipValue(bytes, start)
    const after = skipSpace(bytes, end)
    visit({ start, end }, after)
    start = bytes[after] === COMMA ? skipSpace(bytes, after + 1) : after
  }
}

/** Each message: the elements of a batch, or the only one. */
export function eachMessage(bytes: Bytes, visit: (message: Span) => void): void {
  const all = whole(bytes)
  if (bytes[all.start] === OPEN_BRACKET) eachElement(bytes, all, visit)
  else visit(all)
}

/** The value at the end of a path of members; the last of two with one name counts, as for JSON.parse. */
export function find(bytes: Bytes, path: readonly string[], from = whole(bytes)): Span | undefined {
  let span: Span | undefined = from
  for (const wanted of path) {
    if (!span) return undefined
    let found: Span | undefined
    eachPlace(bytes, span, (name, value) => {
      if (isNamed(bytes, name, wanted)) found = value
    })
    span = found
  }
  return span
}

/** The text of a string; undefined for any other value, and for a string that is longer than `most` bytes. */
export function stringIn(bytes: Bytes, span: Span | undefined, most = LONGEST_TEXT): string | undefined {
  if (!span || bytes[span.start] !== QUOTE || span.end - span.start > most) return undefined
  return JSON.parse(textAt(bytes, span)) as string
}

/** A value of at most `most` bytes; undefined for a larger one. */
export function valueIn(bytes: Bytes, span: Span | undefined, most = LONGEST_TEXT): unknown {
  return span && span.end - span.start <= most ? (JSON.parse(textAt(bytes, span)) as unknown) : undefined
}
