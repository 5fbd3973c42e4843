// SSRF: a server on the internet must not lead the sign-in into a private network or to this machine, with real connections.
import type { LookupAddress } from 'node:dns'
import { describe, expect, test } from 'vitest'
import { createClients } from '../../src/auth/client/clients.ts'
import { discover } from '../../src/auth/discovery/protectedResource.ts'
import { type AuthorizationCodeOptions, createAuthorizationCodeFlow } from '../../src/auth/grants/authorizationCode.ts'
import { createDeviceCodeFlow } from '../../src/auth/grants/deviceCode.ts'
import type { HttpClient } from '../../src/ports.ts'
import { createReach, withinReach } from '../../src/system/http/addresses.ts'
import { createHttp } from '../../src/system/http/client.ts'
import { createFakeAttemptStore } from '../fakes/fakeAttemptStore.ts'
import { createFakeCache, createFakeClientStore } from '../fakes/fakeCache.ts'
import { createFakeClock } from '../fakes/fakeClock.ts'
import { createFakeHttp, json, type Site } from '../fakes/fakeHttp.ts'
import { createFakeLeases } from '../fakes/fakeLeases.ts'
import { createFakeLogger } from '../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../fakes/fakeTokenStore.ts'
import { serve } from '../fakes/loopback.ts'
import { codeOf } from '../fakes/thrown.ts'

const SERVER = new URL('https://mcp.example/mcp')
const rules = () => ({})
const PRM = 'https://mcp.example/.well-known/oauth-protected-resource/mcp'
const AS = 'https://as.example'

/** Names of the internet; all others are asked of the real resolver by the real connection. */
const resolve = async (): Promise<LookupAddress[]> => [{ address: '203.0.113.5', family: 4 }]

/** The internet is a table, everything else a real connection; both within reach of a server on the internet. */
function internet(sites: Readonly<Record<string, Site>>, trusted: readonly string[] = []): HttpClient {
  const fake = createFakeHttp(sites)
  const real = createHttp({ connectTimeoutMs: 2_000 })
  const route: HttpClient = {
    request: (request) => (request.url.hostname.endsWith('.example') ? fake : real).request(request),
    close: () => real.close(),
  }
  return withinReach(route, createReach(SERVER, trusted, resolve))
}

const metadata = (issuer: string, more: object = {}) => ({
  issuer,
  authorization_endpoint: `${AS}/authorize`,
  token_endpoint: `${AS}/token`,
  code_challenge_methods_supported: ['S256'],
  ...more,
})

/** Something inside that would answer whoever reaches it. */
const inside = () =>
  serve((_seen, _request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"resource":"https://mcp.example/mcp"}')
  })

/** The same listener, in every spelling that leads to it. */
const spellings = (port: number) => [
  `http://127.0.0.1:${port}`,
  `http://localhost:${port}`,
  `http://2130706433:${port}`,
  `http://0x7f000001:${port}`,
  `http://0177.0.0.1:${port}`,
  `http://127.1:${port}`,
  `http://[::1]:${port}`,
  `http://[::ffff:127.0.0.1]:${port}`,
]

describe('when a server on the internet names an internal address, nothing arrives there', () => {
  const options = { server: SERVER, serverHeaders: {}, issuer: undefined, allowHttp: true, rules }

  test('as resource_metadata, in any spelling', async () => {
    const target = await inside()
    for (const origin of spellings(target.port)) {
      const http = internet({})
      const challenge = { status: 401, resourceMetadata: `${origin}/prm` }
      expect(await codeOf(discover({ http, ...options }, challenge)), origin).toBe('address_refused')
      await http.close()
    }
    expect(target.requests).toEqual([])
  })

  test('as authorization server, in any spelling', async () => {
    const target = await inside()
    for (const origin of spellings(target.port)) {
      const http = internet({ [PRM]: () => json({ resource: SERVER.href, authorization_servers: [origin] }) })
      expect(await codeOf(discover({ http, ...options }, { status: 401 })), origin).toBe('address_refused')
      await http.close()
    }
    expect(target.requests).toEqual([])
  })

  test.each([
    'https://169.254.169.254',
    'https://10.0.0.1',
    'https://192.168.1.1',
    'https://[fd00::1]',
    'https://[fe80::1]',
  ])('as %s of a network', async (origin) => {
    const http = internet({ [PRM]: () => json({ resource: SERVER.href, authorization_servers: [origin] }) })
    expect(await codeOf(discover({ http, ...options }, { status: 401 }))).toBe('address_refused')
    await http.close()
  })

  test('unless a person named that origin', async () => {
    const target = await inside()
    const origin = `http://127.0.0.1:${target.port}`
    const http = internet({}, [origin])
    const found = discover({ http, ...options }, { status: 401, resourceMetadata: `${origin}/prm` })
    expect(await codeOf(found)).toBe('discovery_failed')
    expect(target.requests.map(({ path }) => path)).toEqual(['/prm'])
    await http.close()
  })
})

