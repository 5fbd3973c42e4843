// Waits that end early when somebody wants something else done.
import type { Clock } from '../../../ports.ts'

export interface Waits {
  /** Until `work` is over; its signal aborts when nobody waits for it any more. */
  until(work: (signal: AbortSignal) => Promise<unknown>): Promise<'over' | 'woken'>
  /** In ms. */
  pause(ms: number): Promise<'over' | 'woken'>
  untilWoken(): Promise<'over' | 'woken'>
  /** Ends the wait of now. */
  wake(): void
}

/** `isWanted`: there is something to be done already, so that no wait begins. */
export function createWaits(clock: Clock, isWanted: () => boolean): Waits {
  let wake: () => void = () => undefined

  const until: Waits['until'] = async (work) => {
    const over = new AbortController()
    const woken = new Promise<'woken'>((resolve) => {
      wake = () => resolve('woken')
    })
    if (isWanted()) wake()
    try {
      return await Promise.race([work(over.signal).then(() => 'over' as const), woken])
    } finally {
      over.abort()
    }
  }

  return {
    until,
    pause: (ms) => until((signal) => clock.sleep(ms, signal).catch(() => undefined)),
    untilWoken: () => until(() => new Promise(() => undefined)),
    wake: () => wake(),
  }
}
