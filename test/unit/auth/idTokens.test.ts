// An ID token that fails any check, or does not come: it costs the identity where nobody needs it, and the sign-in where somebody does.
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { taped } from '../../../src/auth/oauth/idToken.ts'
import { BridgeError } from '../../../src/errors.ts'
import type { HttpResponse } from '../../../src/ports.ts'
import type { TokenSet } from '../../../src/records.ts'
import { json, respond } from '../../fakes/fakeHttp.ts'
import { createWorld, GOOD, ISSUER, logged, type WorldOptions } from '../../fakes/signInWorld.ts'
import { errorOf } from '../../fakes/thrown.ts'

type Keys = Awaited<ReturnType<typeof generateKeyPair>>
let keys: Keys
let strangers: Keys
let elliptic: Keys
let published: object
beforeAll(async () => {
  keys = await generateKeyPair('RS256', { extractable: true })
  strangers = await generateKeyPair('RS256')
  elliptic = await generateKeyPair('ES256')
  published = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }] }
})

interface Made {
  readonly claims?: JWTPayload
  readonly without?: string
  readonly header?: { alg: string; kid?: string; crit?: string[] }
  readonly key?: () => Keys['privateKey'] | Uint8Array
}
const claimsOf = (nonce: string | undefined, { claims = {}, without }: Made): JWTPayload => {
  const now = Math.floor(Date.now() / 1000)
  const good = { iss: ISSUER, aud: 'client-1', sub: 'ada', iat: now, exp: now + 600, email: 'ada@example.com' }
  const whole: JWTPayload = { ...good, ...(nonce === undefined ? {} : { nonce }), ...claims }
  return Object.fromEntries(Object.entries(whole).filter(([name]) => name !== without))
}
const made = (nonce: string | undefined, { header = { alg: 'RS256', kid: 'k' }, key, ...rest }: Made = {}) =>
  new SignJWT(claimsOf(nonce, rest)).setProtectedHeader(header).sign(key?.() ?? keys.privateKey)

/** How the ID token is made for the nonce of the sign-in; undefined: none comes. */
type Make = (nonce: string | undefined) => Promise<string | undefined>
const SECRET = () => new TextEncoder().encode('x'.repeat(48))
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

