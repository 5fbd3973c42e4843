// Reuse, refresh, ask for a sign-in: once for all, and never at the cost of what a sibling stored.
import { describe, expect, test } from 'vitest'
import { tokenLease } from '../../../../src/auth/tokens/coordinatedRefresh.ts'
import { createTokens, type TokensOptions } from '../../../../src/auth/tokens/tokens.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { Cause, MaybePromise } from '../../../../src/ports.ts'
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

const tokenSet = (name: string, more: Partial<TokenSet> = {}): TokenSet => ({
  issuer: 'https://as.example',
  clientId: 'client',
  redirectUri: 'http://localhost:8080/auth/callback',
  accessToken: name,
  refreshToken: `refresh-${name}`,
  obtainedAt: NOON,
  expiresAt: NOON + HOUR,
  ...more,
})

interface SetUp extends Partial<Pick<TokensOptions, 'mode' | 'strategy'>> {
  readonly stored?: TokenSet
  readonly refresh?: (tokens: TokenSet) => Promise<TokenSet | 'rejected'>
  readonly signIn?: () => void | Promise<void>
  readonly before?: () => void
}

function setUp({ stored, refresh, signIn, before, mode = 'auto', strategy = 'auto' }: SetUp = {}) {
  const store = createFakeTokenStore()
  if (stored) store.put(KEY, stored)
  const clock = createFakeClock()
  const log = createFakeLogger()
  const leases = createFakeLeases(before)
  const refreshed: string[] = []
  const asked: Challenge[] = []
  const over: boolean[] = []
  const tokens = createTokens({
    key: KEY,
    store,
    leases,
    clock,
    log,
    strategy,
    mode,
    refresh: async () => async (old) => {
      refreshed.push(old.accessToken)
      return refresh
        ? refresh(old)
        : tokenSet(`${old.accessToken}+`, { obtainedAt: clock.now(), expiresAt: clock.now() + HOUR })
    },
    requestSignIn: async (challenge, _cause, isOver) => {
      asked.push(challenge)
      over.push(await isOver())
      await signIn?.()
      over.push(await isOver())
    },
  })
  return { tokens, store, clock, log, leases, refreshed, asked, over }
}

const name = async (work: MaybePromise<TokenSet | undefined>) => (await work)?.accessToken

describe('the current token set', () => {
  test('is empty if nobody is signed in', async () => {
    expect(await setUp().tokens.current()).toBeUndefined()
  })

  test('is read once and reused while it is fresh', async () => {
    const { tokens, store, clock, refreshed } = setUp({ stored: tokenSet('one') })
    for (let call = 0; call < 5; call++) expect(await name(tokens.current())).toBe('one')
    clock.advance(HOUR * 0.79)
    expect(await name(tokens.current())).toBe('one')
    expect(store.loads).toBe(1)
    expect(refreshed).toEqual([])
  })

  test('whoever is asked to sign in can tell whether another process has done it in the meantime', async () => {
    const { tokens, store, over } = setUp({ signIn: () => void store.put(KEY, tokenSet('sibling')) })
    await tokens.renew(undefined, { status: 401 }, 'call')
    expect(over).toEqual([false, true])
    const refused = setUp()
    await refused.tokens.renew(undefined, { status: 401 }, 'call')
    expect(refused.over).toEqual([false, false])
  })

  test('is found when another process signs in later', async () => {
    const { tokens, store } = setUp()
    expect(await tokens.current()).toBeUndefined()
    store.put(KEY, tokenSet('sibling'))
    expect(await name(tokens.current())).toBe('sibling')
  })

  test('is refreshed in the background near its expiry, while requests go on with it', async () => {
    const gate = createGate<TokenSet>()
    const { tokens, clock, refreshed } = setUp({ stored: tokenSet('one'), refresh: () => gate.passed })
    await tokens.current()
    clock.advance(HOUR * 0.86)
    expect(await name(tokens.current())).toBe('one')
    expect(await name(tokens.current())).toBe('one')
    await settled()
    expect(refreshed).toEqual(['one'])
    gate.open(tokenSet('two', { obtainedAt: clock.now(), expiresAt: clock.now() + HOUR }))
    await settled()
    expect(await name(tokens.current())).toBe('two')
  })

  test('survives a background refresh that fails', async () => {
    const { tokens, clock, store, log } = setUp({
      stored: tokenSet('one'),
      refresh: () => Promise.reject(new BridgeError('authorization_server_error')),
    })
    clock.advance(HOUR * 0.9)
    expect(await name(tokens.current())).toBe('one')
    await settled()
    expect((await store.load(KEY)).tokens?.accessToken).toBe('one')
    expect(log.entries).toMatchObject([{ event: 'oauth:refresh', fields: { outcome: 'postponed' } }])
  })

  test('is waited for once it has expired', async () => {
    const gate = createGate<TokenSet>()
    const { tokens, clock } = setUp({ stored: tokenSet('one'), refresh: () => gate.passed })
    clock.advance(HOUR)
    let answered = false
    const current = Promise.resolve(tokens.current()).finally(() => {
      answered = true
    })
    await settled()
    expect(answered).toBe(false)
    gate.open(tokenSet('two'))
    expect(await name(current)).toBe('two')
  })

  test('that expired and cannot be refreshed now is an error, and stays', async () => {
    const { tokens, clock, store } = setUp({
      stored: tokenSet('one'),
      refresh: () => Promise.reject(new BridgeError('authorization_server_unreachable')),
    })
    clock.advance(2 * HOUR)
    expect(await codeOf(async () => tokens.current())).toBe('authorization_server_unreachable')
    expect((await store.load(KEY)).tokens?.accessToken).toBe('one')
    expect(store.removals).toEqual([])
  })

  test('that expired and whose refresh token is refused is empty', async () => {
    const { tokens, clock } = setUp({ stored: tokenSet('one'), refresh: async () => 'rejected' })
    clock.advance(2 * HOUR)
    expect(await tokens.current()).toBeUndefined()
  })

  test.each([
    ['the strategy is none', { strategy: 'none' as const }],
    ['the strategy is to sign in again', { strategy: 'reauthorize' as const }],
  ])('is never refreshed if %s', async (_, options) => {
    const { tokens, clock, refreshed } = setUp({ stored: tokenSet('one'), ...options })
    clock.advance(2 * HOUR)
    expect(await name(tokens.current())).toBe('one')
    expect(refreshed).toEqual([])
  })

  test('without a known expiry is used until the server refuses it', async () => {
    const { expiresAt: _, ...endless } = tokenSet('one')
    const { tokens, clock, refreshed } = setUp({ stored: endless })
    clock.advance(1_000 * HOUR)
    expect(await name(tokens.current())).toBe('one')
    expect(refreshed).toEqual([])
  })
})

