// Walks once through the objects of a JSON text: those on the way to what is wanted are entered, all else is passed over.
import { type Bytes, nameAt, whole } from './pick.ts'
import { type Span, skipSpace, skipValue } from './scan.ts'

const [COMMA, OPEN_BRACE, CLOSE_BRACE] = [44, 123, 125]

export const isObjectAt = (bytes: Bytes, start: number): boolean => bytes[start] === OPEN_BRACE

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

/** What is wanted below an object: by name, a value with the number of its slot, or what is wanted below that. */
export type Wanted = ReadonlyMap<string, Slot>

export interface Slot {
  readonly slot?: number | undefined
  readonly below?: Wanted | undefined
}

/** The places of all wanted values by their slots, in one pass; the last of two members with one name counts, as for JSON.parse. */
export function pluck(bytes: Bytes, wanted: Wanted, from: Span = whole(bytes)): readonly (Span | undefined)[] {
  const found: (Span | undefined)[] = []
  if (isObjectAt(bytes, from.start)) pluckFrom(bytes, from.start, wanted, found)
  return found
}

function pluckFrom(bytes: Bytes, start: number, wanted: Wanted, found: (Span | undefined)[]): number {
  return walk(bytes, start, (at, value) => {
    const slot = wanted.get(nameAt(bytes, at))
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
