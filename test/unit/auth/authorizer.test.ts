// The headers of each request, and what a challenge leads to.
import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import { type AuthorizerOptions, createAuthorizer } from '../../../src/auth/authorizer.ts'
import { newDpopKey } from '../../../src/auth/oauth/dpop.ts'
import type { Tokens } from '../../../src/auth/tokens/tokens.ts'
import type { Cause } from '../../../src/ports.ts'
import type { Challenge, TokenSet } from '../../../src/records.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { createFakeLogger } from '../../fakes/fakeLogger.ts'
import { errorOf } from '../../fakes/thrown.ts'

const tokenSet = (accessToken: string): TokenSet => ({
  issuer: 'https://as.example',
  clientId: 'client',
  redirectUri: 'http://localhost:8080/auth/callback',
  accessToken,
  obtainedAt: 0,
  user: { issuer: 'https://as.example', subject: 'ada', claims: { email: 'ada@example.com' } },
})

const URL_1 = new URL('https://mcp.example/mcp')

function setUp(first: TokenSet | undefined, options: Partial<AuthorizerOptions> = {}) {
  let current = first
  const renewals: { rejected: string | undefined; challenge: Challenge; cause: Cause }[] = []
  const stepUps: { refused: string | undefined; scope: string; cause: Cause }[] = []
  const tokens: Tokens = {
    current: async () => current,
    async renew(rejected, challenge, cause) {
      renewals.push({ rejected, challenge, cause })
    },
    async stepUp(refused, scope, _challenge, cause) {
      stepUps.push({ refused, scope, cause })
    },
    refused: async () => undefined,
    stored: async () => current,
    refreshNow: async () => current,
    idle: async () => undefined,
  }
  const authorizer = createAuthorizer({
    tokens,
    userHeaders: { 'X-User-Id': 'sub', 'X-User-Email': 'email' },
    headers: {},
    forward: ['Authorization', 'X-User-*'],
    blocked: [],
    log: createFakeLogger(),
    clock: createFakeClock(),
    ...options,
  })
  const become = (next: TokenSet | undefined) => {
    current = next
  }
  return { authorizer, renewals, stepUps, become }
}

describe('the headers', () => {
  test('are the bearer and the user', async () => {
    const { authorizer } = setUp(tokenSet('one'))
    expect(await authorizer.headers('POST', URL_1)).toEqual({
      authorization: 'Bearer one',
      'X-User-Id': 'ada',
      'X-User-Email': 'ada@example.com',
    })
  })

  test('change with the token', async () => {
    const { authorizer, become } = setUp(tokenSet('one'))
    await authorizer.headers('POST', URL_1)
    become(tokenSet('two'))
    expect((await authorizer.headers('POST', URL_1)).authorization).toBe('Bearer two')
    become(undefined)
    expect(await authorizer.headers('POST', URL_1)).toEqual({})
  })

  test('are only the configured ones while nobody is signed in', async () => {
    const { authorizer } = setUp(undefined, { headers: { 'X-Api-Key': 'k', Authorization: 'Basic x' } })
    expect(await authorizer.headers('POST', URL_1)).toEqual({ 'X-Api-Key': 'k', Authorization: 'Basic x' })
  })

  test('of a person are never sent beside ours of the same name, whatever the case', async () => {
    const { authorizer } = setUp(tokenSet('one'), {
      headers: { AUTHORIZATION: 'Basic x', 'x-user-id': 'root', 'X-Team': 'core' },
    })
    expect(await authorizer.headers('POST', URL_1)).toEqual({
      authorization: 'Bearer one',
      'X-User-Id': 'ada',
      'X-User-Email': 'ada@example.com',
      'X-Team': 'core',
    })
  })

  test('exclude those that must not be forwarded', async () => {
    const { authorizer } = setUp(tokenSet('one'), { forward: ['authorization'], headers: { 'X-Team': 'core' } })
    expect(await authorizer.headers('POST', URL_1)).toEqual({ authorization: 'Bearer one', 'X-Team': 'core' })
  })

  test('exclude those that are blocked, whoever set them', async () => {
    const { authorizer } = setUp(tokenSet('one'), { blocked: ['x-*'], headers: { 'X-Team': 'core', Accept: 'a' } })
    expect(await authorizer.headers('POST', URL_1)).toEqual({ authorization: 'Bearer one', Accept: 'a' })
  })

  test('exclude those that are blocked also while nobody is signed in', async () => {
    const { authorizer } = setUp(undefined, { blocked: ['X-Team'], headers: { 'x-team': 'core' } })
    expect(await authorizer.headers('POST', URL_1)).toEqual({})
  })
})

