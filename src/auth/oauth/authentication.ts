// How a client authenticates at the token endpoint: the method (RFC 8414 section 2), and the key of private_key_jwt (RFC 7523).
import { createPrivateKey, type JsonWebKeyInput, type KeyObject, webcrypto } from 'node:crypto'
import { BridgeError } from '../../errors.ts'
import { present } from '../../present.ts'
import type { RegisteredClient } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import type { JsonObject } from '../discovery/body.ts'

export type Credentials = Pick<RegisteredClient, 'clientSecret' | 'privateKey'>

/**
 * The strongest method that the client has and the server lists; without a list, the one that the credentials were created for.
 * @throws BridgeError client_auth_unsupported
 */
export function chooseAuthMethod(metadata: JsonObject, { clientSecret, privateKey }: Credentials): string {
  const listed = metadata.token_endpoint_auth_methods_supported
  const offered = Array.isArray(listed) ? listed.filter((name) => typeof name === 'string') : undefined
  if (privateKey !== undefined && (offered?.includes('private_key_jwt') ?? true)) return 'private_key_jwt'
  if (clientSecret !== undefined)
    return (offered ?? ['client_secret_basic']).includes('client_secret_basic')
      ? 'client_secret_basic'
      : 'client_secret_post'
  if (privateKey === undefined) return 'none'
  throw unsupported(`supports ${quote((offered ?? []).join(', '))}, not private_key_jwt`)
}

/** client_secret_basic with nothing of the client in the body; no server lists it. */
export const HEADER_ALONE = 'client_secret_basic alone'

/**
 * The Authorization header of client_secret_basic (RFC 6749 section 2.3.1). openid-client's own also encodes "-", "." and "_", which the
 * form encoding leaves unchanged, and which servers that do not decode misread.
 */
export function basicCredentials(clientId: string, clientSecret: string): string {
  const encode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')}`
}

export interface SigningKey {
  readonly key: webcrypto.CryptoKey
  readonly kid?: string
  /** As the server spells it: EdDSA and Ed25519 are one (RFC 9864). */
  readonly alg: string
}

/**
 * The key of `--client-key-file` for the first of its algorithms that the server lists.
 * @throws BridgeError config_invalid, client_auth_unsupported
 */
export async function signingKey(text: string, metadata: JsonObject): Promise<SigningKey> {
  const { key, kid, alg: wanted } = readKey(text)
  const listed = metadata.token_endpoint_auth_signing_alg_values_supported
  const possible = algorithmsOf(key).filter((alg) => wanted === undefined || alg === wanted)
  const alg = possible.find((name) => !Array.isArray(listed) || listed.includes(name))
  if (alg === undefined) {
    const theirs = Array.isArray(listed) ? listed.filter((name) => typeof name === 'string').join(', ') : ''
    throw unsupported(
      `supports the signatures ${quote(theirs)}, but the key supports ${possible.join(', ') || 'none of them'}`,
    )
  }
  const der = key.export({ format: 'der', type: 'pkcs8' })
  const imported = await webcrypto.subtle.importKey('pkcs8', der, parametersOf(alg), false, ['sign'])
  return { key: imported, alg, ...present({ kid }) }
}

function readKey(text: string): { key: KeyObject; kid?: string; alg?: string } {
  try {
    if (!text.trimStart().startsWith('{')) return { key: createPrivateKey(text) }
    const jwk = JSON.parse(text) as JsonWebKeyInput['key'] & { kid?: unknown; alg?: unknown }
    return {
      key: createPrivateKey({ key: jwk, format: 'jwk' }),
      ...present({
        kid: typeof jwk.kid === 'string' ? jwk.kid : undefined,
        alg: typeof jwk.alg === 'string' ? jwk.alg : undefined,
      }),
    }
  } catch {
    // The reason may quote the key, so it is discarded.
    throw new BridgeError('config_invalid', {
      message: 'The client key is not a private key in PEM or JWK format.',
      hint: 'Pass a PKCS#8 PEM file without a passphrase, or a JWK with its private part, as --client-key-file.',
    })
  }
}

function algorithmsOf(key: KeyObject): string[] {
  if (key.asymmetricKeyType === 'rsa') return ['PS256', 'RS256']
  if (key.asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519']
  const curve = key.asymmetricKeyDetails?.namedCurve ?? ''
  return { prime256v1: ['ES256'], secp384r1: ['ES384'], secp521r1: ['ES512'] }[curve] ?? []
}

function parametersOf(alg: string): webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams | { name: string } {
  if (alg === 'PS256') return { name: 'RSA-PSS', hash: 'SHA-256' }
  if (alg === 'RS256') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const namedCurve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg]
  return namedCurve === undefined ? { name: 'Ed25519' } : { name: 'ECDSA', namedCurve }
}

const unsupported = (what: string) =>
  new BridgeError('client_auth_unsupported', { message: `The authorization server ${what}.` })
