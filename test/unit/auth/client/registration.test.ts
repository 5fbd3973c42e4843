// Dynamic registration: what servers in the wild answer, and what is made of it.
import { describe, expect, test } from 'vitest'
import { registerClient } from '../../../../src/auth/client/registration.ts'
import { createFakeHttp, json, respond, type Site } from '../../../fakes/fakeHttp.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const REDIRECT = 'http://localhost:8080/auth/callback'
const METADATA = {
  issuer: 'https://as.example',
  authorization_endpoint: 'https://as.example/authorize',
  token_endpoint: 'https://as.example/token',
  registration_endpoint: 'https://as.example/register',
}

const register = (answer: Site, more: object = {}) => {
  const http = createFakeHttp({ 'https://as.example/register': answer })
  return registerClient(http, { ...METADATA, ...more }, REDIRECT, 1_000)
}

describe('a registered client', () => {
  test('has a secret with its expiry, in ms', async () => {
    const body = { client_id: 'c', client_secret: 's', client_secret_expires_at: 1_900_000_000 }
    expect(await register(() => json({ ...body, token_endpoint_auth_method: 'client_secret_post' }, 201))).toEqual({
      clientId: 'c',
      clientSecret: 's',
      secretExpiresAt: 1_900_000_000_000,
      authMethod: 'client_secret_post',
    })
  })

  test.each([201, 200])('never expires if the server omits the expiry, and status %i is accepted', async (status) => {
    expect(await register(() => json({ client_id: 'c', client_secret: 's' }, status))).toEqual({
      clientId: 'c',
      clientSecret: 's',
      authMethod: 'client_secret_basic',
    })
  })

  test('sends its secret by a method that the server lists, if the answer names none', async () => {
    const methods = { token_endpoint_auth_methods_supported: ['client_secret_post'] }
    const client = await register(() => json({ client_id: 'c', client_secret: 's' }, 201), methods)
    expect(client.authMethod).toBe('client_secret_post')
  })

  test('without a secret is public', async () => {
    expect(await register(() => json({ client_id: 'c' }, 201))).toEqual({ clientId: 'c', authMethod: 'none' })
  })
})

test.each([
  ['a redirect URI it does not take', () => json({ error: 'invalid_redirect_uri' }, 400), 'redirect_uri_mismatch'],
  ['a web page', () => respond(403, { 'content-type': 'text/html' }, '<html>'), 'registration_failed'],
  ['a number', () => json(1, 201), 'registration_failed'],
  ['a client without a name', () => json({ client_secret: 's' }, 201), 'registration_failed'],
])('a server that answers with %s registers nobody', async (_, answer, code) => {
  expect(await codeOf(register(answer))).toBe(code)
})

type Asked = Readonly<Record<string, unknown>>

const wrong = (error: string, description?: string, status = 400) =>
  json({ error, ...(description === undefined ? {} : { error_description: description }) }, status)

/** Registers at a server that refuses what `refuses` says. */
async function registerAt(
  refuses: (asked: Asked) => ReturnType<typeof json> | undefined,
  more: object = {},
  redirect = REDIRECT,
) {
  const asked: Asked[] = []
  const http = createFakeHttp({
    'https://as.example/register'({ body }) {
      const members = JSON.parse(String(body))
      asked.push(members)
      return refuses(members) ?? json({ client_id: `c${asked.length}` }, 201)
    },
  })
  const client = registerClient(http, { ...METADATA, ...more }, redirect, 1_000)
  return { client: await client, asked }
}

const has = (name: string) => (asked: Asked) => asked[name] !== undefined
const hasGrant = (grant: string) => (asked: Asked) => String(asked.grant_types).includes(grant)
const hasMethod = (method: string) => (asked: Asked) => asked.token_endpoint_auth_method === method
const hasLocalhost = (asked: Asked) => String(asked.redirect_uris).includes('localhost')

