// Who the bridge is at a real authorization server: keys, metadata documents, forgotten registrations, and scopes that grow.
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { startProtectedStage } from '../servers/scriptedStage.ts'
import { startStage } from '../servers/stage.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})
async function kept<T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const started = await starting
  open.push(started)
  return started
}

const REDIRECT = 'http://localhost:8976/auth/callback'
const DOCUMENT = 'https://me.example/client.json'

/** A key pair; the public part as the authorization server wants it. */
function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'mine', use: 'sig', alg: 'ES256' }
  return { pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), jwk }
}

/** A client of a person with a key, as it is registered. */
function keyClient() {
  const { pem, jwk } = keyPair()
  const client = {
    ...{ client_id: 'mine', redirect_uris: [REDIRECT], application_type: 'native', jwks: { keys: [jwk] } },
    ...{ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256' },
    grant_types: ['authorization_code', 'refresh_token'],
  }
  return { pem, client }
}

describe('a client of a person', () => {
  test('with a key signs in by private_key_jwt and refreshes with it', async () => {
    const { pem, client } = keyClient()
    const stage = await kept(startStage({ accessTokenSeconds: 3_600, settings: { clients: [client] } }))
    const key = join(stage.home, 'key.pem')
    writeFileSync(key, pem)
    const mine = ['--client-id', 'mine', '--client-key-file', key, '--issuer', stage.authorization.issuer]
    const host = stage.host([...mine, '--callback-url', REDIRECT])
    expect(await host.isMet()).toBe(true)
    stage.server.rejectTokens()
    expect((await host.request('tools/list')).result).toBeDefined()
    expect(stage.authorization.counts).toMatchObject({ registrations: 0, codeGrants: 1, refreshGrants: 1 })
  })

  test.each([
    ['a server that takes no keys', { token_endpoint_auth_methods_supported: ['client_secret_basic'] }],
    ['a server that takes other signatures', { token_endpoint_auth_signing_alg_values_supported: ['RS256'] }],
  ])('with a key at %s is client_auth_unsupported, and the remedy names what to configure', async (_, metadata) => {
    const { pem, client } = keyClient()
    const stage = await kept(startStage({ settings: { clients: [client] } }))
    const path = '/.well-known/oauth-authorization-server'
    const own = (await (await fetch(stage.authorization.issuer + path)).json()) as Record<string, unknown>
    stage.authorization.state.documents[path] = { ...own, ...metadata }
    const key = join(stage.home, 'key.pem')
    writeFileSync(key, pem)
    const issuer = ['--issuer', stage.authorization.issuer]
    const mine = ['--client-id', 'mine', '--client-key-file', key, ...issuer, '--callback-url', REDIRECT]
    const { code, stderr } = await stage.command(['login', stage.server.url, ...mine])
    expect(stderr).toContain('(client_auth_unsupported, see ')
    expect(/^hint: (.*)$/m.exec(stderr)?.[1]).toContain('--client-secret-file')
    expect(code).toBe(3)
  })

  test('with a metadata document is not registered anywhere', async () => {
    const document = {
      ...{ client_id: DOCUMENT, client_name: 'Mine', redirect_uris: [REDIRECT], application_type: 'native' },
      ...{ grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'none' },
    }
    const features = { clientIdMetadataDocument: { enabled: true, ack: 'draft-02' } }
    const served = async (url: string | URL) =>
      String(url) === DOCUMENT ? Response.json(document) : new Response(null, { status: 404 })
    const stage = await kept(startStage({ features, settings: { fetch: served } }))
    const host = stage.host(['--client-metadata-url', DOCUMENT, '--callback-url', REDIRECT])
    expect(await host.isMet()).toBe(true)
    expect(new URL(stage.tabs()[0]?.[0] ?? '').searchParams.get('client_id')).toBe(DOCUMENT)
    expect(stage.authorization.counts).toMatchObject({ registrations: 0, codeGrants: 1 })
  })
})

describe('a registration that the server has forgotten', () => {
  test('is replaced before the tab opens', async () => {
    const stage = await kept(startStage())
    const first = stage.host()
    await first.initialize()
    await first.close()
    const [opened = ''] = stage.tabs()[0] ?? []
    const clientId = new URL(opened).searchParams.get('client_id') ?? ''
    const { Client } = stage.authorization.provider as unknown as {
      Client: { adapter: { destroy(id: string): Promise<void> } }
    }
    await Client.adapter.destroy(clientId)
    expect(
      (await stage.command(['login', stage.server.url, '--force', '--callback-url', stage.callbackUrl])).code,
    ).toBe(0)
    expect(stage.tabs()).toHaveLength(2)
    expect(stage.authorization.counts.registrations).toBe(2)
  })

  test.each([
    [400, { json: { error: 'invalid_client' } }],
    [401, { json: { error: 'invalid_client' } }],
    [403, { text: 'who?' }],
    [422, { json: { detail: 'no such client' } }],
  ])('is replaced once, in the same tab, when the code is refused with %i', async (status, body) => {
    const stage = await kept(startProtectedStage())
    const redeem = stage.issuer.routes['/token']
    stage.issuer.routes['/token'] = (seen) =>
      seen.body.includes('client_id=client-1-') ? { status, ...body } : (redeem?.(seen) ?? {})
    expect(await stage.host().isMet()).toBe(true)
    const called = (path: string) => stage.issuer.requests.filter((seen) => seen.path === path)
    expect(stage.tabs()).toBe(1)
    expect(called('/register')).toHaveLength(2)
    expect(called('/authorize')).toHaveLength(2)
    expect(new Set(called('/authorize').map(({ query }) => query.get('state'))).size).toBe(2)
    expect(new Set(called('/token').map(({ body }) => new URLSearchParams(body).get('code_verifier'))).size).toBe(2)
  })

  test('is not replaced a second time: the sign-in then fails', async () => {
    const stage = await kept(startProtectedStage())
    stage.issuer.routes['/token'] = () => ({ status: 401, json: { error: 'invalid_client' } })
    expect((await stage.host().failure()).data.code).toBe('invalid_client')
    expect(stage.issuer.requests.filter(({ path }) => path === '/register')).toHaveLength(2)
  })

  test('is replaced when a refresh is refused, and the call succeeds after one sign-in', async () => {
    const stage = await kept(startProtectedStage())
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    const redeem = stage.issuer.routes['/token']
    stage.issuer.routes['/token'] = (seen) => {
      if (seen.body.includes('client_id=client-1-')) return { status: 422, json: { detail: 'no such client' } }
      if (seen.body.includes('refresh_token')) return { status: 400, json: { error: 'invalid_grant' } }
      return redeem?.(seen) ?? {}
    }
    stage.state.accepts = (token) => token !== 'token-2'
    expect((await host.request('tools/call', { name: 'x', arguments: {} })).result).toBeDefined()
    expect(stage.issuer.requests.filter(({ path }) => path === '/register')).toHaveLength(2)
    expect(stage.tabs()).toBe(2)
  })
})

describe('an answer of another issuer', () => {
  test('with an error is neither acted on nor shown: the sign-in goes on', async () => {
    const stage = await kept(startStage())
    const login = stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl], {
      PERSON: 'absent',
    })
    const url = new URL(await login.says(/http:\S+authoriz?\S*|http:\S+\/auth\S*/))
    const callback = new URL(stage.callbackUrl)
    callback.searchParams.set('state', url.searchParams.get('state') ?? '')
    callback.searchParams.set('iss', 'https://evil.example')
    callback.searchParams.set('error', 'access_denied')
    callback.searchParams.set('error_description', 'Call 555 to restore access')
    const answer = await fetch(callback, { headers: { accept: 'text/html' } })
    expect(answer.status).toBe(400)
    expect(await answer.text()).not.toContain('555')
    await stage.visit(url.href)
    expect(await login.exited).toBe(0)
  })
})