describe('one refresh for all', () => {
  test('50 concurrent callers with an expired token', async () => {
    const { tokens, clock, refreshed } = setUp({ stored: tokenSet('one') })
    clock.advance(2 * HOUR)
    const names = await Promise.all(Array.from({ length: 50 }, () => name(tokens.current())))
    expect(new Set(names)).toEqual(new Set(['one+']))
    expect(refreshed).toEqual(['one'])
  })

  test('50 concurrent requests whose token was refused', async () => {
    const { tokens, refreshed, asked } = setUp({ stored: tokenSet('one') })
    await Promise.all(Array.from({ length: 50 }, () => tokens.renew('one', CHALLENGE, 'call')))
    expect(await name(tokens.current())).toBe('one+')
    expect(refreshed).toEqual(['one'])
    expect(asked).toEqual([])
  })

  test('is skipped if another process has stored a newer generation when the lease is obtained', async () => {
    let sibling = () => {}
    const { tokens, store, refreshed } = setUp({ stored: tokenSet('one'), before: () => sibling() })
    sibling = () => void store.put(KEY, tokenSet('sibling'))
    await tokens.renew('one', CHALLENGE, 'call')
    expect(await name(tokens.current())).toBe('sibling')
    expect(refreshed).toEqual([])
  })

  test('needs no lease if another process has already stored a token', async () => {
    const { tokens, store, leases } = setUp({ stored: tokenSet('one') })
    await tokens.current()
    store.put(KEY, tokenSet('sibling'))
    await tokens.renew('one', CHALLENGE, 'call')
    expect(leases.names).toEqual([])
    expect(await name(tokens.current())).toBe('sibling')
  })

  test('a sign-in during the refresh overrides its result', async () => {
    const gate = createGate<TokenSet>()
    const { tokens, store } = setUp({ stored: tokenSet('one'), refresh: () => gate.passed })
    const renewing = tokens.renew('one', CHALLENGE, 'call')
    await settled()
    store.put(KEY, tokenSet('signed in again'))
    gate.open(tokenSet('refreshed'))
    await renewing
    expect(await name(tokens.current())).toBe('signed in again')
  })

  test('runs under the lease of server and profile', async () => {
    const { tokens, leases } = setUp({ stored: tokenSet('one') })
    await tokens.refreshNow()
    expect(leases.names).toEqual([tokenLease(KEY)])
  })
})

describe('a refresh token that is refused', () => {
  test('removes that generation, and a sign-in is requested', async () => {
    const { tokens, store, asked } = setUp({ stored: tokenSet('one'), refresh: async () => 'rejected' })
    await tokens.renew('one', CHALLENGE, 'call')
    expect(store.removals).toEqual([{ generation: 1, reason: 'The authorization server refused the refresh token.' }])
    expect(asked).toEqual([CHALLENGE])
  })

  test('does not remove what another process stored meanwhile', async () => {
    const gate = createGate<'rejected'>()
    const { tokens, store, asked } = setUp({ stored: tokenSet('one'), refresh: () => gate.passed })
    const renewing = tokens.renew('one', CHALLENGE, 'call')
    await settled()
    store.put(KEY, tokenSet('sibling'))
    gate.open('rejected')
    await renewing
    expect(await name(tokens.current())).toBe('sibling')
    expect([store.removals, asked]).toEqual([[], []])
  })
})

