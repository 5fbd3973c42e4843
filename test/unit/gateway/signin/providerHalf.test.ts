// The gateway's own sign-in at a provider, against a real authorization server and those dressed as Google, Microsoft and GitHub.
import { generateKeyPairSync } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { composeGatewaySignIn } from '../../../../src/compose/gatewaySignIn.ts'
import { asBridgeError, type BridgeError } from '../../../../src/errors.ts'
import type { Person } from '../../../../src/gateway/ports.ts'
import type { Access, ServedProvider } from '../../../../src/gateway/settings.ts'
import { createHttp } from '../../../../src/system/http/client.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeCache, createFakeClientStore } from '../../../fakes/fakeCache.ts'
import { createStandingClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { aProvider, aServer } from '../../../fakes/gatewaySignInWorld.ts'
import { type AuthorizationServerOptions, startAuthorizationServer } from '../../../servers/authorizationServer.ts'
import { type Kind, startProvider, TENANT } from '../../../servers/providers.ts'

const CALLBACK = 'http://127.0.0.1:8080/auth/callback'
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const NOBODY = { emails: [], domains: [], subjects: [], groups: [], tenants: [], organisations: [] }

async function gateway(provider: Partial<ServedProvider> & { name: string }, access: Access = 'everyone') {
  const clock = { ...createStandingClock(Date.now()), now: () => Date.now() + moved.ms }
  const moved = { ms: 0 }
  const http = createHttp({ connectTimeoutMs: 5_000, environment: {} })
  closing.push(() => http.close())
  const attempts = createFakeAttemptStore(clock.now)
  const tokens = createFakeTokenStore(clock.now)
  const log = createFakeLogger()
  const composed = await composeGatewaySignIn({
    settings: {
      providers: [{ ...aProvider(provider.name), ...provider }],
      ...{ callbackUrl: CALLBACK, access, servers: [aServer()], userHeaders: { 'X-User-Name': 'name' } },
      ...{ sessionTimeoutMs: 600_000, requestTimeoutMs: 10_000 },
    },
    stores: {
      ...{ attempts, tokens, clients: createFakeClientStore(), cache: createFakeCache(), leases: createFakeLeases() },
    },
    ...{ http, clock, log },
  })
  const signIn = async () => {
    const { url, state } = await composed.signIn.begin(provider.name, { flow: 'flow-1' })
    return composed.signIn.answer(await browse(url)).then((answered) => ({ ...answered, state }))
  }
  return { ...composed, begin: composed.signIn.begin, signInOnce: signIn, attempts, store: tokens, moved, log }
}

/** A provider's redirect. */
const at = (state: string, more: Record<string, string> = {}) =>
  new URL(`${CALLBACK}?${new URLSearchParams({ state, ...more })}`)

/** A browser with cookies, up to our callback. */
async function browse(start: URL): Promise<URL> {
  const jar = new Map<string, string>()
  for (let url = start, hop = 0; hop < 20; hop++) {
    if (url.href.startsWith(CALLBACK)) return url
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie, accept: 'text/html' } })
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const location = answer.headers.get('location')
    if (location === null) throw new Error(`${url.href} answered ${answer.status}: ${await answer.text()}`)
    url = new URL(location, url)
  }
  throw new Error('too many redirects')
}

const codeOf = async (work: Promise<unknown>): Promise<BridgeError> =>
  work.then(
    () => {
      throw new Error('nothing was refused')
    },
    (thrown: unknown) => asBridgeError(thrown),
  )

const personOf = (issuer: string, id = 'person-1'): Person => ({
  ...{ issuer, subject: 'ada', claims: {}, id, email: undefined, blockedAt: undefined },
})

/** Test clients may have http on loopback as redirect URI. */
const CLIENT = {
  ...{ client_id: 'client', redirect_uris: [CALLBACK], grant_types: ['authorization_code', 'refresh_token'] },
  ...{ application_type: 'native', response_types: ['code'] },
}

