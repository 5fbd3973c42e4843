// Open streams: whether their callers still may have them is asked again and again, once for all streams of one token

export interface Standing {
  /**
   * @param key of the caller; streams with the same one share a look
   * @param stands whether the caller may go on; while that cannot be found out, the stream goes on
   * @returns stops it
   */
  watch(key: string, stands: () => Promise<boolean>, end: () => void): () => void
}

interface Watched {
  readonly stands: () => Promise<boolean>
  readonly ends: Set<() => void>
}

/** `everyMs`: between two looks. */
export function createStanding(everyMs: number): Standing {
  const watched = new Map<string, Watched>()
  let timer: NodeJS.Timeout | undefined
  let isLooking = false

  const look = async ([key, { stands, ends }]: readonly [string, Watched]) => {
    const goesOn = await stands().catch(() => true)
    if (goesOn) return
    watched.delete(key)
    for (const end of ends) end()
  }
  const lookAtAll = async () => {
    if (isLooking) return
    isLooking = true
    for (const one of [...watched]) await look(one)
    isLooking = false
  }
  return {
    watch(key, stands, end) {
      const known = watched.get(key) ?? { stands, ends: new Set() }
      known.ends.add(end)
      watched.set(key, known)
      timer ??= setInterval(() => void lookAtAll(), everyMs).unref()
      return () => {
        known.ends.delete(end)
        if (known.ends.size === 0 && watched.get(key) === known) watched.delete(key)
        if (watched.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