const FAILING: Readonly<Record<string, { make: Make; algorithm: string }>> = {
  'HS256, as better-auth 1.4 signs': {
    make: (nonce) => made(nonce, { header: { alg: 'HS256' }, key: SECRET }),
    algorithm: 'HS256',
  },
  'HS256 without an issuer': {
    make: (nonce) => made(nonce, { header: { alg: 'HS256' }, key: SECRET, without: 'iss' }),
    algorithm: 'HS256',
  },
  HS512: {
    make: (nonce) => made(nonce, { header: { alg: 'HS512' }, key: () => new TextEncoder().encode('x'.repeat(96)) }),
    algorithm: 'HS512',
  },
  none: { make: async (nonce) => new UnsecuredJWT(claimsOf(nonce, {})).encode(), algorithm: 'none' },
  'an algorithm that nobody knows': {
    make: async (nonce) => `${part({ alg: 'XX1' })}.${part(claimsOf(nonce, {}))}.AAAA`,
    algorithm: 'XX1',
  },
  'an algorithm that the metadata does not list': {
    make: (nonce) => made(nonce, { header: { alg: 'ES256' }, key: () => elliptic.privateKey }),
    algorithm: 'ES256',
  },
  'the signature of a stranger': {
    make: (nonce) => made(nonce, { key: () => strangers.privateKey }),
    algorithm: 'RS256',
  },
  'a changed signature': {
    make: async (nonce) => `${(await made(nonce))?.split('.').slice(0, 2).join('.')}.AAAA`,
    algorithm: 'RS256',
  },
  'no signature': {
    make: async (nonce) => `${(await made(nonce))?.split('.').slice(0, 2).join('.')}.`,
    algorithm: 'RS256',
  },
  'a key that is not published': {
    make: (nonce) => made(nonce, { header: { alg: 'RS256', kid: 'other' } }),
    algorithm: 'RS256',
  },
  'another issuer': { make: (nonce) => made(nonce, { claims: { iss: 'https://evil.example' } }), algorithm: 'RS256' },
  'an issuer with a slash more': {
    make: (nonce) => made(nonce, { claims: { iss: `${ISSUER}/` } }),
    algorithm: 'RS256',
  },
  'no issuer': { make: (nonce) => made(nonce, { without: 'iss' }), algorithm: 'RS256' },
  'another audience': { make: (nonce) => made(nonce, { claims: { aud: 'other' } }), algorithm: 'RS256' },
  'no audience': { make: (nonce) => made(nonce, { without: 'aud' }), algorithm: 'RS256' },
  'two audiences without azp': {
    make: (nonce) => made(nonce, { claims: { aud: ['client-1', 'other'] } }),
    algorithm: 'RS256',
  },
  'another nonce': { make: (nonce) => made(nonce, { claims: { nonce: 'other' } }), algorithm: 'RS256' },
  'no nonce': { make: (nonce) => made(nonce, { without: 'nonce' }), algorithm: 'RS256' },
  'an expiry that is past': { make: (nonce) => made(nonce, { claims: { exp: 1_000_000_000 } }), algorithm: 'RS256' },
  'no expiry': { make: (nonce) => made(nonce, { without: 'exp' }), algorithm: 'RS256' },
  'a beginning that is to come': {
    make: (nonce) => made(nonce, { claims: { nbf: 4_000_000_000 } }),
    algorithm: 'RS256',
  },
  'no subject': { make: (nonce) => made(nonce, { without: 'sub' }), algorithm: 'RS256' },
  'a number as its subject': {
    make: (nonce) => made(nonce, { claims: { sub: 42 as unknown as string } }),
    algorithm: 'RS256',
  },
  'a text as its expiry': {
    make: (nonce) => made(nonce, { claims: { exp: 'soon' as unknown as number } }),
    algorithm: 'RS256',
  },
  'an extension that is critical': {
    make: async (nonce) => `${part({ alg: 'RS256', crit: ['x'] })}.${part(claimsOf(nonce, {}))}.AAAA`,
    algorithm: 'RS256',
  },
  encryption: {
    make: async () => `${part({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AAAA.AAAA.AAAA.AAAA`,
    algorithm: 'RSA-OAEP',
  },
}
const KEYS: Readonly<Record<string, () => HttpResponse>> = {
  'a 404': () => respond(404),
  'a 403': () => respond(403, { 'content-type': 'text/html' }, '<html>'),
  'a web page': () => respond(200, { 'content-type': 'text/html' }, '<html>'),
  'no keys': () => json({ keys: [] }),
  'something else': () => json({ keys: null }),
  'broken JSON': () => respond(200, { 'content-type': 'application/json' }, '{'),
}

const LISTED = { scopes_supported: ['files', 'openid', 'email', 'profile'] }

/** openid is asked for because the server lists it and headers want it. */
async function run(make: Make, { answers, ...options }: WorldOptions = {}) {
  let idToken: string | undefined
  const world = createWorld({
    ...{ claims: ['email'], jwks: () => json(published) },
    answers: {
      metadata: LISTED,
      token: () => json({ ...GOOD.token, id_token: idToken }),
      userinfo: () => respond(403),
      ...answers,
    },
    ...options,
  })
  world.onAddress(async (address) => {
    idToken = await make(address.searchParams.get('nonce') ?? undefined)
  })
  return { world, ...(await world.signIn()) }
}

test('one that passes names the user, and nothing is logged', async () => {
  const { world, tokens } = await run((nonce) => made(nonce))
  expect(tokens?.user).toMatchObject({ issuer: ISSUER, subject: 'ada', claims: { email: 'ada@example.com' } })
  expect(logged(world, 'oauth:id-token')).toEqual([])
})

