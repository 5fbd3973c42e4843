// The real clock.
import { expect, test } from 'vitest'
import { clock } from '../../../src/system/clock.ts'

test('the time is that of the machine, and continues while we sleep', async () => {
  const before = Date.now()
  const awake = clock.awake()
  await clock.sleep(1)
  expect(clock.now()).toBeGreaterThanOrEqual(before)
  expect(clock.awake()).toBeGreaterThan(awake)
})

test('a sleep ends when it is aborted', async () => {
  const ending = new AbortController()
  const sleeping = clock.sleep(3_600_000, ending.signal)
  ending.abort()
  await expect(sleeping).rejects.toMatchObject({ name: 'AbortError' })
  await expect(clock.sleep(3_600_000, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
})
