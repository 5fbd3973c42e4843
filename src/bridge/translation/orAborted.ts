// Waits for work that cannot be ended, until a signal aborts.

/** What `work` brings. @throws the reason of `signal` */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
  })
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, aborted])
  } finally {
    // Signals serve several requests, one after the other.
    signal.removeEventListener('abort', stop)
  }
}
