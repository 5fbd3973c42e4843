// What servers said, until it expires.
import { expect, test } from 'vitest'
import { createCache } from '../../../src/store/cache.ts'
import { createFakeClock, NOON } from '../../fakes/fakeClock.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
const setUp = () => createCache(folder.database(), createFakeClock())

test.each([[{ a: [1, 'ü'] }], ['text'], [0], [false], [null], [[]]])('%j is read as it was put', async (value) => {
  const cache = setUp()
  await cache.put('a', value, NOON + 1)
  expect(await cache.get('a', NOON)).toEqual(value)
})

test('what nobody put is undefined', async () => {
  expect(await setUp().get('a', NOON)).toBeUndefined()
})

test('an entry is gone at its end', async () => {
  const cache = setUp()
  await cache.put('a', 1, NOON + 10)
  expect(await cache.get('a', NOON + 9)).toBe(1)
  expect(await cache.get('a', NOON + 10)).toBeUndefined()
})

test('an entry put again has the new value and end', async () => {
  const cache = setUp()
  await cache.put('a', 1, NOON + 10)
  await cache.put('a', 2, NOON + 20)
  expect(await cache.get('a', NOON + 15)).toBe(2)
})
