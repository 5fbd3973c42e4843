// Every Cache: what servers said, until it expires.
import { describe, expect, test } from 'vitest'
import type { Cache } from '../../src/ports.ts'
import { createCache } from '../../src/store/cache.ts'
import { createFakeCache } from '../fakes/fakeCache.ts'
import { createFakeClock, NOON } from '../fakes/fakeClock.ts'
import { ENGINES, processesOn } from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
const CACHES: readonly { readonly name: string; make(): Cache }[] = [
  ...ENGINES.flatMap((engine) => [
    { name: `the cache in ${engine.name}`, make: () => createCache(engine.create(folder)(), createFakeClock()) },
    {
      name: `the sealed cache in ${engine.name}`,
      make: () => processesOn(engine, folder, createFakeClock())().cache,
    },
  ]),
  { name: 'the fake in memory', make: createFakeCache },
]

describe.each(CACHES)('$name', ({ make }) => {
  test.each([[{ a: [1, 'ü'] }], ['text'], [0], [false], [null], [[]]])('returns %j as it was stored', async (value) => {
    const cache = make()
    await cache.put('a', value, NOON + 1)
    expect(await cache.get('a', NOON)).toEqual(value)
  })

  test('keeps a JSON copy: later changes to the value do not change it', async () => {
    const cache = make()
    const value = { a: undefined, list: [1] }
    await cache.put('a', value, NOON + 1)
    value.list.push(2)
    expect(await cache.get('a', NOON)).toStrictEqual({ list: [1] })
  })

  test('returns nothing for a name that was never stored', async () => {
    expect(await make().get('a', NOON)).toBeUndefined()
  })

  test('forgets an entry when it expires', async () => {
    const cache = make()
    await cache.put('a', 1, NOON + 10)
    expect(await cache.get('a', NOON + 9)).toBe(1)
    expect(await cache.get('a', NOON + 10)).toBeUndefined()
  })

  test('returns the new value and expiry of an entry that is stored again', async () => {
    const cache = make()
    await cache.put('a', 1, NOON + 10)
    await cache.put('a', 2, NOON + 20)
    expect(await cache.get('a', NOON + 15)).toBe(2)
  })
})
