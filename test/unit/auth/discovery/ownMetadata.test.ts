// Servers without resource metadata: their own documents, the issuer that these name, and default endpoints where there are none.
import { describe, expect, test } from 'vitest'
import { createMetadataCache } from '../../../../src/auth/client/metadataCache.ts'
import { defaultEndpoints } from '../../../../src/auth/discovery/overrides.ts'
import { explainDefaults, isDefault } from '../../../../src/auth/discovery/ownMetadata.ts'
import { rulesFor } from '../../../../src/config/providerPresets.ts'
import { BridgeError } from '../../../../src/errors.ts'
import {
  ABSENT,
  AS,
  MCP,
  metadata,
  OAUTH,
  OIDC,
  ORIGIN,
  PASSING,
  PRM,
  REFUSED,
  resource,
  run,
  type Sites,
} from '../../../fakes/discoveryKit.ts'
import { createFakeCache } from '../../../fakes/fakeCache.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, json, respond } from '../../../fakes/fakeHttp.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const DEFAULTS = defaultEndpoints(ORIGIN)
const PLACES = [`${OAUTH}`, `${OIDC}`, `${OAUTH}/mcp`, `${OIDC}/mcp`, `/mcp${OIDC}`, `/mcp${OAUTH}`].map(
  (path) => ORIGIN + path,
)

describe('default endpoints (MCP 2025-03-26)', () => {
  test.each(ABSENT)('are used if every address gives %s', async (_, site) => {
    const sites = Object.fromEntries([PRM, ...PLACES].map((place) => [place, site]))
    const { metadata: found, issuer, published } = await run(sites).found
    expect([found, issuer, published]).toEqual([DEFAULTS, ORIGIN, undefined])
  })

  test.each([...PASSING, ...REFUSED])('are not used if one address gives %s', async (_, site) => {
    for (const place of [PRM, ...PLACES]) await errorOf(run({ [place]: site }).found)
  })

  test.each([
    ['names resource metadata that does not exist', {}, { status: 401, resourceMetadata: `${ORIGIN}/prm` }],
    ['does not ask for a sign-in', {}, { status: 200 }],
    ['forbids the request', {}, { status: 403 }],
    ['answers 404', {}, { status: 404 }],
    ['has resource metadata', { [PRM]: () => json({ resource: MCP }) }, { status: 401 }],
    ['names an authorization server that publishes nothing', { [PRM]: () => json(resource()) }, { status: 401 }],
    ['has a document with a fault', { [ORIGIN + OIDC]: () => json({ issuer: ORIGIN }) }, { status: 401 }],
    [
      'has a document without S256',
      { [ORIGIN + OAUTH]: () => json({ ...metadata(ORIGIN), code_challenge_methods_supported: [] }) },
      { status: 401 },
    ],
  ] as readonly (readonly [string, Sites, { status: number }])[])(
    'are not used for a server that %s',
    async (_, sites, challenge) => {
      await errorOf(run(sites, {}, challenge).found)
    },
  )

  test('are not used if an issuer is configured or the provider has one', async () => {
    expect(await codeOf(run({}, { issuer: AS }).found)).toBe('discovery_failed')
    const rules = rulesFor({ provider: 'google' })
    expect(await codeOf(run({}, { rules }).found)).toBe('discovery_failed')
  })

  test('do not replace the metadata of stored tokens while an address fails for a moment', async () => {
    const load = (sites: Sites) => {
      const plain = { allowHttp: false, rules: () => ({}), cache: createFakeCache(), clock: createFakeClock() }
      return createMetadataCache({ ...plain, http: createFakeHttp(sites), server: new URL(MCP) }).load(ORIGIN)
    }
    expect(await load({})).toEqual(DEFAULTS)
    for (const place of PLACES)
      expect(await codeOf(load({ [place]: () => respond(503) }))).toBe('authorization_server_error')
  })

  test('are told from metadata', () => {
    expect(isDefault(defaultEndpoints(AS))).toBe(true)
    expect(isDefault(metadata(AS))).toBe(false)
    expect(isDefault({ ...DEFAULTS, jwks_uri: `${ORIGIN}/jwks` })).toBe(false)
  })

  test('that register no client are explained; any other error stays', () => {
    const refused = new BridgeError('registration_failed', { message: 'It answered 404.' })
    expect(explainDefaults(refused, DEFAULTS)).toMatchObject({
      code: 'discovery_failed',
      message: expect.stringMatching(
        /\/\.well-known\/oauth-authorization-server, .*openid-configuration.*It answered 404\./,
      ),
      hint: expect.stringContaining('--header-file'),
    })
    expect(explainDefaults(refused, metadata(AS))).toBe(refused)
    const busy = new BridgeError('authorization_server_error')
    expect(explainDefaults(busy, DEFAULTS)).toBe(busy)
  })
})

