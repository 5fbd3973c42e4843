// A refresh token that is dead by any name and status, beside what says only "later".
import { describe, expect, test } from 'vitest'
import type { AuthorizationServerMetadata } from '../../../../src/auth/discovery/authorizationServer.ts'
import { createOAuthClient } from '../../../../src/auth/oauth/client.ts'
import { isRefusedForGood } from '../../../../src/auth/tokens/leasedRefresh.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createFakeHttp, json, respond } from '../../../fakes/fakeHttp.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const ISSUER = 'https://as.example'
const METADATA: AuthorizationServerMetadata = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
}

async function refresh(answer: () => HttpResponse) {
  const http = createFakeHttp({ [`${ISSUER}/token`]: answer })
  const registered = { clientId: 'client', authMethod: 'none' }
  const client = await createOAuthClient(METADATA, registered, { http, timeoutMs: 1_000 })
  return client.refresh('refresh-secret-1', { scope: undefined, resource: undefined })
}

const html = { 'content-type': 'text/html' }

const REFUSALS: readonly (readonly [string, () => HttpResponse])[] = [
  ...[
    'invalid_request',
    'invalid_refresh_token',
    'unauthorized_client',
    'unsupported_grant_type',
    'invalid_token',
    'expired_token',
    'token_expired',
    'bad_refresh_token',
    'access_denied',
    'invalid_scope',
    'invalid_target',
    'login_required',
    'interaction_required',
    'invalid_client',
    'not_found',
  ].flatMap((error) => [400, 401, 403].map((status) => [`${status} ${error}`, () => json({ error }, status)] as const)),
  [
    '400 with a description',
    () => json({ error: 'invalid_request', error_description: 'refresh_token is invalid' }, 400),
  ],
  ['200 with an error', () => json({ error: 'bad_refresh_token' })],
  ['200 with an error that is an object', () => json({ error: { code: 'invalid_refresh_token' } })],
  ['200 with ok: false', () => json({ ok: false, message: 'token_revoked' })],
  [
    '200 with a form-encoded error',
    () => respond(200, { 'content-type': 'application/x-www-form-urlencoded' }, 'error=bad_refresh_token'),
  ],
  ['400 with JSON that has no OAuth member', () => json({ message: 'Session not found' }, 400)],
  ['401 with a list', () => json([{ logref: 'error', message: 'expired' }], 401)],
  ['400 with an error that is an object', () => json({ error: { message: 'dead' } }, 400)],
  ['400 with plain text', () => respond(400, { 'content-type': 'text/plain' }, 'refresh token expired')],
  ['400 with nothing', () => respond(400)],
  ['401 with a challenge', () => respond(401, { 'www-authenticate': 'Bearer error="invalid_token"' })],
  ['403 with a page', () => respond(403, html, '<html>no</html>')],
  ['404', () => respond(404)],
  ['404 with JSON', () => json({ error: 'Not Found' }, 404)],
  ['405', () => respond(405)],
  ['409', () => json({ error: 'conflict' }, 409)],
  ['410', () => respond(410, {}, 'Gone')],
  ['415', () => respond(415)],
  ['422 with a detail', () => json({ detail: [{ msg: 'invalid' }] }, 422)],
]

test.each(REFUSALS)('%s is a refusal for good, in the server’s own words', async (_, answer) => {
  const error = await errorOf(refresh(answer))
  expect(isRefusedForGood(error)).toBe(true)
  expect(error.code).not.toMatch(/^authorization_server_/)
  expect(error.message).toContain(ISSUER)
  expect(error.message).not.toContain('refresh-secret-1')
})

describe('"later" is not a refusal', () => {
  const LATER: readonly (readonly [string, () => HttpResponse])[] = [
    ...[408, 425, 429, 500, 502, 503, 504, 520, 599].map((status) => [`${status}`, () => respond(status)] as const),
    ...[408, 425, 429, 500, 503].map(
      (status) => [`${status} invalid_request`, () => json({ error: 'invalid_request' }, status)] as const,
    ),
    ...[
      'temporarily_unavailable',
      'slow_down',
      'server_error',
      'rate_limited',
      'rate_limit_exceeded',
      'too_many_requests',
      'timeout',
      'request_timeout',
      'internal_error',
      'service_unavailable',
      'try_again_later',
      'throttled',
      'overloaded',
    ].flatMap((error) =>
      [200, 400, 403].map((status) => [`${status} ${error}`, () => json({ error }, status)] as const),
    ),
    ['503 with a form', () => respond(503, { 'content-type': 'application/x-www-form-urlencoded' }, 'message=busy')],
    ['503 with an empty form', () => respond(503, { 'content-type': 'application/x-www-form-urlencoded' })],
    ['400 with Retry-After', () => json({ error: 'invalid_request' }, 400, { 'retry-after': '5' })],
    ['403 with a page and Retry-After', () => respond(403, { ...html, 'retry-after': '5' }, '<html>')],
    ['401 with Retry-After as a date', () => respond(401, { 'retry-after': 'Thu, 26 Nov 2099 12:00:00 GMT' })],
    [
      '200 with an object that says temporarily_unavailable',
      () => json({ error: { code: 'temporarily_unavailable' } }),
    ],
  ]

  test.each(LATER)('%s', async (_, answer) => {
    const error = await errorOf(refresh(answer))
    expect(error.code).toBe('authorization_server_error')
    expect(isRefusedForGood(error)).toBe(false)
  })

  test('a Retry-After is known to whoever tries again', async () => {
    const error = await errorOf(refresh(() => json({ error: 'invalid_request' }, 400, { 'retry-after': '5' })))
    expect(error.details.retryAfterMs).toBe(5_000)
  })
})

describe('what is not an answer about the token is not a refusal', () => {
  test.each(['server_unreachable', 'server_timeout', 'tls_failed', 'redirect_refused', 'proxy_failed'] as const)(
    '%s',
    async (code) => {
      const fails = () => {
        throw new BridgeError(code)
      }
      expect(isRefusedForGood(await errorOf(refresh(fails)))).toBe(false)
    },
  )

  test('a page with 200', async () => {
    expect(isRefusedForGood(await errorOf(refresh(() => respond(200, html, '<html>'))))).toBe(false)
  })
})

test.each([400, 401, 403])('invalid_grant with %i is still what RFC 6749 calls it', async (status) => {
  expect(await refresh(() => json({ error: 'invalid_grant' }, status))).toBe('rejected')
})
