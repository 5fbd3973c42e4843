// Replaces places of a JSON text by other JSON, and leaves every other byte as it is.
import type { Bytes } from './pick.ts'
import { type Span, skipSpace, skipValue } from './scan.ts'
import { walkArray } from './walk.ts'

/** What comes in place of a span, as text or bytes; of an empty span: before it. */
export interface Edit extends Span {
  readonly by: string | Uint8Array
}

/** The text with all edits made, of which none may overlap another; the same bytes where there are none. */
export function edited(bytes: Bytes, edits: readonly Edit[]): Bytes {
  if (edits.length === 0) return bytes
  const inOrder = isInOrder(edits)
    ? edits
    : edits.toSorted((one, other) => one.start - other.start || one.end - other.end)
  const added: Uint8Array[] = []
  let length = bytes.length
  for (const { start, end, by } of inOrder) {
    const own = typeof by === 'string' ? Buffer.from(by) : by
    length += start - end + own.length
    added.push(own)
  }
  const out = Buffer.allocUnsafe(length)
  let [from, to] = [0, 0]
  for (let at = 0; at < inOrder.length; at++) {
    const { start, end } = inOrder[at] as Edit
    const by = added[at] as Uint8Array
    out.set(bytes.subarray(from, start), to)
    out.set(by, to + start - from)
    to += start - from + by.length
    from = end
  }
  out.set(bytes.subarray(from), to)
  return out
}

/** As a walk through the text finds them. */
function isInOrder(edits: readonly Edit[]): boolean {
  for (let at = 1; at < edits.length; at++) if ((edits[at] as Edit).start < (edits[at - 1] as Edit).end) return false
  return true
}

/** Takes a member or an element out, and one comma: that before it where `kept` others stand before it, else that after it, if any. */
export function cutOut(bytes: Bytes, { start, end }: Span, kept: number): Edit {
  if (kept > 0) return { start: bytes.lastIndexOf(COMMA, start - 1), end, by: '' }
  const after = skipSpace(bytes, end)
  return { start, end: bytes[after] === COMMA ? after + 1 : end, by: '' }
}

/** Collects the cuts that take those elements out of the array at `start` that go. Returns the index after it. */
export function cutElements(bytes: Bytes, start: number, goes: (element: Span) => boolean, edits: Edit[]): number {
  let kept = 0
  return walkArray(bytes, start, (at) => {
    const element = { start: at, end: skipValue(bytes, at) }
    if (goes(element)) edits.push(cutOut(bytes, element, kept))
    else kept++
    return element.end
  })
}

const COMMA = 44
