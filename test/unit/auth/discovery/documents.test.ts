// Whatever one address gives that is not the document, the next one is asked.
import { describe, expect, test } from 'vitest'
import { parseChallenge } from '../../../../src/auth/challenge.ts'
import {
  ANYTHING,
  AS,
  MCP,
  metadata,
  OAUTH,
  OIDC,
  ORIGIN,
  PRM,
  PRM_ROOT,
  resource,
  run,
} from '../../../fakes/discoveryKit.ts'
import { json, respond, type Site } from '../../../fakes/fakeHttp.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

describe('authorization server metadata is found at the next address', () => {
  const INCOMPLETE: readonly (readonly [string, Site])[] = [
    ['a document without an issuer', () => json({ ...metadata(AS), issuer: undefined })],
    ['a document whose issuer is not a text', () => json({ ...metadata(AS), issuer: [AS] })],
    ['a document without a token endpoint', () => json({ ...metadata(AS), token_endpoint: null })],
    ['a document without an authorization endpoint', () => json({ ...metadata(AS), authorization_endpoint: '' })],
    ['a document whose endpoint is no URL', () => json({ ...metadata(AS), token_endpoint: '/token' })],
  ]
  test.each([...ANYTHING, ...INCOMPLETE])('after %s', async (_, site) => {
    const sites = { [PRM]: () => json(resource()), [AS + OAUTH]: site, [AS + OIDC]: () => json(metadata(AS)) }
    const { found, http } = run(sites)
    expect((await found).metadata.token_endpoint).toBe(`${AS}/token`)
    expect(http.urls).toEqual([PRM, AS + OAUTH, AS + OIDC])
  })

  test.each([
    ['another issuer', { issuer: 'https://other.example' }, 'issuer_mismatch'],
    ['its issuer with a slash', { issuer: `${AS}/` }, 'issuer_mismatch'],
    ['an http endpoint', { token_endpoint: 'http://as.example/token' }, 'discovery_failed'],
    ['an endpoint for the browser that is a file', { authorization_endpoint: 'file:///x' }, 'discovery_failed'],
    ['no S256', { code_challenge_methods_supported: undefined }, 'pkce_unsupported'],
    ['plain alone', { code_challenge_methods_supported: ['plain'] }, 'pkce_unsupported'],
  ])('but not after a whole document with %s', async (_, more, code) => {
    const sites = { [AS + OAUTH]: () => json(metadata(AS, more)), [AS + OIDC]: () => json(metadata(AS)) }
    const { found, http } = run({ ...sites, [PRM]: () => json(resource()) })
    expect(await codeOf(found)).toBe(code)
    expect(http.urls).not.toContain(AS + OIDC)
  })

  test('also below the path of the issuer, against RFC 8414', async () => {
    const issuer = `${AS}/tenant`
    const { found } = run({
      [PRM]: () => json(resource({ authorization_servers: [issuer] })),
      [issuer + OAUTH]: () => json(metadata(issuer)),
    })
    expect((await found).issuer).toBe(issuer)
  })

  test('only with its own issuer, S256 and secure endpoints, wherever it is', async () => {
    const issuer = `${AS}/tenant`
    const at = (document: object) =>
      run({
        [PRM]: () => json(resource({ authorization_servers: [issuer] })),
        [issuer + OAUTH]: () => json(document),
      }).found
    expect(await codeOf(at(metadata(AS)))).toBe('issuer_mismatch')
    expect(await codeOf(at(metadata(`${issuer}/`)))).toBe('issuer_mismatch')
    expect(await codeOf(at({ ...metadata(issuer), code_challenge_methods_supported: ['plain'] }))).toBe(
      'pkce_unsupported',
    )
    expect(await codeOf(at(metadata(issuer, { token_endpoint: 'http://as.example/token' })))).toBe('discovery_failed')
  })
})

