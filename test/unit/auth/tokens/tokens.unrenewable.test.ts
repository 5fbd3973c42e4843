// A refresh that is refused for good, by whatever name: the tokens stay until somebody signs in, a call leads to a sign-in, and nothing is asked without end.
import { describe, expect, test } from 'vitest'
import { createTokens, type TokensOptions } from '../../../../src/auth/tokens/tokens.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { Challenge, TokenSet } from '../../../../src/records.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const CHALLENGE: Challenge = { status: 401 }
const HOUR = 3_600_000

const tokenSet = (accessToken: string): TokenSet => ({
  ...{ issuer: 'https://as.example', clientId: 'client', redirectUri: 'http://localhost:8080/auth/callback' },
  ...{ accessToken, refreshToken: `refresh-${accessToken}`, obtainedAt: NOON, expiresAt: NOON + HOUR },
})

type Answer = TokenSet | 'rejected' | BridgeError

const dead = () =>
  new BridgeError('login_failed', {
    message: 'The authorization server "https://as.example" says "invalid_request: refresh_token is invalid".',
    details: { refused: true },
  })

/** One store; each process of `open` refreshes with `answer`. */
function setUp(answer: () => Answer | Promise<Answer> = dead) {
  const store = createFakeTokenStore()
  store.put(KEY, tokenSet('one'))
  const clock = createFakeClock()
  const log = createFakeLogger()
  const leases = createFakeLeases()
  const refreshed: string[] = []
  const asked: Challenge[] = []
  const open = (mode: TokensOptions['mode'] = 'auto') =>
    createTokens({
      ...{ key: KEY, store, leases, clock, log, mode, strategy: 'auto' },
      refresh: async () => async (old) => {
        refreshed.push(old.accessToken)
        const given = await answer()
        if (given instanceof BridgeError) throw given
        return given
      },
      requestSignIn: async (challenge) => {
        asked.push(challenge)
        store.put(KEY, tokenSet(`signed-in-${asked.length}`))
      },
    })
  return { store, clock, log, refreshed, asked, open, tokens: open() }
}

describe('when the server refused the access token too', () => {
  test.each(['call', 'signIn'] as const)('a %s leads to a sign-in', async (cause) => {
    const { tokens, asked, refreshed } = setUp()
    await tokens.renew('one', CHALLENGE, cause)
    expect((await tokens.current())?.accessToken).toBe('signed-in-1')
    expect([asked, refreshed]).toEqual([[CHALLENGE], ['one']])
  })

  test.each(['start', 'background'] as const)('a %s gets an error that says why, and asks nobody', async (cause) => {
    const { tokens, asked } = setUp()
    const error = await errorOf(tokens.renew('one', CHALLENGE, cause))
    expect(error.code).toBe('not_signed_in')
    expect(error.message).toContain('refresh_token is invalid')
    expect(asked).toEqual([])
  })

  test('the tokens stay until the sign-in is done, and count as ended', async () => {
    const { tokens, store } = setUp()
    await codeOf(tokens.renew('one', CHALLENGE, 'start'))
    const { tokens: kept, lastError, lastErrorCode } = await store.load(KEY)
    expect([kept?.accessToken, lastErrorCode]).toEqual(['one', 'token_expired'])
    expect(lastError).toContain('The refresh token was refused.')
    expect(store.removals).toEqual([])
  })

  test('mode never asks nobody', async () => {
    const { open, asked } = setUp()
    expect(await codeOf(open('never').renew('one', CHALLENGE, 'call'))).toBe('not_signed_in')
    expect(asked).toEqual([])
  })

  test('the same process does not spend the refresh token again', async () => {
    const { tokens, refreshed } = setUp()
    for (const cause of ['start', 'background', 'start', 'background'] as const)
      await codeOf(tokens.renew('one', CHALLENGE, cause))
    expect(refreshed).toEqual(['one'])
  })

  test('another process asks once more before it asks a person, because a refusal may have passed', async () => {
    let answer: () => Answer = dead
    const { tokens, open, refreshed, asked } = setUp(() => answer())
    await codeOf(tokens.renew('one', CHALLENGE, 'start'))
    answer = () => tokenSet('healed')
    const other = open()
    await codeOf(other.renew('one', CHALLENGE, 'background'))
    expect(refreshed).toEqual(['one'])
    await other.renew('one', CHALLENGE, 'call')
    expect((await other.current())?.accessToken).toBe('healed')
    expect([refreshed, asked]).toEqual([['one', 'one'], []])
  })

  test('of ten processes that see it at the same time, one asks', async () => {
    const gate = createGate<Answer>()
    const { open, refreshed } = setUp(() => gate.passed)
    const all = Promise.all(Array.from({ length: 10 }, () => codeOf(open().renew('one', CHALLENGE, 'start'))))
    await settled()
    gate.open(dead())
    expect(new Set(await all)).toEqual(new Set(['not_signed_in']))
    expect(refreshed).toEqual(['one'])
  })

  test('what a sibling stored meanwhile is not touched', async () => {
    const gate = createGate<Answer>()
    const { tokens, store, asked } = setUp(() => gate.passed)
    const renewing = tokens.renew('one', CHALLENGE, 'call')
    await settled()
    store.put(KEY, tokenSet('sibling'))
    gate.open(dead())
    await renewing
    expect(await store.load(KEY)).toMatchObject({ tokens: { accessToken: 'sibling' } })
    expect((await store.load(KEY)).lastError).toBeUndefined()
    expect(asked).toEqual([])
  })

  test('a client that is not known here any more leads to a sign-in too', async () => {
    const { tokens, asked } = setUp(() => new BridgeError('invalid_client'))
    await tokens.renew('one', CHALLENGE, 'call')
    expect(asked).toEqual([CHALLENGE])
  })

  test.each([
    'authorization_server_error',
    'authorization_server_unreachable',
    'tls_failed',
    'redirect_refused',
  ] as const)('%s leads to no sign-in and is not recorded: the next call asks again', async (code) => {
    const { tokens, store, asked, refreshed } = setUp(() => new BridgeError(code))
    expect(await codeOf(tokens.renew('one', CHALLENGE, 'call'))).toBe(code)
    expect(await codeOf(tokens.renew('one', CHALLENGE, 'call'))).toBe(code)
    expect((await store.load(KEY)).lastError).toBeUndefined()
    expect([asked, refreshed]).toEqual([[], ['one', 'one']])
  })
})