async function realServer(client: Record<string, unknown>, options: AuthorizationServerOptions = {}) {
  const server = await startAuthorizationServer({
    ...options,
    settings: {
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      clients: [{ ...CLIENT, ...client }],
      clientAuthMethods: ['client_secret_basic', 'private_key_jwt', 'none'],
    },
  })
  Object.assign(server.state.claims, { email_verified: true })
  closing.push(() => server.close())
  return server
}

describe('at a real OpenID provider', () => {
  test('a sign-in needs no MCP server: metadata, PKCE, nonce, ID token, and the binding comes back', async () => {
    const server = await realServer({ client_secret: 'secret' })
    const { signInOnce, attempts, begin } = await gateway({ name: 'corp', issuer: server.issuer })
    const { url } = await begin('corp', {})
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      ...{ response_type: 'code', client_id: 'client', redirect_uri: CALLBACK, code_challenge_method: 'S256' },
      ...{ scope: 'openid email profile offline_access', nonce: expect.any(String) },
    })
    expect(url.searchParams.has('resource')).toBe(false)
    const { user, binding, provider, tokens } = await signInOnce()
    expect([provider, binding, user.issuer, user.subject]).toEqual(['corp', { flow: 'flow-1' }, server.issuer, 'alice'])
    expect(user.claims).toMatchObject({ email: 'alice@example.com', email_verified: true, name: 'Alice Example' })
    expect(tokens.user).toEqual(user)
    // Each has an attempt of its own, under a key that no other has.
    expect((await attempts.open(Date.now())).map(({ server }) => server)).toEqual(['provider:corp'])
  })

  test('private_key_jwt takes the place of a secret', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256', use: 'sig' }
    const server = await realServer({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } })
    const clientKey = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' })
    const given = { name: 'corp', issuer: server.issuer, clientSecret: undefined, clientKey }
    expect((await (await gateway(given)).signInOnce()).user.subject).toBe('alice')
    expect(server.counts.registrations).toBe(0)
  })

  test('a person who says no there is access_denied, with the attempt used up', async () => {
    const server = await realServer({ client_secret: 'secret' }, { person: 'deny' })
    const { signInOnce } = await gateway({ name: 'corp', issuer: server.issuer })
    expect(await codeOf(signInOnce())).toMatchObject({ code: 'access_denied', details: { state: 'claimed' } })
  })

  test('the binding can be read before the answer, and the answer counts once', async () => {
    const server = await realServer({ client_secret: 'secret' })
    const { signIn, begin } = await gateway({ name: 'corp', issuer: server.issuer })
    const { url, state } = await begin('corp', { flow: 'f', browser: 'b' })
    expect(await signIn.binding(at(state))).toEqual({ flow: 'f', browser: 'b' })
    const redirected = await browse(url)
    const both = await Promise.allSettled([signIn.answer(redirected), signIn.answer(redirected)])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await codeOf(signIn.answer(redirected))).toMatchObject({ code: 'invalid_state', details: {} })
    expect(await signIn.binding(at(state))).toBeUndefined()
  })

  test('an error that names another issuer uses nothing up; a code that does is refused', async () => {
    const server = await realServer({ client_secret: 'secret' })
    const { signIn, begin } = await gateway({ name: 'corp', issuer: server.issuer })
    const { url, state } = await begin('corp', {})
    const forged = at(state, { error: 'access_denied', iss: 'https://evil.example' })
    expect((await codeOf(signIn.answer(forged))).code).toBe('invalid_state')
    const redirected = await browse(url)
    redirected.searchParams.set('iss', 'https://evil.example')
    expect(await codeOf(signIn.answer(redirected))).toMatchObject({ code: 'issuer_mismatch' })
    expect(server.counts.codeGrants).toBe(0)
  })

  test.each(['', 'unknown'])('no sign-in waits under the state %j', async (state) => {
    const { signIn } = await gateway({ name: 'corp', issuer: 'https://id.example.org' })
    expect(await signIn.binding(at(state))).toBeUndefined()
    expect((await codeOf(signIn.answer(at(state, { code: 'c' })))).code).toBe('invalid_state')
  })

  test('tokens are kept for each person, sent as long as they live, and refreshed', async () => {
    const server = await realServer({ client_secret: 'secret' }, { accessTokenSeconds: 600 })
    const { signInOnce, tokens, store, moved } = await gateway({ name: 'corp', issuer: server.issuer })
    const answered = await signInOnce()
    await tokens.keep('corp', 'person-1', answered.tokens)
    const person = personOf(server.issuer)
    expect(await tokens.current(person)).toBe(answered.tokens.accessToken)
    expect(await tokens.current(personOf(server.issuer, 'person-2'))).toBeUndefined()
    expect(await tokens.current(personOf('https://other.example'))).toBeUndefined()
    const { expiresAt } = await tokens.refreshNow(person)
    expect(expiresAt).toBeGreaterThan(Date.now() + 590_000)
    const second = await tokens.current(person)
    expect(second).not.toBe(answered.tokens.accessToken)
    // Past its end the next request refreshes first; four at once do it once.
    moved.ms = 601_000
    const before = server.counts.refreshGrants
    const found = await Promise.all([1, 2, 3, 4].map(() => tokens.current(person)))
    expect([new Set(found).size, server.counts.refreshGrants - before]).toEqual([1, 1])
    expect((await store.load({ server: 'provider:corp', profile: 'person-1' })).generation).toBe(3)
    await server.revokeGrants()
    expect(await codeOf(tokens.refreshNow(person))).toMatchObject({ code: 'token_expired' })
    expect((await codeOf(tokens.refreshNow(personOf(server.issuer, 'nobody')))).code).toBe('token_expired')
  })
})

