// Which redirect URIs are taken: one table for registrations, metadata documents and requests to /authorize.
import { expect, test } from 'vitest'
import { redirectUriFault, redirectUrisFault } from '../../../../src/gateway/authorization/redirectRules.ts'
import { type AuthorizationStage, createJar, startAuthorization } from '../../../fakes/authorizationStage.ts'

const RULES = { schemes: ['com.example.app'], hosts: ['good.example', '*.team.example'] }

const GOOD = [
  'http://127.0.0.1:33418/callback',
  'http://127.0.0.1/callback',
  'http://localhost:3000/',
  'http://localhost',
  'http://[::1]:8080/cb?x=1',
  'https://good.example/cb',
  'https://good.example:443/cb',
  'https://good.example:8443/cb',
  'https://a.team.example/oauth/callback?client=1',
  'https://GOOD.example/cb',
  'cursor://anysphere.cursor-retrieval/oauth/user-x/callback',
  'vscode://vscode.github-authentication/did-authenticate',
  'vscode-insiders://x/cb',
  'com.example.app:/oauth2redirect',
]

const BAD = [
  'javascript:alert(1)',
  'JavaScript://good.example/%0aalert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:x',
  'file:///etc/passwd',
  'blob:https://good.example/1',
  'about:blank',
  'ftp://good.example/',
  'http://evil.example/cb',
  'http://localhost.evil.example/cb',
  'http://127.0.0.1.evil.example/cb',
  'http://127.0.0.2/cb',
  'http://0.0.0.0/cb',
  'http://2130706433/cb',
  'https://evil.example/cb',
  'https://good.example.evil.example/cb',
  'https://evilgood.example/cb',
  'https://team.example/cb',
  'https://good.example@evil.example/cb',
  'https://user:secret@good.example/cb',
  'https://good.example#@evil.example',
  'https://good.example/cb#fragment',
  'https://good.example\\@evil.example/',
  'https://*.team.example/cb',
  'https://good.example/*',
  'https:good.example/cb',
  'https:///good.example/cb',
  'https://good%2eexample/cb',
  'https://gооd.example/cb',
  'https://localhost/cb',
  '//evil.example/cb',
  '/callback',
  'good.example/cb',
  '',
  'https://good.example/a/../b',
  'https://good.example/%2e%2e/b',
  'https://good.example/cb%0d%0aSet-Cookie:x',
  'https://good.example/cb%00',
  'https://good.example/c b',
  'https://good.example/cb\r\nx',
  'https://good.example/%zz',
  'cursor-evil://x/cb',
  'CURSOR://x/cb',
  'cursor://user@x/cb',
  'cursor:javascript',
  'slack://x/cb',
  `https://good.example/${'a'.repeat(2048)}`,
]

test.each(GOOD)('%s can be a redirect URI', (uri) => {
  expect(redirectUriFault(uri, RULES)).toBeUndefined()
})

test.each(BAD)('%s cannot be a redirect URI', (uri) => {
  expect(redirectUriFault(uri, RULES)).toBeTypeOf('string')
})

test.each([undefined, null, 1, {}, ['http://localhost/']])('a redirect URI is text, and not %s', (uri) => {
  expect(redirectUriFault(uri, RULES)).toBe('it is not text')
})

test('a scheme that a browser runs is refused also if it is configured', () => {
  expect(redirectUriFault('javascript:/x', { ...RULES, schemes: ['javascript'] })).toBeTypeOf('string')
})

test('a client has one to ten redirect URIs, and a wrong one is named', () => {
  expect(redirectUrisFault([], RULES)).toContain('at least one')
  expect(redirectUrisFault('http://localhost/', RULES)).toContain('array')
  expect(redirectUrisFault(new Array(11).fill('http://localhost/'), RULES)).toContain('at most 10')
  expect(redirectUrisFault(['http://localhost/', 'http://evil.example/'], RULES)).toContain('http://evil.example/')
})

const started = async () => {
  const stage = await startAuthorization({
    clients: { redirectSchemes: RULES.schemes, redirectHosts: RULES.hosts },
    internet: ({ url }) => ({
      body: {
        client_id: url.href,
        client_name: 'It',
        redirect_uris: [url.searchParams.get('uri')],
        token_endpoint_auth_method: 'none',
      },
    }),
  })
  return stage
}

const registeredFor = async (stage: AuthorizationStage, uri: string) =>
  (await (await stage.register({ redirect_uris: [uri] })).json()) as { client_id: string }

/** Where a document with this redirect URI leads: to consent, or to a page. */
const documentLeads = async (stage: AuthorizationStage, uri: string) => {
  const id = `https://client.example/doc?uri=${encodeURIComponent(uri)}`
  stage.state.address = `192.0.2.${Math.floor(stage.fetched.length / 10)}`
  const response = await fetch(stage.authorizeUrl(id, 'v', { redirect_uri: uri }), { redirect: 'manual' })
  return response.status
}

