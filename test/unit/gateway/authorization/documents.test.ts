// Clients that are their metadata document: from where one is read, how often, and what counts in it.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createDocuments } from '../../../../src/gateway/authorization/documents.ts'
import type { HttpRequest } from '../../../../src/ports.ts'
import { CALLBACK, type StageOptions, startAuthorization, tokensOf } from '../../../fakes/authorizationStage.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'

const ID = 'https://client.example/oauth/client.json'

type Answer = ReturnType<NonNullable<StageOptions['internet']>>
const document = (id = ID, more: Record<string, unknown> = {}) => ({
  client_id: id,
  client_name: 'A document',
  redirect_uris: [CALLBACK],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'none',
  ...more,
})
const started = async (answer: (request: HttpRequest) => Answer, options: StageOptions = {}) => {
  const stage = await startAuthorization({ internet: answer, ...options })
  return stage
}
type Stage = Awaited<ReturnType<typeof started>>
const status = async (stage: Stage, id = ID) =>
  (await fetch(stage.authorizeUrl(id, 'v'), { redirect: 'manual' })).status

test('a client is its document: people see the host that serves it, and it needs no registration', async () => {
  const stage = await started(() => ({ body: document() }))
  const tokens = await tokensOf(await stage.redeem(ID, await stage.code(ID)))
  expect(tokens.status).toBe(200)
  expect(stage.asked).toMatchObject([{ clientName: 'A document', clientId: ID, documentHost: 'client.example' }])
  expect((await stage.refresh(ID, tokens.refresh)).status).toBe(200)
})

test('it is asked for once, at public addresses only, without cookies, and no redirect is followed', async () => {
  const stage = await started(() => ({ body: document() }))
  await status(stage)
  await status(stage)
  expect(stage.fetched).toMatchObject([
    { method: 'GET', within: 'public', cookies: 'none', redirect: 'manual', idleMs: 5000 },
  ])
  expect(stage.fetched[0]?.signal).toBeInstanceOf(AbortSignal)
})

test.each([
  ['a redirect', { status: 302, headers: { location: 'https://client.example/other' } }],
  ['not found', { status: 404 }],
  ['6 KB', { body: document(ID, { client_uri: `https://client.example/${'x'.repeat(6000)}` }) }],
  ['no JSON', { body: '<html>' }],
  ['an array', { body: [] }],
  ['a document of another client', { body: document('https://client.example/other.json') }],
  ['no name', { body: document(ID, { client_name: undefined }) }],
  ['an empty name', { body: document(ID, { client_name: ' ' }) }],
  ['no redirect URIs', { body: document(ID, { redirect_uris: undefined }) }],
  ['a secret', { body: document(ID, { client_secret: 'x', token_endpoint_auth_method: 'client_secret_post' }) }],
  [
    'a redirect URI that nobody may have',
    { body: document(ID, { redirect_uris: [CALLBACK, 'http://evil.example/'] }) },
  ],
  [
    'lists in lists',
    { body: JSON.stringify(document()).replace('"A document"', `${'['.repeat(2_000)}${']'.repeat(2_000)}`) },
  ],
  ['eleven redirect URIs', { body: document(ID, { redirect_uris: new Array(11).fill(CALLBACK) }) }],
])('%s in its place ends in a page', async (_title, answer) => {
  const stage = await started(() => answer)
  expect(await status(stage)).toBe(400)
})

test.each([
  'http://client.example/doc',
  'https://client.example/a/../doc',
  'https://client.example/%2e%2e/doc',
  'https://client.example/doc#x',
  'https://user@client.example/doc',
])('%s is no client, and is not asked for', async (id) => {
  const stage = await started(() => ({ body: document(id) }))
  expect(await status(stage, id)).toBe(400)
  expect(stage.fetched).toEqual([])
})

test('the rules for redirect URIs hold however the address of a document is written', async () => {
  const stage = await started(() => ({
    body: document('https://CLIENT.example:443/doc', { redirect_uris: ['slack://x/cb'] }),
  }))
  expect(await status(stage, 'https://CLIENT.example:443/doc')).toBe(400)
  expect(stage.log.entries.map(({ fields }) => fields.reason)).toContainEqual(expect.stringContaining('slack'))
})

const registeredWithKeys = async (stage: Stage, uri: string) => {
  const registered = await stage.register({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: uri })
  return ((await registered.json()) as { client_id: string }).client_id
}
/** With an assertion that only the client's keys can be asked about. */
const refreshWithKeys = (stage: Stage, id: string) => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: id, sub: id, aud: stage.publicUrl, jti: randomUUID(), iat: now, exp: now + 60 }
  return stage.refresh(id, 'x', {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: `${part({ alg: 'ES256' })}.${part(claims)}.AAAA`,
  })
}

test('the key set that a client names is read at public addresses, and not more than twenty times a minute', async () => {
  const stage = await started(() => ({ status: 500 }))
  const id = await registeredWithKeys(stage, 'https://keys.example/jwks')
  for (let index = 0; index < 25; index++) expect((await refreshWithKeys(stage, id)).status).not.toBe(200)
  expect(stage.fetched.length).toBeGreaterThan(0)
  expect(stage.fetched.length).toBeLessThanOrEqual(20)
  for (const request of stage.fetched) expect(request).toMatchObject({ within: 'public', redirect: 'manual' })
})

