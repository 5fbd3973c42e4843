// DPoP (RFC 9449) without a library: the key of a token set, and the proof for one request to the MCP server. Loaded only for bound tokens.
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign, webcrypto } from 'node:crypto'
import { sha256 } from '../../sha256.ts'

export interface DpopProofs {
  /** The proof for one request with this access token (section 4.2); `nonce` is the server's last one (section 9). */
  proof(request: { method: string; url: string; accessToken: string; nonce: string | undefined }): string
}

/** A new P-256 key as private JWK text. */
export const newDpopKey = (): string =>
  JSON.stringify(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }))

/** The same key for Web Crypto, for the token endpoint (section 5). */
export async function signingPair(
  key: string,
): Promise<{ privateKey: webcrypto.CryptoKey; publicKey: webcrypto.CryptoKey }> {
  const { d, ...jwk } = JSON.parse(key)
  const read = (it: object, use: 'sign' | 'verify') =>
    webcrypto.subtle.importKey('jwk', it, { name: 'ECDSA', namedCurve: 'P-256' }, use === 'verify', [use])
  return { privateKey: await read({ ...jwk, d }, 'sign'), publicKey: await read(jwk, 'verify') }
}

/** `now` gives ms since the epoch. */
export function createProofs(key: string, now: () => number): DpopProofs {
  const privateKey = createPrivateKey({ key: JSON.parse(key), format: 'jwk' })
  const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' })
  const header = encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })
  return {
    proof({ method, url, accessToken, nonce }) {
      const { origin, pathname } = new URL(url)
      const claims = {
        jti: randomUUID(),
        htm: method,
        htu: origin + pathname,
        iat: Math.floor(now() / 1000),
        ath: sha256(accessToken),
        ...(nonce === undefined ? {} : { nonce }),
      }
      const text = `${header}.${encode(claims)}`
      const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${text}.${signature.toString('base64url')}`
    },
  }
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