describe('a scope that a call needs', () => {
  const SCOPED = {
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_context: unknown, resource: string) => ({
        scope: 'mcp:tools mcp:write mcp:admin offline_access',
        audience: resource,
        accessTokenFormat: 'jwt',
      }),
    },
  }
  const echo = { name: 'echo', arguments: { message: 'hello' } }

  test('is requested together with those already granted, once, and the call succeeds (P21)', async () => {
    const stage = await kept(startStage({ features: SCOPED }))
    const host = stage.host()
    await host.initialize()
    stage.server.state.requires = { echo: 'mcp:write' }
    expect((await host.request('tools/call', echo)).result.content[0].text).toContain('hello')
    expect((await host.request('tools/call', echo)).result).toBeDefined()
    const scopes = stage.tabs().map(([url = '']) => new URL(url).searchParams.get('scope')?.split(' '))
    expect(scopes).toHaveLength(2)
    expect(scopes[1]).toEqual(expect.arrayContaining([...(scopes[0] ?? []), 'mcp:write']))
  })

  test('that the server refuses nevertheless is an error, and no tab opens for it again (P21)', async () => {
    const stage = await kept(startStage({ features: SCOPED }))
    const host = stage.host()
    await host.initialize()
    stage.server.state.requires = { echo: 'mcp:unheard-of' }
    for (let call = 0; call < 3; call++)
      expect((await host.request('tools/call', echo)).error.data.code).toBe('insufficient_scope')
    expect(stage.tabs()).toHaveLength(2)
  })

  test('opens nothing if nobody may be asked', async () => {
    const stage = await kept(startStage({ features: SCOPED }))
    await (await stage.host().initialize()).result
    const host = stage.host(['--login', 'never'])
    await host.initialize()
    stage.server.state.requires = { echo: 'mcp:write' }
    expect((await host.request('tools/call', echo)).error.data.code).toBe('insufficient_scope')
    expect(stage.tabs()).toHaveLength(1)
  })
})

test('status shows the exceptions of a server, as text and as JSON', async () => {
  const stage = await kept(startStage())
  const config = stage.config(
    `servers:\n  old: { url: "${stage.server.url}", allow_missing_s256: true, trusted_issuers: [{ expected: "https://a.example", named: "https://b.example" }] }\n  new: { url: "https://mcp.example/mcp" }\n`,
  )
  const { stdout } = await stage.command(['status', '--config', config])
  expect(stdout).toContain(
    `Exceptions for ${stage.server.url}: S256 not advertised · issuer "https://b.example" at "https://a.example"`,
  )
  const report = JSON.parse((await stage.command(['status', '--json', '--config', config])).stdout)
  expect(report.exceptions).toEqual([
    {
      server: stage.server.url,
      allow_missing_s256: true,
      trusted_issuers: [{ expected: 'https://a.example', named: 'https://b.example' }],
    },
  ])
})