describe('when the metadata of a server on the internet has an internal endpoint, the sign-in ends', () => {
  async function signIn(more: object, inner = AS) {
    const http = internet({
      [PRM]: () => json({ resource: SERVER.href, authorization_servers: [AS] }),
      [`${AS}/.well-known/oauth-authorization-server`]: () => json(metadata(AS, more)),
      [`${AS}/register`]: () => json({ client_id: 'c' }, 201),
      [`${AS}/token`]: () => json({ access_token: 'needle', token_type: 'Bearer' }),
      [`${AS}/device`]: () =>
        json({ device_code: 'd', user_code: 'U', expires_in: 60, verification_uri: `${inner}/type-it-here` }),
    })
    const clock = createFakeClock()
    const attempts = createFakeAttemptStore(clock.now)
    const clients = createClients({
      ...{ http, clients: createFakeClientStore(), cache: createFakeCache(), leases: createFakeLeases(), clock },
      ...{ allowHttp: false, rules, timeoutMs: 2_000, configured: undefined },
    })
    const options: AuthorizationCodeOptions = {
      ...{ http, clients, attempts, store: createFakeTokenStore(), clock, log: createFakeLogger() },
      ...{ allowHttp: false, rules, serverHeaders: {}, issuer: undefined, scopes: undefined, resource: undefined },
      ...{ authorizeParameters: {}, account: undefined, claims: ['email'], bearer: 'access_token' as const },
      bounds: 'ours',
      ...{ checkAddress: createReach(SERVER, [], resolve).check, verifyTokens: async () => undefined },
    }
    const login = createAuthorizationCodeFlow(options)
    const { attempt } = await attempts.begin(
      { server: SERVER.href, profile: 'default' },
      { status: 401 },
      clock.now() + 1_000,
    )
    const prepare = () => login.start(attempt, 'http://localhost:8080/auth/callback')
    const callback = async () => {
      await prepare()
      return login.handleCallback(new URLSearchParams({ code: 'c', state: attempt.state }))
    }
    const device = () =>
      createDeviceCodeFlow({
        ...options,
        ...{ redirectUri: 'http://localhost:8080/auth/callback', audience: undefined },
      }).start(attempt)
    const revoke = async () => {
      await prepare()
      const client = { clientId: 'c', authMethod: 'none' }
      return (await clients.connect(AS, client)).revoke('needle', 'access_token')
    }
    return { prepare, callback, device, revoke, close: () => http.close() }
  }

  test('before a browser opens its authorization endpoint', async () => {
    const target = await inside()
    for (const origin of [`http://127.0.0.1:${target.port}`, `http://[::1]:${target.port}`, 'https://10.0.0.1']) {
      const { prepare, close } = await signIn({
        authorization_endpoint: `${origin}/authorize`,
        registration_endpoint: `${AS}/register`,
      })
      expect(await codeOf(prepare()), origin).toBe('address_refused')
      await close()
    }
    expect(target.requests).toEqual([])
  })

  test('at its registration endpoint', async () => {
    const target = await inside()
    const { prepare, close } = await signIn({ registration_endpoint: `http://localhost:${target.port}/register` })
    expect(await codeOf(prepare())).toBe('address_refused')
    expect(target.requests).toEqual([])
    await close()
  })

  test('at its token endpoint, without sending the code and verifier', async () => {
    const target = await inside()
    const { callback, close } = await signIn({
      registration_endpoint: `${AS}/register`,
      token_endpoint: `http://localhost:${target.port}/token`,
    })
    expect(await callback()).toMatchObject({ kind: 'failed', code: 'address_refused' })
    expect(target.requests).toEqual([])
    await close()
  })

  test('at its userinfo endpoint, which gets no token', async () => {
    const target = await inside()
    const userinfo = `http://127.0.0.1:${target.port}/userinfo`
    const { callback, close } = await signIn({ registration_endpoint: `${AS}/register`, userinfo_endpoint: userinfo })
    // The names of a person are no reason to lose the sign-in.
    expect((await callback()).kind).toBe('done')
    expect(target.requests).toEqual([])
    await close()
  })

  test('at its revocation endpoint, which gets no token', async () => {
    const target = await inside()
    const revocation = `http://localhost:${target.port}/revoke`
    const more = { registration_endpoint: `${AS}/register`, revocation_endpoint: revocation }
    const { revoke, close } = await signIn(more)
    expect(await codeOf(revoke())).toBe('address_refused')
    expect(target.requests).toEqual([])
    await close()
  })

  test('at its device endpoint, before a person is shown an internal address', async () => {
    const target = await inside()
    const origin = `http://127.0.0.1:${target.port}`
    const registers = { registration_endpoint: `${AS}/register` }
    const asked = await signIn({ ...registers, device_authorization_endpoint: `${origin}/device` })
    expect(await codeOf(asked.device())).toBe('address_refused')
    const shown = await signIn({ ...registers, device_authorization_endpoint: `${AS}/device` }, origin)
    expect(await codeOf(shown.device())).toBe('address_refused')
    expect(target.requests).toEqual([])
    await asked.close()
    await shown.close()
  })
})

test('when metadata arrives too slowly, the sign-in gives up after ten seconds', async () => {
  const timers: NodeJS.Timeout[] = []
  const slow = await serve((_seen, _request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{')
    timers.push(setInterval(() => response.write(' '), 500))
  })
  const http = createHttp({ connectTimeoutMs: 2_000 })
  const server = new URL(`${slow.origin}/mcp`)
  const options = { http, server, serverHeaders: {}, issuer: undefined, allowHttp: false, rules }
  const found = discover(options, { status: 401 })
  expect(await codeOf(found)).toBe('authorization_server_unreachable')
  for (const timer of timers) clearInterval(timer)
  await http.close()
}, 20_000)
