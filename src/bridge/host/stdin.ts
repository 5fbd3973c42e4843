// Bytes from the host → lines. Only a line over the limit fails; the stream continues.
import { Pieces } from '../message/pieces.ts'

export interface LineReader {
  push(chunk: Uint8Array): void
  /** The stream has ended: a last line without a line feed still counts. */
  end(): void
}

/** Of a line over the limit, this many bytes of its start and of its end are kept: hosts write the id at either. */
const EXCERPT = 64 * 1024

/** `onLine` gets each line without its line feed; `onTooLong` gets the first and last bytes of one over `limit` bytes. */
export function createLineReader(
  limit: number,
  onLine: (line: Uint8Array) => void,
  onTooLong: (excerpt: Uint8Array) => void,
): LineReader {
  const line = new Pieces()
  let start: Uint8Array | undefined
  let end: Uint8Array = Buffer.alloc(0)

  const add = (part: Uint8Array) => {
    if (part.byteLength === 0) return
    if (start) {
      end = lastOf([end, part])
      return
    }
    line.add(part)
    if (line.size <= limit) return
    const all = line.take()
    // Copies: a view would keep the whole line in memory.
    start = Buffer.from(all.subarray(0, EXCERPT))
    end = lastOf([all.subarray(EXCERPT)])
  }

  const finish = () => {
    if (start) onTooLong(Buffer.concat([start, end]))
    else if (line.size > 0) onLine(line.take())
    start = undefined
  }

  return {
    push(chunk) {
      let from = 0
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
        add(chunk.subarray(from, at))
        finish()
        from = at + 1
      }
      add(chunk.subarray(from))
    },
    end: finish,
  }
}

const lastOf = (parts: Uint8Array[]) => Buffer.from(Buffer.concat(parts).subarray(-EXCERPT))
