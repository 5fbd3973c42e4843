// Any JSON value in any member of any answer of an authorization server: sane values or a told error, and no refresh token is lost.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createClients } from '../../../src/auth/client/clients.ts'
import { registerClient } from '../../../src/auth/client/registration.ts'
import { discover } from '../../../src/auth/discovery/protectedResource.ts'
import { createDeviceCodeFlow } from '../../../src/auth/grants/deviceCode.ts'
import { createOAuthClient } from '../../../src/auth/oauth/client.ts'
import { createRefresh } from '../../../src/auth/tokens/refresh.ts'
import { createTokens } from '../../../src/auth/tokens/tokens.ts'
import { BridgeError } from '../../../src/errors.ts'
import type { TokenSet } from '../../../src/records.ts'
import { toSqlTime } from '../../../src/store/values/time.ts'
import { createFakeAttemptStore } from '../../fakes/fakeAttemptStore.ts'
import { createFakeCache, createFakeClientStore } from '../../fakes/fakeCache.ts'
import { createHurryingClock, NOON } from '../../fakes/fakeClock.ts'
import { createFakeHttp, respond, type Site } from '../../fakes/fakeHttp.ts'
import { createFakeLeases } from '../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../fakes/fakeTokenStore.ts'
import { ODD_JSON, oddJson, oddMembers, written } from '../../fakes/oddJson.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const ISSUER = 'https://as.example'
const REDIRECT = 'http://localhost:8080/auth/callback'
const CLIENT = { clientId: 'client', clientSecret: 'secret-of-client', authMethod: 'client_secret_basic' }
const METADATA = {
  ...{ issuer: ISSUER, authorization_endpoint: `${ISSUER}/authorize`, token_endpoint: `${ISSUER}/token` },
  ...{ registration_endpoint: `${ISSUER}/register`, device_authorization_endpoint: `${ISSUER}/device` },
  ...{ revocation_endpoint: `${ISSUER}/revoke`, userinfo_endpoint: `${ISSUER}/userinfo`, jwks_uri: `${ISSUER}/jwks` },
  ...{ code_challenge_methods_supported: ['S256'], scopes_supported: ['openid'] },
}
const RESOURCE = { resource: KEY.server, authorization_servers: [ISSUER], scopes_supported: ['files'] }
const TOKENS = { access_token: 'access-new', token_type: 'Bearer', refresh_token: 'refresh-new', expires_in: 3600 }
const OPTIONAL = ['token_type', 'expires_in', 'refresh_token', 'scope', 'id_token', 'error', 'extra', '__proto__']
const DEVICE = {
  ...{ device_code: 'd', user_code: 'AB-CD', verification_uri: `${ISSUER}/device` },
  ...{ verification_uri_complete: `${ISSUER}/device?c=AB-CD`, expires_in: 600, interval: 5 },
}
const OLD: TokenSet = {
  ...{
    issuer: ISSUER,
    clientId: 'client',
    redirectUri: REDIRECT,
    accessToken: 'access-old',
    refreshToken: 'refresh-old',
  },
  ...{ scope: 'files', obtainedAt: NOON - 3_600_000, expiresAt: NOON - 1 },
}
const asJson = (text: string, status = 200) => respond(status, { 'content-type': 'application/json' }, text)
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const EXPIRED = `${part({ alg: 'RS256' })}.${part({ iss: ISSUER, sub: 'eve', aud: 'client', iat: 1, exp: 2 })}.AAAA`
const never = new AbortController().signal

/** What `work` gives, or the code of the BridgeError it ends in; anything else that is thrown is a crash. */
async function outcome<T>(work: Promise<T>): Promise<T | BridgeError> {
  return work.catch((thrown: unknown) => {
    if (thrown instanceof BridgeError && thrown.code !== 'internal') return thrown
    throw new Error('It crashed.', { cause: thrown })
  })
}