describe('a challenge', () => {
  test('with 401 renews the token that was refused', async () => {
    const { authorizer, renewals } = setUp(tokenSet('two'))
    const headers = { 'www-authenticate': 'Bearer scope="a", resource_metadata="https://mcp.example/prm"' }
    await authorizer.onChallenge({ status: 401, headers }, { authorization: 'Bearer one' }, 'call')
    expect(renewals).toEqual([
      {
        rejected: 'one',
        challenge: { status: 401, scope: 'a', resourceMetadata: 'https://mcp.example/prm' },
        cause: 'call',
      },
    ])
  })

  test('with 401 to a request without a token renews nothing in particular', async () => {
    const { authorizer, renewals } = setUp(undefined)
    await authorizer.onChallenge({ status: 401, headers: {} }, {}, 'start')
    expect(renewals).toEqual([{ rejected: undefined, challenge: { status: 401 }, cause: 'start' }])
  })

  test('with 403 insufficient_scope steps up to the scope it names', async () => {
    const { authorizer, renewals, stepUps } = setUp(tokenSet('one'))
    const headers = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="files:write"' }
    await authorizer.onChallenge({ status: 403, headers }, { authorization: 'Bearer one' }, 'call')
    expect(stepUps).toEqual([{ refused: 'one', scope: 'files:write', cause: 'call' }])
    expect(renewals).toEqual([])
  })

  test('with 403 insufficient_scope and no scope starts nothing', async () => {
    const { authorizer, stepUps } = setUp(tokenSet('one'))
    const headers = { 'www-authenticate': 'Bearer error="insufficient_scope"' }
    const error = await errorOf(authorizer.onChallenge({ status: 403, headers }, {}, 'call'))
    expect(error.code).toBe('insufficient_scope')
    expect(error.hint).toMatch(/^Ask the server’s owner which scope/)
    expect(stepUps).toEqual([])
  })

  test('with 403 and another error is forbidden', async () => {
    const { authorizer, renewals } = setUp(tokenSet('one'))
    const headers = { 'www-authenticate': 'Bearer error="invalid_token"' }
    expect((await errorOf(authorizer.onChallenge({ status: 403, headers }, {}, 'call'))).code).toBe('forbidden')
    expect(renewals).toEqual([])
  })
})

describe('a token that is bound to a key', () => {
  const dpopKey = newDpopKey()
  const bound = (accessToken: string): TokenSet => ({ ...tokenSet(accessToken), dpopKey })
  const nonceOf = (headers: Readonly<Record<string, string>>) => decodeJwt(headers.dpop ?? '').nonce

  test('is sent as DPoP with a proof for this method and address', async () => {
    const { authorizer } = setUp(bound('one'))
    const headers = await authorizer.headers('DELETE', URL_1)
    expect(headers.authorization).toBe('DPoP one')
    expect(decodeJwt(headers.dpop ?? '')).toMatchObject({ htm: 'DELETE', htu: 'https://mcp.example/mcp' })
    expect((await authorizer.headers('DELETE', URL_1)).dpop).not.toBe(headers.dpop)
    const elsewhere = await authorizer.headers('POST', new URL('https://mcp.example/messages?id=1'))
    expect(decodeJwt(elsewhere.dpop ?? '')).toMatchObject({ htm: 'POST', htu: 'https://mcp.example/messages' })
  })

  test('has the newest nonce in its next proof; only a refusal for a missing nonce asks for another try', async () => {
    const { authorizer } = setUp(bound('one'))
    await authorizer.headers('POST', URL_1)
    const refusal = { 'www-authenticate': 'DPoP error="use_dpop_nonce"' }
    expect(await authorizer.onNonce({ status: 401, headers: { ...refusal, 'dpop-nonce': 'n1' } })).toBe('again')
    expect(nonceOf(await authorizer.headers('POST', URL_1))).toBe('n1')
    expect(await authorizer.onNonce({ status: 200, headers: { 'dpop-nonce': 'n2' } })).toBeUndefined()
    expect(nonceOf(await authorizer.headers('POST', URL_1))).toBe('n2')
    expect(await authorizer.onNonce({ status: 401, headers: { ...refusal, 'dpop-nonce': 'n2' } })).toBe('again')
    expect(await authorizer.onNonce({ status: 401, headers: { ...refusal, 'dpop-nonce': 'a\r\nb' } })).toBeUndefined()
    expect(nonceOf(await authorizer.headers('POST', URL_1))).toBe('n2')
  })

  test('sends no proof if Authorization is blocked', async () => {
    const { authorizer } = setUp(bound('one'), { blocked: ['authorization'] })
    expect(await authorizer.headers('POST', URL_1)).not.toHaveProperty('dpop')
  })

  test('that is refused is named without its scheme', async () => {
    const { authorizer, renewals } = setUp(bound('one'))
    await authorizer.onChallenge({ status: 401, headers: {} }, await authorizer.headers('POST', URL_1), 'call')
    expect(renewals).toMatchObject([{ rejected: 'one' }])
  })
})

test('a bearer asks for no nonce, whatever the server says', async () => {
  const { authorizer } = setUp(tokenSet('one'))
  await authorizer.headers('POST', URL_1)
  const headers = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n1' }
  expect(await authorizer.onNonce({ status: 401, headers })).toBeUndefined()
})
