// JWT access tokens: their claims, and whether a key of the authorization server signed them. The only file that imports jose.
import { compactVerify, createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, type JSONWebKeySet } from 'jose'
import { fetchJson } from '../../auth/discovery/fetchJson.ts'
import { isoTime } from '../../bounds.ts'
import type { HttpClient } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'

export interface Claims {
  /** For people: issuer, audience, subject, scopes. Never the token. */
  readonly shown: string
  readonly audience: readonly string[]
}

const NAMES = ['iss', 'aud', 'sub', 'client_id', 'azp', 'scope', 'scp', 'iat', 'exp'] as const

/** undefined: not a JWT; 'malformed': looks like one, but is unreadable. */
export function readClaims(token: string): Claims | 'malformed' | undefined {
  // Every JWT begins with the letters of {" in base64url.
  if (!/^eyJ[\w-]*(\.|$)/.test(token)) return undefined
  try {
    const { alg, typ } = decodeProtectedHeader(token)
    const payload = decodeJwt(token)
    if (token.split('.')[2] === '') return 'malformed'
    const shown = NAMES.flatMap((name) => (payload[name] === undefined ? [] : [`${name} ${show(name, payload[name])}`]))
    return {
      shown: [`alg ${alg}`, ...(typ ? [`typ ${typ}`] : []), ...shown].join(', '),
      audience: [payload.aud ?? []].flat().filter((one) => typeof one === 'string'),
    }
  } catch {
    return 'malformed'
  }
}

const show = (name: string, value: unknown) =>
  (name === 'iat' || name === 'exp') && typeof value === 'number'
    ? isoTime(value * 1000)
    : quote([value].flat().join(' '), 120)

/** 'unknown': the keys cannot be read, or the algorithm is not one that a public key verifies. */
export async function verifySignature(
  http: HttpClient,
  token: string,
  jwksUri: URL,
  signal: AbortSignal,
): Promise<'good' | 'wrong' | 'unknown'> {
  const keys = await fetchJson(http, jwksUri)
  signal.throwIfAborted()
  if (!keys || !Array.isArray(keys.keys)) return 'unknown'
  try {
    await compactVerify(token, createLocalJWKSet(keys as unknown as JSONWebKeySet))
    return 'good'
  } catch (thrown) {
    const wrong = thrown instanceof errors.JWSSignatureVerificationFailed || thrown instanceof errors.JWKSNoMatchingKey
    return wrong ? 'wrong' : 'unknown'
  }
}