test.each([
  ['google', {}],
  ['microsoft', {}],
  ['github', {}],
  ['plain', {}],
  ['plain', { scopes: ['repo', 'user'] }],
  ['plain', { authorizeParameters: { scope: 'all' } }],
  ['google', { scopes: ['email', 'https://api.example/read'] }],
] as const)('what %s will be asked for is known before, without a question to it: %j', async (kind, more) => {
  const { signIn, begin, server } = await dressed(kind, {
    ...more,
    ...(kind === 'plain' && {
      ...{ name: 'it', issuer: undefined },
      endpoints: {
        ...{ authorization_endpoint: 'http://127.0.0.1:1/a', token_endpoint: 'http://127.0.0.1:1/t' },
        userinfo_endpoint: 'http://127.0.0.1:1/u',
      },
    }),
  })
  const name = kind === 'plain' ? 'it' : kind
  const scopes = await signIn.scopes(name)
  expect(server.seen.authorize).toEqual([])
  expect(scopes.join(' ')).toBe((await begin(name, {})).url.searchParams.get('scope') ?? '')
})

test('of a provider whose metadata is not known yet, all that it may be asked for is said', async () => {
  const server = await realServer({ client_secret: 'secret' })
  const { signIn, begin } = await gateway({ name: 'corp', issuer: server.issuer })
  expect(await signIn.scopes('corp')).toEqual(['openid', 'email', 'profile', 'offline_access'])
  const { url } = await begin('corp', {})
  expect((await signIn.scopes('corp')).join(' ')).toBe(url.searchParams.get('scope'))
})

/** Claims and what was asked, at one that plays `kind`. */
async function dressed(kind: Kind, more: Partial<ServedProvider> = {}, access: Access = 'everyone') {
  const server = await startProvider(kind)
  closing.push(() => server.close())
  const endpoints = { userinfo_endpoint: `${server.origin}/user` }
  const opened = await gateway(
    {
      ...{ name: kind.replace('-app', ''), issuer: server.issuer, clientId: 'client-1', clientSecret: 'secret-1' },
      ...(/github|plain/.test(kind) ? { endpoints } : {}),
      ...more,
    },
    access,
  )
  return { server, ...opened }
}