describe('resource metadata is found at the next address', () => {
  test.each(ANYTHING)('after %s', async (_, site) => {
    const sites = { [PRM]: site, [PRM_ROOT]: () => json(resource()), [AS + OAUTH]: () => json(metadata(AS)) }
    const { found, http } = run(sites)
    expect(await found).toMatchObject({ issuer: AS, resource: MCP })
    expect(http.urls).toEqual([PRM, PRM_ROOT, AS + OAUTH])
  })

  test.each(ANYTHING)('of the server’s own origin after %s at the address in the challenge', async (_, site) => {
    const named = 'https://gone.example/prm'
    const sites = { [named]: site, [PRM]: () => json(resource()), [AS + OAUTH]: () => json(metadata(AS)) }
    const { found, http } = run(sites, {}, { status: 401, resourceMetadata: named })
    expect(await found).toMatchObject({ issuer: AS, resource: MCP })
    expect(http.urls).toEqual([named, PRM, AS + OAUTH])
  })

  test.each([
    'http://mcp.example/prm',
    'http://mcp.example/.well-known/oauth-protected-resource/mcp',
    'ftp://mcp.example/prm',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:application/json,{}',
    'https://user:pass@mcp.example/prm',
    'mcp.example/prm',
    'https://',
    '',
    ' ',
  ])('of the server’s own origin if the challenge names "%s", where nothing is sent', async (resourceMetadata) => {
    const sites = { [PRM]: () => json(resource()), [AS + OAUTH]: () => json(metadata(AS)) }
    const { found, http } = run(sites, {}, { status: 401, resourceMetadata })
    expect((await found).issuer).toBe(AS)
    expect(http.urls).toEqual([PRM, AS + OAUTH])
  })

  test('at a path that the challenge names instead of a URL', async () => {
    const { found } = run(
      { [`${ORIGIN}/meta`]: () => json(resource()), [AS + OAUTH]: () => json(metadata(AS)) },
      {},
      { status: 401, resourceMetadata: '/meta' },
    )
    expect((await found).issuer).toBe(AS)
  })

  test.each([
    ['one challenge', `Bearer resource_metadata="${ORIGIN}/a", error="invalid_token", resource_metadata="${ORIGIN}/b"`],
    ['two challenges', `Bearer resource_metadata="${ORIGIN}/a", Bearer resource_metadata="${ORIGIN}/b"`],
    ['two headers', [`Bearer resource_metadata="${ORIGIN}/a"`, `DPoP algs="ES256", resource_metadata="${ORIGIN}/b"`]],
  ])('at the first of several addresses in %s that has it', async (_, header) => {
    const challenge = parseChallenge(401, header)
    for (const place of ['a', 'b']) {
      const sites = { [`${ORIGIN}/${place}`]: () => json(resource()), [AS + OAUTH]: () => json(metadata(AS)) }
      const { found, http } = run(sites, {}, challenge)
      expect((await found).issuer).toBe(AS)
      expect(http.urls).not.toContain(PRM)
    }
  })

  test('at no more than four addresses of a challenge', () => {
    const many = Array.from({ length: 100 }, (_, n) => `resource_metadata="${ORIGIN}/${n}"`).join(', ')
    expect(parseChallenge(401, `Bearer ${many}`).moreResourceMetadata).toHaveLength(3)
  })
})