function clientsWith(sites: Readonly<Record<string, Site>>) {
  const clock = createHurryingClock()
  const http = createFakeHttp(sites)
  const rules = () => ({})
  const parts = { clients: createFakeClientStore(), cache: createFakeCache(), leases: createFakeLeases() }
  const clients = createClients({
    http,
    ...parts,
    clock,
    rules,
    allowHttp: false,
    timeoutMs: 1_000,
    configured: CLIENT,
    issuer: ISSUER,
  })
  return { clock, http, rules, clients }
}

async function refreshed(answer: Site) {
  const { clock, rules, clients } = clientsWith({ [METADATA.token_endpoint]: answer })
  await clients.remember(METADATA.issuer, { document: METADATA, url: METADATA.issuer })
  const store = createFakeTokenStore()
  store.put(KEY, OLD)
  const log = createFakeLogger()
  const refresh = createRefresh({ clients, clock, log, rules, bearer: 'access_token' })
  const tokens = createTokens({
    ...{ key: KEY, store, leases: createFakeLeases(), refresh: async () => refresh, clock, log },
    ...{ requestSignIn: () => Promise.reject(new BridgeError('not_signed_in')), strategy: 'auto', mode: 'never' },
  })
  const ended = await outcome(Promise.resolve(tokens.current()))
  return { ended, row: await store.load(KEY) }
}

/** A row can hold it, and a date can show it. */
function expectSane({ accessToken, refreshToken, expiresAt, scope }: TokenSet) {
  expect(accessToken).toMatch(/^[\x21-\x7e]{1,65536}$/)
  expect(refreshToken).toMatch(/^[\x21-\x7e]{1,65536}$/)
  expect(scope === undefined || typeof scope === 'string').toBe(true)
  if (expiresAt === undefined) return
  expect(expiresAt).toBeGreaterThan(NOON)
  expect(toSqlTime(expiresAt)).toMatch(/^20\d\d-/)
}

describe('a malformed answer to a refresh', () => {
  const MEMBERS = ['token_type', 'expires_in', 'refresh_token', 'scope', 'id_token', '__proto__']
  /** A text that cannot be a token is told. */
  const refused = (name: string, text: string) => {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'string' || value.trim() === '') return false
    return name === 'refresh_token' && !/^[\x21-\x7e]{1,65536}$/.test(value)
  }
  test.each(MEMBERS)('loses no token when %s has any value', async (name) => {
    const texts = [...ODD_JSON, '"a.b.c"', `"${EXPIRED}"`]
    for (const text of texts.filter((one) => !refused(name, one))) {
      const { ended, row } = await refreshed(() => asJson(written(TOKENS, { [name]: text })))
      expect(ended, text.slice(0, 40)).not.toBeInstanceOf(BridgeError)
      expect(row.tokens?.accessToken).toBe('access-new')
      expectSane(row.tokens as TokenSet)
    }
  })

  test('with any values in several members never removes the sign-in', async () => {
    const bodies = oddMembers(['access_token', ...OPTIONAL]).map((odd) => written(TOKENS, odd))
    await fc.assert(
      fc.asyncProperty(fc.oneof(bodies, oddJson), async (text) => {
        const { ended, row } = await refreshed(() => asJson(text))
        // An object without tokens is a refusal: it is recorded, and what there was stays.
        if (ended instanceof BridgeError || row.lastError !== undefined) expect(row.tokens).toEqual(OLD)
        else expectSane(row.tokens as TokenSet)
      }),
      { numRuns: 150 },
    )
  }, 30_000)

  test('with any error keeps the sign-in, unless the error is invalid_grant', async () => {
    const good = { error: 'invalid_request', error_description: 'no', error_codes: [1] }
    const bodies = oddMembers(Object.keys(good)).map((odd) => written(good, odd))
    await fc.assert(
      fc.asyncProperty(bodies, fc.constantFrom(200, 400, 401, 429, 500), async (text, status) => {
        const { row } = await refreshed(() => asJson(text, status))
        expect(row.tokens).toEqual(OLD)
      }),
      { numRuns: 100 },
    )
  }, 30_000)

  test.each(['0', '-1', '99999999999', '9'.repeat(400), '1e9', '', 'soon', 'Fri, 31 Dec 9999 23:59:59 GMT', 'Mon, x'])(
    'that is busy with Retry-After %j ends, and keeps the sign-in',
    async (value) => {
      const { ended, row } = await refreshed(() => respond(503, { 'retry-after': value }))
      expect(ended).toMatchObject({ code: 'authorization_server_error' })
      expect(row.tokens).toEqual(OLD)
    },
  )
})

