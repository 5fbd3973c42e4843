// Which authorization server is asked next, which answers allow no guess, and which error tells most.
import { describe, expect, test } from 'vitest'
import { discover } from '../../../../src/auth/discovery/protectedResource.ts'
import {
  ABSENT,
  AS,
  metadata,
  OAUTH,
  OIDC,
  ORIGIN,
  PASSING,
  PRM,
  PRM_ROOT,
  resource,
  run,
  throws,
} from '../../../fakes/discoveryKit.ts'
import { createFakeHttp, json, respond, type Site } from '../../../fakes/fakeHttp.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

describe('of several authorization servers', () => {
  const B = 'https://b.example'
  const both = (first: Readonly<Record<string, Site>>, named = [AS, B]) =>
    run({
      [PRM]: () => json(resource({ authorization_servers: named })),
      [B + OAUTH]: () => json(metadata(B)),
      ...first,
    })

  const gone = (reason: string): Site => throws('server_unreachable', { reason, sent: false })
  const GONE: readonly (readonly [string, Site])[] = [
    ...ABSENT,
    ['a name that does not exist', gone('ENOTFOUND')],
    ['a closed port', gone('ECONNREFUSED')],
    ['no way to the host', gone('EHOSTUNREACH')],
  ]
  test.each(GONE)('the next one is asked if the first is gone: %s', async (_, site) => {
    expect((await both({ [AS + OAUTH]: site, [AS + OIDC]: site }).found).issuer).toBe(B)
  })

  test.each([
    ['no URL', 'as.example'],
    ['http', 'http://as.example'],
    ['another scheme', 'ftp://as.example'],
    ['a password', 'https://a:b@as.example'],
  ])('the next one is asked if the first is %s, where nothing is sent', async (_, first) => {
    const { found, http } = both({}, [first, B])
    expect((await found).issuer).toBe(B)
    expect(http.urls).toEqual([PRM, B + OAUTH])
  })

  test.each([
    ['503', () => respond(503), 'authorization_server_error'],
    ['429', () => respond(429), 'authorization_server_error'],
    ['silence', throws('server_timeout'), 'authorization_server_unreachable'],
    ['a certificate that is not accepted', throws('tls_failed'), 'tls_failed'],
    ['a redirect elsewhere', throws('redirect_refused'), 'redirect_refused'],
    ['another issuer', () => json(metadata('https://other.example')), 'issuer_mismatch'],
    ['no S256', () => json({ ...metadata(AS), code_challenge_methods_supported: ['plain'] }), 'pkce_unsupported'],
    ['an http endpoint', () => json(metadata(AS, { token_endpoint: 'http://as.example/t' })), 'discovery_failed'],
  ])('none replaces one that answers wrongly or fails for a moment: %s', async (_, site, code) => {
    const { found, http } = both({ [AS + OAUTH]: site, [AS + OIDC]: () => respond(404) })
    expect(await codeOf(found)).toBe(code)
    expect(http.urls).not.toContain(B + OAUTH)
  })

  test('none replaces the configured one', async () => {
    const { found, http } = run(
      { [PRM]: () => json(resource({ authorization_servers: [AS, B] })), [B + OAUTH]: () => json(metadata(B)) },
      { issuer: AS },
    )
    expect(await codeOf(found)).toBe('discovery_failed')
    expect(http.urls).not.toContain(B + OAUTH)
  })

  test('each is named if all are gone, and at most five are asked', async () => {
    const named = Array.from({ length: 9 }, (_, n) => `https://as${n}.example`)
    const { found, http } = run({ [PRM]: () => json(resource({ authorization_servers: named })) })
    const { code, message } = await errorOf(found)
    expect(code).toBe('discovery_failed')
    for (const one of named.slice(0, 5)) expect(message).toContain(one)
    expect(http.urls).toHaveLength(1 + 5 * 2)
  })
})

