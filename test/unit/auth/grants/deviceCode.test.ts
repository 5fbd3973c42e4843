// The polling of a device sign-in: its pace, its patience and its ends (RFC 8628 sections 3.2 to 3.5).
import { describe, expect, test } from 'vitest'
import { createClients } from '../../../../src/auth/client/clients.ts'
import { createDeviceCodeFlow, type DeviceCodeOptions } from '../../../../src/auth/grants/deviceCode.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeCache, createFakeClientStore } from '../../../fakes/fakeCache.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, json, respond, type Site } from '../../../fakes/fakeHttp.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const ISSUER = 'https://as.example'
const DEVICE = { device_code: 'd', user_code: 'AB-CD', verification_uri: 'https://as.example/device', expires_in: 900 }
const TOKENS = () => json({ access_token: 'access-1', token_type: 'bearer', refresh_token: 'refresh-1' })
const says = (error: string) => () => json({ error }, 400)
const never = new AbortController().signal

async function setUp(answers: readonly Site[], device: object = {}, options: Partial<DeviceCodeOptions> = {}) {
  const clock = createHurryingClock()
  let polls = 0
  const http = createFakeHttp({
    'https://mcp.example/.well-known/oauth-protected-resource/mcp': () =>
      json({ resource: KEY.server, authorization_servers: [ISSUER], scopes_supported: ['files'] }),
    [`${ISSUER}/.well-known/oauth-authorization-server`]: () =>
      json({
        ...{ issuer: ISSUER, authorization_endpoint: `${ISSUER}/authorize`, token_endpoint: `${ISSUER}/token` },
        ...{
          code_challenge_methods_supported: ['S256'],
          device_authorization_endpoint: `${ISSUER}/device_authorization`,
        },
      }),
    [`${ISSUER}/device_authorization`]: () => json({ ...DEVICE, ...device }),
    [`${ISSUER}/token`]: (request) => (answers[polls++] ?? says('authorization_pending'))(request),
  })
  const rules = () => ({})
  const attempts = createFakeAttemptStore(clock.now)
  const store = createFakeTokenStore()
  const clients = createClients({
    ...{ http, clients: createFakeClientStore(), cache: createFakeCache(), leases: createFakeLeases(), clock, rules },
    ...{ allowHttp: false, timeoutMs: 1_000, configured: { clientId: 'client' } },
  })
  const login = createDeviceCodeFlow({
    ...{ http, clients, attempts, store, clock, log: createFakeLogger(), allowHttp: false, serverHeaders: {}, rules },
    ...{
      issuer: undefined,
      scopes: undefined,
      resource: undefined,
      account: undefined,
      claims: [],
      audience: undefined,
    },
    ...{ bearer: 'access_token' as const, redirectUri: 'http://localhost:8080/auth/callback' },
    verifyTokens: async () => undefined,
    ...options,
  })
  const { attempt } = await attempts.begin(KEY, { status: 401 }, clock.now() + 300_000)
  return { start: () => login.start(attempt), attempt, attempts, store, clock, http }
}

describe('polling', () => {
  test('waits five seconds if the server names no interval, and as long as it says if it does', async () => {
    const unnamed = await setUp([TOKENS])
    await (await unnamed.start()).complete(never)
    expect(unnamed.clock.sleeps).toEqual([5_000])
    const named = await setUp([says('authorization_pending'), TOKENS], { interval: 2 })
    await (await named.start()).complete(never)
    expect(named.clock.sleeps).toEqual([2_000, 2_000])
  })

  test('slows down by five seconds for good when the server says so', async () => {
    const { start, clock } = await setUp([says('slow_down'), says('authorization_pending'), TOKENS], { interval: 1 })
    await (await start()).complete(never)
    expect(clock.sleeps).toEqual([1_000, 6_000, 6_000])
  })

  test('backs off and continues when the server is unreachable or fails', async () => {
    const cut = () => Promise.reject(new BridgeError('server_unreachable'))
    const { start, clock } = await setUp([() => respond(503), cut, TOKENS], { interval: 1 })
    await (await start()).complete(never)
    expect(clock.sleeps).toEqual([1_000, 2_000, 4_000])
  })

  test('stores the tokens and finishes the attempt', async () => {
    const { start, attempt, attempts, store, http } = await setUp([TOKENS])
    await (await start()).complete(never)
    expect((await store.load(KEY)).tokens).toMatchObject({
      ...{ accessToken: 'access-1', refreshToken: 'refresh-1', issuer: ISSUER, clientId: 'client' },
      ...{ scope: 'files', resource: KEY.server },
    })
    expect((await attempts.byId(attempt.id))?.status).toBe('finished')
    const body = new URLSearchParams(String(http.requests.at(-1)?.body))
    expect(Object.fromEntries(body)).toEqual({
      ...{ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'd', client_id: 'client' },
      resource: KEY.server,
    })
  })

  test.each([
    ['access_denied', 'access_denied'],
    ['expired_token', 'login_timed_out'],
    ['invalid_grant', 'login_failed'],
  ])('ends at %s as %s, and nothing is stored', async (error, code) => {
    const { start, store } = await setUp([says(error)])
    expect(await codeOf((await start()).complete(never))).toBe(code)
    expect(await store.load(KEY)).toEqual({ generation: 0 })
  })

  test('ends when the code has expired, or earlier with the attempt', async () => {
    const code = await setUp([], { expires_in: 20 })
    expect(await codeOf((await code.start()).complete(never))).toBe('login_timed_out')
    expect(code.clock.sleeps).toHaveLength(4)
    const attempt = await setUp([], { interval: 100 })
    expect(await codeOf((await attempt.start()).complete(never))).toBe('login_timed_out')
    expect(attempt.clock.sleeps).toHaveLength(3)
  })

  test('stops when another method was faster, and keeps what that one stored', async () => {
    const { start, store } = await setUp([TOKENS])
    const other = new AbortController()
    const completing = (await start()).complete(other.signal)
    other.abort(new Error('done elsewhere'))
    await expect(completing).rejects.toThrow('done elsewhere')
    expect(await store.load(KEY)).toEqual({ generation: 0 })
  })
})

describe('the start', () => {
  test('names the code and both addresses', async () => {
    const complete = 'https://as.example/device?user_code=AB-CD'
    const { start } = await setUp([], { verification_uri_complete: complete })
    expect(await start()).toMatchObject({
      ...{ userCode: 'AB-CD', verificationUri: 'https://as.example/device', verificationUriComplete: complete },
    })
  })

  test.each(['verification_uri', 'verification_uri_complete'])(
    'checks %s against where a person may be sent',
    async (name) => {
      const inside = 'https://router.internal/device'
      const checkAddress = async (url: URL) => {
        if (url.href === inside) throw new BridgeError('address_refused')
      }
      const { start } = await setUp([], { [name]: inside }, { checkAddress })
      expect(await codeOf(start())).toBe('address_refused')
    },
  )

  test.each(['http://as.example/device', 'file:///etc/passwd', 'javascript:alert(1)', 'https://u:p@as.example/'])(
    'refuses to send a person to %s',
    async (verification_uri) => {
      const { start } = await setUp([], { verification_uri })
      expect(await codeOf(start())).toBe('discovery_failed')
    },
  )
})
