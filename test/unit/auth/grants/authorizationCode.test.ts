// From an attempt to an authorization URL, and from its callback to stored tokens.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createClients } from '../../../../src/auth/client/clients.ts'
import {
  type AuthorizationCodeOptions,
  createAuthorizationCodeFlow,
} from '../../../../src/auth/grants/authorizationCode.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeCache, createFakeClientStore } from '../../../fakes/fakeCache.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, json } from '../../../fakes/fakeHttp.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const ISSUER = 'https://as.example'
const REDIRECT = 'http://localhost:8080/auth/callback'
const TOKENS = { access_token: 'access-1', token_type: 'bearer', refresh_token: 'refresh-1', expires_in: 3_600 }

function setUp(options: Partial<AuthorizationCodeOptions> = {}, token: () => HttpResponse = () => json(TOKENS)) {
  const clock = createFakeClock()
  const http = createFakeHttp({
    'https://mcp.example/.well-known/oauth-protected-resource/mcp': () =>
      json({ resource: KEY.server, authorization_servers: [ISSUER], scopes_supported: ['files'] }),
    [`${ISSUER}/.well-known/oauth-authorization-server`]: () =>
      json({
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/authorize`,
        token_endpoint: `${ISSUER}/token`,
        code_challenge_methods_supported: ['S256'],
        scopes_supported: ['files', 'offline_access'],
      }),
    [`${ISSUER}/token`]: token,
  })
  const attempts = createFakeAttemptStore(clock.now)
  const store = createFakeTokenStore()
  const clients = createClients({
    ...{ http, clients: createFakeClientStore(), cache: createFakeCache(), leases: createFakeLeases(), clock },
    ...{ allowHttp: false, timeoutMs: 1_000, configured: { clientId: 'client' }, rules: options.rules ?? (() => ({})) },
  })
  const login = createAuthorizationCodeFlow({
    ...{ http, clients, attempts, store, clock, log: createFakeLogger(), allowHttp: false, serverHeaders: {} },
    verifyTokens: async () => undefined,
    ...{
      issuer: undefined,
      scopes: undefined,
      resource: undefined,
      authorizeParameters: {},
      account: undefined,
      claims: [],
      bearer: 'access_token' as const,
      bounds: 'ours',
      rules: () => ({}),
    },
    ...options,
  })
  const begin = async () => {
    const { attempt } = await attempts.begin(KEY, { status: 401 }, clock.now() + 300_000)
    return { attempt, url: await login.start(attempt, REDIRECT) }
  }
  const tokenRequests = () => http.requests.filter(({ url }) => url.pathname === '/token')
  return { login, begin, attempts, store, clock, tokenRequests }
}

describe('the authorization URL', () => {
  test('has all that OAuth 2.1, PKCE and RFC 8707 require, and nothing else', async () => {
    const { begin, attempts } = setUp()
    const { attempt, url } = await begin()
    const plan = (await attempts.byId(attempt.id))?.plan
    expect(url.origin + url.pathname).toBe(`${ISSUER}/authorize`)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: 'client',
      redirect_uri: REDIRECT,
      state: attempt.state,
      code_challenge: createHash('sha256')
        .update(plan?.codeVerifier ?? '')
        .digest('base64url'),
      code_challenge_method: 'S256',
      scope: 'files offline_access',
      resource: KEY.server,
    })
    expect(url.href).not.toContain(plan?.codeVerifier)
  })

  test('has a person’s extra parameters, which never override ours', async () => {
    const { begin } = setUp({
      authorizeParameters: { prompt: 'consent', state: 'mine', redirect_uri: 'https://evil.example/' },
    })
    const { attempt, url } = await begin()
    expect(url.searchParams.get('prompt')).toBe('consent')
    expect(url.searchParams.getAll('state')).toEqual([attempt.state])
    expect(url.searchParams.getAll('redirect_uri')).toEqual([REDIRECT])
  })

  test('names no resource if the person wants none, and the person’s own if one is configured', async () => {
    expect((await setUp({ resource: 'none' }).begin()).url.searchParams.has('resource')).toBe(false)
    expect((await setUp({ resource: 'urn:x' }).begin()).url.searchParams.get('resource')).toBe('urn:x')
  })
})

describe('a callback', () => {
  const query = (values: Record<string, string>) => new URLSearchParams(values)

  test('with code and state stores the tokens and finishes the attempt', async () => {
    const { login, begin, attempts, store, clock, tokenRequests } = setUp()
    const { attempt } = await begin()
    const plan = (await attempts.byId(attempt.id))?.plan
    expect(await login.handleCallback(query({ code: 'c', state: attempt.state }))).toEqual({
      kind: 'done',
      server: KEY.server,
    })
    expect((await store.load(KEY)).tokens).toMatchObject({
      ...{
        issuer: ISSUER,
        clientId: 'client',
        redirectUri: REDIRECT,
        accessToken: 'access-1',
        refreshToken: 'refresh-1',
      },
      ...{ scope: 'files offline_access', resource: KEY.server, expiresAt: clock.now() + 3_600_000 },
    })
    expect((await attempts.byId(attempt.id))?.status).toBe('finished')
    expect(Object.fromEntries(new URLSearchParams(String(tokenRequests()[0]?.body)))).toMatchObject({
      ...{ grant_type: 'authorization_code', code: 'c', redirect_uri: REDIRECT, client_id: 'client' },
      ...{ code_verifier: plan?.codeVerifier, resource: KEY.server },
    })
  })

  test.each([{}, { code: 'c' }, { code: 'c', state: 'nonsense' }, { error: 'access_denied', state: 'nonsense' }])(
    'of no sign-in (%j) is invalid_state, sends nothing, and lets the sign-in go on',
    async (values) => {
      const { login, begin, attempts, tokenRequests } = setUp()
      const { attempt } = await begin()
      expect(await login.handleCallback(query(values as Record<string, string>))).toEqual({ kind: 'invalid_state' })
      expect(tokenRequests()).toEqual([])
      expect((await attempts.byId(attempt.id))?.status).toBe('waiting')
    },
  )

  test('whose token the server refuses is a failed sign-in, although the token is kept', async () => {
    const refused = new BridgeError('unauthorized', { message: 'it refuses it', hint: 'look at the audience' })
    const { login, begin, attempts, store } = setUp({ verifyTokens: () => Promise.reject(refused) })
    const { attempt } = await begin()
    expect(await login.handleCallback(new URLSearchParams({ code: 'c', state: attempt.state }))).toEqual({
      ...{ kind: 'failed', code: 'unauthorized', message: 'it refuses it', hint: 'look at the audience' },
    })
    expect(await attempts.byId(attempt.id)).toMatchObject({ status: 'failed', errorCode: 'unauthorized' })
    expect((await store.load(KEY)).tokens?.accessToken).toBe(TOKENS.access_token)
  })

  test('that arrives again does nothing', async () => {
    const { login, begin, tokenRequests } = setUp()
    const { attempt } = await begin()
    const both = [query({ code: 'c', state: attempt.state }), query({ code: 'c', state: attempt.state })]
    const pages = await Promise.all(both.map(login.handleCallback))
    expect(pages.map(({ kind }) => kind).sort()).toEqual(['done', 'invalid_state'])
    expect(tokenRequests()).toHaveLength(1)
  })

  test('with an error of the authorization server fails the attempt as that', async () => {
    const { login, begin, attempts, tokenRequests } = setUp()
    const { attempt } = await begin()
    const page = await login.handleCallback(
      query({ error: 'access_denied', error_description: 'No.', state: attempt.state }),
    )
    expect(page).toMatchObject({ kind: 'failed', code: 'access_denied' })
    expect(await attempts.byId(attempt.id)).toMatchObject({ status: 'failed', errorCode: 'access_denied' })
    expect(tokenRequests()).toEqual([])
  })

  test('of another issuer (RFC 9207) is refused and nothing is sent', async () => {
    const { login, begin, tokenRequests } = setUp()
    const { attempt } = await begin()
    const page = await login.handleCallback(query({ code: 'c', state: attempt.state, iss: 'https://evil.example' }))
    expect(page.kind).toBe('failed')
    expect(tokenRequests()).toEqual([])
  })

  test('of an issuer under a name that a person trusts (trusted_issuers) completes the sign-in', async () => {
    const other = 'https://other.example'
    const { login, begin, tokenRequests } = setUp({ trustedIssuers: [{ expected: ISSUER, named: other }] })
    const { attempt } = await begin()
    expect((await login.handleCallback(query({ code: 'c', state: attempt.state, iss: other }))).kind).toBe('done')
    expect(tokenRequests()).toHaveLength(1)
  })

  test('of another account than the requested one stores nothing', async () => {
    const { login, begin, store } = setUp({ account: 'ada@example.com' })
    const { attempt } = await begin()
    const page = await login.handleCallback(query({ code: 'c', state: attempt.state }))
    expect(page).toMatchObject({ kind: 'failed', code: 'account_mismatch' })
    expect(await store.load(KEY)).toEqual({ generation: 0 })
  })

  test('overrides whatever is stored', async () => {
    const { login, begin, store } = setUp()
    const { attempt } = await begin()
    store.put(KEY, undefined)
    store.put(KEY, undefined)
    await login.handleCallback(query({ code: 'c', state: attempt.state }))
    expect(await store.load(KEY)).toMatchObject({ generation: 3, tokens: { accessToken: 'access-1' } })
  })

  test('while the database is locked also shows a page: answering never throws', async () => {
    const { login, begin, attempts } = setUp()
    const { attempt } = await begin()
    attempts.claim = () => Promise.reject(new BridgeError('database_locked'))
    expect(await login.handleCallback(query({ code: 'c', state: attempt.state }))).toMatchObject({
      kind: 'failed',
      code: 'database_locked',
    })
  })

  test('whose result cannot be written also shows a page', async () => {
    const { login, begin, attempts } = setUp({}, () => json({ error: 'invalid_grant' }, 400))
    const { attempt } = await begin()
    attempts.settle = () => Promise.reject(new BridgeError('database_locked'))
    expect((await login.handleCallback(query({ code: 'c', state: attempt.state }))).kind).toBe('failed')
  })
})
