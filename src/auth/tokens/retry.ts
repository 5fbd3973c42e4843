// Retries transient failures: an authorization server that is busy, or unreachable while the machine wakes up.
import { createSleepWatch } from '../../bounds.ts'
import { type BridgeError, isTransient } from '../../errors.ts'
import type { Clock, Logger } from '../../ports.ts'

/** Delays between attempts, in ms; a longer Retry-After ends them. */
const WAITS_MS = [300, 1_200]
const LONGEST_WAIT_MS = 5_000
/** No attempt starts later than this, because the host waits. */
const BUDGET_MS = 10_000
/** How long the network may need after the machine woke up. */
const WAKING_MS = 30_000

export type Retry = <T>(work: () => Promise<T>) => Promise<T>

/** `event` is what is logged for each try that failed. @throws what `work` threw last */
export function createRetry(clock: Clock, log: Logger, event: string): Retry {
  const hasSlept = createSleepWatch(clock)

  return async (work) => {
    const patientUntil = hasSlept() ? clock.awake() + WAKING_MS : Number.NEGATIVE_INFINITY
    const givesUpAt = clock.awake() + BUDGET_MS
    for (let attempt = 0; ; attempt++) {
      try {
        return await work()
      } catch (thrown) {
        const waking = clock.awake() < patientUntil
        const late = clock.awake() > givesUpAt && !waking
        const wait = late ? undefined : pause(thrown, attempt, waking)
        log.warn(event, { outcome: 'failed', code: (thrown as BridgeError).code, again: wait !== undefined })
        if (wait === undefined) throw thrown
        await clock.sleep(wait)
      }
    }
  }
}

/** ms to wait before the next attempt; undefined: give up. Only transient failures are retried. */
function pause(thrown: unknown, attempt: number, waking: boolean): number | undefined {
  if (!isTransient(thrown)) return undefined
  const { code, details } = thrown
  const patience = waking && code === 'authorization_server_unreachable'
  const planned = WAITS_MS[attempt] ?? (patience ? WAITS_MS.at(-1) : undefined)
  if (planned === undefined) return undefined
  const asked = Number(details.retryAfterMs ?? 0)
  return asked > LONGEST_WAIT_MS ? undefined : Math.max(asked, planned * (0.75 + Math.random() / 2))
}