describe('where nobody needs it, one with', () => {
  test.each(Object.entries(FAILING))(
    '%s costs the identity only, and is logged once',
    async (_, { make, algorithm }) => {
      const { world, page, tokens } = await run(make)
      expect(page).toMatchObject({ kind: 'done' })
      expect(tokens).toMatchObject({ accessToken: 'access-1', refreshToken: 'refresh-1', scope: 'files' })
      expect(tokens).not.toHaveProperty('user')
      const entries = logged(world, 'oauth:id-token')
      expect(entries).toMatchObject([{ level: 'info', fields: { issuer: ISSUER } }])
      expect(entries[0]?.fields.reason).toContain(algorithm)
      expect(world.http.requests.filter(({ url }) => url.pathname === '/token')).toHaveLength(1)
    },
  )

  test.each(Object.entries(KEYS))('%s at jwks_uri costs the identity only', async (_, jwks) => {
    const { tokens } = await run((nonce) => made(nonce), { jwks })
    expect(tokens).toMatchObject({ accessToken: 'access-1' })
    expect(tokens).not.toHaveProperty('user')
  })

  test.each([500, 503, 429])('%i at jwks_uri costs the identity only', async (status) => {
    const { tokens } = await run((nonce) => made(nonce), { jwks: () => respond(status) })
    expect(tokens).toMatchObject({ accessToken: 'access-1' })
  })

  test('no server at jwks_uri costs the identity only', async () => {
    const unreachable = () => {
      throw new BridgeError('server_unreachable')
    }
    expect((await run((nonce) => made(nonce), { jwks: unreachable })).tokens).toMatchObject({ accessToken: 'access-1' })
  })

  test('no jwks_uri in the metadata is used without a signature, as it comes from the token endpoint', async () => {
    const answers = { metadata: { ...LISTED, jwks_uri: null } }
    const { tokens } = await run((nonce) => made(nonce), { answers })
    expect(tokens?.user?.subject).toBe('ada')
  })

  test('a failing check does not let userinfo name somebody instead', async () => {
    const answers = { userinfo: () => json({ sub: 'eve', email: 'eve@example.com' }) }
    const { tokens } = await run((nonce) => made(nonce, { claims: { aud: 'other' } }), { answers })
    expect(tokens).not.toHaveProperty('user')
  })

  test.each([undefined, null, '', 5, {}, [], 'opaque', 'a.b'])(
    '%j instead of it costs the identity only',
    async (value) => {
      const answers = { token: { id_token: value } }
      const { world, tokens } = await run(async () => undefined, { answers })
      expect(tokens).toMatchObject({ accessToken: 'access-1' })
      expect(logged(world, 'oauth:id-token')).toMatchObject([{ level: 'info' }])
    },
  )

  test('nothing instead of it leaves the identity to userinfo', async () => {
    const answers = { userinfo: () => json({ sub: 'ada', email: 'ada@example.com' }) }
    const { tokens } = await run(async () => undefined, { answers })
    expect(tokens?.user).toMatchObject({ subject: 'ada', claims: { email: 'ada@example.com' } })
  })

  test.each(Object.entries(FAILING))('%s after a refresh is not even read', async (_, { make }) => {
    const idToken = await make(undefined)
    const answer = { ...GOOD.token, access_token: 'access-2', id_token: idToken }
    const world = createWorld({ refreshed: () => json(answer) })
    const { tokens } = await world.signIn()
    expect(await world.refresh(tokens as TokenSet & { refreshToken: string })).toMatchObject({
      accessToken: 'access-2',
    })
  })

  test.each(Object.entries(FAILING))(
    '%s in the answer to a device code costs the identity only',
    async (_, { make }) => {
      // Without a nonce, one that has another is one of another sign-in.
      const idToken = await make(undefined)
      const world = createWorld({
        answers: { metadata: LISTED, token: { id_token: idToken } },
        claims: ['email'],
        jwks: () => json(published),
      })
      expect(await (await world.deviceSignIn()).tokens()).toMatchObject({ accessToken: 'access-1' })
    },
  )
})

describe.each([
  ['the person asked for openid', { scopes: ['openid', 'files'] }],
  ['the person asked for an account', { account: 'ada@example.com' }],
  ['it is the bearer', { scopes: ['openid'], bearer: 'id_token' as const }],
])('where %s, one with', (_, options) => {
  test.each(Object.entries(FAILING))('%s is invalid_signature with the algorithm', async (_, { make, algorithm }) => {
    const { page, tokens } = await run(make, options)
    expect(page).toMatchObject({ kind: 'failed', code: 'invalid_signature' })
    expect((page as { message: string }).message).toContain(`(algorithm "${algorithm}")`)
    expect(tokens).toBeUndefined()
  })

  test.each(Object.entries(KEYS))('%s at jwks_uri is invalid_signature', async (_, jwks) => {
    expect((await run((nonce) => made(nonce), { ...options, jwks })).code).toBe('invalid_signature')
  })

  test('503 at jwks_uri may pass: the server is said to be busy', async () => {
    const { code } = await run((nonce) => made(nonce), { ...options, jwks: () => respond(503) })
    expect(code).toBe('authorization_server_error')
  })

  test('every check passed signs in', async () => {
    expect((await run((nonce) => made(nonce), options)).tokens?.user?.subject).toBe('ada')
  })
})

