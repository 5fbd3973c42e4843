// Every optional member of every answer of a server × what may stand in its place: as left out, or read for what it means.
import { describe, expect, test } from 'vitest'
import { parseChallenge } from '../../../src/auth/challenge.ts'
import type { Challenge, TokenSet } from '../../../src/records.ts'
import { json } from '../../fakes/fakeHttp.ts'
import { createWorld, type Document, GOOD, KEY } from '../../fakes/signInWorld.ts'

/** Nothing, or a value of another type. */
const NOTHING = [null, '', ' ', 0, 1, -1, 1.5, 1e300, true, false, [], {}, [null], [0], [{}], [[]], [''], { a: 1 }]
const TEXTS = ['x', 'x y', 'x,y', ['x'], ['x', 'y'], ['x', null, 1], [['x']], { x: 'x' }]
const ODD = [...NOTHING, ...TEXTS]

/** Members whose texts are names that are checked: another name is refused, which is no matter of form. */
const NAMES: Partial<Record<Document, readonly string[]>> = {
  resource: ['resource', 'authorization_servers'],
  metadata: ['issuer', 'authorization_endpoint', 'token_endpoint'],
  registration: ['client_id'],
  token: ['access_token'],
  device: ['device_code', 'user_code', 'verification_uri'],
}
const membersOf = (document: Document) =>
  Object.keys(GOOD[document]).filter((member) => !NAMES[document]?.includes(member))

/** A value that asks for more than a sign-in without it would do. */
const isMeant = (member: string, value: unknown) =>
  (member === 'authorization_response_iss_parameter_supported' && value === true) ||
  // A text that cannot be a token is told.
  (member === 'refresh_token' && value === 'x y')

const outcome = async (document: Document, members: object) => {
  const { code, tokens } = await createWorld({ answers: { [document]: members } }).signIn()
  return code ?? tokens?.accessToken
}

describe.each(['resource', 'metadata', 'registration', 'token', 'userinfo'] as const)(
  'in the answer "%s"',
  (document) => {
    test.each(membersOf(document))('an odd %s is as good as none', async (member) => {
      const without = await outcome(document, { [member]: undefined })
      for (const value of ODD.filter((one) => !isMeant(member, one)))
        expect(await outcome(document, { [member]: value }), JSON.stringify(value)).toBe(without)
    })
  },
)

test('every member but two may be left out, or odd, and the sign-in succeeds', async () => {
  const needed: string[] = []
  for (const document of ['resource', 'metadata', 'registration', 'token', 'userinfo'] as const)
    for (const member of membersOf(document))
      if ((await outcome(document, { [member]: null })) !== 'access-1') needed.push(member)
  expect(needed).toEqual(['registration_endpoint', 'code_challenge_methods_supported'])
})

describe('a refresh', () => {
  const OLD = { accessToken: 'access-1', refreshToken: 'refresh-1' }
  const refreshed = async (members: object) => {
    const answer = { ...GOOD.token, access_token: 'access-2', refresh_token: 'refresh-2', ...members }
    const world = createWorld({ refreshed: () => json(answer) })
    const { tokens } = await world.signIn()
    return world.refresh(tokens as TokenSet & { refreshToken: string })
  }

  test.each(membersOf('token'))('with an odd %s gives its new tokens', async (member) => {
    for (const value of ODD.filter((one) => !isMeant(member, one)))
      expect(await refreshed({ [member]: value }), JSON.stringify(value)).toMatchObject({ accessToken: 'access-2' })
  })

  test.each([null, '', ' ', 1, true, [], {}])('with the refresh token %j keeps the one before', async (value) => {
    expect(await refreshed({ refresh_token: value })).toMatchObject({ ...OLD, accessToken: 'access-2' })
  })

  test('with all of them at once gives its new tokens, and what was known before', async () => {
    const odd = { token_type: null, expires_in: null, refresh_token: '', scope: null, id_token: null, error: null }
    expect(await refreshed(odd)).toMatchObject({ accessToken: 'access-2', refreshToken: 'refresh-1', scope: 'files' })
  })
})

describe('a device authorization', () => {
  test.each(membersOf('device'))('with an odd %s leads to tokens', async (member) => {
    // A time is meant.
    const isTime = (value: unknown) => /^(expires_in|interval)$/.test(member) && Number(value) > 0
    for (const value of ODD.filter((one) => !isTime(one))) {
      const signIn = await createWorld({ answers: { device: { [member]: value } } }).deviceSignIn()
      expect(signIn.userCode).toBe('ABCD-EFGH')
      expect(await signIn.tokens(), JSON.stringify(value)).toMatchObject({ accessToken: 'access-1' })
    }
  })

  test.each([
    ['user_code', 12_345_678, { userCode: '12345678' }],
    ['user_code', ['AB-CD'], { userCode: 'AB-CD' }],
    ['verification_uri', ['https://as.example/a'], { verificationUri: 'https://as.example/a' }],
    ['verification_uri_complete', 'code', { verificationUriComplete: undefined }],
  ])('reads %s %j for what it means', async (member, value, read) => {
    const signIn = await createWorld({ answers: { device: { [member]: value } } }).deviceSignIn()
    expect(signIn).toMatchObject(read)
  })
})

