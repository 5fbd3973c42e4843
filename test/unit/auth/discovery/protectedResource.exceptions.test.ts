// Servers that are excepted from a rule, each by name, and servers of MCP 2025-03-26.
import { describe, expect, test } from 'vitest'
import { type DiscoveryOptions, discover } from '../../../../src/auth/discovery/protectedResource.ts'
import { createFakeHttp, json, type Site } from '../../../fakes/fakeHttp.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const ORIGIN = 'https://mcp.example'
const AS = 'https://as.example'
const WELL_KNOWN = '/.well-known/oauth-authorization-server'
const S256 = { code_challenge_methods_supported: ['S256'] }

const metadata = (issuer: string, more: object = S256) => ({
  issuer,
  authorization_endpoint: `${AS}/authorize`,
  token_endpoint: `${AS}/token`,
  ...more,
})

function run(sites: Readonly<Record<string, Site>>, options: Partial<DiscoveryOptions> = {}) {
  const http = createFakeHttp(sites)
  const server = new URL(`${ORIGIN}/mcp`)
  const plain = { serverHeaders: {}, issuer: undefined, allowHttp: false, rules: () => ({}) }
  return discover({ http, server, ...plain, ...options }, { status: 401 })
}

const protectedBy = (document: object): Readonly<Record<string, Site>> => ({
  [`${ORIGIN}/.well-known/oauth-protected-resource/mcp`]: () =>
    json({ resource: `${ORIGIN}/mcp`, authorization_servers: [AS] }),
  [`${AS}${WELL_KNOWN}`]: () => json(document),
})

describe('an issuer whose metadata names another issuer (P13)', () => {
  const named = `${AS}/`

  test('stops the sign-in with both strings and the line that trusts exactly this pair', async () => {
    const error = await errorOf(run(protectedBy(metadata(named))))
    expect(error.code).toBe('issuer_mismatch')
    expect(error.message).toContain(`trusted_issuers: [{ expected: "${AS}", named: "${named}" }]`)
  })

  test('is accepted if that pair is trusted, and keeps the name under which it was found', async () => {
    const found = await run(protectedBy(metadata(named)), { trustedIssuers: [{ expected: AS, named }] })
    expect(found.issuer).toBe(AS)
    expect(found.metadata.issuer).toBe(named)
  })

  test.each([
    ['another name', { expected: AS, named: `${AS}//` }],
    ['another place', { expected: `${AS}/x`, named }],
    ['the pair turned round', { expected: named, named: AS }],
    ['another case', { expected: AS.toUpperCase(), named }],
  ])('is not accepted if the trusted pair has %s', async (_, pair) => {
    expect(await codeOf(run(protectedBy(metadata(named)), { trustedIssuers: [pair] }))).toBe('issuer_mismatch')
  })
})

describe('a server that does not list S256', () => {
  test('is refused, and accepted with an exception', async () => {
    expect(await codeOf(run(protectedBy(metadata(AS, {}))))).toBe('pkce_unsupported')
    expect((await run(protectedBy(metadata(AS, {})), { allowMissingS256: true })).issuer).toBe(AS)
  })

  test('gets no other exception', async () => {
    const sites = protectedBy(metadata('https://evil.example', {}))
    expect(await codeOf(run(sites, { allowMissingS256: true }))).toBe('issuer_mismatch')
  })
})

describe('a server of MCP 2025-03-26, without protected-resource metadata', () => {
  test.each([ORIGIN, `${ORIGIN}/`])('is its own authorization server, and may spell itself %s', async (issuer) => {
    const found = await run({ [`${ORIGIN}${WELL_KNOWN}`]: () => json(metadata(issuer)) })
    expect(found).toMatchObject({ issuer, metadata: { issuer }, resource: undefined })
  })

  test('that names another issuer is refused', async () => {
    expect(await codeOf(run({ [`${ORIGIN}${WELL_KNOWN}`]: () => json(metadata(`${ORIGIN}/oauth`)) }))).toBe(
      'issuer_mismatch',
    )
  })

  test('has the default endpoints if it publishes nothing', async () => {
    expect((await run({})).metadata).toEqual({
      issuer: ORIGIN,
      authorization_endpoint: `${ORIGIN}/authorize`,
      token_endpoint: `${ORIGIN}/token`,
      registration_endpoint: `${ORIGIN}/register`,
    })
  })

  test('has no default endpoints if an authorization server is named', async () => {
    const { [`${AS}${WELL_KNOWN}`]: _, ...sites } = protectedBy({})
    expect(await codeOf(run(sites, { allowMissingS256: true }))).toBe('discovery_failed')
  })
})
