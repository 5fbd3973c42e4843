// Waits that end: when what is waited for does not come, an error says what was seen instead.
import { setTimeout as pause } from 'node:timers/promises'

/** Below the time limit of a test, so that this says what is wrong. Outside of tests a person may take their time. */
const BOUND_MS = process.env.VITEST ? 45_000 : 3_600_000

/**
 * What `event` brings.
 * @template T
 * @param {string} what is waited for
 * @param {Promise<T>} event
 * @param {() => unknown} [seen] so far
 * @returns {Promise<T>}
 */
export async function within(what, event, seen) {
  const late = new Error()
  const stop = new AbortController()
  const end = pause(BOUND_MS, undefined, { signal: stop.signal }).then(
    () => Promise.reject(Object.assign(late, { message: tooLate(what, seen) })),
    () => new Promise(() => undefined),
  )
  try {
    return await /** @type {Promise<T>} */ (Promise.race([event, end]))
  } finally {
    stop.abort()
  }
}

/**
 * What `look` finds: for what other processes do, which announces itself by no event.
 * @template T
 * @param {string} what is waited for
 * @param {() => T | Promise<T>} look
 * @param {() => unknown} [seen] so far
 * @returns {Promise<Exclude<Awaited<T>, undefined | false | null | ''>>}
 */
export async function until(what, look, seen) {
  const late = new Error()
  const end = performance.now() + BOUND_MS
  for (;;) {
    const found = await look()
    if (found) return /** @type {any} */ (found)
    if (performance.now() > end) throw Object.assign(late, { message: tooLate(what, seen) })
    await pause(10)
  }
}

/** @param {string} what @param {(() => unknown) | undefined} seen */
function tooLate(what, seen) {
  const text = seen?.()
  const told = text === undefined ? '' : `; seen: ${typeof text === 'string' ? text : JSON.stringify(text)}`
  return `${what}: not within ${BOUND_MS / 1000} seconds${told}`
}
