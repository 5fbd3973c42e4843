// A refresh that brings the next refresh token, but no bearer: it is stored at once, whatever becomes of the rest.
import { expect, test } from 'vitest'
import { createTokens } from '../../../../src/auth/tokens/tokens.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { Challenge, TokenSet } from '../../../../src/records.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const CHALLENGE: Challenge = { status: 401 }
const HOUR = 3_600_000

const OLD: TokenSet = {
  ...{ issuer: 'https://as.example', clientId: 'client', redirectUri: 'http://localhost:8080/auth/callback' },
  ...{ accessToken: 'one', refreshToken: 'refresh-1', obtainedAt: NOON, expiresAt: NOON + HOUR },
}
const busy = () => new BridgeError('authorization_server_error')
const missing = () => new BridgeError('id_token_missing', { details: { refused: true } })

/** A server that keeps a family of refresh tokens; `then`: what follows the next refresh token. */
function setUp(then: () => TokenSet | BridgeError | Promise<TokenSet | BridgeError>) {
  const store = createFakeTokenStore()
  store.put(KEY, OLD)
  const clock = createFakeClock()
  const leases = createFakeLeases()
  const sent: string[] = []
  const asked: Challenge[] = []
  const open = () =>
    createTokens({
      ...{ key: KEY, store, leases, clock, log: createFakeLogger(), mode: 'auto', strategy: 'auto' },
      refresh: async () => async (old, keep) => {
        sent.push(old.refreshToken)
        const next = `refresh-${sent.length + 1}`
        if (old.refreshToken !== `refresh-${sent.length}`) return 'rejected'
        const answer = await then()
        if (!(answer instanceof BridgeError)) return { ...answer, refreshToken: next }
        await keep({ ...old, refreshToken: next })
        throw answer
      },
      requestSignIn: async (challenge) => {
        asked.push(challenge)
        store.put(KEY, { ...OLD, accessToken: 'signed-in' })
      },
    })
  return { store, clock, sent, asked, open, tokens: open() }
}

test('a failure that may pass costs nothing: the next call goes on with the refresh token that came', async () => {
  let answer: TokenSet | BridgeError = busy()
  const { tokens, store, sent, asked } = setUp(() => answer)
  expect(await codeOf(tokens.renew('one', CHALLENGE, 'call'))).toBe('authorization_server_error')
  expect(await store.load(KEY)).toMatchObject({ tokens: { ...OLD, refreshToken: 'refresh-2' } })
  answer = { ...OLD, accessToken: 'two' }
  await tokens.renew('one', CHALLENGE, 'call')
  expect((await tokens.current())?.accessToken).toBe('two')
  expect([sent, asked]).toEqual([['refresh-1', 'refresh-2'], []])
})

test('a process that has waited meanwhile refreshes with it, and asks nobody to sign in', async () => {
  const gate = createGate<BridgeError>()
  const answers = [gate.passed, { ...OLD, accessToken: 'two' }]
  const { open, sent, asked } = setUp(() => answers.shift() ?? busy())
  const first = codeOf(open().renew('one', CHALLENGE, 'call'))
  const other = open()
  const second = other.renew('one', CHALLENGE, 'call')
  await settled()
  gate.open(busy())
  expect(await first).toBe('authorization_server_error')
  await second
  expect((await other.current())?.accessToken).toBe('two')
  expect([sent, asked]).toEqual([['refresh-1', 'refresh-2'], []])
})

test('a bearer that does not come leads a call to a sign-in, once, and is not called a refused refresh token', async () => {
  const { tokens, store, sent, asked } = setUp(missing)
  expect(await codeOf(tokens.renew('one', CHALLENGE, 'start'))).toBe('not_signed_in')
  const { tokens: kept, lastError, lastErrorCode } = await store.load(KEY)
  expect([kept?.refreshToken, lastErrorCode]).toEqual(['refresh-2', 'token_expired'])
  expect(lastError).not.toContain('refused')
  await tokens.renew('one', CHALLENGE, 'call')
  expect((await tokens.current())?.accessToken).toBe('signed-in')
  expect([sent, asked]).toEqual([['refresh-1'], [CHALLENGE]])
})

test('a bearer that does not come while the one before lives costs nothing, and is asked for once', async () => {
  const { tokens, clock, store, sent } = setUp(missing)
  clock.advance(HOUR * 0.9)
  for (let call = 0; call < 3; call++) {
    expect((await tokens.current())?.accessToken).toBe('one')
    await settled()
  }
  expect(sent).toEqual(['refresh-1'])
  expect(await store.load(KEY)).toMatchObject({ lastErrorCode: 'refresh_token_missing' })
})

test('who has signed in meanwhile keeps that', async () => {
  const gate = createGate<BridgeError>()
  const { tokens, store } = setUp(() => gate.passed)
  const renewing = tokens.renew('one', CHALLENGE, 'call')
  await settled()
  store.put(KEY, { ...OLD, accessToken: 'sibling', refreshToken: 'of-sibling' })
  gate.open(missing())
  await renewing
  expect(await store.load(KEY)).toMatchObject({ tokens: { accessToken: 'sibling', refreshToken: 'of-sibling' } })
  expect((await store.load(KEY)).lastError).toBeUndefined()
})

test('a database that is busy for a moment does not lose it', async () => {
  const { tokens, clock, store, sent, asked } = setUp(busy)
  store.failReplace(new BridgeError('database_locked'), new BridgeError('database_locked'))
  expect(await codeOf(tokens.renew('one', CHALLENGE, 'call'))).toBe('database_locked')
  expect(await codeOf(tokens.renew('one', CHALLENGE, 'call'))).toBe('database_locked')
  await clock.whenSleeping(1)
  clock.advance(1_000)
  await settled()
  expect((await store.load(KEY)).tokens?.refreshToken).toBe('refresh-2')
  await codeOf(tokens.renew('one', CHALLENGE, 'call'))
  expect([sent, asked]).toEqual([['refresh-1', 'refresh-2'], []])
})

test('a server that gives the living bearer again is asked once, by whichever of five processes', async () => {
  const gate = createGate<void>()
  const { clock, store, sent, open } = setUp(async () => {
    await gate.passed
    return { ...OLD, obtainedAt: clock.now(), expiresAt: clock.now() + HOUR }
  })
  clock.advance(HOUR * 0.9)
  for (const process of [open(), open(), open(), open(), open()])
    expect((await process.current())?.accessToken).toBe('one')
  await settled()
  gate.open()
  await settled()
  expect(sent).toEqual(['refresh-1'])
  expect((await store.load(KEY)).tokens).toMatchObject({ accessToken: 'one', refreshToken: 'refresh-2' })
})
