// That the gateway stops, for any number of streams: a signal of Node warns of a leak from the eleventh listener on

export interface Leaving {
  readonly isNow: boolean
  /** Calls `listener` when the gateway begins to stop; returns a function that takes it back. */
  onBegin(listener: () => void): () => void
}

export function createLeaving(signal: AbortSignal | undefined): Leaving {
  const listeners = new Set<() => void>()
  const tellAll = () => {
    for (const listener of listeners) listener()
  }
  signal?.addEventListener('abort', tellAll, { once: true })
  return {
    get isNow(): boolean {
      return signal?.aborted === true
    },
    onBegin(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