describe('resource metadata for another server', () => {
  test.each([
    'https://evil.example/mcp',
    'https://mcp.example/other',
    'http://mcp.example/mcp',
    'https://mcp.example:444/mcp',
  ])('stops the sign-in: %s', async (name) => {
    const other = () => json(resource({ resource: name }))
    const sites = { [PRM_ROOT]: () => json(resource()), [AS + OAUTH]: () => json(metadata(AS)) }
    expect(await codeOf(run({ ...sites, [PRM]: other }).found)).toBe('resource_mismatch')
    const named = { status: 401, resourceMetadata: `${ORIGIN}/prm` }
    const { found, http } = run({ ...sites, [PRM]: () => json(resource()), [`${ORIGIN}/prm`]: other }, {}, named)
    expect(await codeOf(found)).toBe('resource_mismatch')
    expect(http.urls).toEqual([`${ORIGIN}/prm`])
  })

  test('is passed over if the challenge also names the server’s own', async () => {
    const sites = {
      [`${ORIGIN}/a`]: () => json(resource({ resource: 'https://mcp.example/other' })),
      [`${ORIGIN}/b`]: () => json(resource()),
      [AS + OAUTH]: () => json(metadata(AS)),
    }
    const challenge = { status: 401, resourceMetadata: `${ORIGIN}/a`, moreResourceMetadata: [`${ORIGIN}/b`] }
    expect((await run(sites, {}, challenge).found).resource).toBe(MCP)
    const without = { ...sites, [`${ORIGIN}/b`]: () => respond(404) }
    expect(await codeOf(run(without, {}, challenge).found)).toBe('resource_mismatch')
  })

  test('says so if only the scheme differs, with the line that trusts exactly this name', async () => {
    const error = await errorOf(run({ [PRM]: () => json(resource({ resource: 'http://mcp.example/mcp' })) }).found)
    expect(error.message).toContain('They differ in the scheme: http and https.')
    expect(error.hint).toContain('trusted_resource: "http://mcp.example/mcp"')
  })

  test.each(['http://mcp.example/mcp', 'http://mcp.example', 'http://mcp.example/'])(
    'is accepted if it is %s, and a person trusts that name',
    async (name) => {
      const sites = { [PRM]: () => json(resource({ resource: name })), [AS + OAUTH]: () => json(metadata(AS)) }
      expect((await run(sites, { trustedResource: name }).found).resource).toBe(name)
      expect(await codeOf(run(sites, { trustedResource: `${name}x` }).found)).toBe('resource_mismatch')
      expect(await codeOf(run(sites).found)).toBe('resource_mismatch')
    },
  )

  test.each([
    'http://evil.example/mcp',
    'https://evil.example/mcp',
    'https://mcp.example/other',
    'http://mcp.example/other',
    'http://mcp.example:8080/mcp',
    'ftp://mcp.example/mcp',
    'http://a:b@mcp.example/mcp',
    'mcp',
  ])('is refused even if a person writes that name: %s', async (name) => {
    const sites = { [PRM]: () => json(resource({ resource: name })), [AS + OAUTH]: () => json(metadata(AS)) }
    const { code, message } = await errorOf(run(sites, { trustedResource: name }).found)
    expect(code).toBe('resource_mismatch')
    expect(message).toContain(
      'trusted_resource has no effect here: it covers the same address with another scheme only.',
    )
  })
})

describe('resource metadata without a resource', () => {
  const without =
    (more: object = {}) =>
    () =>
      json(resource({ resource: undefined, ...more }))

  test.each([
    ['no member', {}],
    ['null', { resource: null }],
    ['an empty text', { resource: '' }],
    ['a number', { resource: 7 }],
    ['another member beside', { authorization_server: AS }],
  ])('counts at the server’s own origin, for exactly this server: %s', async (_, more) => {
    const { found } = run({ [PRM]: without(more), [AS + OAUTH]: () => json(metadata(AS)) })
    expect(await found).toMatchObject({ issuer: AS, resource: undefined })
  })

  test('does not count at another origin, and the error says what it lacks', async () => {
    const named = 'https://other.example/prm'
    const { found } = run(
      { [named]: without(), [AS + OAUTH]: () => json(metadata(AS)) },
      {},
      { status: 401, resourceMetadata: named },
    )
    const error = await errorOf(found)
    expect(error.code).toBe('discovery_failed')
    expect(error.message).toContain('has no resource')
  })

  test('is not a document if it names no authorization server either', async () => {
    const { found } = run({
      [PRM]: () => json({ scopes_supported: ['a'] }),
      [ORIGIN + OAUTH]: () => json(metadata(ORIGIN)),
    })
    expect((await found).issuer).toBe(ORIGIN)
  })
})
