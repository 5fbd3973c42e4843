// Waits that end: when what is waited for does not come, an error says what was seen instead.
import { setTimeout as pause } from 'node:timers/promises'

/** Below the time limit of a test, so that this says what is wrong. Outside of tests a person may take their time. */
const BOUND_MS = process.env.VITEST ? 45_000 : 3_600_000

/** What `event` brings. `what` is waited for, and `seen` tells what came so far. */
export async function within<T>(what: string, event: Promise<T>, seen?: () => unknown): Promise<T> {
  const late = new Error()
  const stop = new AbortController()
  const end = pause(BOUND_MS, undefined, { signal: stop.signal, ref: false }).then(
    () => Promise.reject(Object.assign(late, { message: tooLate(what, seen) })),
    () => new Promise<never>(() => undefined),
  )
  try {
    return await Promise.race([event, end])
  } finally {
    stop.abort()
  }
}

type Found<T> = Exclude<T, undefined | false | null | ''>

/** What `look` finds: for what other processes do, which announces itself by no event. */
export async function until<T>(what: string, look: () => T | Promise<T>, seen?: () => unknown): Promise<Found<T>> {
  const late = new Error()
  const end = performance.now() + BOUND_MS
  for (;;) {
    const found = await look()
    if (found) return found as Found<T>
    if (performance.now() > end) throw Object.assign(late, { message: tooLate(what, seen) })
    await pause(10)
  }
}

function tooLate(what: string, seen?: () => unknown) {
  const text = seen?.()
  const told = text === undefined ? '' : `; seen: ${typeof text === 'string' ? text : JSON.stringify(text)}`
  return `${what}: not within ${BOUND_MS / 1000} seconds${told}`
}
