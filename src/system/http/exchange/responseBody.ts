// A response body as an async iterable that pauses the socket while its reader is slow.
interface Flow {
  pause(): void
  resume(): void
  abort(reason: Error): void
}

type Next = IteratorResult<Uint8Array, undefined>
const DONE: Next = { done: true, value: undefined }

/** Bytes that may wait for the reader before the socket is paused. */
const HIGH_WATER = 256 * 1024
/** Pieces that may wait: a server may send each byte as one. */
const MOST_PIECES = 1024
/** Smaller pieces are copied together rather than delivered one by one. */
const SMALL = 16 * 1024
/** How long a discarded rest may take before its connection is closed, in ms. */
const DISCARD_MS = 250

export class ResponseBody implements AsyncIterable<Uint8Array> {
  readonly #flow: Flow
  readonly #chunks: Uint8Array[] = []
  #waiting = 0
  #paused = false
  #discarded = false
  #end: { error?: unknown } | undefined
  /** A reader that waits for the next piece. */
  #reader: { resolve(next: Next): void; reject(reason: unknown): void } | undefined

  constructor(flow: Flow) {
    this.#flow = flow
  }

  /** The socket waits for the reader. */
  get isPaused(): boolean {
    return this.#paused
  }

  push(chunk: Uint8Array): void {
    this.#waiting += chunk.byteLength
    if (this.#discarded) {
      if (this.#waiting > HIGH_WATER) this.#cut()
      return
    }
    this.#chunks.push(chunk)
    if ((this.#waiting > HIGH_WATER || this.#chunks.length > MOST_PIECES) && !this.#paused) {
      this.#paused = true
      this.#flow.pause()
    }
    this.#serve()
  }

  end(): void {
    this.#end ??= {}
    this.#serve()
  }

  fail(error: unknown): void {
    this.#end ??= { error }
    this.#serve()
  }

  /** As `HttpResponse` says. */
  whole(): Uint8Array | undefined {
    if (!this.#end || 'error' in this.#end || this.#discarded) return undefined
    const [first] = this.#chunks
    const rest = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks, this.#waiting)
    this.#chunks.length = 0
    this.#waiting = 0
    return rest
  }

  /** Delivers nothing more. A short rest is read so that the connection can be reused; a long or slow one is aborted. */
  discard(): void {
    if (this.#end || this.#discarded) return
    this.#discarded = true
    this.#chunks.length = 0
    this.#waiting = 0
    if (this.#paused) this.#flow.resume()
    setTimeout(() => this.#cut(), DISCARD_MS).unref()
  }

  #cut(): void {
    if (!this.#end) this.#flow.abort(new Error('The rest of the answer is not needed.'))
  }

  /** Not a generator, which costs three turns of the microtask queue for each piece. One reader at a time. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () =>
        new Promise((resolve, reject) => {
          this.#reader = { resolve, reject }
          this.#serve()
        }),
      return: async () => {
        this.discard()
        return DONE
      },
    }
  }

  #serve(): void {
    const reader = this.#reader
    if (!reader) return
    const chunk = this.#next()
    if (!chunk && !this.#end) return
    this.#reader = undefined
    if (chunk) {
      this.#taken(chunk)
      reader.resolve({ value: chunk })
    } else if (this.#end && 'error' in this.#end) reader.reject(this.#end.error)
    else reader.resolve(DONE)
  }

  /** Small pieces that arrived together are delivered together, because each one costs the reader a turn. */
  #next(): Uint8Array | undefined {
    if (this.#chunks.length < 2 || this.#waiting > SMALL) return this.#chunks.shift()
    return Buffer.concat(this.#chunks.splice(0), this.#waiting)
  }

  #taken(chunk: Uint8Array): void {
    this.#waiting -= chunk.byteLength
    if (this.#paused && this.#waiting <= HIGH_WATER / 2 && this.#chunks.length <= MOST_PIECES / 2) {
      this.#paused = false
      this.#flow.resume()
    }
  }
}
