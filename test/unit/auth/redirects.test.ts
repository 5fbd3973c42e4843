// Redirects on the way to a sign-in: to another origin nothing goes, neither secret, nor body, nor a bare request.
import { describe, expect, onTestFinished, test } from 'vitest'
import { registerClient } from '../../../src/auth/client/registration.ts'
import { fetchJson } from '../../../src/auth/discovery/fetchJson.ts'
import { createOAuthClient } from '../../../src/auth/oauth/client.ts'
import { createHttp } from '../../../src/system/http/client.ts'
import { serve } from '../../fakes/loopback.ts'
import { errorOf } from '../../fakes/thrown.ts'

/** An authorization server whose every endpoint redirects to another origin, and that origin. */
async function redirecting(status: number) {
  const thief = await serve((_, __, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"access_token":"x","token_type":"bearer"}'),
  )
  const server = await serve(({ path }, _, response) =>
    response.writeHead(status, { location: `${thief.origin}${path}` }).end(),
  )
  const http = createHttp({ connectTimeoutMs: 10_000 })
  onTestFinished(() => http.close())
  const metadata = {
    issuer: server.origin,
    authorization_endpoint: `${server.origin}/authorize`,
    token_endpoint: `${server.origin}/token`,
    registration_endpoint: `${server.origin}/register`,
    revocation_endpoint: `${server.origin}/revoke`,
    response_types_supported: ['code'],
  }
  const registered = { clientId: 'c', clientSecret: 'hush', authMethod: 'client_secret_basic' }
  const client = await createOAuthClient(metadata, registered, { http, timeoutMs: 5_000 })
  return { thief, server, http, metadata, client }
}

describe.each([301, 302, 303, 307, 308])('a %i to another origin', (status) => {
  test('of metadata is refused', async () => {
    const { thief, server, http } = await redirecting(status)
    const error = await errorOf(fetchJson(http, new URL(`${server.origin}/.well-known/x`), { 'x-team': 'core' }))
    expect(error.code).toBe('redirect_refused')
    expect(thief.requests).toEqual([])
  })

  test('of the token endpoint does not count as a refusal of the grant, and the refresh token is not sent there', async () => {
    const { thief, server, client } = await redirecting(status)
    const error = await errorOf(client.refresh('refresh-secret', { scope: undefined, resource: undefined }))
    expect(error.message).not.toContain('refresh-secret')
    expect(server.requests.map(({ path }) => path)).toEqual(['/token'])
    expect(thief.requests).toEqual([])
  })

  test('of the code’s redemption sends no code or verifier there', async () => {
    const { thief, client } = await redirecting(status)
    const request = {
      redirectUri: 'http://localhost:8080/auth/callback',
      state: 's'.repeat(43),
      codeVerifier: 'v'.repeat(43),
      nonce: undefined,
      scope: undefined,
      resource: undefined,
      extra: {},
    }
    const callback = new URL(`${request.redirectUri}?code=abc&state=${request.state}`)
    await errorOf(client.redeem(callback, request, []))
    expect(thief.requests).toEqual([])
  })

  test('of registration and of revocation is not followed', async () => {
    const { thief, server, http, metadata, client } = await redirecting(status)
    await errorOf(registerClient(http, metadata, 'http://localhost:8080/auth/callback', 5_000))
    await errorOf(client.revoke('token-secret', 'refresh_token'))
    expect(server.requests.map(({ path }) => path)).toEqual(['/register', '/revoke'])
    expect(thief.requests).toEqual([])
  })
})
