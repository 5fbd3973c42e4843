// The tokens of persons at providers: what a sign-in leaves, what it carries over, and what is never refreshed.
import { expect, test } from 'vitest'
import { createProviderTokens, type TokenProvider } from '../../../../src/auth/tokens/providerTokens.ts'
import { asBridgeError } from '../../../../src/errors.ts'
import type { TokenSet } from '../../../../src/records.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { createGate, settled } from '../../../fakes/gate.ts'

const ISSUER = 'https://provider.example'
const ADA = { id: 'person-1', issuer: ISSUER }
const KEY = { server: 'provider:corp', profile: ADA.id }

const tokenSet = (members: Partial<TokenSet> = {}): TokenSet => ({
  ...{ issuer: ISSUER, clientId: 'client', redirectUri: 'https://gateway.example/auth/callback', accessToken: 'at-1' },
  ...{ obtainedAt: NOON, expiresAt: NOON + 3_600_000, user: { issuer: ISSUER, subject: 'ada', claims: {} } },
  ...members,
})

function setUp(provider: Partial<TokenProvider> = {}) {
  const clock = createFakeClock()
  const store = createFakeTokenStore(clock.now)
  let refreshes = 0
  const refresh: TokenProvider['refresh'] = async () => async (tokens) => {
    refreshes++
    return {
      ...tokens,
      accessToken: `renewed-${refreshes}`,
      obtainedAt: clock.now(),
      expiresAt: clock.now() + 3_600_000,
    }
  }
  const corp: TokenProvider = {
    ...{ name: 'corp', issuer: ISSUER, strategy: 'auto', refresh, withoutRefreshToken: undefined },
    ...provider,
  }
  const parts = { store, leases: createFakeLeases(), clock, log: createFakeLogger() }
  const providers = [{ ...corp, name: 'other', issuer: 'https://o.example' }, corp]
  const replica = () => createProviderTokens({ ...parts, providers })
  return { tokens: replica(), replica, store, clock, refreshes: () => refreshes }
}

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (thrown: unknown) => asBridgeError(thrown),
  )

test('an access token is sent until 80 % of its life, then refreshed in the background, and first where it has expired', async () => {
  const { tokens, clock, refreshes } = setUp()
  await tokens.keep('corp', ADA.id, tokenSet({ refreshToken: 'rt-1' }))
  expect([await tokens.current(ADA), refreshes()]).toEqual(['at-1', 0])
  clock.advance(3_500_000)
  expect(await tokens.current(ADA)).toBe('at-1')
  clock.advance(200_000)
  expect([await tokens.current(ADA), refreshes()]).toEqual(['renewed-1', 1])
})

test('twenty requests at the expiry of a token, at two replicas, refresh it once', async () => {
  const { tokens, replica, clock, refreshes } = setUp()
  const replicas = [tokens, replica()]
  await tokens.keep('corp', ADA.id, tokenSet({ refreshToken: 'rt-1' }))
  clock.advance(3_600_000)
  const sent = await Promise.all(Array.from({ length: 20 }, (_, index) => replicas[index % 2]?.current(ADA)))
  expect([new Set(sent), refreshes()]).toEqual([new Set(['renewed-1']), 1])
})

test('a process that ends waits for the refreshes in the background, and keeps what they bring', async () => {
  const gate = createGate<TokenSet>()
  const { tokens, store, clock } = setUp({ refresh: async () => () => gate.passed })
  await tokens.keep('corp', ADA.id, tokenSet({ refreshToken: 'rt-1' }))
  clock.advance(3_500_000)
  expect(await tokens.current(ADA)).toBe('at-1')
  await settled()
  const ended = tokens.idle(3_000)
  await settled()
  gate.open(tokenSet({ accessToken: 'at-2', refreshToken: 'rt-2' }))
  await ended
  expect((await store.load(KEY)).tokens?.refreshToken).toBe('rt-2')
})

