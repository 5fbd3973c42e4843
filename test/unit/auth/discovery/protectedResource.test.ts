// From the challenge to checked metadata of the authorization server.
import { describe, expect, test } from 'vitest'
import { metadataUrls } from '../../../../src/auth/discovery/authorizationServer.ts'
import {
  type DiscoveryOptions,
  discover,
  resourceMetadataUrls,
} from '../../../../src/auth/discovery/protectedResource.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { Challenge } from '../../../../src/records.ts'
import { createFakeHttp, json, respond, type Site } from '../../../fakes/fakeHttp.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const MCP = 'https://mcp.example/mcp'
const PRM = 'https://mcp.example/.well-known/oauth-protected-resource/mcp'
const PRM_ROOT = 'https://mcp.example/.well-known/oauth-protected-resource'
const AS = 'https://as.example'
const AS_METADATA = 'https://as.example/.well-known/oauth-authorization-server'
const CHALLENGE: Challenge = { status: 401 }

const metadata = (issuer: string, more: object = {}) => ({
  issuer,
  authorization_endpoint: `${new URL(issuer).origin}/authorize`,
  token_endpoint: `${new URL(issuer).origin}/token`,
  code_challenge_methods_supported: ['plain', 'S256'],
  ...more,
})

function run(sites: Readonly<Record<string, Site>>, options: Partial<DiscoveryOptions> = {}, challenge = CHALLENGE) {
  const http = createFakeHttp(sites)
  const server = new URL(MCP)
  const found = discover(
    { http, server, serverHeaders: {}, issuer: undefined, allowHttp: false, rules: () => ({}), ...options },
    challenge,
  )
  return { found, http }
}

const resource = (more: object = {}) => json({ resource: MCP, authorization_servers: [AS], ...more })
const working = { [PRM]: () => resource({ scopes_supported: ['a'] }), [AS_METADATA]: () => json(metadata(AS)) }

describe('where protected-resource metadata may be (RFC 9728 section 3.1)', () => {
  const root = 'https://h.example/.well-known/oauth-protected-resource'
  test.each([
    ['https://h.example', [root]],
    ['https://h.example/', [root]],
    ['https://h.example/mcp', [`${root}/mcp`, root]],
    ['https://h.example/a/b', [`${root}/a/b`, root]],
    ['https://h.example/mcp/', [`${root}/mcp/`, root]],
    ['https://h.example/mcp?tenant=1', [`${root}/mcp?tenant=1`, root]],
  ])('for %s', (server, expected) => {
    expect(resourceMetadataUrls(new URL(server), CHALLENGE).map(({ href }) => href)).toEqual(expected)
  })

  test('is first at the addresses in the challenge, each once', () => {
    const resourceMetadata = 'https://other.example/prm.json'
    const urls = resourceMetadataUrls(new URL(MCP), { status: 401, resourceMetadata, moreResourceMetadata: [PRM_ROOT] })
    expect(urls.map(({ href }) => href)).toEqual([resourceMetadata, PRM_ROOT, PRM])
  })

  test('is searched for when the challenge names something that is not a URL', () => {
    expect(resourceMetadataUrls(new URL(MCP), { status: 401, resourceMetadata: 'nonsense' })).toHaveLength(2)
  })
})

describe('where authorization-server metadata may be (RFC 8414 section 3.1, OpenID Connect Discovery)', () => {
  const oauth = 'https://h.example/.well-known/oauth-authorization-server'
  const oidc = 'https://h.example/.well-known/openid-configuration'
  const below = (path: string) => [
    `${oauth}${path}`,
    `${oidc}${path}`,
    `https://h.example${path}/.well-known/openid-configuration`,
    `https://h.example${path}/.well-known/oauth-authorization-server`,
  ]
  test.each([
    ['https://h.example', [oauth, oidc]],
    ['https://h.example/', [oauth, oidc]],
    ['https://h.example/t', below('/t')],
    ['https://h.example/t/', below('/t')],
    ['https://h.example/a/b', below('/a/b')],
    ['https://h.example//', below('/')],
    ['https://h.example//evil.example', below('//evil.example')],
    ['https://h.example//evil.example/a', below('//evil.example/a')],
    ['https://h.example//evil.example:8443', below('//evil.example:8443')],
    ['https://h.example/\\evil.example', below('//evil.example')],
  ])('for %s', (issuer, expected) => {
    expect(metadataUrls(new URL(issuer)).map(({ href }) => href)).toEqual(expected)
  })
})

