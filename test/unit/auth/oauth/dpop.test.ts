// The proof of one request (RFC 9449 section 4.2), checked with jose.
import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { createOAuthClient } from '../../../../src/auth/oauth/client.ts'
import { createProofs, newDpopKey } from '../../../../src/auth/oauth/dpop.ts'
import { NOON } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, json, respond } from '../../../fakes/fakeHttp.ts'

const key = newDpopKey()
const proofs = createProofs(key, () => NOON)
const REQUEST = {
  method: 'POST',
  url: 'https://mcp.example/mcp?team=core#part',
  accessToken: 'token-1',
  nonce: undefined,
}
const read = (proof: string) => jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', currentDate: new Date(NOON) })

describe('a proof', () => {
  test('is signed with ES256 by the key it shows, and never shows the private half', async () => {
    const proof = proofs.proof(REQUEST)
    await read(proof)
    const { alg, jwk } = decodeProtectedHeader(proof)
    expect(alg).toBe('ES256')
    expect(Object.keys(jwk ?? {}).sort()).toEqual(['crv', 'kty', 'x', 'y'])
    const { d: _d, ...half } = JSON.parse(key)
    expect(await calculateJwkThumbprint(jwk ?? {})).toBe(await calculateJwkThumbprint(half))
  })

  test('names method, URL without query and fragment, time and the token’s hash', async () => {
    const { payload } = await read(proofs.proof(REQUEST))
    expect(payload).toEqual({
      ...{ jti: expect.any(String), htm: 'POST', htu: 'https://mcp.example/mcp', iat: NOON / 1000 },
      ath: createHash('sha256').update('token-1').digest('base64url'),
    })
  })

  test('has the server’s nonce if there is one', async () => {
    expect((await read(proofs.proof({ ...REQUEST, nonce: 'n-1' }))).payload.nonce).toBe('n-1')
  })

  test('is new each time', () => {
    expect(proofs.proof(REQUEST)).not.toBe(proofs.proof(REQUEST))
  })
})

test('each new key is different', () => {
  expect(newDpopKey()).not.toBe(newDpopKey())
})

test('userinfo that wants a nonce is asked again with it', async () => {
  const issuer = 'https://as.example'
  const metadata = {
    ...{ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` },
    userinfo_endpoint: `${issuer}/userinfo`,
  }
  const nonces: unknown[] = []
  const http = createFakeHttp({
    [metadata.token_endpoint]: () => json({ access_token: 'access-1', token_type: 'DPoP' }),
    [metadata.userinfo_endpoint]: ({ headers = {} }) => {
      const { nonce } = decodeJwt(String(headers.dpop))
      nonces.push(nonce)
      const challenge = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n-1' }
      return nonce === 'n-1' ? json({ sub: 'alice', email: 'alice@example.com' }) : respond(401, challenge)
    },
  })
  const connection = { http, timeoutMs: 1_000, dpopKey: newDpopKey() }
  const oauth = await createOAuthClient(metadata, { clientId: 'client', authMethod: 'none' }, connection)
  const redirectUri = 'http://127.0.0.1:8976/callback'
  const request = {
    ...{ redirectUri, state: 's', codeVerifier: 'v'.repeat(43), extra: {} },
    ...{ nonce: undefined, scope: undefined, resource: undefined },
  }
  const { user } = await oauth.redeem(new URL(`${redirectUri}?code=c&state=s`), request, ['email'], 'optional')
  expect(nonces).toEqual([undefined, 'n-1'])
  expect(user?.claims.email).toBe('alice@example.com')
})
