// Our registrations: found again under another redirect URI, renewed for a person who begins anew, and never taken from tokens that need them.
import { describe, expect, test } from 'vitest'
import { isNewClientWanted, wantNewClient } from '../../../../src/auth/client/newClient.ts'
import type { AuthorizationServerMetadata } from '../../../../src/auth/discovery/authorizationServer.ts'
import { createRefresh } from '../../../../src/auth/tokens/refresh.ts'
import { json, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createOddWorld, ISSUER, type OddServer, REDIRECT, SERVER } from '../../../fakes/oddSignIn.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const ADDRESS = 'http://127.0.0.1:8080/auth/callback'
const noLocalhost: OddServer = {
  register: ({ redirect_uris }, count) =>
    String(redirect_uris).includes('localhost')
      ? json({ error: 'invalid_redirect_uri' }, 400)
      : json({ client_id: `client-${count}` }, 201),
}

describe('a server that refuses localhost', () => {
  test('is signed in to with 127.0.0.1, in each request and in what is stored', async () => {
    const world = createOddWorld(noLocalhost)
    const { page, tab } = await world.signIn()
    expect(page.kind).toBe('done')
    expect(tab.map(({ redirect_uri }) => redirect_uri)).toEqual([ADDRESS])
    expect(world.tokenRequests().map(({ redirect_uri }) => redirect_uri)).toEqual([ADDRESS])
    expect(await world.tokens()).toMatchObject({ redirectUri: ADDRESS, clientId: 'client-2' })
    expect(await world.clients.ofTokens(ISSUER, 'client-2', ADDRESS)).toMatchObject({ clientId: 'client-2' })
  })

  test('is asked once: the next sign-in uses the same client', async () => {
    const world = createOddWorld(noLocalhost)
    await world.signIn()
    const { tab } = await world.signIn()
    expect(tab[0]).toMatchObject({ redirect_uri: ADDRESS, client_id: 'client-2' })
    expect(world.registrations()).toHaveLength(2)
    // The probe too.
    const probes = world.http.requests.filter(({ url }) => url.pathname === '/authorize')
    expect(probes.map(({ url }) => url.searchParams.get('redirect_uri'))).toEqual([ADDRESS])
  })

  test('that took it before gets a new client, and the former one is not used any more', async () => {
    const world = createOddWorld({ ...noLocalhost, page: () => json({ error: 'invalid_client' }, 400) })
    await world.clientStore.save(ISSUER, REDIRECT, { clientId: 'forgotten', authMethod: 'none' })
    expect((await world.signIn()).tab[0]).toMatchObject({ client_id: 'client-2' })
    expect(await world.clientStore.load(ISSUER, REDIRECT)).toBeUndefined()
  })
})

describe('a person who begins anew', () => {
  const begun = async (server: OddServer = {}) => {
    const world = createOddWorld(server)
    await world.signIn()
    await wantNewClient(world.cache, SERVER, world.clock.now())
    return world
  }

  test('gets a new client with the next sign-in, once, although the server seems to know the old one', async () => {
    const world = await begun()
    expect((await world.signIn()).tab[0]?.client_id).toBe('client-2')
    expect((await world.signIn()).tab[0]?.client_id).toBe('client-2')
    expect(world.registrations()).toHaveLength(2)
  })

  test('does so also weeks later, and for this server alone', async () => {
    const world = await begun()
    expect(await isNewClientWanted(world.cache, 'https://other.example/mcp', world.clock.now())).toBe(false)
    world.clock.advance(90 * 24 * 60 * 60 * 1000)
    expect((await world.signIn()).tab[0]?.client_id).toBe('client-2')
  })

  test('leaves the tokens of other profiles their client', async () => {
    const world = await begun()
    await world.signIn()
    expect(await world.clients.ofTokens(ISSUER, 'client-1', REDIRECT)).toMatchObject({ clientId: 'client-1' })
    expect(await world.clients.ofTokens(ISSUER, 'client-2', REDIRECT)).toMatchObject({ clientId: 'client-2' })
    expect(await codeOf(world.clients.ofTokens(ISSUER, 'client-3', REDIRECT))).toBe('invalid_client')
  })

  test.each([
    ['refuses', () => respond(403)],
    ['fails', () => respond(503)],
  ])('goes on with the old one where the server %s', async (_, answer) => {
    const world = await begun({
      register: (_asked, count) => (count === 1 ? json({ client_id: 'client-1' }, 201) : answer()),
    })
    const { page, tab } = await world.signIn()
    expect(page.kind).toBe('done')
    expect(tab[0]?.client_id).toBe('client-1')
    // The wish stays.
    expect(await isNewClientWanted(world.cache, SERVER, world.clock.now())).toBe(true)
  })

  test('keeps a client that they configured', async () => {
    const world = createOddWorld({}, { configured: { clientId: 'mine' } })
    await wantNewClient(world.cache, SERVER, world.clock.now())
    expect((await world.signIn()).tab[0]?.client_id).toBe('mine')
    expect(world.registrations()).toEqual([])
  })
})

