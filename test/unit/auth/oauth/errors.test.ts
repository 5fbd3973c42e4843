// What an authorization server says wrong → our codes; through openid-client itself.
import { describe, expect, test } from 'vitest'
import type { AuthorizationServerMetadata } from '../../../../src/auth/discovery/authorizationServer.ts'
import { createOAuthClient } from '../../../../src/auth/oauth/client.ts'
import { isInvalidGrant, translateOAuthError } from '../../../../src/auth/oauth/errors.ts'
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
const NOTHING = { scope: undefined, resource: undefined }

const refresh = async (answer: () => HttpResponse | Promise<HttpResponse>) => {
  const http = createFakeHttp({ [`${ISSUER}/token`]: answer })
  const client = await createOAuthClient(
    METADATA,
    { clientId: 'client', authMethod: 'none' },
    { http, timeoutMs: 1_000 },
  )
  return client.refresh('refresh-secret-1', NOTHING)
}

const oauthError =
  (error: string, status = 400, headers: HttpResponse['headers'] = {}, description?: string) =>
  () =>
    json({ error, ...(description === undefined ? {} : { error_description: description }) }, status, headers)

describe('a refresh token', () => {
  test.each([400, 401])('is rejected by invalid_grant with status %i', async (status) => {
    expect(await refresh(oauthError('invalid_grant', status))).toBe('rejected')
  })

  test.each([400, 401])('is rejected by invalid_grant with status %i beside a challenge header', async (status) => {
    const answer = oauthError('invalid_grant', status, { 'www-authenticate': 'Bearer error="invalid_token"' })
    expect(await refresh(answer)).toBe('rejected')
  })

  test.each([500, 502, 503])(
    'is not rejected by invalid_grant with status %i: that is a failing server',
    async (status) => {
      expect((await errorOf(refresh(oauthError('invalid_grant', status)))).code).toBe('authorization_server_error')
    },
  )

  test('is not rejected by the words invalid_grant in a text', async () => {
    expect((await errorOf(refresh(oauthError('invalid_request', 400, {}, 'invalid_grant')))).code).toBe('login_failed')
  })
})

