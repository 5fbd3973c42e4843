// How a client proves itself: methods, keys and their algorithms.
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { chooseAuthMethod, signingKey } from '../../../../src/auth/oauth/authentication.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const METHODS = 'token_endpoint_auth_methods_supported'
const ALGORITHMS = 'token_endpoint_auth_signing_alg_values_supported'

describe('the method', () => {
  const both = { clientSecret: 's', privateKey: 'k' }
  test.each([
    [undefined, {}, 'none'],
    [['client_secret_basic'], {}, 'none'],
    [undefined, { clientSecret: 's' }, 'client_secret_basic'],
    [['client_secret_post', 'client_secret_basic'], { clientSecret: 's' }, 'client_secret_basic'],
    [['client_secret_post'], { clientSecret: 's' }, 'client_secret_post'],
    [['none'], { clientSecret: 's' }, 'client_secret_post'],
    [undefined, { privateKey: 'k' }, 'private_key_jwt'],
    [['private_key_jwt', 'client_secret_basic'], both, 'private_key_jwt'],
    [['client_secret_basic'], both, 'client_secret_basic'],
  ])('if the server lists %j and the client has %j is %s', (offered, credentials, method) => {
    expect(chooseAuthMethod(offered ? { [METHODS]: offered } : {}, credentials)).toBe(method)
  })

  test('is missing if the server accepts no key and there is nothing else', async () => {
    const choose = async () => chooseAuthMethod({ [METHODS]: ['client_secret_basic'] }, { privateKey: 'k' })
    expect(await codeOf(choose)).toBe('client_auth_unsupported')
  })
})

const pem = (key: ReturnType<typeof generateKeyPairSync>['privateKey']) =>
  key.export({ format: 'pem', type: 'pkcs8' }).toString()
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })
const ed = generateKeyPairSync('ed25519')

describe('the key of private_key_jwt', () => {
  test.each([
    ['RSA', rsa.privateKey, undefined, 'PS256'],
    ['RSA', rsa.privateKey, ['RS256', 'ES256'], 'RS256'],
    ['P-256', ec('P-256').privateKey, ['RS256', 'ES256'], 'ES256'],
    ['P-384', ec('P-384').privateKey, undefined, 'ES384'],
    ['P-521', ec('P-521').privateKey, undefined, 'ES512'],
    ['Ed25519', ed.privateKey, ['EdDSA'], 'EdDSA'],
    ['Ed25519', ed.privateKey, ['Ed25519'], 'Ed25519'],
  ])('%s signs if the server lists %j… with', async (_, key, offered, alg) => {
    const found = await signingKey(pem(key as never), offered ? { [ALGORITHMS]: offered } : {})
    expect(found.alg).toBe(alg)
    expect(found.key.usages).toEqual(['sign'])
  })

  test('may be a JWK, whose kid and alg count', async () => {
    const jwk = JSON.stringify({ ...rsa.privateKey.export({ format: 'jwk' }), kid: 'mine', alg: 'RS256' })
    const { kid, alg, key } = await signingKey(jwk, { [ALGORITHMS]: ['PS256', 'RS256'] })
    expect({ kid, alg }).toEqual({ kid: 'mine', alg: 'RS256' })
    const { subtle } = globalThis.crypto
    const signature = Buffer.from(await subtle.sign('RSASSA-PKCS1-v1_5', key, Buffer.from('x')))
    expect(verify('sha256', Buffer.from('x'), createPublicKey(rsa.privateKey), signature)).toBe(true)
  })

  test('that fits no algorithm of the server is refused', async () => {
    const error = await errorOf(signingKey(pem(rsa.privateKey), { [ALGORITHMS]: ['ES256'] }))
    expect(error.code).toBe('client_auth_unsupported')
    expect(error.message).toContain('ES256')
    expect(error.message).toContain('PS256, RS256')
  })

  test.each(['', 'nonsense', '{"kty":"RSA"}', '{', ' {"kty":"oct","k":"secret-in-the-key"}'])(
    'that is not a key (%j) is a fault of the config, and is not quoted',
    async (text) => {
      const error = await errorOf(signingKey(text, {}))
      expect(error.code).toBe('config_invalid')
      expect(`${error.message}${error.hint}${String(error.cause)}`).not.toContain('secret-in-the-key')
    },
  )
})