test('whoever names the document of another client as their keys takes nothing from that client', async () => {
  const stage = await started(({ url }) => ({ body: url.href === ID ? document() : { keys: [] } }))
  const ids: string[] = []
  for (let index = 0; index < 21; index++) {
    stage.state.address = `198.51.100.${index}`
    ids.push(await registeredWithKeys(stage, ID))
  }
  const others = ['https://client.example/jwks', 'https://client.example/keys']
  const [atOther, besideThem] = [
    await registeredWithKeys(stage, String(others[0])),
    await registeredWithKeys(stage, String(others[1])),
  ]
  stage.state.address = '203.0.113.9'
  for (const id of ids) await refreshWithKeys(stage, id)
  expect(stage.fetched.length).toBe(20)
  // Nor from others behind the same address.
  await refreshWithKeys(stage, besideThem)
  stage.state.address = '203.0.113.10'
  await refreshWithKeys(stage, atOther)
  expect(stage.fetched.slice(20).map(({ url }) => url.href)).toEqual([others[1], others[0]])
  expect(await status(stage)).toBe(303)
})

test('a document stays one however others that are asked for at the same moment are written', async () => {
  const clients = { byId: async () => undefined } as never
  const documents = createDocuments({
    ...{ clients, hosts: ['*'], namedHostsOnly: false, now: () => 0, log: createFakeLogger() },
    rules: { schemes: [], hosts: ['*.good.example'] },
    http: {
      request: async () => ({
        ...{ status: 200, headers: {}, discard: () => undefined },
        body: (async function* () {
          yield Buffer.from(JSON.stringify({ redirect_uris: ['https://elsewhere.example/cb'] }))
        })(),
      }),
    },
  })
  const written = ['https://client.example/x', 'https://client.example:443/x', 'https://CLIENT.example/x']
  expect(written.map((id) => documents.allow(id, '192.0.2.1'))).toEqual(['allowed', 'allowed', 'allowed'])
  for (const id of written) await expect(documents.fetch(id, '192.0.2.1')).rejects.toThrow('redirect_hosts')
  // Also where a key set with its address was read first.
  expect(documents.allow('https://client.example/y', '192.0.2.1')).toBe('allowed')
  for (const _ of written)
    await expect(documents.fetch('https://client.example/y', '192.0.2.1')).rejects.toThrow('redirect_hosts')
})

test('only hosts of document_hosts are asked', async () => {
  const stage = await started(({ url }) => ({ body: document(url.href) }), {
    clients: { documentHosts: ['*.good.example'] },
  })
  expect(await status(stage, 'https://a.good.example/doc')).toBe(303)
  expect(await status(stage, 'https://evil.example/doc')).toBe(400)
  expect(await status(stage, 'https://good.example.evil.example/doc')).toBe(400)
  expect(stage.fetched.length).toBe(1)
})

test('behind an HTTP proxy only hosts that are named are asked', async () => {
  const stage = await started(({ url }) => ({ body: document(url.href) }), {
    isBehindProxy: true,
    clients: { documentHosts: ['*', 'named.example'] },
  })
  expect(await status(stage, 'https://any.example/doc')).toBe(400)
  expect(await status(stage, 'https://named.example/doc')).toBe(303)
})

test('a failure is remembered for half a minute', async () => {
  let isBroken = true
  const stage = await started(() => (isBroken ? { status: 500 } : { body: document() }))
  expect([await status(stage), await status(stage)]).toEqual([400, 400])
  expect(stage.fetched.length).toBe(1)
  isBroken = false
  stage.clock.advance(31_000)
  expect(await status(stage)).toBe(303)
})

test('an address causes twenty fetches a minute', async () => {
  const stage = await started(({ url }) => ({ body: document(url.href) }))
  for (let index = 0; index < 25; index++) await status(stage, `https://client.example/${index}`)
  expect(stage.fetched.length).toBe(20)
  stage.state.address = '192.0.2.99'
  expect(await status(stage, 'https://client.example/other')).toBe(303)
  stage.state.address = '192.0.2.1'
  stage.clock.advance(61_000)
  expect(await status(stage, 'https://client.example/later')).toBe(303)
})

test('a client whose host is away refreshes on as it was known last, and one whose document is gone does not', async () => {
  const answer: { current: Answer } = { current: { body: document() } }
  const stage = await started(() => answer.current)
  const tokens = await tokensOf(await stage.redeem(ID, await stage.code(ID)))
  const away = await startAuthorization({
    stores: stage.stores,
    publicUrl: stage.publicUrl,
    internet: () => ({ status: 503 }),
  })
  const gone = await startAuthorization({
    stores: stage.stores,
    publicUrl: stage.publicUrl,
    internet: () => ({ status: 404 }),
  })
  expect(await tokensOf(await gone.refresh(ID, tokens.refresh))).toMatchObject({ error: 'invalid_client' })
  expect((await away.refresh(ID, tokens.refresh)).status).toBe(200)
})

test('a document that is blocked lets nobody in', async () => {
  const stage = await started(() => ({ body: document() }))
  await stage.redeem(ID, await stage.code(ID))
  await stage.stores.database.run('UPDATE oauth_clients SET blocked_at = ?', new Date(stage.clock.now()))
  expect(await status(stage)).toBe(400)
})

test('without documents a URL is no client', async () => {
  const stage = await started(() => ({ body: document() }), { clients: { documents: false } })
  expect(await status(stage)).toBe(400)
  expect(stage.fetched).toEqual([])
})