describe('a registration that nobody needs', () => {
  const managed = (uri: string, more: object = {}): OddServer => ({
    register: (_asked, count) =>
      json(
        {
          client_id: `client-${count}`,
          registration_client_uri: uri.replace('{id}', `client-${count}`),
          registration_access_token: `manage-${count}`,
          ...more,
        },
        201,
      ),
  })
  const deletions = ({ http }: ReturnType<typeof createOddWorld>) =>
    http.requests
      .filter(({ method }) => method === 'DELETE')
      .map(({ url, headers }) => [url.href, headers.authorization])

  test('is deleted at the server that said how, and forgotten here', async () => {
    const world = createOddWorld(managed(`${ISSUER}/register/{id}`))
    await world.signIn()
    await world.clients.forget(ISSUER, REDIRECT, 'client-1')
    expect(deletions(world)).toEqual([[`${ISSUER}/register/client-1`, 'Bearer manage-1']])
    expect([...world.clientStore.clients.keys()]).toEqual([])
  })

  test('is deleted when a sign-in was refused with it', async () => {
    const world = createOddWorld({
      ...managed(`${ISSUER}/register/{id}`),
      token: () => json({ error: 'invalid_client' }, 401),
    })
    expect((await world.signIn()).page.kind).toBe('failed')
    expect(deletions(world)).toEqual([[`${ISSUER}/register/client-2`, 'Bearer manage-2']])
    expect(await world.clientStore.load(ISSUER, REDIRECT)).toBeUndefined()
  })

  test('is deleted when it took the place of one that turned out to be good', async () => {
    const world = createOddWorld(managed(`${ISSUER}/register/{id}`))
    await world.signIn()
    const old = { clientId: 'client-1', authMethod: 'none' }
    const next = await world.clients.replacement(ISSUER, REDIRECT, 'client-1')
    expect(next).toMatchObject({ client: { clientId: 'client-2' }, was: 'made' })
    await world.clients.restore(ISSUER, REDIRECT, old, next?.client ?? old)
    expect(deletions(world)).toEqual([[`${ISSUER}/register/client-2`, 'Bearer manage-2']])
    expect(await world.clientStore.load(ISSUER, REDIRECT)).toEqual(old)
  })

  test('is not the one that took its place since', async () => {
    const world = createOddWorld(managed(`${ISSUER}/register/{id}`))
    await world.signIn()
    const made = { clientId: 'client-0', authMethod: 'none' }
    await world.clients.restore(ISSUER, REDIRECT, { clientId: 'older', authMethod: 'none' }, made)
    expect(deletions(world)).toEqual([])
    expect(await world.clientStore.load(ISSUER, REDIRECT)).toMatchObject({ clientId: 'client-1' })
  })

  const METADATA = { issuer: ISSUER, authorization_endpoint: `${ISSUER}/authorize` } as AuthorizationServerMetadata

  test('is not the one that another sign-in has met, where the sign-in that made it is refused with it', async () => {
    const world = createOddWorld({
      ...managed(`${ISSUER}/register/{id}`),
      async authorize({ client_id }) {
        if (client_id === 'client-2') await world.clients.forSignIn(METADATA, REDIRECT)
        return { code: 'c' }
      },
      token: () => json({ error: 'invalid_client' }, 401),
    })
    expect((await world.signIn()).page).toMatchObject({ kind: 'failed', code: 'invalid_client' })
    expect(deletions(world)).toEqual([])
    expect(await world.clientStore.load(ISSUER, REDIRECT)).toBeUndefined()
    expect(await world.clients.ofTokens(ISSUER, 'client-2', REDIRECT)).toMatchObject({ clientId: 'client-2' })
    await world.clients.forget(ISSUER, REDIRECT, 'client-2')
    expect(deletions(world)).toEqual([[`${ISSUER}/register/client-2`, 'Bearer manage-2']])
  })

  test.each([
    ['a sign-in', (world: ReturnType<typeof createOddWorld>) => world.clients.forSignIn(METADATA, REDIRECT)],
    [
      'a replacement',
      ({ clients }: ReturnType<typeof createOddWorld>) => clients.replacement(ISSUER, REDIRECT, 'client-1'),
    ],
  ])('is not the one that %s has met, where the one before turned out to be good', async (_, meet) => {
    const world = createOddWorld(managed(`${ISSUER}/register/{id}`))
    await world.signIn()
    const old = { clientId: 'client-1', authMethod: 'none' }
    const next = await world.clients.replacement(ISSUER, REDIRECT, 'client-1')
    await meet(world)
    await world.clients.restore(ISSUER, REDIRECT, old, next?.client ?? old)
    expect(deletions(world)).toEqual([])
    expect(await world.clientStore.load(ISSUER, REDIRECT)).toEqual(old)
    expect(await world.clients.ofTokens(ISSUER, 'client-2', REDIRECT)).toMatchObject({ clientId: 'client-2' })
  })

  test('is not the one of another sign-in, when a refresh is refused with both', async () => {
    const world = createOddWorld({
      ...managed(`${ISSUER}/register/{id}`),
      token: ({ grant_type }) => (grant_type === 'refresh_token' ? json({ error: 'invalid_client' }, 401) : undefined),
    })
    await world.signIn()
    await world.clients.replacement(ISSUER, REDIRECT, 'client-1')
    const { clients, clock } = world
    const refresh = createRefresh({
      clients,
      clock,
      log: createFakeLogger(),
      rules: () => ({}),
      bearer: 'access_token',
    })
    const tokens = { ...{ issuer: ISSUER, redirectUri: REDIRECT, clientId: 'client-1' }, obtainedAt: clock.now() }
    const old = { ...tokens, accessToken: 'a', refreshToken: 'refresh-1' }
    const renewed = refresh(
      old,
      async () => undefined,
      async () => true,
    )
    expect(await codeOf(renewed)).toBe('invalid_client')
    expect(world.tokenRequests().slice(1)).toMatchObject([{ client_id: 'client-1' }, { client_id: 'client-2' }])
    expect(deletions(world)).toEqual([])
    expect(await world.clients.ofTokens(ISSUER, 'client-2', REDIRECT)).toMatchObject({ clientId: 'client-2' })
  })

  test('is not the one of another sign-in, when this one is refused with both', async () => {
    const others = { clientId: 'client-of-another', authMethod: 'none' }
    const world = createOddWorld({
      ...managed(`${ISSUER}/register/{id}`),
      authorize: () => {
        void world.clientStore.save(ISSUER, REDIRECT, others)
        return { code: 'c' }
      },
      token: () => json({ error: 'invalid_client' }, 401),
    })
    const { page, tab } = await world.signIn()
    expect(page).toMatchObject({ kind: 'failed', code: 'invalid_client' })
    expect(tab.map(({ client_id }) => client_id)).toEqual(['client-1', 'client-of-another'])
    expect(deletions(world)).toEqual([])
    expect(await world.clientStore.load(ISSUER, REDIRECT)).toEqual(others)
  })

  test.each([
    ['another origin', 'https://evil.example/register/{id}', {}],
    ['a path', '/register/{id}', {}],
    ['no address', '', {}],
    ['another scheme', 'http://as.example/register/{id}', {}],
    ['no token', `${ISSUER}/register/{id}`, { registration_access_token: null }],
    ['a token that is not a header', `${ISSUER}/register/{id}`, { registration_access_token: 'a\r\nb' }],
    ['a number', `${ISSUER}/register/{id}`, { registration_access_token: 1 }],
  ])('is only forgotten here where the server said %s', async (_, uri, more) => {
    const world = createOddWorld(managed(uri, more))
    expect((await world.signIn()).page.kind).toBe('done')
    await world.clients.forget(ISSUER, REDIRECT, 'client-1')
    expect(deletions(world)).toEqual([])
    expect(await world.clientStore.load(ISSUER, REDIRECT)).toBeUndefined()
  })

  test('is not the one that another process has registered since', async () => {
    const world = createOddWorld(managed(`${ISSUER}/register/{id}`))
    await world.signIn()
    await world.clients.forget(ISSUER, REDIRECT, 'client-of-before')
    expect(deletions(world)).toEqual([])
    expect(await world.clientStore.load(ISSUER, REDIRECT)).toMatchObject({ clientId: 'client-1' })
  })

  test('keeps its token out of the plan of a sign-in and of the client’s own row', async () => {
    const world = createOddWorld(managed(`${ISSUER}/register/{id}`))
    const next = await world.clients.replacement(ISSUER, REDIRECT, 'none')
    expect(JSON.stringify(next)).not.toContain('manage-1')
    expect(JSON.stringify(await world.clientStore.load(ISSUER, REDIRECT))).not.toContain('manage-1')
  })
})

test('a client that is refused at one sign-in still renews the tokens of another one', async () => {
  const refusing = new Set<string>()
  const world = createOddWorld({
    authorize: ({ client_id = '' }) => (refusing.has('yes') ? { error: 'unauthorized_client' } : { code: client_id }),
  })
  expect((await world.signIn()).page.kind).toBe('done')
  refusing.add('yes')
  expect((await world.signIn()).page.kind).toBe('failed')
  expect(await world.clients.ofTokens(ISSUER, 'client-1', REDIRECT)).toMatchObject({ clientId: 'client-1' })
})