describe('a refusal that is no OAuth error', () => {
  test.each([
    ['JSON', () => json({ message: 'Tenant is suspended' }, 403)],
    ['text', () => respond(400, { 'content-type': 'text/plain' }, 'Tenant is suspended')],
    ['another status', () => respond(418, {}, 'Tenant is suspended')],
    ['a failing server', () => respond(503, {}, 'Tenant is suspended')],
    ['an OAuth error of a failing server', () => json({ error: 'x', error_description: 'Tenant is suspended' }, 503)],
  ])('is quoted: %s', async (_, answer) => {
    const { message } = await errorOf(refresh(answer))
    expect(message).toContain(ISSUER)
    expect(message).toMatch(/It says "[^\n]*Tenant is suspended/)
  })

  test('is not quoted as a page, nor with a token in it', async () => {
    expect((await errorOf(refresh(() => respond(403, {}, '<html>No</html>')))).message).not.toContain('No')
    const repeated = await errorOf(refresh(() => respond(403, {}, 'unknown refresh_token=abcdefghijkl')))
    expect(repeated.message).not.toContain('abcdefghijkl')
  })
})

describe('an OAuth error', () => {
  test.each([
    ['invalid_client', 'invalid_client'],
    ['unauthorized_client', 'invalid_client'],
    ['access_denied', 'access_denied'],
    ['consent_required', 'consent_required'],
    ['interaction_required', 'consent_required'],
    ['invalid_redirect_uri', 'redirect_uri_mismatch'],
    ['server_error', 'authorization_server_error'],
    ['temporarily_unavailable', 'authorization_server_error'],
    ['invalid_scope', 'login_failed'],
    ['made_up', 'login_failed'],
    ['constructor', 'login_failed'],
  ])('%s becomes %s', async (error, code) => {
    const found = await errorOf(refresh(oauthError(error)))
    expect(found.code).toBe(code)
    expect(found.details.error).toBe(error)
    expect(found.message).toContain(ISSUER)
  })

  test('invalid_client with 401 and a Basic challenge, as RFC 6749 section 5.2 has it, stays invalid_client', async () => {
    const answer = oauthError('invalid_client', 401, { 'www-authenticate': 'Basic realm="as"' })
    expect((await errorOf(refresh(answer))).code).toBe('invalid_client')
  })

  test('is quoted, without terminal controls', async () => {
    const error = await errorOf(refresh(oauthError('invalid_request', 400, {}, '\u001b[31mred\u202e\n')))
    expect(error.message).toContain('invalid_request: ')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point
    expect(error.message).not.toMatch(/[\u0000-\u001f\u202e]/)
  })

  test('about the code verifier is a failed PKCE', () => {
    const thrown = {
      code: 'OAUTH_RESPONSE_BODY_ERROR',
      error: 'invalid_grant',
      error_description: 'PKCE verification failed',
      status: 400,
    }
    expect(translateOAuthError(thrown, ISSUER).code).toBe('pkce_failed')
    expect(isInvalidGrant(thrown)).toBe(true)
  })
})

describe('a failing server', () => {
  test.each([500, 502, 503, 429])('with %i and a web page is a transient error', async (status) => {
    const error = await errorOf(refresh(() => respond(status, { 'content-type': 'text/html' }, '<html>')))
    expect(error.code).toBe('authorization_server_error')
    expect(error.details.status).toBe(status)
  })

  test('gives its Retry-After in seconds', async () => {
    const error = await errorOf(refresh(() => respond(503, { 'retry-after': '7' })))
    expect(error.details.retryAfterMs).toBe(7_000)
  })

  test('gives its Retry-After also beside an OAuth error', async () => {
    const error = await errorOf(refresh(oauthError('slow_down', 429, { 'retry-after': '7' })))
    expect(error.details.retryAfterMs).toBe(7_000)
  })

  test.each(['soon', '', '-1', '1.5'])('with the Retry-After %j gives none', async (value) => {
    const error = await errorOf(refresh(() => respond(503, { 'retry-after': value })))
    expect(error.details).not.toHaveProperty('retryAfterMs')
  })

  test.each(['server_unreachable', 'server_timeout'] as const)(
    '%s becomes an error of the authorization server, not of the MCP server',
    async (code) => {
      const error = await errorOf(refresh(() => Promise.reject(new BridgeError(code, { message: 'reset' }))))
      expect(error.code).toBe('authorization_server_unreachable')
      expect(error.message).toContain('reset')
    },
  )

  test.each(['redirect_refused', 'tls_failed'] as const)('%s stays unchanged', async (code) => {
    expect((await errorOf(refresh(() => Promise.reject(new BridgeError(code))))).code).toBe(code)
  })
})

describe('an answer that is not an OAuth answer', () => {
  test.each([
    ['a web page', () => respond(200, { 'content-type': 'text/html' }, '<html>')],
    ['no access token', () => json({ token_type: 'bearer' })],
    ['broken JSON', () => respond(200, { 'content-type': 'application/json' }, '{')],
  ])('%s is a failed login', async (_, answer) => {
    expect((await errorOf(refresh(answer))).code).toBe('login_failed')
  })

  test.each([400, 401, 403, 422])('%i and a web page is a client that the server does not know', async (status) => {
    const error = await errorOf(refresh(() => respond(status, { 'content-type': 'text/html' }, '<html>')))
    expect(error.code).toBe('invalid_client')
    expect(error.message).toContain(String(status))
  })

  test.each(['with space', 'line\nbreak', 'nül', '', 'x'.repeat(65_537)])(
    'a token like %.12j is malformed',
    async (token) => {
      const error = await errorOf(refresh(() => json({ access_token: token, token_type: 'bearer' })))
      expect(['malformed_token', 'login_failed']).toContain(error.code)
      if (token.length > 0) expect(error.message).not.toContain(token)
    },
  )

  test('never repeats the refresh token that was sent', async () => {
    for (const status of [200, 400, 500]) {
      const error = await errorOf(refresh(() => respond(status, { 'content-type': 'text/html' }, 'refresh-secret-1')))
      expect(`${error.message} ${error.hint} ${JSON.stringify(error.details)}`).not.toContain('refresh-secret-1')
    }
  })
})
