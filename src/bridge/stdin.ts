// Bytes from the host → lines. A line over the limit fails alone; the stream goes on.

export interface LineReader {
  push(chunk: Uint8Array): void
  /** The stream has ended: a last line without a line feed still counts. */
  end(): void
}

/** `onLine` gets each line without its line feed; `onTooLong` gets the first bytes of one over `limit` bytes. */
export function createLineReader(
  limit: number,
  onLine: (line: Uint8Array) => void,
  onTooLong: (start: Uint8Array) => void,
): LineReader {
  let parts: Uint8Array[] = []
  let length = 0
  let tooLong: Uint8Array | undefined

  const add = (part: Uint8Array) => {
    if (tooLong || part.byteLength === 0) return
    parts.push(part)
    length += part.byteLength
    if (length <= limit) return
    tooLong = Buffer.concat(parts).subarray(0, 64 * 1024)
    parts = []
  }

  const finish = () => {
    const [first] = parts
    if (tooLong) onTooLong(tooLong)
    else if (first) onLine(parts.length === 1 ? first : Buffer.concat(parts, length))
    parts = []
    length = 0
    tooLong = undefined
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
