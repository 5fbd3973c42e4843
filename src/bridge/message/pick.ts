// Reads single values of a message in place: building all of it as objects costs many times its size, and a server
// may send a list with millions of entries.
import { idAt, type Message, type RawId } from './message.ts'
import { type Span, skipSpace, skipValue, textAt } from './scan.ts'
import { equals, isArrayAt, isObjectAt, isPlain, nameAt, walk, walkArray } from './walk.ts'

const QUOTE = 34
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

/** Whether a member has this name; most names are known by their bytes, and no text is made of them. */
export const isNamed = (bytes: Bytes, name: Span, wanted: string): boolean =>
  equals(bytes, name, wanted) ||
  (!isPlain(bytes, name) && name.end - name.start <= LONGEST_NAME && nameAt(bytes, name) === wanted)

/** The same with where its name stands. */
export function eachPlace(bytes: Bytes, { start }: Span, visit: (name: Span, value: Span) => void): void {
  if (!isObjectAt(bytes, start)) return
  walk(bytes, start, (name, at) => {
    const value = { start: at, end: skipValue(bytes, at) }
    visit(name, value)
    return value.end
  })
}

/** Each element of the array at `span`; none where it is not one. */
export function eachElement(bytes: Bytes, { start }: Span, visit: (value: Span) => void): void {
  if (!isArrayAt(bytes, start)) return
  walkArray(bytes, start, (at) => {
    const value = { start: at, end: skipValue(bytes, at) }
    visit(value)
    return value.end
  })
}

/** Each message: the elements of a batch, or the only one. */
export function eachMessage(bytes: Bytes, visit: (message: Span) => void): void {
  const all = whole(bytes)
  if (isArrayAt(bytes, all.start)) eachElement(bytes, all, visit)
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

/** An id, to be compared with those of messages: two that JavaScript reads as one number are not the same. */
export const idIn = (bytes: Bytes, span: Span | undefined): RawId | undefined => span && idAt(bytes, span)

/** The text of a string; undefined for any other value, and for a string that is longer than `most` bytes. */
export function stringIn(bytes: Bytes, span: Span | undefined, most = LONGEST_TEXT): string | undefined {
  if (!span || bytes[span.start] !== QUOTE || span.end - span.start > most) return undefined
  return JSON.parse(textAt(bytes, span)) as string
}

/** A value of at most `most` bytes; undefined for a larger one. */
export function valueIn(bytes: Bytes, span: Span | undefined, most = LONGEST_TEXT): unknown {
  return span && span.end - span.start <= most ? (JSON.parse(textAt(bytes, span)) as unknown) : undefined
}