describe('a malformed answer', () => {
  const check = (names: readonly string[], good: object, look: (text: string) => Promise<void>) =>
    fc.assert(
      fc.asyncProperty(
        fc.oneof(
          oddMembers(names).map((odd) => written({ ...good }, odd)),
          oddJson,
        ),
        look,
      ),
      { numRuns: 150 },
    )

  test('to a code or client credentials causes a reported error or a valid token set', async () => {
    await check([...Object.keys(TOKENS), ...OPTIONAL], TOKENS, async (text) => {
      const http = createFakeHttp({ [METADATA.token_endpoint]: () => asJson(text) })
      const oauth = await createOAuthClient(METADATA, CLIENT, { http, timeoutMs: 1_000 })
      const request = { ...{ redirectUri: REDIRECT, state: 's', codeVerifier: 'v'.repeat(43), nonce: undefined } }
      const whole = { ...request, scope: undefined, resource: undefined, extra: {} }
      for (const work of [
        oauth.redeem(new URL(`${REDIRECT}?code=c&state=s`), whole, ['sub']),
        oauth.clientCredentials({}),
        oauth.pollDevice({ device_code: 'd' }, ['sub']),
      ]) {
        const answer = await outcome(work)
        if (typeof answer === 'string' || answer instanceof BridgeError) continue
        const { expiresIn } = answer
        expect(expiresIn === undefined || (expiresIn >= 1 && expiresIn < 1e9)).toBe(true)
      }
    })
  }, 30_000)

  test('to a registration is registration_failed or a client with a valid expiry', async () => {
    const good = { client_id: 'c', client_secret: 's'.repeat(20), client_secret_expires_at: 0 }
    await check([...Object.keys(good), 'token_endpoint_auth_method', 'redirect_uris'], good, async (text) => {
      const http = createFakeHttp({ [METADATA.registration_endpoint]: () => asJson(text, 201) })
      const client = await outcome(registerClient(http, METADATA, REDIRECT, 1_000))
      if (client instanceof BridgeError) return
      expect(toSqlTime(client.secretExpiresAt ?? 0)).toMatch(/^\d{4}-/)
      await createOAuthClient(METADATA, client, { http, timeoutMs: 1_000 })
    })
  }, 30_000)

  test.each([
    ['metadata of the authorization server', METADATA, 'server'],
    ['metadata of the protected resource', RESOURCE, 'resource'],
  ] as const)(
    'as %s causes a reported error or leads to a client',
    async (_, good, which) => {
      const more = [
        'token_endpoint_auth_methods_supported',
        'grant_types_supported',
        'prompt_values_supported',
        'dpop_signing_alg_values_supported',
      ]
      await check([...Object.keys(good), ...more], good, async (text) => {
        const http = createFakeHttp({
          'https://mcp.example/.well-known/oauth-protected-resource/mcp': () =>
            asJson(which === 'resource' ? text : JSON.stringify(RESOURCE)),
          [`${ISSUER}/.well-known/oauth-authorization-server`]: () =>
            asJson(which === 'server' ? text : JSON.stringify(METADATA)),
        })
        const options = { http, allowHttp: false, rules: () => ({}), server: new URL(KEY.server), serverHeaders: {} }
        const found = await outcome(discover({ ...options, issuer: undefined }, { status: 401 }))
        if (found instanceof BridgeError) return
        const oauth = await outcome(createOAuthClient(found.metadata, CLIENT, { http, timeoutMs: 1_000 }))
        if (!(oauth instanceof BridgeError))
          await outcome(oauth.refresh('r', { scope: undefined, resource: undefined }))
      })
    },
    30_000,
  )

  test('of the userinfo endpoint or to a revocation crashes nothing', async () => {
    await check(['sub', 'email', 'name', 'error', 'a'], { sub: 'ada', email: 'ada@example.com' }, async (text) => {
      const http = createFakeHttp({
        ...{
          [METADATA.token_endpoint]: () => asJson(JSON.stringify(TOKENS)),
          [METADATA.userinfo_endpoint]: () => asJson(text),
        },
        ...{ [METADATA.revocation_endpoint]: () => asJson(text, 400), [METADATA.jwks_uri]: () => asJson(text) },
      })
      const oauth = await createOAuthClient(METADATA, CLIENT, { http, timeoutMs: 1_000 })
      const answer = await outcome(oauth.pollDevice({ device_code: 'd' }, ['email']))
      expect(answer).toMatchObject({ accessToken: 'access-new' })
      JSON.stringify(answer)
      await outcome(oauth.revoke('t', 'refresh_token'))
    })
  }, 30_000)

  test('in an ID token, in its keys or in both causes a reported error or a user with valid claims', async () => {
    const good = { iss: ISSUER, sub: 'ada', aud: 'client', iat: 1_768_000_000, exp: 4_000_000_000 }
    const names = [...Object.keys(good), 'nbf', 'azp', 'auth_time', 'nonce', 'email', 'email_verified']
    await fc.assert(
      fc.asyncProperty(oddMembers(names), oddJson, fc.boolean(), async (odd, keys, published) => {
        const payload = Buffer.from(written(good, odd)).toString('base64url')
        const answer = { ...TOKENS, id_token: `${part({ alg: 'RS256' })}.${payload}.AAAA` }
        const http = createFakeHttp({
          [METADATA.token_endpoint]: () => asJson(JSON.stringify(answer)),
          [METADATA.jwks_uri]: () => asJson(keys),
        })
        const { jwks_uri: jwks, ...rest } = METADATA
        const oauth = await createOAuthClient(published ? { ...rest, jwks_uri: jwks } : rest, CLIENT, {
          http,
          timeoutMs: 1_000,
        })
        const found = await outcome(oauth.pollDevice({ device_code: 'd' }, ['email']))
        if (typeof found === 'string' || found instanceof BridgeError) return
        expect(JSON.stringify(found.user?.claims ?? {}).length).toBeLessThan(100_000)
        expect(toSqlTime(found.idToken?.expiresAt ?? 0)).toMatch(/^\d{4}-/)
      }),
      { numRuns: 150 },
    )
  }, 30_000)

  test('to a device authorization causes a reported error, or is polled at a moderate pace until its end', async () => {
    await check(Object.keys(DEVICE), DEVICE, async (text) => {
      const { clock, http, rules, clients } = clientsWith({
        'https://mcp.example/.well-known/oauth-protected-resource/mcp': () => asJson(JSON.stringify(RESOURCE)),
        [`${ISSUER}/.well-known/oauth-authorization-server`]: () => asJson(JSON.stringify(METADATA)),
        [METADATA.device_authorization_endpoint]: () => asJson(text),
        [METADATA.token_endpoint]: () => asJson('{"error":"authorization_pending"}', 400),
      })
      const attempts = createFakeAttemptStore(clock.now)
      const login = createDeviceCodeFlow({
        ...{
          http,
          clients,
          attempts,
          store: createFakeTokenStore(),
          clock,
          log: createFakeLogger(),
          rules,
          claims: [],
        },
        ...{ allowHttp: false, serverHeaders: {}, issuer: undefined, scopes: undefined, resource: undefined },
        ...{ account: undefined, audience: undefined, bearer: 'access_token', redirectUri: REDIRECT },
        verifyTokens: async () => undefined,
      })
      const { attempt } = await attempts.begin(KEY, { status: 401 }, clock.now() + 300_000)
      const signIn = await outcome(login.start(attempt))
      if (signIn instanceof BridgeError) return
      expect(signIn.expiresAt).toBeLessThanOrEqual(attempt.expiresAt)
      expect(await outcome(signIn.complete(never))).toMatchObject({ code: 'login_timed_out' })
      expect(clock.sleeps.slice(0, -1).every((ms) => ms >= 1_000 && ms <= 300_000)).toBe(true)
      expect(clock.now() - NOON).toBeLessThanOrEqual(300_000)
    })
  }, 90_000)
})