describe('discovery', () => {
  test('leads from the resource to its authorization server', async () => {
    const { found, http } = run(working)
    const { metadata: server, resource: name, scopesSupported } = await found
    expect([server.issuer, name, scopesSupported]).toEqual([AS, MCP, ['a']])
    expect(http.urls).toEqual([PRM, AS_METADATA])
  })

  test('follows the challenge', async () => {
    const named = 'https://mcp.example/prm'
    const { found, http } = run({ ...working, [named]: () => resource() }, {}, { status: 401, resourceMetadata: named })
    await found
    expect(http.urls[0]).toBe(named)
  })

  test('uses the metadata at the root if there is none at the path', async () => {
    const { found, http } = run({
      [PRM_ROOT]: () => json({ resource: 'https://mcp.example/', authorization_servers: [AS] }),
      [AS_METADATA]: () => json(metadata(AS)),
    })
    expect((await found).resource).toBe('https://mcp.example/')
    expect(http.urls).toEqual([PRM, PRM_ROOT, AS_METADATA])
  })

  test('uses the server’s own origin as issuer if nothing names one', async () => {
    const { found, http } = run({
      'https://mcp.example/.well-known/openid-configuration': () => json(metadata('https://mcp.example')),
    })
    const { metadata: server, resource: name } = await found
    expect([server.issuer, name]).toEqual(['https://mcp.example', undefined])
    expect(http.urls.slice(2)).toEqual([
      'https://mcp.example/.well-known/oauth-authorization-server',
      'https://mcp.example/.well-known/openid-configuration',
    ])
  })

  test.each(['//evil.example', '/\\evil.example', '//evil.example/a', '//.well-known'])(
    'asks the host of the issuer only, whatever its path is: %s',
    async (path) => {
      const issuer = AS + path
      const document = json(metadata(issuer, { token_endpoint: 'https://evil.example/token' }))
      const planted = ['', '/a'].map((at) => `https://evil.example${at}/.well-known/openid-configuration`)
      const { found, http } = run({
        [PRM]: () => resource({ authorization_servers: [issuer] }),
        ...Object.fromEntries(planted.map((url) => [url, () => document])),
      })
      expect((await errorOf(found)).code).toBe('discovery_failed')
      expect(new Set(http.urls.map((url) => new URL(url).host))).toEqual(new Set(['mcp.example', 'as.example']))
    },
  )

  test('asks a server without resource metadata at its own host only, whatever its path is', async () => {
    const { found, http } = run({}, { server: new URL('https://mcp.example//evil.example/mcp') }, { status: 404 })
    await errorOf(found)
    expect(http.urls).toContain('https://mcp.example//evil.example/mcp/.well-known/openid-configuration')
    expect(new Set(http.urls.map((url) => new URL(url).host))).toEqual(new Set(['mcp.example']))
  })

  test('prefers the configured issuer to the one that the server names', async () => {
    const mine = 'https://mine.example/t'
    const { found } = run(
      { ...working, 'https://mine.example/t/.well-known/openid-configuration': () => json(metadata(mine)) },
      { issuer: mine },
    )
    expect((await found).metadata.issuer).toBe(mine)
  })

  test.each([
    ['a web page', respond(200, { 'content-type': 'text/html' }, '<html>')],
    ['an array', json([])],
    ['404', respond(404)],
    ['401', respond(401)],
  ])('continues with the next location after %s', async (_, answer) => {
    const { found, http } = run({
      ...working,
      [AS_METADATA]: () => answer,
      'https://as.example/.well-known/openid-configuration': () => json(metadata(AS)),
    })
    expect((await found).metadata.issuer).toBe(AS)
    expect(http.urls).toHaveLength(3)
  })

  test('sends configured headers to the server’s own origin only', async () => {
    const { found, http } = run(working, { serverHeaders: { 'X-Team': 'core' } })
    await found
    expect(http.requests.map(({ headers }) => headers['X-Team'])).toEqual(['core', undefined])
  })

  test('sends configured headers to no other origin that the challenge names', async () => {
    const named = 'https://other.example/prm'
    const { found, http } = run(
      { ...working, [named]: () => resource() },
      { serverHeaders: { 'X-Team': 'core' } },
      { status: 401, resourceMetadata: named },
    )
    await found
    expect(http.requests[0]?.headers).not.toHaveProperty('X-Team')
  })
})

