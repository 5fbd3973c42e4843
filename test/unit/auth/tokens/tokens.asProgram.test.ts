// Tokens of this program itself: asked for once for all processes, anew when they end, and never of a person.
import { expect, test } from 'vitest'
import { createTokens } from '../../../../src/auth/tokens/tokens.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { Challenge, TokenSet } from '../../../../src/records.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { settled } from '../../../fakes/gate.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const CHALLENGE: Challenge = { status: 401 }
const HOUR = 3_600_000

const tokenSet = (accessToken: string): TokenSet => ({
  ...{ issuer: 'https://as.example', clientId: 'robot', redirectUri: 'http://localhost:8080/auth/callback' },
  ...{ accessToken, grant: 'client_credentials', obtainedAt: NOON, expiresAt: NOON + HOUR },
})

function setUp(before?: (store: ReturnType<typeof createFakeTokenStore>) => void) {
  const clock = createFakeClock()
  const store = createFakeTokenStore(clock.now)
  const asked: { last: string | undefined; challenge: Challenge | undefined }[] = []
  let failure: BridgeError | undefined
  let isGivenAgain = false
  const tokens = createTokens({
    ...{ key: KEY, store, clock, log: createFakeLogger(), leases: createFakeLeases(() => before?.(store)) },
    ...{ strategy: 'none' as const, mode: 'never' as const },
    refresh: () => Promise.reject(new Error('there is nothing to refresh')),
    requestSignIn: () => Promise.reject(new Error('a person was asked')),
    async clientCredentials(last, challenge) {
      asked.push({ last: last?.accessToken, challenge })
      if (failure) throw failure
      const requested = challenge?.scope === undefined ? {} : { requestedScope: challenge.scope }
      return {
        ...tokenSet(`t${isGivenAgain ? 1 : asked.length}`),
        ...requested,
        obtainedAt: clock.now(),
        expiresAt: clock.now() + HOUR,
      }
    },
  })
  const fail = (error: BridgeError | undefined) => {
    failure = error
  }
  const giveAgain = () => {
    isGivenAgain = true
  }
  return { tokens, store, clock, asked, fail, giveAgain }
}

test.each(['start', 'call', 'background'] as const)('a %s gets a token, whatever the login mode', async (cause) => {
  const { tokens, asked } = setUp()
  expect(await tokens.current()).toBeUndefined()
  await tokens.renew(undefined, CHALLENGE, cause)
  expect((await tokens.current())?.accessToken).toBe('t1')
  expect(asked).toEqual([{ last: undefined, challenge: CHALLENGE }])
})

test('the token is requested again near its expiry in the background, and waited for after it', async () => {
  const { tokens, clock, asked } = setUp()
  await tokens.renew(undefined, CHALLENGE, 'start')
  clock.advance(HOUR * 0.9)
  expect((await tokens.current())?.accessToken).toBe('t1')
  await settled()
  expect((await tokens.current())?.accessToken).toBe('t2')
  clock.advance(HOUR)
  expect((await tokens.current())?.accessToken).toBe('t3')
  expect(asked.slice(1)).toEqual([
    { last: 't1', challenge: undefined },
    { last: 't2', challenge: undefined },
  ])
})

test('a token that another process obtained meanwhile is used, and none is requested', async () => {
  const { tokens, asked } = setUp((store) => store.put(KEY, tokenSet('sibling')))
  await tokens.renew(undefined, CHALLENGE, 'call')
  expect((await tokens.current())?.accessToken).toBe('sibling')
  expect(asked).toEqual([])
})

test('a failure is the request’s error, the next request tries again, and the stored token stays', async () => {
  const { tokens, store, fail } = setUp()
  await tokens.renew(undefined, CHALLENGE, 'start')
  fail(new BridgeError('authorization_server_error'))
  expect(await codeOf(tokens.renew('t1', CHALLENGE, 'call'))).toBe('authorization_server_error')
  expect((await store.load(KEY)).tokens?.accessToken).toBe('t1')
  fail(undefined)
  await tokens.renew('t1', CHALLENGE, 'call')
  expect((await tokens.current())?.accessToken).toBe('t3')
})

test('a missing scope is requested in addition to the existing ones, once, and without a person', async () => {
  const { tokens, store, asked } = setUp()
  store.put(KEY, { ...tokenSet('t0'), scope: 'a', requestedScope: 'a' })
  const challenge = { status: 403, error: 'insufficient_scope', scope: 'b' }
  await tokens.stepUp('t0', 'b', challenge, 'start')
  expect(asked).toEqual([{ last: 't0', challenge: { ...challenge, scope: 'a b' } }])
  expect((await tokens.current())?.accessToken).toBe('t1')
  expect(await codeOf(tokens.stepUp('t1', 'b', challenge, 'call'))).toBe('insufficient_scope')
  expect(await codeOf(tokens.stepUp('t1', 'c', challenge, 'background'))).toBe('insufficient_scope')
  expect(asked).toHaveLength(1)
})

test('a token that still lives may come again: it is sent once more, and where it is refused again none is requested for a while', async () => {
  const { tokens, store, asked, giveAgain } = setUp()
  await tokens.renew(undefined, CHALLENGE, 'start')
  giveAgain()
  await tokens.renew('t1', CHALLENGE, 'call')
  expect((await tokens.current())?.accessToken).toBe('t1')
  await tokens.refused('t1')
  const error = await errorOf(tokens.renew('t1', CHALLENGE, 'call'))
  expect([error.code, error.details.reason]).toEqual(['unauthorized', 'refused_anew'])
  expect((await store.load(KEY)).tokens?.accessToken).toBe('t1')
  expect(asked).toHaveLength(2)
})

test('a refresh on request requests a new one, also if there is none yet', async () => {
  const { tokens } = setUp()
  expect((await tokens.refreshNow())?.accessToken).toBe('t1')
  expect((await tokens.refreshNow())?.accessToken).toBe('t2')
})
