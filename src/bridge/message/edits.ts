// Replaces places of a JSON text by other JSON, and leaves every other byte as it is.
import type { Bytes } from './pick.ts'
import { type Span, skipSpace } from './scan.ts'

/** What comes in place of a span, as text or bytes; of an empty span: before it. */
export interface Edit extends Span {
  readonly by: string | Uint8Array
}

/** The text with all edits made, of which none may overlap another; the same bytes where there are none. */
export function edited(bytes: Bytes, edits: readonly Edit[]): Bytes {
  if (edits.length === 0) return bytes
  const inOrder = edits.toSorted((one, other) => one.start - other.start || one.end - other.end)
  const added = inOrder.map(({ by }) => (typeof by === 'string' ? Buffer.from(by) : by))
  const length = inOrder.reduce((sum, { start, end }, at) => sum + start - end + (added[at]?.length ?? 0), bytes.length)
  const out = Buffer.allocUnsafe(length)
  let [from, to] = [0, 0]
  for (const [at, { start, end }] of inOrder.entries()) {
    out.set(bytes.subarray(from, start), to)
    to += start - from
    const by = added[at] as Uint8Array
    out.set(by, to)
    to += by.length
    from = end
  }
  out.set(bytes.subarray(from), to)
  return out
}

/** Takes a member or an element out, and one comma: that before it where `kept` others stand before it, else that after it, if any. */
export function cutOut(bytes: Bytes, { start, end }: Span, kept: number): Edit {
  if (kept > 0) return { start: bytes.lastIndexOf(COMMA, start - 1), end, by: '' }
  const after = skipSpace(bytes, end)
  return { start, end: bytes[after] === COMMA ? after + 1 : end, by: '' }
}

const COMMA = 44
