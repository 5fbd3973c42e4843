// Collects bytes that arrive in pieces, in little more memory than they need, however small or scattered they are.

/** Smaller pieces are copied together: a view of its own costs more than they hold. */
const SMALL = 4096
/** Copied byte by byte: a call costs more. */
const TINY = 16
const SMALLEST_ROOM = 1024
const LARGEST_ROOM = 256 * 1024
const NONE: Uint8Array = Uint8Array.of()

export class Pieces {
  /** Bytes gathered. */
  size = 0
  #whole: Uint8Array[] = []
  /** Where small pieces are copied to, and how much of it is filled. */
  #room = NONE
  #used = 0

  add(piece: Uint8Array): void {
    const { byteLength } = piece
    if (byteLength === 0) return
    // Most messages are one piece. Of the others, a view that keeps a buffer much larger than itself is copied too.
    const asItIs = this.size === 0 || (byteLength >= SMALL && byteLength * 2 >= piece.buffer.byteLength)
    this.size += byteLength
    if (asItIs) {
      this.#close()
      this.#whole.push(piece)
      return
    }
    if (this.#room.byteLength - this.#used < byteLength) {
      this.#close()
      const wanted = Math.min(Math.max(this.size, SMALLEST_ROOM), LARGEST_ROOM)
      this.#room = new Uint8Array(Math.max(wanted, byteLength))
    }
    if (byteLength < TINY) for (let at = 0; at < byteLength; at++) this.#room[this.#used + at] = piece[at] as number
    else this.#room.set(piece, this.#used)
    this.#used += byteLength
  }

  /** All bytes as one; empties the collection. */
  take(): Uint8Array {
    this.#close()
    const whole = this.#whole
    const taken = whole.length === 1 && whole[0] ? whole[0] : Buffer.concat(whole, this.size)
    this.size = 0
    this.#whole = []
    this.#room = NONE
    return taken
  }

  /** All bytes as one; they stay. */
  peek(): Uint8Array {
    if (this.size === 0) return NONE
    const all = this.take()
    this.add(all)
    return all
  }

  /** The last byte; undefined: there is none. */
  get last(): number | undefined {
    return this.#used > 0 ? this.#room[this.#used - 1] : this.#whole.at(-1)?.at(-1)
  }

  #close(): void {
    if (this.#used === 0) return
    this.#whole.push(this.#room.subarray(0, this.#used))
    this.#room = this.#room.subarray(this.#used)
    this.#used = 0
  }
}
