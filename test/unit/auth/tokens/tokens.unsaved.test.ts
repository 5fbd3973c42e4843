// New tokens that the store does not take: their refresh token is the only one left, so they are kept, used, and stored before anything else is asked for.
import { expect, test } from 'vitest'
import { tokenLease } from '../../../../src/auth/tokens/coordinatedRefresh.ts'
import { createTokens } from '../../../../src/auth/tokens/tokens.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { TokenSet } from '../../../../src/records.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { settled } from '../../../fakes/gate.ts'
import { KEY } from '../../../fakes/storeKit.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const HOUR = 3_600_000
const ONE: TokenSet = {
  ...{ issuer: 'https://as.example', clientId: 'client', redirectUri: 'http://localhost:8080/auth/callback' },
  ...{ accessToken: 'one', refreshToken: 'refresh-1', obtainedAt: NOON, expiresAt: NOON + HOUR },
}
const locked = () => new BridgeError('database_locked')
const full = () => new BridgeError('database_unreachable', { message: 'The disk is full.' })

/** An access token has expired, and the next one is `two`, then `three`. */
function setUp() {
  const clock = createFakeClock()
  const store = createFakeTokenStore(clock.now)
  store.put(KEY, ONE)
  const leases = createFakeLeases()
  const sent: string[] = []
  const asked: number[] = []
  const open = () =>
    createTokens({
      ...{ key: KEY, store, leases, clock, log: createFakeLogger(), mode: 'auto', strategy: 'auto' },
      refresh: async () => async (old) => {
        sent.push(old.refreshToken)
        const accessToken = ['two', 'three'][sent.length - 1] ?? 'more'
        const times = { obtainedAt: clock.now(), expiresAt: clock.now() + HOUR }
        return { ...old, ...times, accessToken, refreshToken: `refresh-${sent.length + 1}` }
      },
      requestSignIn: async () => void asked.push(1),
    })
  clock.advance(HOUR)
  const current = async (tokens = first) => (await tokens.current())?.accessToken
  const first = open()
  const stored = async () => (await store.load(KEY)).tokens?.refreshToken
  const later = async (ms: number) => {
    await clock.whenSleeping(1)
    clock.advance(ms)
    await settled()
  }
  return { clock, store, leases, sent, asked, open, tokens: first, current, stored, later }
}

test.each([
  ['a locked database', locked],
  ['a full disk', full],
])('%s does not keep them from being used, and they are stored when that is over', async (_, failure) => {
  const { store, sent, current, stored, later } = setUp()
  store.failReplace(failure(), failure(), failure())
  for (let call = 0; call < 3; call++) expect(await current()).toBe('two')
  expect([sent, await stored()]).toEqual([['refresh-1'], 'refresh-1'])
  await later(500)
  await later(1_000)
  expect(await stored()).toBe('refresh-1')
  await later(2_000)
  expect([sent, await stored(), await current()]).toEqual([['refresh-1'], 'refresh-2', 'two'])
})

test('they are used also while the store cannot be read', async () => {
  const { store, current } = setUp()
  store.failReplace(full())
  await current()
  const { load } = store
  store.load = () => Promise.reject(full())
  expect(await current()).toBe('two')
  store.load = load
})

test('they answer the call whose token was refused', async () => {
  const { store, tokens, asked, current } = setUp()
  store.failReplace(full())
  await tokens.renew('one', { status: 401 }, 'call')
  expect([await current(), asked]).toEqual(['two', []])
})

test('no other process asks meanwhile: it waits until they are stored, and uses them', async () => {
  const { store, leases, sent, open, current, later } = setUp()
  store.failReplace(locked())
  await current()
  const other = current(open())
  await settled()
  expect([await leases.isHeld(tokenLease(KEY)), sent]).toEqual([true, ['refresh-1']])
  await later(500)
  expect([await other, sent]).toEqual(['two', ['refresh-1']])
  expect(await leases.isHeld(tokenLease(KEY))).toBe(false)
})

test('the next refresh stores them first, and fails where it cannot', async () => {
  const { clock, store, sent, current, stored } = setUp()
  // It does not come to a try in between.
  clock.sleep = (_ms, signal) =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
  store.failReplace(full(), full())
  await current()
  clock.advance(HOUR)
  expect(await codeOf(current())).toBe('database_unreachable')
  expect(sent).toEqual(['refresh-1'])
  expect(await current()).toBe('three')
  expect([sent, await stored()]).toEqual([['refresh-1', 'refresh-2'], 'refresh-3'])
})

test('who signs in meanwhile keeps that', async () => {
  const { store, current } = setUp()
  store.failReplace(full())
  expect(await current()).toBe('two')
  store.put(KEY, { ...ONE, accessToken: 'signed-in', expiresAt: NOON + 3 * HOUR })
  expect(await current()).toBe('signed-in')
  await settled()
  expect((await store.load(KEY)).tokens?.accessToken).toBe('signed-in')
})

test('who signs out meanwhile stays signed out', async () => {
  const { store, current } = setUp()
  store.failReplace(full())
  await current()
  store.put(KEY, undefined)
  expect(await current()).toBeUndefined()
  await settled()
  expect(await store.load(KEY)).toEqual({ generation: 2 })
})

test('a refresh on request says that they are not stored, and they are before the process ends', async () => {
  const { store, tokens, stored } = setUp()
  store.failReplace(locked(), locked())
  expect(await codeOf(tokens.refreshNow())).toBe('database_locked')
  await tokens.idle(1_000)
  expect(await stored()).toBe('refresh-2')
})

test('a process that ends while they cannot be stored goes all the same', async () => {
  const { clock, store, tokens, current } = setUp()
  store.failReplace(...Array.from({ length: 20 }, locked))
  await current()
  const ended = tokens.idle(1_000)
  await clock.whenSleeping(2)
  clock.advance(1_000)
  await ended
})
