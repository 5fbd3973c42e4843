// Which client is taken, to whom it belongs, and when it is replaced.
import { describe, expect, test } from 'vitest'
import { type ClientsOptions, createClients } from '../../../../src/auth/client/clients.ts'
import type { AuthorizationServerMetadata } from '../../../../src/auth/discovery/authorizationServer.ts'
import { createFakeCache, createFakeClientStore } from '../../../fakes/fakeCache.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, json, respond, type Site } from '../../../fakes/fakeHttp.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const ISSUER = 'https://as.example'
const OTHER = 'https://other.example'
const REDIRECT = 'http://localhost:8080/auth/callback'
const DOCUMENT = 'https://me.example/client.json'
const SERVER = new URL('https://mcp.example/mcp')

const metadata = (issuer: string, more: object = {}): AuthorizationServerMetadata => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  registration_endpoint: `${issuer}/register`,
  code_challenge_methods_supported: ['S256'],
  ...more,
})
const TAKES_DOCUMENTS = { client_id_metadata_document_supported: true }

function setUp(options: Partial<ClientsOptions> = {}, authorize: Site = () => respond(302, { location: '/login' })) {
  const store = createFakeClientStore()
  const clock = createFakeClock()
  let count = 0
  const http = createFakeHttp(
    Object.fromEntries(
      [ISSUER, OTHER].flatMap((issuer): [string, Site][] => [
        [`${issuer}/register`, () => json({ client_id: `registered-${++count}` }, 201)],
        [`${issuer}/authorize`, authorize],
        [`${issuer}/.well-known/oauth-authorization-server`, () => json(metadata(issuer))],
      ]),
    ),
  )
  const clients = createClients({
    ...{ http, clients: store, cache: createFakeCache(), leases: createFakeLeases(), clock },
    ...{ allowHttp: false, rules: () => ({}), timeoutMs: 1_000, configured: undefined, server: SERVER },
    ...options,
  })
  const registrations = () => http.urls.filter((url) => url.endsWith('/register'))
  return { clients, store, clock, http, registrations }
}

describe('the order', () => {
  const all = { configured: { clientId: 'mine' }, metadataUrl: DOCUMENT }

  test('is the configured client, the metadata document, a registration', async () => {
    const taker = metadata(ISSUER, TAKES_DOCUMENTS)
    expect((await setUp(all).clients.forSignIn(taker, REDIRECT)).clientId).toBe('mine')
    expect((await setUp({ metadataUrl: DOCUMENT }).clients.forSignIn(taker, REDIRECT)).clientId).toBe(DOCUMENT)
    expect((await setUp().clients.forSignIn(taker, REDIRECT)).clientId).toBe('registered-1')
  })

  test('skips the document if the server does not support it', async () => {
    const { clients } = setUp({ metadataUrl: DOCUMENT })
    expect((await clients.forSignIn(metadata(ISSUER), REDIRECT)).clientId).toBe('registered-1')
  })

  test('ends with the redirect URI to register manually', async () => {
    const { registration_endpoint: _, ...closed } = metadata(ISSUER)
    const error = await errorOf(setUp().clients.forSignIn(closed as AuthorizationServerMetadata, REDIRECT))
    expect(error.code).toBe('registration_failed')
    expect(error.message).toContain(REDIRECT)
    expect(error.message).toContain('--client-id')
  })

  test('gives a document’s client its key, and stores nothing of it', async () => {
    const { clients, store } = setUp({ metadataUrl: DOCUMENT, metadataKey: 'key' })
    const client = await clients.forSignIn(metadata(ISSUER, TAKES_DOCUMENTS), REDIRECT)
    expect(client).toEqual({ clientId: DOCUMENT, privateKey: 'key', authMethod: 'private_key_jwt', own: 'document' })
    expect(store.clients.size).toBe(0)
  })
})

