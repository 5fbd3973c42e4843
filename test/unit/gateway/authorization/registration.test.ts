// Registration of clients: what of a registration counts, what is refused, and how many an address may have.
import { expect, test } from 'vitest'
import { addressKey } from '../../../../src/gateway/authorization/asked.ts'
import { tidyClients } from '../../../../src/gateway/authorization/registration.ts'
import { CALLBACK, startAuthorization } from '../../../fakes/authorizationStage.ts'

test('a client is told what it got, and nothing else', async () => {
  const stage = await startAuthorization()
  const response = await stage.register({
    client_uri: 'https://client.example',
    logo_uri: 'https://client.example/logo.png',
    scope: 'openid files',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'urn:odd'],
    response_types: ['code', 'token'],
    application_type: 'web',
    id_token_signed_response_alg: 'RS256',
    something: 'else',
  })
  expect([response.status, response.headers.get('cache-control')]).toEqual([201, 'no-store'])
  expect(await response.json()).toEqual({
    client_id: expect.any(String),
    client_id_issued_at: expect.any(Number),
    client_name: 'A client',
    client_uri: 'https://client.example',
    logo_uri: 'https://client.example/logo.png',
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
    scope: 'mcp',
  })
  expect(stage.fetched).toEqual([])
})

test('a client without a wish for its authentication gets a secret, which stands sealed in the table', async () => {
  const stage = await startAuthorization()
  const response = await stage.register({ token_endpoint_auth_method: undefined })
  const client = (await response.json()) as Record<string, string>
  expect(client).toMatchObject({
    token_endpoint_auth_method: 'client_secret_basic',
    client_secret: expect.any(String),
    client_secret_expires_at: 0,
  })
  const rows = JSON.stringify(await stage.stores.database.all('SELECT * FROM oauth_clients'))
  expect(rows).toContain(client.client_id)
  expect(rows).not.toContain(client.client_secret)
})

test.each([
  ['no redirect URIs', { redirect_uris: undefined }, 'invalid_redirect_uri'],
  ['a bad one among good ones', { redirect_uris: [CALLBACK, 'javascript:1'] }, 'invalid_redirect_uri'],
  ['no grant type that there is', { grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
  ['a grant type that is text', { grant_types: 'authorization_code' }, 'invalid_client_metadata'],
  ['no response type that there is', { response_types: ['token'] }, 'invalid_client_metadata'],
  ['an authentication that there is not', { token_endpoint_auth_method: 'tls_client_auth' }, 'invalid_client_metadata'],
  [
    'a key that is a secret',
    { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ kty: 'oct', k: 'AA' }] } },
    'invalid_client_metadata',
  ],
  ['a name that is no text', { client_name: { a: 1 } }, 'invalid_client_metadata'],
])('a registration with %s is refused, and nothing is kept of it', async (_title, metadata, error) => {
  const stage = await startAuthorization()
  const response = await stage.register(metadata)
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { error, error_description: expect.any(String) },
  ])
  expect(await stage.stores.database.all('SELECT * FROM oauth_clients')).toEqual([])
})

/** A registration in whose member as many lists stand in each other. */
const deep = (levels: number, member: string) =>
  `{"redirect_uris":["${CALLBACK}"],"${member}":${'['.repeat(levels)}${']'.repeat(levels)}}`

test.each([
  ['text', 'text/plain', '{}', 400],
  ['no JSON', 'application/json', '{', 400],
  ['an array', 'application/json', '[]', 400],
  ['null', 'application/json', 'null', 400],
  ['an object in lists in lists', 'application/json', deep(5_000, 'client_name'), 400],
  ['an object with a deep member that nobody knows', 'application/json', deep(5_000, 'x'), 400],
  ['an object of nine levels', 'application/json', deep(8, 'contacts'), 400],
  ['17 KB', 'application/json', `{"client_name":"${'x'.repeat(17_000)}"}`, 413],
])('a body that is %s is refused', async (_title, type, body, status) => {
  const stage = await startAuthorization()
  const response = await fetch(`${stage.origin}/register`, { method: 'POST', headers: { 'content-type': type }, body })
  expect(response.status).toBe(status)
})

test('an address registers twenty clients an hour, also if it asks for thirty at once, and on two replicas', async () => {
  const one = await startAuthorization()
  const two = await startAuthorization({ stores: one.stores, publicUrl: one.publicUrl })
  const answers = await Promise.all(Array.from({ length: 30 }, () => one.register()))
  expect(answers.filter(({ status }) => status === 201).length).toBe(20)
  const refused = await two.register()
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3600'])
  two.state.address = '192.0.2.2'
  expect((await two.register()).status).toBe(201)
  one.clock.advance(61 * 60_000)
  expect((await one.register()).status).toBe(201)
})

test('the addresses of one IPv6 network are counted as one', async () => {
  const stage = await startAuthorization()
  for (let index = 0; index < 20; index++) {
    stage.state.address = `2001:db8:1:2:${index}::1`
    expect((await stage.register()).status).toBe(201)
  }
  stage.state.address = '2001:db8:1:2:ffff::9'
  expect((await stage.register()).status).toBe(429)
  stage.state.address = '2001:db8:1:3::1'
  expect((await stage.register()).status).toBe(201)
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0DB8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
])('the address %s is counted as %s', (address, key) => {
  expect(addressKey(address)).toBe(key)
})

test('where registration is off there is no endpoint for it', async () => {
  const stage = await startAuthorization({ clients: { registration: 'off' } })
  expect((await stage.register()).status).toBe(404)
})

test('a registration that nobody used for a day is deleted, and one that was used stays', async () => {
  const stage = await startAuthorization()
  const { clientId } = await stage.signIn()
  await stage.register()
  stage.clock.advance(25 * 60 * 60_000)
  expect(await tidyClients(stage.stores.clients, stage.clock.now())).toBe(1)
  expect(await stage.stores.clients.byId(clientId)).toBeDefined()
})
