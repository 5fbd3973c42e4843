// Clocks without waiting: one that stands until it is moved, and one that lets every sleeper wake on the next turn.
import type { Clock } from '../../src/ports.ts'

export const NOON = Date.parse('2026-01-15T12:00:00.000Z')

export interface FakeClock extends Clock {
  /** Every sleep asked for so far, in ms. */
  readonly sleeps: readonly number[]
  /** Moves the time and wakes who slept long enough. */
  advance(ms: number): void
  /** The machine sleeps: the time goes on, the time awake does not. */
  doze(ms: number): void
  /** Resolves when at least `count` sleepers wait. */
  whenSleeping(count: number): Promise<void>
}

/** Time stands still until `advance` is called. */
export function createFakeClock(start = NOON): FakeClock {
  let now = start
  let asleep = 0
  const sleeps: number[] = []
  let sleepers: { until: number; wake: () => void }[] = []
  let watchers: { count: number; tell: () => void }[] = []
  const tellWatchers = () => {
    for (const watcher of watchers.filter(({ count }) => sleepers.length >= count)) watcher.tell()
    watchers = watchers.filter(({ count }) => sleepers.length < count)
  }
  return {
    sleeps,
    now: () => now,
    awake: () => now - asleep,
    uptime: () => now - start,
    doze(ms) {
      asleep += ms
      this.advance(ms)
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        sleeps.push(ms)
        if (signal?.aborted) return reject(signal.reason)
        const sleeper = { until: now + ms, wake: resolve }
        sleepers.push(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter((one) => one !== sleeper)
          reject(signal.reason)
        })
        tellWatchers()
      }),
    advance(ms) {
      now += ms
      const due = sleepers.filter(({ until }) => until <= now)
      sleepers = sleepers.filter(({ until }) => until > now)
      for (const { wake } of due) wake()
    },
    whenSleeping: (count) =>
      new Promise((resolve) => {
        watchers.push({ count, tell: resolve })
        tellWatchers()
      }),
  }
}

/** Whoever sleeps wakes on the next turn of the event loop, and the time has moved on by as much. */
export function createHurryingClock(start = NOON): FakeClock {
  let now = start
  let asleep = 0
  const sleeps: number[] = []
  return {
    sleeps,
    now: () => now,
    awake: () => now - asleep,
    uptime: () => now - start,
    doze(ms) {
      asleep += ms
      now += ms
    },
    sleep(ms, signal) {
      sleeps.push(ms)
      return new Promise((resolve, reject) =>
        setImmediate(() => {
          now += ms
          if (signal?.aborted) reject(signal.reason)
          else resolve()
        }),
      )
    },
    advance(ms) {
      now += ms
    },
    whenSleeping: async () => undefined,
  }
}

/** Whoever sleeps wakes on the next turn, and no time passes at all. */
export function createStandingClock(start = NOON): Clock {
  return {
    now: () => start,
    awake: () => start,
    uptime: () => 0,
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
  }
}