describe('credentials belong to an issuer', () => {
  test('if the issuer changes, a new client is registered, and the old one is sent nowhere', async () => {
    const { clients, http } = setUp()
    await clients.forSignIn(metadata(ISSUER), REDIRECT)
    expect((await clients.forSignIn(metadata(OTHER), REDIRECT)).clientId).toBe('registered-2')
    const elsewhere = http.requests.filter(({ url }) => url.origin === OTHER)
    expect(JSON.stringify(elsewhere.map(({ url, body }) => [url.href, body]))).not.toContain('registered-1')
  })

  test('a program’s client does not follow the server to another issuer', async () => {
    const { clients } = setUp({ configured: { clientId: 'robot', clientSecret: 's' }, issuer: ISSUER })
    expect((await clients.configuredClient(ISSUER)).clientId).toBe('robot')
    expect((await errorOf(clients.configuredClient(OTHER))).code).toBe('client_issuer_changed')
  })

  test('a person’s client is refused if the server names another issuer than the first time', async () => {
    const { clients } = setUp({ configured: { clientId: 'mine' } })
    await clients.forSignIn(metadata(ISSUER), REDIRECT)
    await clients.forSignIn(metadata(ISSUER), REDIRECT)
    const error = await errorOf(clients.forSignIn(metadata(OTHER), REDIRECT))
    expect(error.code).toBe('client_issuer_changed')
    expect(error.message).toContain(OTHER)
    expect(error.message).toContain(ISSUER)
  })

  test('an issuer that a person configures overrides everything else', async () => {
    const cache = createFakeCache()
    const configured = { clientId: 'mine' }
    await setUp({ configured, cache }).clients.forSignIn(metadata(ISSUER), REDIRECT)
    const { clients } = setUp({ configured, cache, issuer: OTHER })
    expect((await clients.forSignIn(metadata(OTHER), REDIRECT)).clientId).toBe('mine')
  })

  test('a document is the same for every issuer', async () => {
    const { clients } = setUp({ metadataUrl: DOCUMENT })
    for (const issuer of [ISSUER, OTHER])
      expect((await clients.forSignIn(metadata(issuer, TAKES_DOCUMENTS), REDIRECT)).clientId).toBe(DOCUMENT)
  })
})

describe('a registration that is no longer good', () => {
  test('is replaced before the tab opens when the server has forgotten it', async () => {
    const { clients, registrations } = setUp({}, () => json({ error: 'invalid_client' }, 400))
    await clients.forSignIn(metadata(ISSUER), REDIRECT)
    expect((await clients.forSignIn(metadata(ISSUER), REDIRECT)).clientId).toBe('registered-2')
    expect(registrations()).toHaveLength(2)
  })

  test('is replaced when its secret has expired, without a probe', async () => {
    const { clients, store, clock, http } = setUp()
    const secret = { clientSecret: 's', secretExpiresAt: clock.now() + 1_000, authMethod: 'client_secret_basic' }
    await store.save(ISSUER, REDIRECT, { clientId: 'old', ...secret })
    expect((await clients.forSignIn(metadata(ISSUER), REDIRECT)).clientId).toBe('old')
    clock.advance(1_000)
    expect((await clients.forSignIn(metadata(ISSUER), REDIRECT)).clientId).toBe('registered-1')
    expect(http.urls.filter((url) => url.includes('/authorize'))).toHaveLength(1)
  })

  test('is replaced once for all whose requests were refused with it', async () => {
    const { clients, store, registrations } = setUp()
    await store.save(ISSUER, REDIRECT, { clientId: 'old', authMethod: 'none' })
    const all = await Promise.all([1, 2, 3].map(() => clients.replacement(ISSUER, REDIRECT, 'old')))
    expect(all.map((next) => next?.client.clientId)).toEqual(['registered-1', 'registered-1', 'registered-1'])
    expect(all.map((next) => next?.was)).toEqual(['made', 'met', 'met'])
    expect(registrations()).toHaveLength(1)
  })

  test('is not ours to replace if a person configured it', async () => {
    const { clients, registrations } = setUp({ configured: { clientId: 'mine' }, metadataUrl: DOCUMENT })
    expect(await clients.replacement(ISSUER, REDIRECT, 'mine')).toBeUndefined()
    expect(await clients.replacement(ISSUER, REDIRECT, DOCUMENT)).toBeUndefined()
    expect(registrations()).toEqual([])
  })
})

test('the client of stored tokens is found again, however it was obtained', async () => {
  const sites = { metadataUrl: DOCUMENT, metadataKey: 'key', configured: { clientId: 'mine', privateKey: 'k' } }
  const { clients } = setUp({ ...sites, issuer: ISSUER })
  expect(await clients.ofTokens(ISSUER, 'mine', REDIRECT)).toMatchObject({ authMethod: 'private_key_jwt' })
  expect(await codeOf(clients.ofTokens(ISSUER, DOCUMENT, REDIRECT))).toBe('invalid_client')
  const document = metadata(ISSUER, TAKES_DOCUMENTS)
  await clients.remember(ISSUER, { document, url: `${ISSUER}/.well-known/oauth-authorization-server` })
  expect(await clients.ofTokens(ISSUER, DOCUMENT, REDIRECT)).toMatchObject({ privateKey: 'key' })
})