test('a registration, a metadata document and a request to /authorize take and refuse the same redirect URIs', async () => {
  const stage = await started()
  const { client_id: known } = (await (await stage.register()).json()) as { client_id: string }
  for (const [index, uri] of [...GOOD, ...BAD].entries()) {
    stage.state.address = `198.51.100.${index}`
    const good = index < GOOD.length
    const registered = await stage.register({ redirect_uris: [uri] })
    expect([uri, registered.status]).toEqual([uri, good ? 201 : 400])
    if (!good) expect(await registered.json()).toMatchObject({ error: 'invalid_redirect_uri' })
    expect([uri, await documentLeads(stage, uri)]).toEqual([uri, good ? 303 : 400])
    // Without a value no redirect URI is named (RFC 6749 section 3.1).
    if (uri === '') continue
    const asked = await fetch(stage.authorizeUrl(known, 'v', { redirect_uri: uri }), { redirect: 'manual' })
    if (!good) expect([uri, asked.status, asked.headers.get('location')]).toEqual([uri, 400, null])
  }
}, 30_000)

test('a client may ask for any port of a loopback address that it has registered, and for no other path', async () => {
  const stage = await started()
  const { client_id: id } = (await (await stage.register({ redirect_uris: ['http://127.0.0.1/callback'] })).json()) as {
    client_id: string
  }
  const status = async (uri: string) =>
    (await fetch(stage.authorizeUrl(id, 'v', { redirect_uri: uri }), { redirect: 'manual' })).status
  expect(await status('http://127.0.0.1:51234/callback')).toBe(303)
  expect(await status('http://127.0.0.1:51234/other')).toBe(400)
  expect(await status('http://localhost:51234/callback')).toBe(400)
})

const ELSEWHERE = 'https://elsewhere.example/cb'
const tightened = { clients: { redirectHosts: ['*.good.example'] } }

test.each([
  ['a request', {}],
  ['a request that is refused', { code_challenge: undefined, code_challenge_method: undefined }],
  ['a request that is refused before its client is known', { request: 'e30.e30.' }],
  ['a request that asks nobody', { prompt: 'none' }],
])(
  '%s goes to a page where its client has only a redirect URI that the rules of today refuse, named or left out',
  async (_title, more) => {
    const before = await startAuthorization()
    const { client_id: id } = await registeredFor(before, ELSEWHERE)
    const after = await startAuthorization({ stores: before.stores, ...tightened })
    for (const redirect_uri of [ELSEWHERE, undefined]) {
      const asked = after.authorizeUrl(id, 'v', { redirect_uri, ...more })
      const response = await fetch(asked, { redirect: 'manual' })
      expect([response.status, response.headers.get('location')]).toEqual([400, null])
      expect(await response.text()).toContain('Redirect URI not allowed')
    }
    expect(await after.stores.database.all('SELECT * FROM oauth_records')).toEqual([])
  },
)

test('rules that were changed while a person signed in hold for the answer', async () => {
  const before = await startAuthorization()
  const { client_id: id } = await registeredFor(before, ELSEWHERE)
  const begun = await fetch(before.authorizeUrl(id, 'v', { redirect_uri: undefined }), { redirect: 'manual' })
  const jar = createJar()
  jar.take(begun.headers.getSetCookie())
  const after = await startAuthorization({ stores: before.stores, publicUrl: before.publicUrl, ...tightened })
  const { response } = await after.browse(begun.headers.get('location') ?? '', jar)
  expect(after.asked).toMatchObject([{ redirectUri: ELSEWHERE }])
  expect([response.status, response.headers.get('location')]).toEqual([400, null])
  expect(await after.stores.database.all("SELECT * FROM oauth_records WHERE kind = 'AuthorizationCode'")).toEqual([])
})

test('the rules hold for what is kept of a document whose host is away', async () => {
  const id = 'https://client.example/client.json'
  const named = { client_id: id, client_name: 'It' }
  const document = { ...named, redirect_uris: [ELSEWHERE], token_endpoint_auth_method: 'none' }
  const before = await startAuthorization({ internet: () => ({ body: document }) })
  expect((await before.code(id, { redirect_uri: undefined })).code).not.toBe('')
  const after = await startAuthorization({ stores: before.stores, internet: () => ({ status: 503 }), ...tightened })
  const { response } = await after.browse(after.authorizeUrl(id, 'v', { redirect_uri: undefined }))
  expect([response.status, response.headers.get('location')]).toEqual([400, null])
})

test('a client of the configuration may have any redirect URI, also where it leaves it out', async () => {
  const known = [{ name: 'own', id: 'own', secret: undefined, redirectUris: [ELSEWHERE] }]
  const stage = await startAuthorization({ clients: { ...tightened.clients, known } })
  for (const redirect_uri of [ELSEWHERE, undefined])
    expect((await stage.code('own', { redirect_uri })).code).not.toBe('')
})
