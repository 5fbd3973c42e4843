// An answer with tokens or a client counts whatever its status of success and its content type; a web page never does, and refusals stay refusals.
import { describe, expect, test } from 'vitest'
import type { TokenSet } from '../../../src/records.ts'
import { respond } from '../../fakes/fakeHttp.ts'
import { createWorld, GOOD, type WorldOptions } from '../../fakes/signInWorld.ts'

const TOKENS = JSON.stringify({ ...GOOD.token, access_token: 'access-2', refresh_token: 'refresh-2' })
const CLIENT = JSON.stringify(GOOD.registration)
const FORM = 'access_token=access-2&token_type=bearer&refresh_token=refresh-2&expires_in=3600&scope=files'
const typed = (type: string): Record<string, string> => (type === '' ? {} : { 'content-type': type })

const SHAPES: readonly (readonly [number, string, (json: string) => string])[] = [
  [200, 'application/json', (json) => json],
  [201, 'application/json', (json) => json],
  [202, 'application/json', (json) => json],
  [203, 'application/json', (json) => json],
  [206, 'application/json;charset=UTF-8', (json) => json],
  [299, 'application/json', (json) => json],
  [200, 'Application/JSON', (json) => json],
  [200, 'text/json', (json) => json],
  [200, 'application/vnd.api+json', (json) => json],
  [200, 'application/hal+json', (json) => json],
  [200, 'text/plain', (json) => json],
  [201, 'text/plain; charset=utf-8', (json) => json],
  [200, 'text/javascript', (json) => json],
  [200, 'application/octet-stream', (json) => json],
  [200, 'text/html', (json) => json],
  [200, 'application/x-www-form-urlencoded', (json) => json],
  [200, '', (json) => json],
  [200, 'nonsense', (json) => json],
  [200, 'application/json', (json) => `\ufeff${json}`],
  [200, 'application/json', (json) => `\r\n  ${json}\n\n`],
  [200, '', (json) => `\ufeff${json}`],
]
const PAGES: readonly (readonly [number, string, string])[] = [
  [200, 'text/html', '<html><body>Welcome</body></html>'],
  [200, 'text/html', `<html><script>var token = ${TOKENS}</script></html>`],
  [201, 'text/html', '<!doctype html><a href="/cb?access_token=a&token_type=bearer">on</a>'],
  [200, 'application/json', '<html></html>'],
  [200, 'application/json', ''],
  [200, 'application/json', `${TOKENS}${TOKENS}`],
  [200, 'application/json', `callback(${TOKENS})`],
  [200, 'application/json', `[${TOKENS}]`],
  [200, 'application/json', JSON.stringify(TOKENS)],
  [200, 'text/plain', 'The access_token=a is yours'],
  [204, 'application/json', ''],
]

const signIn = async (options: WorldOptions) => {
  const { code, tokens } = await createWorld(options).signIn()
  return code ?? tokens?.accessToken
}

describe('an answer with status', () => {
  test.each(SHAPES)('%i under %j has tokens', async (status, type, write) => {
    const answers = { token: () => respond(status, typed(type), write(TOKENS)) }
    expect(await signIn({ answers })).toBe('access-2')
  })

  test.each(SHAPES)('%i under %j has the tokens of a refresh', async (status, type, write) => {
    const world = createWorld({ refreshed: () => respond(status, typed(type), write(TOKENS)) })
    const { tokens } = await world.signIn()
    expect(await world.refresh(tokens as TokenSet & { refreshToken: string })).toMatchObject({
      ...{ accessToken: 'access-2', refreshToken: 'refresh-2' },
    })
  })

  test.each(SHAPES)('%i under %j has a client', async (status, type, write) => {
    const answers = { registration: () => respond(status, typed(type), write(CLIENT)) }
    const address = await createWorld({ answers }).address()
    expect((address as URL).searchParams.get('client_id')).toBe('client-1')
  })

  test.each(SHAPES)('%i under %j has a code for a device', async (status, type, write) => {
    const answers = { device: () => respond(status, typed(type), write(JSON.stringify(GOOD.device))) }
    expect((await createWorld({ answers }).deviceSignIn()).userCode).toBe('ABCD-EFGH')
  })

  test.each(SHAPES)('%i under %j has userinfo', async (status, type, write) => {
    const answers = { userinfo: () => respond(status, typed(type), write(JSON.stringify(GOOD.userinfo))) }
    const { tokens } = await createWorld({ answers, claims: ['email'] }).signIn()
    expect(tokens?.user?.claims.email).toBe('ada@example.com')
  })

  test.each(SHAPES)('%i under %j has metadata', async (status, type, write) => {
    const answers = {
      resource: () => respond(status, typed(type), write(JSON.stringify(GOOD.resource))),
      metadata: () => respond(status, typed(type), write(JSON.stringify(GOOD.metadata))),
    }
    expect(await signIn({ answers })).toBe('access-1')
  })
})

