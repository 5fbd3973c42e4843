// Who we are at an authorization server.
import { describe, expect, test } from 'vitest'
import { createClients } from '../../../../src/auth/client/clients.ts'
import type { ConfiguredClient } from '../../../../src/auth/client/issuerCheck.ts'
import type { AuthorizationServerMetadata } from '../../../../src/auth/discovery/authorizationServer.ts'
import { createFakeCache, createFakeClientStore } from '../../../fakes/fakeCache.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, json, type Site } from '../../../fakes/fakeHttp.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const ISSUER = 'https://as.example'
const REDIRECT = 'http://localhost:8080/auth/callback'
const METADATA: AuthorizationServerMetadata = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
  registration_endpoint: `${ISSUER}/register`,
  code_challenge_methods_supported: ['S256'],
}
const DAY = 86_400_000

function setUp(configured?: ConfiguredClient, register: Site = () => json({ client_id: 'registered' }, 201)) {
  const store = createFakeClientStore()
  const clock = createFakeClock()
  const http = createFakeHttp({
    [`${ISSUER}/register`]: register,
    [`${ISSUER}/.well-known/oauth-authorization-server`]: () => json(METADATA),
  })
  const clients = createClients({
    ...{ http, clients: store, cache: createFakeCache(), leases: createFakeLeases(), clock },
    ...{ allowHttp: false, timeoutMs: 1_000, configured, issuer: configured && ISSUER, rules: () => ({}) },
  })
  return { clients, store, clock, http }
}

describe('the client for a sign-in', () => {
  test('is the configured one, and nothing is registered', async () => {
    const { clients, http } = setUp({ clientId: 'mine', clientSecret: 's' })
    expect(await clients.forSignIn(METADATA, REDIRECT)).toEqual({
      clientId: 'mine',
      clientSecret: 's',
      authMethod: 'client_secret_basic',
      own: 'configured',
    })
    expect(http.urls).toEqual([])
  })

  test.each([
    [undefined, 'client_secret_basic'],
    [['client_secret_post', 'client_secret_basic'], 'client_secret_basic'],
    [['client_secret_post'], 'client_secret_post'],
  ])('sends its secret as the server prefers it: %j', async (offered, method) => {
    const metadata = { ...METADATA, ...(offered ? { token_endpoint_auth_methods_supported: offered } : {}) }
    const { clients } = setUp({ clientId: 'mine', clientSecret: 's' })
    expect((await clients.forSignIn(metadata, REDIRECT)).authMethod).toBe(method)
  })

  test('without a secret is public', async () => {
    expect((await setUp({ clientId: 'mine' }).clients.forSignIn(METADATA, REDIRECT)).authMethod).toBe('none')
  })

  test('is registered as a native application, once for 20 that need it', async () => {
    const { clients, store, http } = setUp()
    const all = await Promise.all(Array.from({ length: 20 }, () => clients.forSignIn(METADATA, REDIRECT)))
    expect(new Set(all.map(({ clientId }) => clientId))).toEqual(new Set(['registered']))
    expect(http.urls).toEqual([`${ISSUER}/register`])
    expect(JSON.parse(String(http.requests[0]?.body))).toMatchObject({
      application_type: 'native',
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    })
    // One client, and that others than its maker have got it.
    expect(new Set([...store.clients.values()].map(({ clientId }) => clientId))).toEqual(new Set(['registered']))
    expect(store.clients.size).toBe(2)
  })

  test('is remembered by issuer and redirect URI', async () => {
    const { clients, http } = setUp()
    await clients.forSignIn(METADATA, REDIRECT)
    const registrations = () => http.urls.filter((url) => url.endsWith('/register'))
    await clients.forSignIn(METADATA, REDIRECT)
    expect(registrations()).toHaveLength(1)
    await clients.forSignIn(METADATA, `${REDIRECT}2`)
    expect(registrations()).toHaveLength(2)
  })

  test('is unavailable if the server registers none', async () => {
    const { registration_endpoint: _, ...metadata } = METADATA
    expect(await codeOf(setUp().clients.forSignIn(metadata as AuthorizationServerMetadata, REDIRECT))).toBe(
      'registration_failed',
    )
  })

  test.each([
    ['refused', () => json({ error: 'invalid_client_metadata' }, 400), 'registration_failed'],
    ['without an id', () => json({}, 201), 'registration_failed'],
    ['in trouble', () => json({}, 503), 'authorization_server_error'],
  ])('is not remembered when the registration is %s', async (_, register, code) => {
    const { clients, store } = setUp(undefined, register)
    expect(await codeOf(clients.forSignIn(METADATA, REDIRECT))).toBe(code)
    expect(store.clients.size).toBe(0)
  })
})

describe('the client of stored tokens', () => {
  test('is the configured one while it is the same', async () => {
    const { clients } = setUp({ clientId: 'mine', clientSecret: 's' })
    expect(await clients.ofTokens(ISSUER, 'mine', REDIRECT)).toMatchObject({ clientId: 'mine', clientSecret: 's' })
  })

  test('is the registered one', async () => {
    const { clients } = setUp()
    await clients.forSignIn(METADATA, REDIRECT)
    expect(await clients.ofTokens(ISSUER, 'registered', REDIRECT)).toMatchObject({ clientId: 'registered' })
  })

  test.each([
    ['another', 'https://as.example', 'another'],
    ['at another issuer', 'https://other.example', 'registered'],
  ])('is unknown when it is %s', async (_, issuer, clientId) => {
    const { clients } = setUp()
    await clients.forSignIn(METADATA, REDIRECT)
    expect(await codeOf(clients.ofTokens(issuer, clientId, REDIRECT))).toBe('invalid_client')
  })
})

test('metadata is fetched once a day', async () => {
  const { clients, clock, http } = setUp()
  const client = { clientId: 'c', authMethod: 'none' }
  await clients.connect(ISSUER, client)
  await clients.connect(ISSUER, client)
  expect(http.urls).toHaveLength(1)
  clock.advance(DAY)
  await clients.connect(ISSUER, client)
  expect(http.urls).toHaveLength(2)
})

test('metadata that was remembered from another host than the issuer’s is fetched again', async () => {
  const { clients, http } = setUp()
  const document = { ...METADATA, token_endpoint: 'https://evil.example/token' }
  await clients.remember(ISSUER, { document, url: 'https://evil.example/.well-known/openid-configuration' })
  await clients.connect(ISSUER, { clientId: 'c', authMethod: 'none' })
  expect(http.urls).toEqual([`${ISSUER}/.well-known/oauth-authorization-server`])
})
