// A server that refuses tokens that are new: nothing is refreshed and nobody is asked for each call; and the newest generation counts.
import { expect, test } from 'vitest'
import { createTokens } from '../../../../src/auth/tokens/tokens.ts'
import type { TokenSet } from '../../../../src/records.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const MINUTE = 60_000
const CHALLENGE = { status: 401 }
/** The code it failed with, if it failed. */
const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    ({ code }) => code,
  )
const tokenSet = (accessToken: string, refreshToken?: string): TokenSet => ({
  ...{ issuer: 'https://as.example', clientId: 'client', redirectUri: 'http://localhost:8080/auth/callback' },
  ...{ accessToken, obtainedAt: NOON },
  ...(refreshToken === undefined ? {} : { refreshToken }),
})

function setUp(refreshed: () => TokenSet | 'rejected' = () => 'rejected', clientCredentials = false) {
  const clock = createFakeClock()
  const store = createFakeTokenStore(clock.now)
  const counts = { asked: 0, refreshed: 0, program: 0 }
  const tokens = createTokens({
    ...{ key: KEY, store, leases: createFakeLeases(), clock, log: createFakeLogger() },
    ...{ strategy: 'auto', mode: 'auto' },
    ...(clientCredentials ? { clientCredentials: async () => tokenSet(`program-${++counts.program}`) } : {}),
    refresh: async () => async () => {
      counts.refreshed++
      return refreshed()
    },
    requestSignIn: async () => void store.put(KEY, tokenSet(`asked-${++counts.asked}`)),
  })
  /** One call whose tokens are all refused, as send.ts goes about it. */
  const refusedCall = async () => {
    const renewing = tokens.renew((await tokens.current())?.accessToken, CHALLENGE, 'call')
    const code = await codeOf(renewing)
    if (code === undefined) await tokens.refused((await tokens.current())?.accessToken)
    return code
  }
  return { clock, store, tokens, counts, refusedCall }
}

test('after a new token was refused too, calls open no sign-in for five minutes', async () => {
  const { clock, counts, refusedCall } = setUp()
  expect(await refusedCall()).toBeUndefined()
  for (let time = 0; time < 4; time++) {
    expect(await refusedCall()).toBe('unauthorized')
    clock.advance(MINUTE)
  }
  expect(counts.asked).toBe(1)
  clock.advance(2 * MINUTE)
  expect(await refusedCall()).toBeUndefined()
  expect(counts.asked).toBe(2)
})

test('a refresh that is rejected then does not open the tab that was held back', async () => {
  const { clock, store, counts, refusedCall, tokens } = setUp()
  store.put(KEY, tokenSet('one', 'refresh'))
  await tokens.current()
  await tokens.refused('one')
  clock.advance(MINUTE)
  expect(await refusedCall()).toBe('unauthorized')
  expect(await refusedCall()).toBe('unauthorized')
  expect(counts).toMatchObject({ asked: 0, refreshed: 1 })
})

test('tokens that can be refreshed are refreshed at most twice a minute', async () => {
  let number = 0
  const { counts, store, refusedCall } = setUp(() => tokenSet(`refreshed-${++number}`, 'refresh'))
  store.put(KEY, tokenSet('one', 'refresh'))
  for (let time = 0; time < 5; time++) await refusedCall()
  expect(counts).toMatchObject({ asked: 0, refreshed: 1 })
})

test('a person’s sign-in ends the waiting', async () => {
  const { store, counts, refusedCall } = setUp()
  await refusedCall()
  store.put(KEY, tokenSet('by hand'))
  expect(await refusedCall()).toBeUndefined()
  expect(counts.asked).toBe(2)
})

test('a clock that was set back does not block sign-ins', async () => {
  const { clock, counts, refusedCall } = setUp()
  await refusedCall()
  clock.advance(-60 * MINUTE)
  await refusedCall()
  expect(counts.asked).toBe(2)
})

test('a program requests more scopes at most three times an hour', async () => {
  const { tokens, store, counts } = setUp(undefined, true)
  store.put(KEY, tokenSet('one'))
  for (let time = 0; time < 6; time++)
    await codeOf(tokens.stepUp((await tokens.current())?.accessToken, `wish-${time}`, { status: 403 }, 'call'))
  expect(counts.program).toBe(3)
})

test('after a sign-out by another process there is no token set at once, and after the next sign-in the new one', async () => {
  const { tokens, store } = setUp()
  store.put(KEY, tokenSet('one'))
  expect((await tokens.current())?.accessToken).toBe('one')
  store.put(KEY, undefined)
  expect(await tokens.current()).toBeUndefined()
  store.put(KEY, tokenSet('two'))
  expect((await tokens.current())?.accessToken).toBe('two')
  expect((await tokens.stored())?.accessToken).toBe('two')
})

test('a token that expired before the server saw it does not count as a refused new one', async () => {
  const { clock, store, tokens } = setUp()
  store.put(KEY, { ...tokenSet('short', 'refresh'), expiresAt: clock.now() + 2_000 })
  clock.advance(2_001)
  expect(await tokens.refused('short')).toBe('ended')
  expect((await store.load(KEY)).refusedAt).toBeUndefined()
  store.put(KEY, { ...tokenSet('good', 'refresh'), expiresAt: clock.now() + 2_000 })
  expect(await tokens.refused('good')).toBeUndefined()
  expect((await store.load(KEY)).refusedAt).toBe(clock.now())
})

test('a refresh of a clock that was ahead does not keep the next one from being tried', async () => {
  let count = 0
  const { clock, store, counts, tokens, refusedCall } = setUp(() => tokenSet(`renewed-${++count}`, `refresh-${count}`))
  store.put(KEY, tokenSet('one', 'refresh-0'))
  await tokens.renew('one', CHALLENGE, 'call')
  clock.doze(-2 * 60 * MINUTE)
  await tokens.refused('renewed-1')
  expect(await refusedCall()).toBeUndefined()
  expect(counts).toMatchObject({ refreshed: 2, asked: 0 })
})