describe('at Google', () => {
  test('it asks for offline access, and a refresh token that a later sign-in does not bring is carried over', async () => {
    const { server, signInOnce, tokens, store } = await dressed('google')
    const first = await signInOnce()
    expect(server.seen.authorize[0]).toMatchObject({ access_type: 'offline', scope: 'openid email profile' })
    expect([first.user.subject, first.user.claims.email]).toEqual(['ada', 'ada@example.com'])
    await tokens.keep('google', 'person-1', first.tokens)
    const second = await signInOnce()
    expect(second.tokens.refreshToken).toBeUndefined()
    await tokens.keep('google', 'person-1', second.tokens)
    const { tokens: kept } = await store.load({ server: 'provider:google', profile: 'person-1' })
    expect(kept).toMatchObject({ accessToken: second.tokens.accessToken, refreshToken: first.tokens.refreshToken })
    // Neither for another person, nor for another account.
    await tokens.keep('google', 'person-2', second.tokens)
    await tokens.keep('google', 'person-1', { ...second.tokens, user: { ...second.user, subject: 'eve' } })
    for (const profile of ['person-1', 'person-2'])
      expect((await store.load({ server: 'provider:google', profile })).tokens?.refreshToken).toBeUndefined()
    expect(await codeOf(tokens.refreshNow(personOf(server.issuer)))).toMatchObject({
      ...{ code: 'refresh_token_missing', hint: expect.stringContaining('first consent only') },
    })
  })

  test('configured scopes keep openid, and configured parameters are sent', async () => {
    const given = { scopes: ['email'], authorizeParameters: { hd: 'example.com' } }
    const { server, signInOnce } = await dressed('google', given)
    await signInOnce()
    expect(server.seen.authorize[0]).toMatchObject({ scope: 'openid email', hd: 'example.com' })
  })
})

test('at Microsoft the tenant comes with the claims, and the issuer stays the one that is configured', async () => {
  const { server, signInOnce, accessProviders } = await dressed('microsoft', { clientSecret: undefined })
  const { user } = await signInOnce()
  expect([user.issuer, user.claims.tid]).toEqual([server.issuer, TENANT])
  expect(server.seen.authorize[0]?.scope).toBe('openid profile email offline_access')
  expect(accessProviders).toEqual([{ name: 'microsoft', issuer: server.issuer, kind: 'microsoft' }])
})