describe('discovery refuses', () => {
  const withServer = (document: unknown) => ({ [PRM]: () => resource(), [AS_METADATA]: () => json(document) })

  test.each([
    ['another issuer', 'https://evil.example'],
    ['a trailing slash', `${AS}/`],
    ['another case', 'https://AS.example'],
    ['no issuer', undefined],
    ['a number', 7],
  ])('metadata that names %s', async (_, issuer) => {
    const error = await errorOf(run(withServer({ ...metadata(AS), issuer })).found)
    expect(error.code).toBe('issuer_mismatch')
  })

  test.each([
    ['another origin', 'https://evil.example/mcp'],
    ['another path', 'https://mcp.example/other'],
    ['a longer path', 'https://mcp.example/mcp/tools'],
    ['the beginning of the same word', 'https://mcp.example/mc'],
    ['http', 'http://mcp.example/mcp'],
    ['another port', 'https://mcp.example:8443/mcp'],
    ['what is no URL', 'mcp'],
  ])('metadata of a resource with %s', async (_, name) => {
    const { found, http } = run({ ...working, [PRM]: () => json({ resource: name, authorization_servers: [AS] }) })
    expect((await errorOf(found)).code).toBe('resource_mismatch')
    expect(http.urls).toEqual([PRM])
  })

  test.each([
    ['a fragment', `${MCP}#a`, MCP],
    ['an empty fragment', `${MCP}#`, MCP],
    ['user information', 'https://ann:pw@mcp.example/mcp', MCP],
    ['a query that the server has not', `${MCP}?tenant=1`, MCP],
    ['another query', `${MCP}?tenant=2`, `${MCP}?tenant=1`],
    ['another query at the root', 'https://mcp.example/?tenant=2', `${MCP}?tenant=1`],
  ])('a resource with %s (RFC 8707 section 2, RFC 9728 section 3.3)', async (_, name, server) => {
    const at = resourceMetadataUrls(new URL(server), CHALLENGE)[0]?.href ?? PRM
    const { found, http } = run({ ...working, [at]: () => resource({ resource: name }) }, { server: new URL(server) })
    expect((await errorOf(found)).code).toBe('resource_mismatch')
    expect(http.urls).toEqual([at])
  })

  test.each([MCP, `${MCP}?tenant=1`, 'https://mcp.example'])(
    'not the resource %s of a server whose URL has a query',
    async (name) => {
      const server = `${MCP}?tenant=1`
      const sites = { ...working, [`${PRM}?tenant=1`]: () => resource({ resource: name }) }
      expect((await run(sites, { server: new URL(server) }).found).resource).toBe(name)
    },
  )

  test.each(['https://mcp.example', 'https://mcp.example/', MCP, `${MCP}/`])('not the resource %s', async (name) => {
    const { found } = run({ ...working, [PRM]: () => json({ resource: name, authorization_servers: [AS] }) })
    expect((await found).resource).toBe(name)
  })

  test.each([
    ['plain alone', ['plain']],
    ['nothing', undefined],
    ['an empty list', []],
    ['a text', 'plain'],
    ['a number', 256],
    ['another case', ['s256']],
  ])('a server that advertises %s for PKCE', async (_, methods) => {
    const error = await errorOf(run(withServer(metadata(AS, { code_challenge_methods_supported: methods }))).found)
    expect(error.code).toBe('pkce_unsupported')
  })

  const ENDPOINTS = [
    'authorization_endpoint',
    'token_endpoint',
    'registration_endpoint',
    'revocation_endpoint',
    'userinfo_endpoint',
    'jwks_uri',
    'device_authorization_endpoint',
  ]
  test.each(ENDPOINTS)('an http %s', async (name) => {
    const error = await errorOf(run(withServer(metadata(AS, { [name]: 'http://as.example/x' }))).found)
    expect(error.code).toBe('discovery_failed')
    expect(error.message).toContain(name)
  })

  test.each([
    'javascript:alert(1)',
    'file:///etc/passwd',
    'https://user:pass@as.example/x',
    'vscode://x',
    'data:text/html,x',
  ])('the authorization endpoint %s, naming scheme and host only', async (endpoint) => {
    const error = await errorOf(run(withServer(metadata(AS, { authorization_endpoint: endpoint }))).found)
    expect(error.code).toBe('discovery_failed')
    expect(error.message).not.toContain('pass')
    expect(error.message).not.toContain('alert')
  })

  test.each([
    ['nothing', undefined],
    ['a path', '/token'],
    ['a number', 1],
  ])('%s as token endpoint', async (_, endpoint) => {
    const error = await errorOf(run(withServer(metadata(AS, { token_endpoint: endpoint }))).found)
    expect(error.code).toBe('discovery_failed')
  })

  test('an http issuer, before anything is sent there', async () => {
    const { found, http } = run({ [PRM]: () => resource({ authorization_servers: ['http://as.example'] }) })
    expect((await errorOf(found)).code).toBe('discovery_failed')
    expect(http.urls).toEqual([PRM])
  })

  test('http resource metadata that the challenge names, and sends nothing there', async () => {
    const challenge = { status: 401, resourceMetadata: 'http://mcp.example/prm' }
    const { found, http } = run({ 'http://mcp.example/prm': () => resource() }, {}, challenge)
    expect((await errorOf(found)).code).toBe('discovery_failed')
    expect(http.urls).not.toContain('http://mcp.example/prm')
  })

  test('accepts http on loopback, and elsewhere if the person allows it', async () => {
    for (const issuer of ['http://127.0.0.1:9000', 'http://localhost:9000', 'http://[::1]:9000']) {
      const sites = { [`${issuer}/.well-known/oauth-authorization-server`]: () => json(metadata(issuer)) }
      expect((await run(sites, { issuer }).found).metadata.issuer).toBe(issuer)
    }
    const issuer = 'http://as.internal'
    const sites = { [`${issuer}/.well-known/oauth-authorization-server`]: () => json(metadata(issuer)) }
    expect((await run(sites, { issuer, allowHttp: true }).found).metadata.issuer).toBe(issuer)
  })

  test('an issuer that is not a URL', async () => {
    const { found } = run({ [PRM]: () => resource({ authorization_servers: ['as.example'] }) })
    expect((await errorOf(found)).code).toBe('discovery_failed')
  })

  test('a server that publishes nothing, and says what was tried', async () => {
    const error = await errorOf(run({ [PRM]: () => resource() }).found)
    expect(error.code).toBe('discovery_failed')
    expect(error.message).toContain('/.well-known/oauth-authorization-server, /.well-known/openid-configuration')
  })

  test('metadata over 1 MB', async () => {
    const { found } = run({ ...working, [AS_METADATA]: () => respond(200, {}, ' '.repeat(1024 * 1024 + 1)) })
    expect((await errorOf(found)).code).toBe('discovery_failed')
  })

  test('to continue guessing after a network failure', async () => {
    const { found, http } = run({
      ...working,
      [AS_METADATA]: () => {
        throw new BridgeError('server_unreachable')
      },
    })
    expect((await errorOf(found)).code).toBe('authorization_server_unreachable')
    expect(http.urls).toEqual([PRM, AS_METADATA])
  })
})
