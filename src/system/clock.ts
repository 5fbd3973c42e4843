// The real clock.
import { setTimeout as wait } from 'node:timers/promises'
import { forTimer } from '../bounds.ts'
import type { Clock } from '../ports.ts'

export const clock: Clock = {
  now: () => Date.now(),
  awake: () => performance.now(),
  async sleep(ms, signal) {
    const options = signal ? { signal } : {}
    // What is longer than one timer can count goes in parts.
    let left = ms
    for (; left > forTimer(left); left -= forTimer(left)) await wait(forTimer(left), undefined, options)
    await wait(forTimer(left), undefined, options)
  },
}