describe('requesting a sign-in', () => {
  test('happens once for all, and the new tokens are used', async () => {
    const gate = createGate()
    const { tokens, store, asked } = setUp({ signIn: () => gate.passed })
    const all = Promise.all(Array.from({ length: 20 }, () => tokens.renew(undefined, CHALLENGE, 'call')))
    await settled()
    store.put(KEY, tokenSet('new'))
    gate.open()
    await all
    expect(asked).toHaveLength(1)
    expect(await name(tokens.current())).toBe('new')
  })

  test('that failed is tried again by the next request', async () => {
    let tries = 0
    const { tokens, asked } = setUp({
      signIn: () => {
        if (++tries === 1) throw new BridgeError('access_denied')
      },
    })
    expect(await codeOf(tokens.renew(undefined, CHALLENGE, 'call'))).toBe('access_denied')
    await tokens.renew(undefined, CHALLENGE, 'call')
    expect(asked).toHaveLength(2)
  })

  test('happens when there is no refresh token', async () => {
    const { refreshToken: _, ...bare } = tokenSet('one')
    const { tokens, refreshed, asked } = setUp({ stored: bare })
    await tokens.renew('one', CHALLENGE, 'call')
    expect([refreshed, asked.length]).toEqual([[], 1])
  })

  test('does not happen because the authorization server is down', async () => {
    const { tokens, asked } = setUp({
      stored: tokenSet('one'),
      refresh: () => Promise.reject(new BridgeError('authorization_server_unreachable')),
    })
    expect(await codeOf(tokens.renew('one', CHALLENGE, 'call'))).toBe('authorization_server_unreachable')
    expect(asked).toEqual([])
  })

  test.each([
    ['auto', 'start', true],
    ['auto', 'call', true],
    ['auto', 'background', false],
    ['on-call', 'start', false],
    ['on-call', 'call', true],
    ['on-call', 'background', false],
    ['never', 'start', false],
    ['never', 'call', false],
    ['never', 'background', false],
  ] as const)('in mode %s because of a %s: %s', async (mode, cause: Cause, expected) => {
    const { tokens, asked } = setUp({ mode })
    const outcome = tokens.renew(undefined, CHALLENGE, cause)
    if (expected) await outcome
    else expect(await codeOf(outcome)).toBe('not_signed_in')
    expect(asked).toHaveLength(expected ? 1 : 0)
  })

  test.each(['start', 'background', 'call'] as const)(
    'is not needed where a refresh helps, mode never and cause %s',
    async (cause) => {
      const { tokens } = setUp({ stored: tokenSet('one'), mode: 'never' })
      await tokens.renew('one', CHALLENGE, cause)
      expect(await name(tokens.current())).toBe('one+')
    },
  )
})

describe('a person who was signed in before', () => {
  const signedOut = async (mode: TokensOptions['mode']) => {
    const { tokens, asked, clock } = setUp({ stored: tokenSet('one'), refresh: async () => 'rejected', mode })
    clock.advance(2 * HOUR)
    await tokens.refreshNow()
    return { tokens, asked }
  }

  test.each(['auto', 'on-call'] as const)('gets no tab at the start, in mode %s, but the reason', async (mode) => {
    const { tokens, asked } = await signedOut(mode)
    const error = await errorOf(tokens.renew(undefined, CHALLENGE, 'start'))
    expect(error.code).toBe('not_signed_in')
    expect(error.message).toContain('refused the refresh token')
    expect(asked).toEqual([])
  })

  test('gets a tab for a call', async () => {
    const { tokens, asked } = await signedOut('auto')
    await tokens.renew(undefined, CHALLENGE, 'call')
    expect(asked).toEqual([CHALLENGE])
  })

  test('gets the reason if an earlier refresh was interrupted before its answer was stored', async () => {
    const { tokens, store, clock } = setUp({ stored: tokenSet('one'), refresh: async () => 'rejected' })
    clock.advance(2 * HOUR)
    await store.spend(KEY, 1)
    await tokens.refreshNow()
    expect(store.removals[0]?.reason).toContain('interrupted')
  })
})

describe('a refresh on request', () => {
  test('happens whatever the expiry', async () => {
    const { tokens } = setUp({ stored: tokenSet('one') })
    expect(await name(tokens.refreshNow())).toBe('one+')
  })

  test('returns nothing if there is no refresh token', async () => {
    const { refreshToken: _, ...bare } = tokenSet('one')
    expect(await setUp().tokens.refreshNow()).toBeUndefined()
    expect(await setUp({ stored: bare }).tokens.refreshNow()).toBeUndefined()
    expect(
      await setUp({ stored: tokenSet('one'), refresh: async () => 'rejected' }).tokens.refreshNow(),
    ).toBeUndefined()
  })
})
