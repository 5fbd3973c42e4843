// The real clock.
import { setTimeout as wait } from 'node:timers/promises'
import { forTimer } from '../bounds.ts'
import type { Clock } from '../ports.ts'

export const clock: Clock = {
  now: () => Date.now(),
  awake: () => performance.now(),
  // Its origin is the start of the process.
  uptime: () => performance.now(),
  async sleep(ms, signal) {
    const options = signal ? { signal } : {}
    // A delay that is too long for one timer is split.
    let left = ms
    for (; left > forTimer(left); left -= forTimer(left)) await wait(forTimer(left), undefined, options)
    await wait(forTimer(left), undefined, options)
  },
}
