// A value made on first use and kept.
import { expect, test } from 'vitest'
import { memoizeAsync } from '../../src/memoizeAsync.ts'
import { createGate } from '../fakes/gate.ts'

test('the value is created once, for all who ask at the same time and later', async () => {
  const gate = createGate<object>()
  let made = 0
  const get = memoizeAsync(() => {
    made++
    return gate.passed
  })
  const asking = [get(), get(), get()]
  const value = {}
  gate.open(value)
  expect(await Promise.all([...asking, get()])).toEqual([value, value, value, value])
  expect(made).toBe(1)
})

test('a failure is reported to all who asked, and not kept', async () => {
  const failure = new Error('no')
  let made = 0
  const get = memoizeAsync(async () => {
    if (++made === 1) throw failure
    return 'yes'
  })
  const both = await Promise.allSettled([get(), get()])
  expect(both.map((one) => one.status === 'rejected' && one.reason)).toEqual([failure, failure])
  expect(await get()).toBe('yes')
  expect(made).toBe(2)
})

test('peeking creates nothing', async () => {
  const get = memoizeAsync(async () => 'yes')
  expect(await get.peek()).toBeUndefined()
  await get()
  expect(await get.peek()).toBe('yes')
})