test.each(['application/x-www-form-urlencoded', 'text/plain', 'text/html', '', 'application/json'])(
  'a form under %j has tokens',
  async (type) => {
    expect(await signIn({ answers: { token: () => respond(200, typed(type), FORM) } })).toBe('access-2')
    expect(await signIn({ answers: { token: () => respond(201, typed(type), `${FORM}\r\n`) } })).toBe('access-2')
  },
)

test.each(PAGES)('%i under %j that is %j has neither tokens nor a client', async (status, type, body) => {
  expect(await signIn({ answers: { token: () => respond(status, typed(type), body) } })).toBe('login_failed')
  expect(await signIn({ answers: { registration: () => respond(status, typed(type), body) } })).toBe(
    'registration_failed',
  )
})

describe('a refusal', () => {
  const REFUSALS = [
    ['application/json', '{"error":"access_denied"}'],
    ['text/plain', '{"error":"access_denied"}'],
    ['text/html', '{"error":"access_denied"}'],
    ['', '\ufeff{"error":"access_denied"}'],
    ['text/plain', 'error=access_denied&error_description=no'],
    ['application/json', '{"error":["access_denied"]}'],
    ['application/json', '{"error":{"code":"access_denied","message":"no"}}'],
    ['application/json', '{"error":"access_denied","error_description":null,"error_uri":5}'],
    ['application/json', '{"error":"access_denied","access_token":null,"id_token":""}'],
  ] as const
  const STATUSES = [200, 201, 400, 401, 403, 422]

  test.each(REFUSALS)('under %j stays one with any status: %j', async (type, body) => {
    for (const status of STATUSES)
      expect(await signIn({ answers: { token: () => respond(status, typed(type), body) } }), String(status)).toBe(
        'access_denied',
      )
  })

  test.each(REFUSALS)('of a refresh keeps the sign-in, under %j: %j', async (type, body) => {
    const dead = body.replaceAll('access_denied', 'invalid_grant')
    for (const status of STATUSES) {
      const world = createWorld({ refreshed: () => respond(status, typed(type), dead) })
      const { tokens } = await world.signIn()
      expect(await world.refresh(tokens as TokenSet & { refreshToken: string }), String(status)).toBe('rejected')
    }
  })

  test('under another content type registers no other client', async () => {
    const world = createWorld({ refreshed: () => respond(400, { 'content-type': 'text/plain' }, '{"error":"slow"}') })
    const { tokens } = await world.signIn()
    await expect(world.refresh(tokens as TokenSet & { refreshToken: string })).rejects.toMatchObject({
      code: 'login_failed',
    })
    expect(world.http.urls.filter((url) => url.endsWith('/register'))).toHaveLength(1)
  })
})

describe('a token type', () => {
  const OTHERS = ['user', 'bot', 'access_token', 'JWT', 'mac', 'Token', 'bearer_token', 'urn:ietf:params:oauth:x']
  test.each([undefined, null, '', ' ', 0, {}, ['Bearer'], 'Bearer ', 'BEARER', ...OTHERS])(
    '%j is bearer',
    async (token_type) => {
      const { tokens } = await createWorld({ answers: { token: { token_type } } }).signIn()
      expect(tokens).toMatchObject({ accessToken: 'access-1' })
      expect(tokens).not.toHaveProperty('dpopKey')
    },
  )

  test.each(OTHERS)('%j is refused where the tokens were to be bound to a key', async (token_type) => {
    const world = createWorld({ answers: { token: { token_type } } })
    expect((await world.signIn({ status: 401, scheme: 'dpop' })).code).toBe('login_failed')
  })

  test.each(['DPoP', ' dpop', ['DPoP']])('%j is bound to the key', async (token_type) => {
    const world = createWorld({ answers: { token: { token_type } } })
    expect((await world.signIn({ status: 401, scheme: 'dpop' })).tokens).toHaveProperty('dpopKey')
  })
})

describe('a revocation', () => {
  test.each([200, 201, 202, 204, 205])('with status %i has succeeded', async (status) => {
    const world = createWorld({ revoked: () => respond(status, {}, '') })
    await world.signIn()
    expect(await (await world.connect()).revoke('access-1', 'access_token')).toBe(true)
  })
})
