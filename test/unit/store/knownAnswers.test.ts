// What a server answered last: kept by server, profile and method, written only when it changed.
import { expect, test } from 'vitest'
import { createKnownAnswers } from '../../../src/store/knownAnswers.ts'
import { createFakeCache } from '../../fakes/fakeCache.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'

const KEY = { server: 'https://mcp.example.com/mcp', profile: 'default' }

function setUp() {
  const inner = createFakeCache()
  let writes = 0
  const cache = {
    ...inner,
    put: async (...entry: Parameters<typeof inner.put>) => {
      writes++
      await inner.put(...entry)
    },
  }
  const clock = createFakeClock()
  const of = (key: typeof KEY) => createKnownAnswers(async () => cache, key, clock)
  return { of, clock, writes: () => writes }
}

test('an answer is found only by its method, server and profile', async () => {
  const { of } = setUp()
  await of(KEY).save('tools/list', { tools: [] })
  expect(await of(KEY).load('tools/list')).toEqual({ tools: [] })
  expect(await of(KEY).load('prompts/list')).toBeUndefined()
  expect(await of({ ...KEY, profile: 'work' }).load('tools/list')).toBeUndefined()
  expect(await of({ ...KEY, server: 'https://other.example.com/' }).load('tools/list')).toBeUndefined()
})

test('an equal answer is not written again, another one is', async () => {
  const { of, writes } = setUp()
  await of(KEY).save('tools/list', { tools: [1] })
  await of(KEY).save('tools/list', { tools: [1] })
  expect(writes()).toBe(1)
  await of(KEY).save('tools/list', { tools: [2] })
  expect(writes()).toBe(2)
})

test('after three months without a change it is forgotten', async () => {
  const { of, clock } = setUp()
  await of(KEY).save('initialize', {})
  clock.advance(91 * 24 * 60 * 60 * 1000)
  expect(await of(KEY).load('initialize')).toBeUndefined()
})

const METHODS = ['initialize', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']

test('what is remembered of one server is at most 1 MB in all', async () => {
  const { of } = setUp()
  let total = 0
  for (const method of METHODS) {
    // The longest that is kept, found by halving.
    let [fits, tooLong] = [0, 4_000_000]
    while (tooLong - fits > 1) {
      const middle = (fits + tooLong) >> 1
      await of(KEY).save(method, 'ü'.repeat(middle))
      if ((await of(KEY).load(method)) === undefined) tooLong = middle
      else fits = middle
    }
    total += Buffer.byteLength('ü'.repeat(fits))
  }
  expect(total).toBeGreaterThan(900_000)
  expect(total).toBeLessThanOrEqual(1_000_000)
})

test('an answer that is too long or too deep is not truncated, and the previous one is forgotten', async () => {
  const { of, writes } = setUp()
  const deep = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`) as unknown
  for (const value of ['x'.repeat(2_000_000), deep, undefined]) {
    await of(KEY).save('tools/list', { tools: [1] })
    expect(await of(KEY).load('tools/list')).toEqual({ tools: [1] })
    const before = writes()
    await of(KEY).save('tools/list', value)
    await of(KEY).save('tools/list', value)
    expect(await of(KEY).load('tools/list')).toBeUndefined()
    expect(writes()).toBe(before + 1)
  }
})
