// Every EraMemory: what is remembered of the revisions that a server and its hosts speak.
import { describe, expect, test } from 'vitest'
import type { Cache } from '../../src/ports.ts'
import { createCache } from '../../src/store/cache.ts'
import { createEraMemory } from '../../src/store/eraMemory.ts'
import { createFakeCache } from '../fakes/fakeCache.ts'
import { createFakeClock } from '../fakes/fakeClock.ts'
import { sqlOf } from '../fakes/sqlOf.ts'
import { ENGINES, KEY, WORK } from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
const DAY_MS = 24 * 60 * 60 * 1000
const DISCOVER =
  '{ "supportedVersions":["2026-07-28"], "capabilities":{"x":{"big":12345678901234567890}}, "ttlMs":1.0 }'
const OTHER = { ...KEY, server: 'https://other.example/mcp' }

const CACHES: readonly { readonly name: string; make(): Cache }[] = [
  ...ENGINES.map((engine) => ({
    name: `on the cache in ${engine.name}`,
    make: () => createCache(engine.create(folder)(), createFakeClock()),
  })),
  { name: 'on the fake in memory', make: createFakeCache },
]

describe.each(CACHES)('$name', ({ make }) => {
  function setUp() {
    const inner = make()
    const clock = createFakeClock()
    let writes = 0
    const cache: Cache = {
      get: inner.get,
      async put(...entry) {
        writes++
        await inner.put(...entry)
      },
    }
    const of = (key: typeof KEY) => createEraMemory(async () => cache, key, clock)
    return { memory: of(KEY), of, cache, clock, writes: () => writes }
  }

  test('nothing is known of a server that was never saved', async () => {
    const { memory } = setUp()
    expect(await memory.load()).toBeUndefined()
    expect(await memory.loadOpening('host')).toBeUndefined()
  })

  test('an era is given back with the time when it was found out', async () => {
    const { memory, clock } = setUp()
    const at = clock.now()
    await memory.save({ era: '2025' })
    clock.advance(5)
    expect(await memory.load()).toEqual({ era: '2025', at })
  })

  test('a DiscoverResult is given back in its own bytes', async () => {
    const { memory, clock } = setUp()
    await memory.save({ era: '2026', discover: DISCOVER })
    expect(await memory.load()).toEqual({ era: '2026', at: clock.now(), discover: DISCOVER })
  })

  test('the era belongs to the server, its DiscoverResult to the server and profile', async () => {
    const { memory, of } = setUp()
    await memory.save({ era: '2026', discover: DISCOVER })
    const known = await of(WORK).load()
    expect([known?.era, known?.discover]).toEqual(['2026', undefined])
    expect(await of(OTHER).load()).toBeUndefined()
    await of(WORK).save({ era: '2026', discover: '{"supportedVersions":[]}' })
    expect((await memory.load())?.discover).toBe(DISCOVER)
  })

  test('what is saved replaces all that was known', async () => {
    const { memory } = setUp()
    await memory.save({ era: '2026', discover: DISCOVER })
    await memory.save({ era: '2026', discover: '{}' })
    expect((await memory.load())?.discover).toBe('{}')
    await memory.save({ era: '2026' })
    expect(await memory.load()).toMatchObject({ era: '2026' })
    expect((await memory.load())?.discover).toBeUndefined()
    await memory.save({ era: '2025', discover: DISCOVER })
    expect(await memory.load()).toMatchObject({ era: '2025' })
    expect((await memory.load())?.discover).toBeUndefined()
    await memory.save({ era: '2026', discover: DISCOVER })
    await memory.save(undefined)
    expect(await memory.load()).toBeUndefined()
    await memory.save({ era: '2026' })
    expect((await memory.load())?.discover).toBeUndefined()
  })

  test('a start that finds out the same writes nothing, and after a day the new time', async () => {
    const { memory, clock, writes } = setUp()
    await memory.save(undefined)
    expect(writes()).toBe(0)
    await memory.save({ era: '2026', discover: DISCOVER })
    const first = writes()
    await memory.save({ era: '2026', discover: DISCOVER })
    expect(writes()).toBe(first)
    clock.advance(DAY_MS)
    await memory.save({ era: '2026', discover: DISCOVER })
    expect(writes()).toBe(first + 1)
    expect((await memory.load())?.at).toBe(clock.now())
  })

  test('after 30 days without news an era and an opening are forgotten', async () => {
    const { memory, clock } = setUp()
    await memory.save({ era: '2026', discover: DISCOVER })
    await memory.saveOpening('host', 'modern')
    clock.advance(30 * DAY_MS - 1)
    expect((await memory.load())?.discover).toBe(DISCOVER)
    expect(await memory.loadOpening('host')).toBe('modern')
    clock.advance(1)
    expect(await memory.load()).toBeUndefined()
    expect(await memory.loadOpening('host')).toBeUndefined()
  })

  test('an opening belongs to the server and the name of the host, whatever that name is', async () => {
    const { memory, of } = setUp()
    const names = [
      'Host',
      'host',
      '',
      ' ',
      'a b',
      'ü',
      '\0',
      '\n',
      'x'.repeat(80),
      'x'.repeat(81),
      'y'.repeat(2_000_000),
    ]
    for (const [index, name] of names.entries()) await memory.saveOpening(name, index % 2 === 0 ? 'both' : 'refused')
    for (const [index, name] of names.entries())
      expect(await memory.loadOpening(name)).toBe(index % 2 === 0 ? 'both' : 'refused')
    expect(await of(WORK).loadOpening('Host')).toBe('both')
    expect(await of(OTHER).loadOpening('Host')).toBeUndefined()
    await memory.saveOpening('Host', 'modern')
    expect(await memory.loadOpening('Host')).toBe('modern')
  })

  test('a row that is damaged or that somebody else wrote counts as nothing known', async () => {
    const { memory, cache, clock } = setUp()
    const later = clock.now() + DAY_MS
    const at = clock.now()
    const rows = [
      null,
      1,
      'x',
      [],
      {},
      { era: '2025' },
      { era: 2025, at },
      { era: '2027', at },
      { era: '2026', at: '1' },
    ]
    for (const row of [...rows, { era: '2026', at: at + 1 }]) {
      await cache.put(`era:${KEY.server}`, row, later)
      expect(await memory.load()).toBeUndefined()
    }
    for (const row of [{}, 7, 'x', '[]', 'null', '"{}"', `{"a":"${'x'.repeat(200_000)}"}`]) {
      await cache.put(`era:${KEY.server}`, { era: '2026', at }, later)
      await cache.put(`discover:${KEY.server} ${KEY.profile}`, row, later)
      expect(await memory.load()).toEqual({ era: '2026', at })
    }
    for (const row of [null, 1, {}, ['both'], 'Both', 'none']) {
      await cache.put(`opening:${KEY.server} host`, row, later)
      expect(await memory.loadOpening('host')).toBeUndefined()
    }
    await memory.save({ era: '2025' })
    expect(await memory.load()).toEqual({ era: '2025', at })
  })

  test('a DiscoverResult that is too long or no object is not kept, the era is', async () => {
    const { memory } = setUp()
    for (const discover of [`{"a":"${'ü'.repeat(60_000)}"}`, '[]', 'null', 'no JSON', '']) {
      await memory.save({ era: '2026', discover: DISCOVER })
      await memory.save({ era: '2026', discover })
      const known = await memory.load()
      expect([known?.era, known?.discover]).toEqual(['2026', undefined])
    }
  })
})

test('a later process knows what an earlier one has found out', async () => {
  const file = folder.fresh('oauth.db')
  const clock = createFakeClock()
  const process = () => createEraMemory(async () => createCache(sqlOf(folder.database(file)), clock), KEY, clock)
  await process().save({ era: '2026', discover: DISCOVER })
  await process().saveOpening('host', 'refused')
  expect((await process().load())?.discover).toBe(DISCOVER)
  expect(await process().loadOpening('host')).toBe('refused')
})
