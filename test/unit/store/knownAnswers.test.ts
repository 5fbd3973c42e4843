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

test('an answer is known by its method, server and profile, and nowhere else', async () => {
  const { of } = setUp()
  await of(KEY).save('tools/list', { tools: [] })
  expect(await of(KEY).load('tools/list')).toEqual({ tools: [] })
  expect(await of(KEY).load('prompts/list')).toBeUndefined()
  expect(await of({ ...KEY, profile: 'work' }).load('tools/list')).toBeUndefined()
  expect(await of({ ...KEY, server: 'https://other.example.com/' }).load('tools/list')).toBeUndefined()
})

test('the same answer again is not written again, another one is', async () => {
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