describe('what a value means is read:', () => {
  test.each([
    ['resource', { resource: [KEY.server] }, { resource: KEY.server }],
    ['resource', { authorization_servers: 'https://as.example' }, {}],
    ['resource', { authorization_servers: [null, 'https://as.example'] }, {}],
    ['resource', { scopes_supported: 'files mail' }, { scope: 'files mail offline_access' }],
    ['resource', { scopes_supported: 'files,mail' }, { scope: 'files mail offline_access' }],
    ['resource', { scopes_supported: ['files mail', 1] }, { scope: 'files mail offline_access' }],
    ['resource', { scopes_supported: ['files', 'a"b', 'ü'] }, { scope: 'files offline_access' }],
    ['metadata', { scopes_supported: 'files offline_access' }, { scope: 'files mail offline_access' }],
    ['metadata', { code_challenge_methods_supported: 'S256' }, {}],
    ['metadata', { code_challenge_methods_supported: 'plain, S256' }, {}],
    ['metadata', { code_challenge_methods_supported: [null, 'S256'] }, {}],
    ['metadata', { authorization_endpoint: ['https://as.example/authorize'] }, {}],
    ['metadata', { jwks_uri: '', scopes_supported: null }, {}],
    ['registration', { client_id: 4711 }, { client_id: '4711' }],
    ['registration', { client_id: ['client-2'] }, { client_id: 'client-2' }],
  ] as const)('%s %j', async (document, members, parameters) => {
    const address = await createWorld({ answers: { [document]: members } }).address()
    expect(address).toBeInstanceOf(URL)
    expect(Object.fromEntries((address as URL).searchParams)).toMatchObject(parameters)
  })

  test.each([
    ['token', { scope: ['read', 'write'] }, { scope: 'read write' }],
    ['token', { scope: ['read', null, 'write'] }, { scope: 'read write' }],
    ['token', { scope: '' }, { scope: 'files mail offline_access' }],
    ['token', { access_token: ['access-3'] }, { accessToken: 'access-3' }],
    ['token', { refresh_token: ['refresh-3'] }, { refreshToken: 'refresh-3' }],
    ['userinfo', { sub: 42 }, { user: { subject: '42' } }],
  ] as const)('%s %j', async (document, members, stored) => {
    const { tokens } = await createWorld({ answers: { [document]: members }, claims: ['email'] }).signIn()
    expect(tokens).toMatchObject(stored)
  })

  test.each(['3600', [3600], '3.6e3'])('token {"expires_in":%j}', async (expires_in) => {
    const { tokens } = await createWorld({ answers: { token: { expires_in } } }).signIn()
    expect(tokens?.expiresAt).toBe((tokens?.obtainedAt ?? 0) + 3_600_000)
  })

  test.each([
    ['"0"', '0', undefined],
    ['null', null, undefined],
    ['a text', '4000000000', 4_000_000_000_000],
  ])('a client secret that expires at %s', async (_, value, expected) => {
    const world = createWorld({ answers: { registration: { client_secret_expires_at: value } } })
    await world.address()
    const client = await world.clients.ofTokens('https://as.example', 'client-1', 'http://localhost:8080/auth/callback')
    expect(client.secretExpiresAt).toBe(expected)
  })
})

describe('a challenge', () => {
  test.each([
    'Bearer error="", scope="", resource_metadata=""',
    'Bearer error=, scope=, resource_metadata=',
    'Bearer realm="", error="", error_description=""',
    'Bearer scope="  "',
    'Bearer',
    'Bearer ,',
    '',
  ])('%j asks for what no challenge asks for', async (header) => {
    const scopeOf = async (challenge: Challenge) =>
      new URL(await createWorld().address(challenge)).searchParams.get('scope')
    expect(await scopeOf(parseChallenge(401, header))).toBe(await scopeOf({ status: 401 }))
  })
})

describe('what stays refused, in whatever form:', () => {
  test.each([
    ['metadata', { issuer: ['https://as.example'] }, 'issuer_mismatch'],
    ['metadata', { issuer: null }, 'issuer_mismatch'],
    ['metadata', { issuer: 'https://as.example/' }, 'issuer_mismatch'],
    ['metadata', { code_challenge_methods_supported: 'plain' }, 'pkce_unsupported'],
    ['metadata', { code_challenge_methods_supported: 's256' }, 'pkce_unsupported'],
    ['metadata', { code_challenge_methods_supported: { S256: true } }, 'pkce_unsupported'],
    ['metadata', { code_challenge_methods_supported: [['S256']] }, 'pkce_unsupported'],
    ['metadata', { token_endpoint: null }, 'discovery_failed'],
    ['metadata', { token_endpoint: ['https://as.example/a', 'https://as.example/b'] }, 'discovery_failed'],
    ['metadata', { userinfo_endpoint: 'http://as.example/userinfo' }, 'discovery_failed'],
    ['metadata', { registration_endpoint: ['http://as.example/register'] }, 'discovery_failed'],
    ['metadata', { jwks_uri: 'javascript:alert(1)' }, 'discovery_failed'],
    ['resource', { resource: ['https://evil.example/mcp'] }, 'resource_mismatch'],
    ['resource', { resource: 'https://evil.example/mcp' }, 'resource_mismatch'],
    ['metadata', { authorization_response_iss_parameter_supported: 'true' }, 'issuer_mismatch'],
    ['registration', { client_id: 1e300 }, 'registration_failed'],
    ['registration', { client_id: '' }, 'registration_failed'],
    ['registration', { client_id: true }, 'registration_failed'],
    ['token', { access_token: null }, 'login_failed'],
    ['token', { access_token: '' }, 'login_failed'],
    ['token', { access_token: 1 }, 'login_failed'],
    ['token', { access_token: ['a', 'b'] }, 'login_failed'],
    ['token', { access_token: 'a b' }, 'malformed_token'],
    ['token', { refresh_token: 'a\r\nb' }, 'malformed_token'],
  ] as const)('%s %j is %s', async (document, members, code) => {
    const world = createWorld({ answers: { [document]: members } })
    expect((await world.signIn()).code).toBe(code)
  })
})