test('an access token without an expiry, such as GitHub’s, is sent for good, and no end is made up for it', async () => {
  const { tokens, clock, refreshes } = setUp()
  const { expiresAt: _none, ...endless } = tokenSet()
  await tokens.keep('corp', ADA.id, endless)
  for (const days of [0, 1, 400]) {
    clock.advance(days * 86_400_000)
    expect([await tokens.current(ADA), refreshes()]).toEqual(['at-1', 0])
  }
})

test('an access token that has expired and cannot be renewed is not sent', async () => {
  const { tokens, clock } = setUp()
  await tokens.keep('corp', ADA.id, tokenSet())
  clock.advance(3_600_000)
  expect(await tokens.current(ADA)).toBeUndefined()
})

test('a refresh token that was refused is not carried over, so that its refusal does not come back', async () => {
  const { tokens, store } = setUp()
  await tokens.keep('corp', ADA.id, tokenSet({ refreshToken: 'rt-1' }))
  await store.unrenewable(KEY, 1, 'The refresh token was refused.', 'refresh_token_missing')
  await tokens.keep('corp', ADA.id, tokenSet({ accessToken: 'at-2' }))
  expect((await store.load(KEY)).tokens?.refreshToken).toBeUndefined()
})

test.each([
  ['another client', { clientId: 'other' }],
  ['another account', { user: { issuer: ISSUER, subject: 'eve', claims: {} } }],
  ['another issuer', { issuer: 'https://o.example' }],
])('a refresh token of %s is not carried over', async (_, members) => {
  const { tokens, store } = setUp()
  await tokens.keep('corp', ADA.id, tokenSet({ refreshToken: 'rt-1', ...members }))
  await tokens.keep('corp', ADA.id, tokenSet({ accessToken: 'at-2' }))
  expect((await store.load(KEY)).tokens).toEqual(tokenSet({ accessToken: 'at-2' }))
})

test('a sign-in that another process stored meanwhile is overridden by this one', async () => {
  const { tokens, store } = setUp()
  await tokens.keep('corp', ADA.id, tokenSet({ refreshToken: 'rt-1' }))
  const { load } = store
  const raced = { ...store, load: async (key: typeof KEY) => load(key).finally(() => store.put(KEY, tokenSet())) }
  let loads = 0
  const racing = { ...raced, load: (key: typeof KEY) => (++loads === 1 ? raced.load(key) : load(key)) }
  const clock = createFakeClock()
  const other = createProviderTokens({
    ...{ store: racing, leases: createFakeLeases(), clock, log: createFakeLogger(), providers: [] },
  })
  await other.keep('corp', ADA.id, tokenSet({ accessToken: 'at-3' }))
  expect([(await store.load(KEY)).tokens?.accessToken, loads]).toEqual(['at-3', 2])
})

test.each(['none', 'reauthorize'] as const)(
  'refresh_strategy %s is said where a refresh is asked for',
  async (strategy) => {
    const { tokens, refreshes } = setUp({ strategy })
    await tokens.keep('corp', ADA.id, tokenSet({ refreshToken: 'rt-1' }))
    const error = await refusal(tokens.refreshNow(ADA))
    expect([error?.code, error?.message.includes(strategy), refreshes()]).toEqual(['refresh_token_missing', true, 0])
  },
)

test('a refresh on request happens whatever the expiry, and only where the person is signed in', async () => {
  const { tokens, clock } = setUp()
  await tokens.keep('corp', ADA.id, tokenSet({ refreshToken: 'rt-1' }))
  expect(await tokens.refreshNow(ADA)).toEqual({ expiresAt: clock.now() + 3_600_000 })
  expect((await refusal(tokens.refreshNow({ ...ADA, id: 'person-2' })))?.code).toBe('token_expired')
  expect((await refusal(tokens.refreshNow({ ...ADA, issuer: 'https://o.example' })))?.code).toBe('token_expired')
})