describe('at GitHub', () => {
  const primary = (verified: boolean) => [
    { email: 'other@example.com', primary: false, verified: true },
    { email: 'ada@example.com', primary: true, verified },
  ]

  test('the account is its number, and its address the primary one', async () => {
    const { server, signInOnce } = await dressed('github')
    const { user, tokens } = await signInOnce()
    expect(user).toEqual({
      ...{ issuer: server.issuer, subject: '4711' },
      claims: {
        ...{ sub: '4711', preferred_username: 'ada', name: 'Ada', email: 'ada@example.com', email_verified: true },
      },
    })
    expect(tokens.user).toEqual(user)
    expect(server.seen.authorize[0]?.scope).toBe('read:user user:email')
    expect(server.seen.account.map((path) => path.split('?')[0])).toEqual(['/user', '/user/emails'])
  })

  test('an address that is not verified, or not the primary one, is none', async () => {
    const { server, signInOnce } = await dressed('github')
    server.state.account['/user/emails'] = primary(false)
    const { user } = await signInOnce()
    expect([user.claims.email, user.claims.email_verified]).toEqual([undefined, undefined])
  })

  test('organisations are asked for where access names some, on all pages', async () => {
    const { server, signInOnce } = await dressed('github', {}, { ...NOBODY, organisations: ['acme'] })
    server.state.account['/user/orgs'] = Array.from({ length: 150 }, (_, index) => ({ login: `org-${index}` }))
    const { user } = await signInOnce()
    expect(server.seen.authorize[0]?.scope).toBe('read:user user:email read:org')
    expect(user.claims.organisations).toHaveLength(150)
  })

  test('an account without a number is nobody', async () => {
    const { server, signInOnce } = await dressed('github')
    server.state.account['/user'] = { login: 'ada' }
    expect(await codeOf(signInOnce())).toMatchObject({ code: 'login_failed', details: { state: 'claimed' } })
  })

  test('its tokens do not expire, which nobody makes up, and without refresh token it says so', async () => {
    const { signInOnce, tokens, server, moved } = await dressed('github')
    const answered = await signInOnce()
    expect(answered.tokens.expiresAt).toBeUndefined()
    await tokens.keep('github', 'person-1', answered.tokens)
    moved.ms = 400 * 24 * 3_600_000
    expect(await tokens.current(personOf(server.issuer))).toBe(answered.tokens.accessToken)
    const missing = await codeOf(tokens.refreshNow(personOf(server.issuer)))
    expect(missing).toMatchObject({ code: 'refresh_token_missing', hint: expect.stringContaining('do not expire') })
    expect(missing.message).toContain('did not say that the access token expires')
  })

  test('a GitHub App’s tokens are refreshed', async () => {
    const { signInOnce, tokens, server } = await dressed('github-app')
    await tokens.keep('github', 'person-1', (await signInOnce()).tokens)
    expect((await tokens.refreshNow(personOf(server.issuer))).expiresAt).toBeGreaterThan(Date.now())
  })

  test('an expired code is a failure with the provider’s words', async () => {
    const { signInOnce, server } = await dressed('github')
    server.state.token = () => ({ body: { error: 'bad_verification_code', error_description: 'The code is wrong.' } })
    expect((await codeOf(signInOnce())).message).toContain('The code is wrong.')
  })
})

describe('at a provider of plain OAuth 2', () => {
  const endpointsOf = (origin: string) => ({
    ...{ authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token` },
    userinfo_endpoint: `${origin}/user`,
  })

  test.each([
    ['sub', { sub: 'ada-1', email: 'ada@example.com', email_verified: true }, 'ada-1'],
    ['a number', { id: 7, name: 'Ada' }, '7'],
    ['user_id', { user_id: 'u-7' }, 'u-7'],
  ])('the account is what its userinfo endpoint names by %s', async (_, account, subject) => {
    const server = await startProvider('plain')
    closing.push(() => server.close())
    server.state.account['/user'] = account
    const given = { clientId: 'client-1', clientSecret: 'secret-1', endpoints: endpointsOf(server.origin) }
    const { user } = await (await gateway({ name: 'plain', issuer: undefined, ...given })).signInOnce()
    expect([user.subject, user.issuer]).toEqual([subject, server.origin])
    expect(user.claims).toMatchObject(account)
    expect(server.seen.authorize[0]?.scope).toBeUndefined()
  })

  test('a name that a person can change is no account', async () => {
    const server = await startProvider('plain')
    closing.push(() => server.close())
    server.state.account['/user'] = { login: 'ada', email: 'ada@example.com' }
    const given = { clientId: 'client-1', clientSecret: 'secret-1', endpoints: endpointsOf(server.origin) }
    const opened = await gateway({ name: 'plain', issuer: server.origin, ...given })
    expect((await codeOf(opened.signInOnce())).code).toBe('login_failed')
  })
})

test('a provider without an issuer is a fault of the configuration', async () => {
  expect(await codeOf(gateway({ name: 'corp', issuer: undefined }))).toMatchObject({ code: 'config_invalid' })
})

test('a provider that is not there fails the sign-in before a person goes anywhere', async () => {
  const server = await startProvider('google')
  await server.close()
  const { begin } = await gateway({ name: 'google', issuer: server.issuer })
  expect((await codeOf(begin('google', {}))).code).toBe('authorization_server_unreachable')
  expect((await codeOf(begin('other', {}))).code).toBe('usage')
})