describe('a failure that may pass never counts as "there is no document"', () => {
  const own = { [ORIGIN + OAUTH]: () => json(metadata(ORIGIN)) }

  test.each(PASSING)('%s at the resource metadata: the server’s own origin is not used instead', async (_, site) => {
    for (const sites of [{ [PRM]: site }, { [PRM_ROOT]: site }]) {
      const { found, http } = run({ ...sites, ...own })
      await errorOf(found)
      expect(http.urls).not.toContain(ORIGIN + OAUTH)
    }
  })

  test.each(PASSING)('%s at the address in the challenge: nor then', async (_, site) => {
    const named = 'https://other.example/prm'
    const { found, http } = run({ [named]: site, ...own }, {}, { status: 401, resourceMetadata: named })
    await errorOf(found)
    expect(http.urls).not.toContain(ORIGIN + OAUTH)
  })

  test.each(ABSENT)('but %s everywhere does, and the server’s own origin is used', async (_, site) => {
    const { found } = run({ [PRM]: site, [PRM_ROOT]: site, ...own })
    expect(await found).toMatchObject({ issuer: ORIGIN, resource: undefined })
  })

  test('and a configured issuer needs no resource metadata, if the server answers at all', async () => {
    const sites = { [PRM]: () => respond(500), [PRM_ROOT]: () => respond(500), [AS + OAUTH]: () => json(metadata(AS)) }
    expect((await run(sites, { issuer: AS }).found).issuer).toBe(AS)
    const silent = { ...sites, [PRM]: throws('server_timeout'), [PRM_ROOT]: throws('server_timeout') }
    expect(await codeOf(run(silent, { issuer: AS }).found)).toBe('server_timeout')
  })
})

describe('the error', () => {
  test('names every address with what it gave, equal answers together', async () => {
    const issuer = `${AS}/tenant`
    const { found } = run({
      [PRM]: () => json(resource({ authorization_servers: [issuer] })),
      [`${AS}${OAUTH}/tenant`]: () => respond(403),
      [`${AS}${OIDC}/tenant`]: () => json({}),
      [issuer + OIDC]: () => respond(200, {}, '<html>'),
    })
    const { code, message } = await errorOf(found)
    expect(code).toBe('discovery_failed')
    expect(message).toContain(
      `(403 at ${OAUTH}/tenant; JSON that is not metadata at ${OIDC}/tenant; a web page at /tenant${OIDC}; 404 at /tenant${OAUTH})`,
    )
  })

  test.each([
    [
      'a document with a fault before 503',
      [() => respond(503), () => json(metadata('https://x.example'))],
      'issuer_mismatch',
    ],
    ['503 before a redirect', [throws('redirect_refused'), () => respond(503)], 'authorization_server_error'],
    ['silence before 404', [() => respond(404), throws('server_timeout')], 'authorization_server_unreachable'],
    ['a redirect before 404', [() => respond(404), throws('redirect_refused')], 'redirect_refused'],
    ['a redirect before a web page', [throws('redirect_refused'), () => respond(200, {}, '<p>')], 'redirect_refused'],
  ])('is the one that tells most: %s', async (_, [first, second], code) => {
    const sites = { [PRM]: () => json(resource()), [AS + OAUTH]: first as Site, [AS + OIDC]: second as Site }
    const error = await errorOf(run(sites).found)
    expect(error.code).toBe(code)
    expect(error.message).toContain(OAUTH)
    expect(error.message).toContain(OIDC)
  })

  test.each([
    ['token_endpoint', undefined, 'has no token_endpoint'],
    ['token_endpoint', '/token', 'has no usable token_endpoint'],
    ['authorization_endpoint', undefined, 'has no authorization_endpoint'],
    ['issuer', undefined, 'has no issuer'],
    ['issuer', 7, 'has no issuer'],
    ['issuer', 'http://as.example', 'They differ in the scheme: http and https.'],
    ['issuer', `${AS}/`, 'They differ in the trailing slash.'],
    ['issuer', 'https://AS.example', 'They differ in upper and lower case.'],
  ])('says what is wrong with a document: %s is %s', async (name, value, words) => {
    const sites = { [PRM]: () => json(resource()), [AS + OAUTH]: () => json(metadata(AS, { [name]: value })) }
    expect((await errorOf(run(sites).found)).message).toContain(words)
  })

  test('says how to go on with the https form, if a scheme got lost', async () => {
    const issuer = await errorOf(
      run({ [PRM]: () => json(resource({ authorization_servers: ['http://as.example/t'] })) }).found,
    )
    expect(issuer.hint).toContain('issuer: "https://as.example/t"')
    const sites = {
      [PRM]: () => json(resource()),
      [AS + OAUTH]: () => json(metadata(AS, { token_endpoint: 'http://as.example/token?x=1' })),
    }
    const endpoint = await errorOf(run(sites).found)
    expect(endpoint.hint).toContain('https form works, set that as token_endpoint')
  })

  test('shows no query and no key of the server’s path', async () => {
    const key = 'sk-4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c'
    const http = createFakeHttp({ [`${ORIGIN}${OAUTH}`]: () => respond(503) })
    const plain = { serverHeaders: {}, issuer: undefined, allowHttp: false, rules: () => ({}) }
    const { message } = await errorOf(
      discover({ http, server: new URL(`${ORIGIN}/${key}/mcp?key=${key}`), ...plain }, { status: 401 }),
    )
    expect(message).toContain('/mcp?…')
    expect(message).not.toContain(key)
  })
})