describe('one that does not come', () => {
  test.each([
    ['the person asked for openid', { scopes: ['openid'] }, 'id_token_missing'],
    ['it is the bearer', { scopes: ['openid'], bearer: 'id_token' as const }, 'id_token_missing'],
    ['it is the bearer without openid', { scopes: ['files'], bearer: 'id_token' as const }, 'id_token_missing'],
    ['nobody says which account it is', { account: 'ada@example.com' }, 'account_mismatch'],
  ])('where %s is an error', async (_, options, code) => {
    const { page, tokens } = await run(async () => undefined, options)
    expect(page).toMatchObject({ kind: 'failed', code })
    expect(tokens).toBeUndefined()
  })

  test('is not an error where userinfo says which account it is', async () => {
    const answers = { userinfo: () => json({ sub: 'ada', email: 'ada@example.com' }) }
    const { tokens } = await run(async () => undefined, { account: 'ada@example.com', answers })
    expect(tokens?.user?.subject).toBe('ada')
  })
})

test('a bearer that does not pass after a refresh is invalid_signature with the algorithm', async () => {
  const idToken = await made(undefined, { header: { alg: 'HS256' }, key: SECRET })
  const world = createWorld({ bearer: 'id_token', refreshed: () => json({ ...GOOD.token, id_token: idToken }) })
  await world.address()
  const old = { issuer: ISSUER, clientId: 'client-1', redirectUri: 'http://localhost:8080/auth/callback' }
  const tokens = { ...old, accessToken: 'a', refreshToken: 'r', obtainedAt: 0 }
  await world.signIn()
  const error = await errorOf(world.refresh(tokens))
  expect([error.code, error.message]).toEqual(['invalid_signature', expect.stringContaining('HS256')])
})

test('keys that cannot be had after a refresh cost no refresh token: the next one is kept, and goes on', async () => {
  const idToken = await made(undefined)
  let asked = 0
  const answer = () => json({ ...GOOD.token, refresh_token: `r${++asked + 1}`, id_token: idToken })
  const jwks = () => (asked === 1 ? respond(503) : json(published))
  const world = createWorld({ bearer: 'id_token', answers: { token: answer }, jwks })
  await world.address()
  const old = { issuer: ISSUER, clientId: 'client-1', redirectUri: 'http://localhost:8080/auth/callback' }
  const kept: TokenSet[] = []
  const before = { ...old, accessToken: 'a', refreshToken: 'r1', obtainedAt: 0 }
  const renewed = await world.refresh(before, async (tokens) => void kept.push(tokens))
  expect(renewed).toMatchObject({ accessToken: idToken, refreshToken: 'r3' })
  expect(kept).toEqual([{ ...before, refreshToken: 'r2' }])
  const sent = world.http.requests.filter(({ url }) => url.pathname === '/token').map(({ body }) => String(body))
  expect(sent.map((body) => new URLSearchParams(body).get('refresh_token'))).toEqual(['r1', 'r2'])
})

test('keys that cannot be had after a device code end its sign-in as that, and the spent code is not sent again', async () => {
  const idToken = await made(undefined)
  const world = createWorld({
    answers: { metadata: LISTED, token: { id_token: idToken } },
    account: 'ada@example.com',
    jwks: () => respond(503),
  })
  expect((await errorOf((await world.deviceSignIn()).tokens())).code).toBe('authorization_server_error')
  expect(world.http.requests.filter(({ url }) => url.pathname === '/token')).toHaveLength(1)
})

test('an issuer that is not the expected one is refused before any ID token, needed or not', async () => {
  const { code } = await run((nonce) => made(nonce), {
    answers: { metadata: { ...LISTED, issuer: 'https://evil.example' } },
  })
  expect(code).toBe('issuer_mismatch')
})

test('the tokens of one request are not the answer to the next one, whatever becomes of that', async () => {
  const others = [
    async () => Response.json({ error: 'no' }, { status: 400 }),
    async () => Response.json({ ok: true }),
    () => Promise.reject(new Error('cut')),
  ]
  for (const next of others) {
    let count = 0
    const tape = taped(() => (count++ === 0 ? Promise.resolve(Response.json({ access_token: 'a' })) : next()))
    await tape.fetch(`${ISSUER}/token`, { method: 'POST' })
    expect(tape.again()).toBeDefined()
    await tape.fetch(`${ISSUER}/token`, { method: 'POST' }).catch(() => undefined)
    expect(tape.again()).toBeUndefined()
  }
})
