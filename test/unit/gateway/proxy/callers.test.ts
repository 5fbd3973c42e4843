// What is remembered of bearers: bounded, and made-up ones displace nobody.
import { expect, test } from 'vitest'
import { createCallers } from '../../../../src/gateway/proxy/callers.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { callerOf, HOUR, personOf } from '../../../fakes/proxyKit.ts'

test('of 100,000 unknown tokens the newest 20,000 are remembered, and who is known stays so', async () => {
  const clock = createFakeClock()
  const ada = callerOf(personOf('ada'), 'https://gateway.example/mcp', clock.now() + HOUR)
  const asked: string[] = []
  const byTokenHash = async (hash: string) => {
    asked.push(hash)
    return hash === 'ada' ? ada : undefined
  }
  const callers = createCallers({ byTokenHash }, clock)
  expect(await callers.find('ada')).toBe(ada)
  for (let from = 0; from < 100_000; from += 1_000)
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => callers.find(`made-up-${from + index}`)))
  expect(asked).toHaveLength(100_001)
  await callers.find('made-up-99999')
  await callers.find('made-up-80000')
  expect(await callers.find('ada')).toBe(ada)
  expect(asked).toHaveLength(100_001)
  await callers.find('made-up-79999')
  await callers.find('made-up-0')
  expect(asked.slice(-2)).toEqual(['made-up-79999', 'made-up-0'])
})

test('a sign-in that was ended is refused after five seconds, also where the clock is set back meanwhile', async () => {
  const clock = createFakeClock()
  const store = new Map([['ada', callerOf(personOf('ada'), 'https://gateway.example/mcp', clock.now() + HOUR)]])
  const callers = createCallers({ byTokenHash: async (hash) => store.get(hash) }, clock)
  expect([await callers.find('ada'), await callers.find('bob')]).toEqual([store.get('ada'), undefined])
  store.set('bob', callerOf(personOf('bob'), 'https://gateway.example/mcp', clock.now() + HOUR))
  store.delete('ada')
  clock.doze(-2 * HOUR)
  expect(await callers.find('ada')).toBeDefined()
  clock.advance(5_000)
  expect([await callers.find('ada'), await callers.find('bob')]).toEqual([undefined, store.get('bob')])
})
