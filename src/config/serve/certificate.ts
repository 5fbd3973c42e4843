// The certificate and key of serve.tls: PEM files that belong together, and a key that needs no passphrase
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { BridgeError } from '../../errors.ts'
import type { ServeSettings } from '../../gateway/settings.ts'
import { quote } from '../../redaction/text.ts'
import type { ConfigFile } from '../file/schema.ts'
import { readTextFile } from '../textFile.ts'

type Files = NonNullable<NonNullable<ConfigFile['serve']>['tls']>

const CERT_KEY = 'serve.tls.cert_file'
const KEY_KEY = 'serve.tls.key_file'

/** What is wrong is added to `faults`. @throws BridgeError config_not_found */
export function certificateOf({ cert_file, key_file }: Files, faults: string[]): NonNullable<ServeSettings['tls']> {
  const cert = pem(cert_file, CERT_KEY, /-----BEGIN CERTIFICATE-----/, faults)
  const key = pem(key_file, KEY_KEY, /-----BEGIN (\w+ )?PRIVATE KEY-----/, faults)
  if (cert && key) faults.push(...faultsOf({ cert, key }, cert_file, key_file))
  return { cert, key }
}

/** Of what `certificateOf` gave; the first certificate is the server's own. A sentence each, without a full stop. */
export function certificateWarnings(tls: ServeSettings['tls']): string[] {
  if (!tls) return []
  const { validFrom, validTo } = new X509Certificate(tls.cert)
  const day = (text: string) => new Date(text).toISOString().slice(0, 10)
  return [
    ...(Date.parse(validTo) < Date.now() ? [`${CERT_KEY} expired on ${day(validTo)}: clients refuse it`] : []),
    ...(Date.parse(validFrom) > Date.now()
      ? [`${CERT_KEY} is valid from ${day(validFrom)} only: clients refuse it`]
      : []),
  ]
}

/** '' with a fault where it is something else, such as DER. */
function pem(path: string, name: string, kind: RegExp, faults: string[]): string {
  let text = ''
  try {
    text = readTextFile(path, name)
  } catch (thrown) {
    if (!(thrown instanceof BridgeError) || thrown.code !== 'config_invalid') throw thrown
  }
  if (kind.test(text)) return text
  faults.push(`${name} ${quote(path)} is not in PEM format.`)
  return ''
}

function faultsOf({ cert, key }: { cert: string; key: string }, certFile: string, keyFile: string): string[] {
  if (/-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(key))
    return [
      `${KEY_KEY} ${quote(keyFile)} is encrypted, and nobody is there to type its passphrase: write it without one (openssl pkey -in FILE -out NEW).`,
    ]
  const own = parsed(() => new X509Certificate(cert))
  if (!own) return [`${CERT_KEY} ${quote(certFile)} is not a certificate that OpenSSL can read.`]
  const secret = parsed(() => createPrivateKey(key))
  if (!secret) return [`${KEY_KEY} ${quote(keyFile)} is not a private key that OpenSSL can read.`]
  if (!own.checkPrivateKey(secret))
    return [
      `${KEY_KEY} ${quote(keyFile)} does not belong to ${CERT_KEY} ${quote(certFile)}, whose first certificate must be the server's own.`,
    ]
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split(':').at(-1) : cause
    return [`${CERT_KEY} ${quote(certFile)} cannot be used: ${reason}.`]
  }
  return []
}

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}