describe('while the access token is still taken', () => {
  test.each([
    ['invalid_grant', 'rejected' as const],
    ['another name', dead()],
  ])('a refresh that is refused by %s costs nothing, and is asked once', async (_, answer) => {
    const { tokens, store, clock, refreshed } = setUp(() => answer)
    clock.advance(HOUR * 0.9)
    for (let call = 0; call < 3; call++) {
      expect((await tokens.current())?.accessToken).toBe('one')
      await settled()
    }
    expect(refreshed).toEqual(['one'])
    expect(store.removals).toEqual([])
    expect(await store.load(KEY)).toMatchObject({ lastErrorCode: 'refresh_token_missing' })
  })

  test('its end is noticed when the server refuses it: a call leads to a sign-in without another refresh', async () => {
    const { tokens, clock, refreshed, asked } = setUp()
    clock.advance(HOUR * 0.9)
    await tokens.current()
    await settled()
    clock.advance(HOUR)
    expect((await tokens.current())?.accessToken).toBe('one')
    await tokens.renew('one', CHALLENGE, 'call')
    expect([asked.length, refreshed]).toEqual([1, ['one']])
  })

  test('a request in the background that the server refuses does not end it', async () => {
    const { tokens, store } = setUp(() => 'rejected')
    expect(await codeOf(tokens.renew('one', CHALLENGE, 'background'))).toBe('not_signed_in')
    expect(await store.load(KEY)).toMatchObject({
      tokens: { accessToken: 'one' },
      lastErrorCode: 'refresh_token_missing',
    })
    expect(store.removals).toEqual([])
  })

  test('a call ends it, also where the refusal was found in the background', async () => {
    const { tokens, store, open } = setUp()
    await codeOf(tokens.renew('one', CHALLENGE, 'background'))
    await codeOf(open('never').renew('one', CHALLENGE, 'call'))
    expect((await store.load(KEY)).lastErrorCode).toBe('token_expired')
  })
})

describe('a refresh on request', () => {
  test('that is refused again does not make an ended sign-in a good one', async () => {
    const { tokens, store } = setUp()
    await codeOf(tokens.renew('one', CHALLENGE, 'start'))
    expect(await tokens.refreshNow()).toBeUndefined()
    expect((await store.load(KEY)).lastErrorCode).toBe('token_expired')
  })

  test('asks again, and what it gets replaces the refusal', async () => {
    let answer: Answer = dead()
    const { tokens, store } = setUp(() => answer)
    expect(await tokens.refreshNow()).toBeUndefined()
    answer = tokenSet('two')
    expect((await tokens.refreshNow())?.accessToken).toBe('two')
    expect((await store.load(KEY)).lastError).toBeUndefined()
  })
})
