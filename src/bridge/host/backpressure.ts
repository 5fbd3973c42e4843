// Stops reading from the host while too many bytes are waiting: a slow server must not fill our memory.

/** Takes a line of the host; resolves when it is done with. `taken`: the server has it, though its answer may take long. */
type TakeLine = (bytes: Uint8Array, taken: () => void) => Promise<void>

/**
 * The same `line`, with every line counted until it is done with or the server has taken it. `most`: bytes that may wait. The line that
 * exceeds it is still accepted, so that any size passes.
 */
export function boundWaiting(
  most: number,
  host: { pause(): unknown; resume(): unknown },
  line: TakeLine,
): (bytes: Uint8Array) => Promise<void> {
  let waiting = 0
  let paused = false

  const count = (size: number): (() => void) => {
    let counts = true
    waiting += size
    if (waiting > most && !paused) {
      paused = true
      host.pause()
    }
    return () => {
      if (!counts) return
      counts = false
      waiting -= size
      if (!paused || waiting > most) return
      paused = false
      host.resume()
    }
  }

  return (bytes) => {
    const release = count(bytes.byteLength)
    const work = line(bytes, release)
    work.then(release, release)
    return work
  }
}
