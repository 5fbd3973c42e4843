// How long what a host asks at its start may wait: for a person a moment, for a server that has not said a word within a bound.
import type { Clock, SignInWatch } from '../../../ports.ts'
import type { PendingRequest } from '../../message/inFlight.ts'
import { boundOf } from '../phases.ts'
import { until } from '../told.ts'

export interface PatienceOptions {
  readonly watch: SignInWatch
  readonly clock: Clock
  /** In ms. */
  readonly holdInitializeMs: number
}

/** Each resolves when it is time to answer in the server's place, and to nothing in particular after `over` has aborted. */
export interface Patience {
  /** Somebody is waited for. A browser in which they are signed in already needs no more than a moment, and some hosts ask once. */
  person(pending: PendingRequest, over: AbortSignal): Promise<'due'>
  /** The server is slow. `half`: called at half of its time; 'now': there is no use in waiting longer, 'never': in answering here. */
  server(over: AbortSignal, half?: () => Promise<'now' | 'later' | 'never'>): Promise<'due'>
}

/** A promise of its own each time: one that outlives many races would keep them all. */
export const never = () => new Promise<never>(() => undefined)

export function createPatience(options: PatienceOptions): Patience {
  const { watch, clock, holdInitializeMs } = options
  let isFirst = true

  return {
    async person({ transmission }, over) {
      const isWaiting = () => watch.waiting && !transmission.sent
      while (!over.aborted) {
        await until(watch, isWaiting, over)
        await clock.sleep(holdInitializeMs, over)
        if (isWaiting()) break
      }
      return 'due'
    },
    async server(over, half) {
      const ms = boundOf(options, isFirst)
      isFirst = false
      await clock.sleep(half ? ms / 2 : ms, over)
      const when = await half?.()
      if (when === 'never') return never()
      if (when === 'later') await clock.sleep(ms / 2, over)
      return 'due'
    },
  }
}
