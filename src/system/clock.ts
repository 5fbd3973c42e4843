// The real clock.
import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../ports.ts'

export const clock: Clock = {
  now: () => Date.now(),
  awake: () => performance.now(),
  sleep: (ms, signal) => wait(ms, undefined, signal ? { signal } : {}),
}
