// Stops reading from the host while too many bytes are waiting: a slow server must not fill our memory.

export interface HostFlow {
  /** Counts `bytes` until `work` is done or `taken` is called with the same bytes. */
  count(bytes: Uint8Array, work: Promise<void>): void
  /** The message has been sent, though its answer may take long. */
  taken(bytes: unknown): void
}

/** `most`: bytes that may wait. The message that exceeds it is still accepted, so that any size passes. */
export function createHostFlow(most: number, host: { pause(): unknown; resume(): unknown }): HostFlow {
  const waiting = new Set<unknown>()
  let size = 0
  let paused = false

  const release = (bytes: Uint8Array) => {
    if (!waiting.delete(bytes)) return
    size -= bytes.byteLength
    if (!paused || size > most) return
    paused = false
    host.resume()
  }

  return {
    count(bytes, work) {
      waiting.add(bytes)
      size += bytes.byteLength
      if (size > most && !paused) {
        paused = true
        host.pause()
      }
      const done = () => release(bytes)
      work.then(done, done)
    },
    taken(bytes) {
      if (bytes instanceof Uint8Array) release(bytes)
    },
  }
}

/** The same `line`, with every line counted until it is done with or the server has taken it. */
export function countLines(
  flow: HostFlow,
  line: (bytes: Uint8Array) => Promise<void>,
): (bytes: Uint8Array) => Promise<void> {
  return (bytes) => {
    const work = line(bytes)
    flow.count(bytes, work)
    return work
  }
}
