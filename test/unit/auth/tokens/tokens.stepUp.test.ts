// A token that holds too little: what was held and what is needed are asked for together, once (P21).
import { describe, expect, test } from 'vitest'
import { createTokens, type LoginMode } from '../../../../src/auth/tokens/tokens.ts'
import type { Cause } from '../../../../src/ports.ts'
import type { Challenge, TokenSet } from '../../../../src/records.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const CHALLENGE: Challenge = { status: 403, error: 'insufficient_scope' }

const tokenSet = (accessToken: string, more: Partial<TokenSet> = {}): TokenSet => ({
  issuer: 'https://as.example',
  clientId: 'client',
  redirectUri: 'http://localhost:8080/auth/callback',
  accessToken,
  obtainedAt: NOON,
  ...more,
})

/** `grant`: which of the scopes asked for the server gives; the person always agrees. */
function setUp(stored: TokenSet | undefined, mode: LoginMode = 'auto', grant = (asked: string) => asked) {
  const store = createFakeTokenStore()
  if (stored) store.put(KEY, stored)
  const asked: Challenge[] = []
  const tokens = createTokens({
    ...{ key: KEY, store, leases: createFakeLeases(), clock: createFakeClock(), log: createFakeLogger() },
    ...{ strategy: 'auto', mode, refresh: () => Promise.reject(new Error('not here')) },
    requestSignIn: async (challenge) => {
      asked.push(challenge)
      const requestedScope = challenge.scope ?? ''
      store.put(KEY, tokenSet(`token-${asked.length}`, { requestedScope, scope: grant(requestedScope) }))
    },
  })
  const stepUp = (refused: string, scope: string, cause: Cause = 'call') =>
    tokens.stepUp(refused, scope, { ...CHALLENGE, scope }, cause)
  return { store, tokens, asked, stepUp }
}

const held = tokenSet('one', { scope: 'a', requestedScope: 'a' })

describe('a scope that is missing', () => {
  test('is requested together with those that were requested before', async () => {
    const { asked, stepUp } = setUp(held)
    await stepUp('one', 'b')
    expect(asked).toEqual([{ ...CHALLENGE, scope: 'a b' }])
  })

  test('is not requested again when the server refuses it nevertheless', async () => {
    const { asked, stepUp } = setUp(held, 'auto', () => 'a')
    await stepUp('one', 'b')
    const error = await errorOf(stepUp('token-1', 'b'))
    expect(error.code).toBe('insufficient_scope')
    expect(error.message).toContain('"b"')
    expect(error.hint).toContain('mcp-oauth-bridge login --scope "a b" --force')
    expect(asked).toHaveLength(1)
  })

  test.each(['$(touch x)', '`x`', 'b"; x', 'b\\', '%PATH%', 'b!', 'b\nx'])('%j stands in no command', async (scope) => {
    const { stepUp } = setUp(held, 'never')
    const { hint } = await errorOf(stepUp('one', scope))
    expect(hint).toContain('login --scope "…" --force')
    expect(hint).not.toContain(scope)
  })

  test('does not make two calls that need different scopes replace each other’s tokens', async () => {
    const { asked, stepUp, store } = setUp(held)
    await stepUp('one', 'b')
    await stepUp('token-1', 'c')
    expect(asked.map(({ scope }) => scope)).toEqual(['a b', 'a b c'])
    expect((await store.load(KEY)).tokens?.scope).toBe('a b c')
  })

  test('is requested after the sign-in that another call waits for', async () => {
    const { asked, stepUp } = setUp(held)
    await Promise.all([stepUp('one', 'b'), stepUp('one', 'c')])
    expect(asked.map(({ scope }) => scope)).toEqual(['a b', 'a b c'])
  })

  test('was already requested by another process: its token is tried first', async () => {
    const { asked, stepUp, store } = setUp(held)
    store.put(KEY, tokenSet('sibling', { scope: 'a b', requestedScope: 'a b' }))
    await stepUp('one', 'b')
    expect(asked).toEqual([])
  })

  test.each([
    ['auto', 'start'],
    ['auto', 'background'],
    ['on-call', 'start'],
    ['never', 'call'],
  ] as const)('starts no sign-in in mode %s because of a %s', async (mode, cause) => {
    const { asked, stepUp } = setUp(held, mode)
    expect(await codeOf(stepUp('one', 'b', cause))).toBe('insufficient_scope')
    expect(asked).toEqual([])
  })

  test('with escape sequences is quoted in the error', async () => {
    const { stepUp } = setUp(held, 'never')
    expect((await errorOf(stepUp('one', 'b\u001b[31m'))).message).toContain('"b [31m"')
  })
})

describe('a sign-in after the tokens were lost', () => {
  test('requests what was requested before, in addition to what the challenge names', async () => {
    const { asked, tokens, store } = setUp(tokenSet('one', { scope: 'a b', requestedScope: 'a b' }))
    await store.remove(KEY, 1, 'The authorization server refused the refresh token.')
    await tokens.renew('one', { status: 401, scope: 'a' }, 'call')
    expect(asked).toEqual([{ status: 401, scope: 'a b' }])
  })

  test('starts without earlier scopes after a sign-out', async () => {
    const { asked, tokens, store } = setUp(tokenSet('one', { scope: 'a b', requestedScope: 'a b' }))
    await store.remove(KEY, 1)
    await tokens.renew('one', { status: 401, scope: 'a' }, 'call')
    expect(asked).toEqual([{ status: 401, scope: 'a' }])
  })
})