describe('what nobody configured is left out if the server refuses it', () => {
  const device = { device_authorization_endpoint: 'https://as.example/device' }
  const CASES: readonly (readonly [string, (asked: Asked) => boolean, (() => ReturnType<typeof json>)[]])[] = [
    [
      'the application type',
      has('application_type'),
      [
        () => wrong('invalid_client_metadata', 'application_type is not supported'),
        () => wrong('invalid_client_metadata'),
        () => wrong('invalid_request', "Unrecognized key: 'application_type'"),
        () => json({ message: ['property application_type should not exist'], statusCode: 400 }, 400),
        () => respond(422, {}, 'Unprocessable'),
        () => json({ detail: [{ loc: ['body', 'application_type'], msg: 'extra fields not permitted' }] }, 422),
        () => wrong('invalid_client_metadata', undefined, 200),
      ],
    ],
    [
      'the grant for device codes',
      hasGrant('device_code'),
      [
        () => wrong('invalid_client_metadata', 'grant_types must be authorization_code and refresh_token'),
        () => wrong('invalid_client_metadata', 'Unsupported grant type: urn:ietf:params:oauth:grant-type:device_code'),
        () => wrong('unsupported_grant_type'),
        () => wrong('invalid_client_metadata'),
      ],
    ],
    [
      'all grants',
      has('grant_types'),
      [
        () => wrong('invalid_client_metadata', 'refresh_token grant is not allowed'),
        () => wrong('invalid_request', 'grant_types'),
      ],
    ],
    [
      'the response type',
      has('response_types'),
      [
        () => wrong('invalid_client_metadata', 'response_types is not accepted'),
        () => wrong('unsupported_response_type'),
      ],
    ],
    [
      'the method none',
      hasMethod('none'),
      [
        () => wrong('invalid_client_metadata', 'token_endpoint_auth_method none is not supported'),
        () => wrong('invalid_client_metadata', 'Public clients are not allowed'),
        () => wrong('invalid_client_metadata', 'only confidential clients may register'),
        () => wrong('invalid_client_metadata'),
      ],
    ],
    [
      'every method but client_secret_post',
      (asked) => !hasMethod('client_secret_post')(asked),
      [() => wrong('invalid_client_metadata', 'unsupported token_endpoint_auth_method')],
    ],
    [
      'localhost',
      hasLocalhost,
      [
        () => wrong('invalid_redirect_uri'),
        () => wrong('invalid_redirect_uri', 'localhost is not allowed, use 127.0.0.1'),
        () => wrong('invalid_client_metadata', 'redirect_uris must be https or a loopback address'),
        () => wrong('invalid_request', 'redirect_uri'),
        () => json({ message: 'Invalid redirect URI' }, 400),
        () => wrong('invalid_client_metadata'),
      ],
    ],
    ['the name', has('client_name'), [() => wrong('invalid_client_metadata', 'client_name is reserved')]],
  ]
  const cases = CASES.flatMap(([what, refused, answers]) =>
    answers.map((answer, index) => [what, index + 1, refused, answer] as const),
  )

  test.each(cases)('%s (answer %i)', async (_what, _index, refused, answer) => {
    const { client, asked } = await registerAt((members) => (refused(members) ? answer() : undefined), device)
    expect(client.clientId).toBe(`c${asked.length}`)
    expect(asked.length).toBeGreaterThan(1)
    expect(asked.length).toBeLessThanOrEqual(7)
    expect(refused(asked.at(-1) ?? {})).toBe(false)
    const { redirectUri } = client
    expect(redirectUri).toBe(hasLocalhost(asked.at(-1) ?? {}) ? undefined : 'http://127.0.0.1:8080/auth/callback')
  })

  test('what the metadata lists is asked for first', async () => {
    const list = { token_endpoint_auth_methods_supported: ['client_secret_post'] }
    const { asked } = await registerAt(
      (members) =>
        hasMethod('client_secret_post')(members)
          ? wrong('invalid_client_metadata', 'token_endpoint_auth_method')
          : undefined,
      list,
    )
    expect(asked.map(({ token_endpoint_auth_method }) => token_endpoint_auth_method)).toEqual([
      'client_secret_post',
      'none',
    ])
  })

  test('with 127.0.0.1 nothing else can be said about the redirect URI, which a person chose', async () => {
    const refusal = registerAt(() => wrong('invalid_redirect_uri'), {}, 'http://127.0.0.1:8080/auth/callback')
    expect(await codeOf(refusal)).toBe('redirect_uri_mismatch')
  })
})

describe('a refusal of whoever asks', () => {
  test.each([
    ['403 as an allow-list has it', () => respond(403, {}, 'Forbidden'), 'registration_failed'],
    ['401', () => json({ error: 'invalid_token' }, 401), 'registration_failed'],
    ['401 that is no OAuth', () => json({ message: 'who are you' }, 401), 'registration_failed'],
    ['404', () => respond(404), 'registration_failed'],
    ['access_denied', () => wrong('access_denied'), 'access_denied'],
    ['429', () => respond(429), 'authorization_server_error'],
    ['500', () => json({ error: 'invalid_client_metadata' }, 500), 'authorization_server_error'],
    ['503', () => respond(503), 'authorization_server_error'],
  ])('%s is asked once', async (_, answer, code) => {
    let count = 0
    const refusal = registerAt(() => {
      count++
      return answer()
    })
    expect(await codeOf(refusal)).toBe(code)
    expect(count).toBe(1)
  })

  test('is told in the server’s words, also where they are no OAuth error, and never as a page', async () => {
    const said = async (answer: () => ReturnType<typeof json>) => (await errorOf(registerAt(answer))).message
    expect(await said(() => json({ message: 'Ask sales first' }, 403))).toContain('Ask sales first')
    expect(await said(() => respond(403, { 'content-type': 'text/html' }, '<h1>No</h1>'))).not.toContain('<h1>')
    expect(await said(() => wrong('invalid_client_metadata', 'never for you'))).toContain('never for you')
  })

  test('says which redirect URI to register, and quotes the server once', async () => {
    const refused = await errorOf(registerAt(() => json({ message: 'Ask sales first' }, 403)))
    expect(refused.hint).toContain(`redirect URI ${REDIRECT}`)
    expect(refused.message.split('Ask sales first')).toHaveLength(2)
    const uri = await errorOf(registerAt(() => wrong('invalid_redirect_uri', 'not on the list')))
    expect([uri.code, uri.hint]).toEqual(['redirect_uri_mismatch', expect.stringMatching(/redirect URI http:\S+ or/)])
  })

  test('however often it comes, the requests end', async () => {
    let count = 0
    const refusal = registerAt(
      () => {
        count++
        return wrong('invalid_client_metadata')
      },
      { device_authorization_endpoint: 'https://as.example/device' },
    )
    expect(await codeOf(refusal)).toBe('registration_failed')
    expect(count).toBe(7)
  })
})
