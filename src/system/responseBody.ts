// A response body as an async iterable that pauses the socket while its reader is behind.
interface Flow {
  pause(): void
  resume(): void
  abort(reason: Error): void
}

/** Bytes that may wait for the reader before the socket is paused. */
const HIGH_WATER = 256 * 1024
/** How long a discarded rest may take before its connection is closed, in ms. */
const DISCARD_MS = 250

export class ResponseBody implements AsyncIterable<Uint8Array> {
  readonly #flow: Flow
  readonly #chunks: Uint8Array[] = []
  #waiting = 0
  #paused = false
  #discarded = false
  #end: { error?: unknown } | undefined
  #wake: (() => void) | undefined

  constructor(flow: Flow) {
    this.#flow = flow
  }

  push(chunk: Uint8Array): void {
    this.#waiting += chunk.byteLength
    if (this.#discarded) {
      if (this.#waiting > HIGH_WATER) this.#cut()
      return
    }
    this.#chunks.push(chunk)
    if (this.#waiting > HIGH_WATER && !this.#paused) {
      this.#paused = true
      this.#flow.pause()
    }
    this.#wake?.()
  }

  end(): void {
    this.#end ??= {}
    this.#wake?.()
  }

  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  /** Delivers nothing more. A short rest is read off so that the connection can be used again; a long or slow one is cut. */
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

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift()
        if (chunk) {
          this.#taken(chunk)
          yield chunk
        } else if (this.#end) {
          if ('error' in this.#end) throw this.#end.error
          return
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          this.#wake = undefined
        }
      }
    } finally {
      this.discard()
    }
  }

  #taken(chunk: Uint8Array): void {
    this.#waiting -= chunk.byteLength
    if (this.#paused && this.#waiting <= HIGH_WATER / 2) {
      this.#paused = false
      this.#flow.resume()
    }
  }
}
