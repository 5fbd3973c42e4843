// The last step of a sign-in: what the server refuses takes nobody's place.
import { expect, test } from 'vitest'
import { completeSignIn } from '../../../../src/auth/grants/complete.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { TokenSet } from '../../../../src/records.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const tokenSet = (accessToken: string): TokenSet => ({
  ...{ issuer: 'https://as.example', clientId: 'client', redirectUri: 'http://localhost:8080/auth/callback' },
  ...{ accessToken, obtainedAt: NOON },
})

async function setUp(verdict: 'taken' | 'refused') {
  const clock = createFakeClock()
  const [attempts, store] = [createFakeAttemptStore(clock.now), createFakeTokenStore()]
  const { attempt } = await attempts.begin(KEY, { status: 401 }, clock.now() + 1_000)
  const verifyTokens = async () => {
    if (verdict === 'refused') throw new BridgeError('unauthorized')
  }
  const options = { attempts, store, log: createFakeLogger(), verifyTokens }
  const complete = () => completeSignIn(options, attempt, tokenSet('new'), undefined)
  const stored = async () => (await store.load(KEY)).tokens?.accessToken
  return { store, complete, stored }
}

test('a token that the server refuses keeps the old tokens', async () => {
  const { store, complete, stored } = await setUp('refused')
  store.put(KEY, tokenSet('old'))
  expect(await codeOf(complete())).toBe('unauthorized')
  expect(await stored()).toBe('old')
})

test('a token that the server refuses is stored if there was none, so that doctor can examine it', async () => {
  const { complete, stored, store } = await setUp('refused')
  expect(await codeOf(complete())).toBe('unauthorized')
  expect(await stored()).toBe('new')
  // Nobody is told that they are signed in with it.
  expect((await store.load(KEY)).lastErrorCode).toBe('token_expired')
})

test('a token that the server refuses is the reason told, also where it cannot be stored', async () => {
  const { store, complete } = await setUp('refused')
  store.failReplace(new BridgeError('database_locked'))
  expect(await codeOf(complete())).toBe('unauthorized')
})

test('a token that the server accepts replaces the old ones', async () => {
  const { store, complete, stored } = await setUp('taken')
  store.put(KEY, tokenSet('old'))
  await complete()
  expect(await stored()).toBe('new')
})
