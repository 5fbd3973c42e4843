// What a person is shown of an access token that is a JWT, and who signed it.
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { readClaims, verifySignature } from '../../../../src/doctor/report/jwt.ts'
import { createFakeHttp, json } from '../../../fakes/fakeHttp.ts'

const KEYS_URI = new URL('https://issuer.example/keys')
const signal = new AbortController().signal

const makeKey = async (kid: string) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' } }
}

const sign = (key: Awaited<ReturnType<typeof makeKey>>, claims: Record<string, unknown> = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: key.jwk.kid, typ: 'at+jwt' }).sign(key.privateKey)

test('shows the claims that explain a refusal, times as times, and never the token', async () => {
  const key = await makeKey('k')
  const token = await sign(key, {
    iss: 'https://issuer.example',
    aud: ['a', 'b'],
    exp: 1_768_478_400,
    secret: 'needle',
  })
  const claims = readClaims(token)
  expect(claims).toMatchObject({ audience: ['a', 'b'] })
  const { shown } = claims as { shown: string }
  expect(shown).toContain('alg ES256, typ at+jwt')
  expect(shown).toContain('exp 2026-01-15T12:00:00')
  expect(shown).not.toContain('needle')
  for (const part of token.split('.')) expect(shown).not.toContain(part)
})

test.each(['opaque', 'gho_abc.def.ghi', ''])('%j is not a JWT', (token) => {
  expect(readClaims(token)).toBeUndefined()
})

test.each(['eyJhbGciOiJFUzI1NiJ9', 'eyJhbGciOiJFUzI1NiJ9.e30.', 'eyJ.eyJ.eyJ'])('%j is malformed', (token) => {
  expect(readClaims(token)).toBe('malformed')
})

test('a signature is valid, wrong, or cannot be judged', async () => {
  const [ours, theirs] = [await makeKey('k'), await makeKey('k')]
  const verified = (keys: unknown, token: string) => {
    const http = createFakeHttp({ [KEYS_URI.href]: () => json({ keys }) })
    return verifySignature(http, token, KEYS_URI, signal)
  }
  const token = await sign(ours)
  expect(await verified([ours.jwk], token)).toBe('good')
  expect(await verified([theirs.jwk], token)).toBe('wrong')
  expect(await verified([], token)).toBe('wrong')
  expect(await verified('none', token)).toBe('unknown')
  expect(await verified([ours.jwk], 'eyJ.eyJ.eyJ')).toBe('unknown')
})
