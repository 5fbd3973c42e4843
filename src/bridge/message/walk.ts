// Walks once through the objects of a JSON text: those on the way to what is wanted are entered, all else is passed over.
import type { Bytes } from './pick.ts'
import { type Span, skipSpace, skipValue, textAt } from './scan.ts'

const [COMMA, OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [44, 91, 93, 123, 125]

export const isObjectAt = (bytes: Bytes, start: number): boolean => bytes[start] === OPEN_BRACE
export const isArrayAt = (bytes: Bytes, start: number): boolean => bytes[start] === OPEN_BRACKET

/**
 * Visits each member of the object at `start`, with the places of its name and of the first byte of its value. The visit gives the
 * index after the value if it has gone through that itself. Returns the index after the object. The text must be valid JSON.
 */
export function walk(bytes: Bytes, start: number, visit: (name: Span, value: number) => number | undefined): number {
  let at = skipSpace(bytes, start + 1)
  while (bytes[at] !== CLOSE_BRACE) {
    const name = { start: at, end: skipValue(bytes, at) }
    const value = skipSpace(bytes, skipSpace(bytes, name.end) + 1)
    const after = skipSpace(bytes, visit(name, value) ?? skipValue(bytes, value))
    at = bytes[after] === COMMA ? skipSpace(bytes, after + 1) : after
  }
  return at + 1
}

/** The same for each element of the array at `start`. */
export function walkArray(bytes: Bytes, start: number, visit: (value: number) => number | undefined): number {
  let at = skipSpace(bytes, start + 1)
  while (bytes[at] !== CLOSE_BRACKET) {
    const after = skipSpace(bytes, visit(at) ?? skipValue(bytes, at))
    at = bytes[after] === COMMA ? skipSpace(bytes, after + 1) : after
  }
  return at + 1
}

/** Walks through the value at `start`, if it is an object, and into each of its members with this name. Returns the index after it. */
export function walkMember(
  bytes: Bytes,
  start: number,
  member: string,
  visit: (value: number) => number | undefined,
): number | undefined {
  if (!isObjectAt(bytes, start)) return undefined
  const visits = new Map([[member, visit]])
  return walk(bytes, start, (at, value) => named(visits, bytes, at)?.(value))
}

/** What a map has for the name of a member; most names are known by their bytes, and no text is made of them. */
export function named<Value>(map: ReadonlyMap<string, Value>, bytes: Bytes, name: Span): Value | undefined {
  if (map.size > FEW || !isPlain(bytes, name)) return map.get(nameAt(bytes, name))
  // By key alone: no pair is made for each.
  for (const wanted of map.keys()) if (equals(bytes, name, wanted)) return map.get(wanted)
  return undefined
}

const [FEW, BACKSLASH] = [16, 92]

/** The name of a member, from where it stands. */
export function nameAt(bytes: Bytes, { start, end }: Span): string {
  const text = textAt(bytes, { start: start + 1, end: end - 1 })
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
}

/** Whether the bytes of a name are its characters. */
export function isPlain(bytes: Bytes, { start, end }: Span): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte === BACKSLASH || byte > 127) return false
  }
  return true
}

/** Whether a name is written in the characters of `wanted`, which are ASCII. */
export function equals(bytes: Bytes, { start, end }: Span, wanted: string): boolean {
  if (end - start !== wanted.length + 2) return false
  for (let at = 0; at < wanted.length; at++) if (bytes[start + 1 + at] !== wanted.charCodeAt(at)) return false
  return true
}

/** What is wanted below an object: by name, a value with the number of its slot, or what is wanted below that. */
export type Wanted = ReadonlyMap<string, Slot>

export interface Slot {
  readonly slot?: number | undefined
  readonly below?: Wanted | undefined
}

/** The places of all wanted values by their slots, in one pass; the last of two members with one name counts, as for JSON.parse. */
export function pluck(bytes: Bytes, wanted: Wanted, from?: Span): readonly (Span | undefined)[] {
  const found: (Span | undefined)[] = []
  const start = from?.start ?? skipSpace(bytes, 0)
  if (isObjectAt(bytes, start)) pluckFrom(bytes, start, wanted, found)
  return found
}

function pluckFrom(bytes: Bytes, start: number, wanted: Wanted, found: (Span | undefined)[]): number {
  return walk(bytes, start, (at, value) => {
    const slot = named(wanted, bytes, at)
    if (!slot) return undefined
    clear(slot, found)
    const end =
      slot.below && isObjectAt(bytes, value) ? pluckFrom(bytes, value, slot.below, found) : skipValue(bytes, value)
    if (slot.slot !== undefined) found[slot.slot] = { start: value, end }
    return end
  })
}

/** An earlier member of the same name does not count, nor what was found in it. */
function clear({ slot, below }: Slot, found: (Span | undefined)[]): void {
  if (slot !== undefined) found[slot] = undefined
  if (below) for (const inner of below.values()) clear(inner, found)
}
