// Tells when nothing has come for a while. One timer serves a whole body: pieces come faster than timers are made and ended.
import type { Clock } from '../../../ports.ts'

export interface Silence {
  /** What comes; undefined: nothing came for `ms`. It does not get shorter while something comes. */
  or<T>(coming: Promise<T>, ms: number): Promise<T | undefined>
  /** Nobody asks any more. */
  end(): void
}

export function createSilence(clock: Clock): Silence {
  let over: AbortController | undefined
  let sleeping: Promise<void> | undefined

  const sleep = (ms: number) => {
    over = new AbortController()
    return clock.sleep(ms, over.signal).catch(() => undefined)
  }

  return {
    async or(coming, ms) {
      // What comes next is there already for most pieces.
      const ready = await Promise.race([coming, undefined])
      if (ready !== undefined) return ready
      const until = clock.awake() + ms
      for (let left = ms; left > 0; left = until - clock.awake()) {
        sleeping ??= sleep(left)
        const next = await Promise.race([coming, sleeping])
        if (next !== undefined) return next
        // It began with an earlier piece.
        sleeping = undefined
      }
      return undefined
    },
    end: () => over?.abort(),
  }
}
