// The proof of one request (RFC 9449 section 4.2), checked with jose.
import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { createProofs, newDpopKey } from '../../../../src/auth/oauth/dpop.ts'
import { NOON } from '../../../fakes/fakeClock.ts'

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