describe('a server’s own document', () => {
  test.each([
    ['at the root', OAUTH, ORIGIN],
    ['at the root, with a slash', OAUTH, `${ORIGIN}/`],
    ['as OpenID document', OIDC, ORIGIN],
    ['under the path of its address', `${OAUTH}/mcp`, ORIGIN],
    ['under the path, named by it', `${OAUTH}/mcp`, MCP],
    ['under the path, named by it with a slash', `${OAUTH}/mcp`, `${MCP}/`],
    ['below its address', `/mcp${OIDC}`, MCP],
    ['below its address, against RFC 8414', `/mcp${OAUTH}`, MCP],
  ])('is found %s', async (_, place, issuer) => {
    const { found } = run({ [ORIGIN + place]: () => json(metadata(issuer)) })
    expect(await found).toMatchObject({ issuer, metadata: { issuer } })
  })

  test('at its root does not speak for its path', async () => {
    expect(await codeOf(run({ [ORIGIN + OAUTH]: () => json(metadata(MCP)) }).found)).toBe('issuer_mismatch')
  })
})

describe('a server’s own document that names another issuer', () => {
  const pointing = (more: object = {}) => ({ ...metadata(AS), token_endpoint: `${ORIGIN}/token`, ...more })

  test.each([
    ['the root', OAUTH],
    ['the path of the server (Salesforce)', `${OAUTH}/mcp`],
    ['an OpenID document', OIDC],
  ])('leads to that issuer’s own metadata, from %s', async (_, place) => {
    const { found } = run({ [ORIGIN + place]: () => json(pointing()), [AS + OIDC]: () => json(metadata(AS)) })
    expect(await found).toMatchObject({ issuer: AS, metadata: { token_endpoint: `${AS}/token` } })
  })

  test.each([
    ['publishes nothing', {}, 'issuer_mismatch'],
    ['names a third one', { [AS + OAUTH]: () => json(metadata('https://third.example')) }, 'issuer_mismatch'],
    [
      'does not list S256',
      { [AS + OAUTH]: () => json({ ...metadata(AS), code_challenge_methods_supported: ['plain'] }) },
      'pkce_unsupported',
    ],
    ['fails for a moment', { [AS + OAUTH]: () => respond(503) }, 'authorization_server_error'],
    [
      'has an http endpoint',
      { [AS + OAUTH]: () => json(metadata(AS, { token_endpoint: 'http://as.example/t' })) },
      'discovery_failed',
    ],
  ] as readonly (readonly [string, Sites, string])[])(
    'is never used itself: that issuer %s',
    async (_, sites, code) => {
      expect(await codeOf(run({ ...sites, [ORIGIN + OAUTH]: () => json(pointing()) }).found)).toBe(code)
    },
  )

  test.each(['http://as.example', 'as.example', 'file:///etc', 'javascript:alert(1)', 'https://a:b@as.example', ''])(
    'sends nothing to %j',
    async (issuer) => {
      const { found, http } = run({ [ORIGIN + OAUTH]: () => json(pointing({ issuer })) })
      expect(await codeOf(found)).toBe('issuer_mismatch')
      expect(http.urls.filter((url) => !url.startsWith(`${ORIGIN}/`))).toEqual([])
    },
  )

  test('does not move stored tokens to that issuer', async () => {
    const http = createFakeHttp({ [ORIGIN + OAUTH]: () => json(pointing()), [AS + OAUTH]: () => json(metadata(AS)) })
    const plain = { allowHttp: false, rules: () => ({}), cache: createFakeCache(), clock: createFakeClock() }
    const loading = createMetadataCache({ ...plain, http, server: new URL(MCP) }).load(ORIGIN)
    expect(await codeOf(loading)).toBe('issuer_mismatch')
    expect(http.urls).not.toContain(AS + OAUTH)
  })

  test('is used itself if a person trusts exactly this pair', async () => {
    const { found } = run(
      { [ORIGIN + OAUTH]: () => json(pointing()), [AS + OAUTH]: () => json(metadata(AS)) },
      { trustedIssuers: [{ expected: ORIGIN, named: AS }] },
    )
    expect(await found).toMatchObject({ issuer: ORIGIN, metadata: { issuer: AS, token_endpoint: `${ORIGIN}/token` } })
  })
})

describe('a provider with a preset', () => {
  const POOL = 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI'
  const SALESFORCE = 'https://login.salesforce.com'
  const named = (issuer: string, written: string, document: object) =>
    run(
      {
        [PRM]: () => json(resource({ authorization_servers: [written] })),
        [`${issuer.replace(/\/$/, '')}${OIDC}`]: () => json(document),
      },
      { rules: rulesFor() },
    ).found
  const unlisted = (issuer: string) => ({ ...metadata(issuer), code_challenge_methods_supported: undefined })

  test.each([
    ['Cognito', POOL],
    ['Salesforce', SALESFORCE],
    ['Salesforce, a sandbox', 'https://acme--test.sandbox.my.salesforce.com'],
  ])('works without listing S256, with an OpenID document only: %s', async (_, issuer) => {
    expect((await named(issuer, issuer, unlisted(issuer))).issuer).toBe(issuer)
    const plain = { ...metadata(issuer), code_challenge_methods_supported: ['plain'] }
    expect(await codeOf(named(issuer, issuer, plain))).toBe('pkce_unsupported')
  })

  test('works at Salesforce without resource metadata, from the document under the path of the server', async () => {
    const { found } = run(
      {
        [`${ORIGIN}${OAUTH}/mcp`]: () => json(metadata(SALESFORCE)),
        [SALESFORCE + OIDC]: () => json(unlisted(SALESFORCE)),
      },
      { rules: rulesFor() },
    )
    expect((await found).issuer).toBe(SALESFORCE)
  })

  test.each([
    ['google', 'https://accounts.google.com/', 'https://accounts.google.com'],
    ['google, the other way round', 'https://accounts.google.com', 'https://accounts.google.com/'],
    ['jumpcloud', 'https://oauth.id.jumpcloud.com', 'https://oauth.id.jumpcloud.com/'],
    ['auth0', 'https://team.eu.auth0.com', 'https://team.eu.auth0.com/'],
    ['okta', 'https://team.okta.com/oauth2/default/', 'https://team.okta.com/oauth2/default'],
    ['cognito', `${POOL}/`, POOL],
  ])('may write its issuer with or without a slash: %s', async (_, written, issuer) => {
    expect(await named(issuer, written, metadata(issuer))).toMatchObject({ issuer: written, metadata: { issuer } })
  })

  test.each([
    ['another provider’s', 'https://accounts.google.com', 'https://oauth.id.jumpcloud.com/'],
    ['two slashes', 'https://accounts.google.com', 'https://accounts.google.com//'],
    ['a path', 'https://accounts.google.com', 'https://accounts.google.com/x'],
    ['http', 'https://accounts.google.com', 'http://accounts.google.com'],
    ['another pool', POOL, `${POOL}x`],
    ['microsoft', 'https://login.microsoftonline.com/common/v2.0', 'https://login.microsoftonline.com/common/v2.0/'],
    ['no preset', AS, `${AS}/`],
    [
      'a host that only looks like one',
      'https://accounts.google.com.evil.example',
      'https://accounts.google.com.evil.example/',
    ],
  ])('has no other spelling: %s', async (_, issuer, spelled) => {
    expect(await codeOf(named(issuer, issuer, { ...metadata(issuer), issuer: spelled }))).toBe('issuer_mismatch')
  })

  test.each([
    'https://cognito-idp.eu-west-1.amazonaws.com.evil.example/p',
    'https://evil-cognito-idp.eu-west-1.amazonaws.com/p',
    'https://s3.eu-west-1.amazonaws.com/p',
    'https://pool.auth.eu-west-1.amazoncognito.com',
    'https://login.salesforce.com.evil.example',
    'https://evil.salesforce.com',
    'https://xlogin.salesforce.com',
  ])('is not recognized by %s', async (issuer) => {
    expect(await codeOf(named(issuer, issuer, unlisted(issuer)))).toBe('pkce_unsupported')
  })
})
