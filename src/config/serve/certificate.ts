// The certificate and key of serve.tls: PEM files that belong together, and a key that needs no passphrase
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { BridgeError } from '../../errors.ts'
import type { ServeSettings } from '../../gateway/settings.ts'
import { quote } from '../../redaction/text.ts'
import type { ConfigFile } from '../file/schema.ts'
import { readTextFile } from '../textFile.ts'
import type { ServeFault } from './faults.ts'

type Files = NonNullable<NonNullable<ConfigFile['serve']>['tls']>

const CERT_KEY = 'serve.tls.cert_file'
const KEY_KEY = 'serve.tls.key_file'

/** What is wrong is added to `faults`. @throws BridgeError config_not_found */
export function certificateOf({ cert_file, key_file }: Files, faults: ServeFault[]): NonNullable<ServeSettings['tls']> {
  const cert = pem(cert_file, 'cert_file', /-----BEGIN CERTIFICATE-----/, faults)
  const key = pem(key_file, 'key_file', /-----BEGIN (\w+ )?PRIVATE KEY-----/, faults)
  const fault = cert && key ? faultOf({ cert, key }, cert_file, key_file) : undefined
  if (fault) faults.push({ key: ['serve', 'tls', fault.name], text: fault.text })
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
function pem(path: string, name: keyof Files, kind: RegExp, faults: ServeFault[]): string {
  let text = ''
  try {
    text = readTextFile(path, `serve.tls.${name}`)
  } catch (thrown) {
    if (!(thrown instanceof BridgeError) || thrown.code !== 'config_invalid') throw thrown
  }
  if (kind.test(text)) return text
  faults.push({ key: ['serve', 'tls', name], text: `serve.tls.${name} ${quote(path)} is not in PEM format.` })
  return ''
}

function faultOf(
  { cert, key }: { cert: string; key: string },
  certFile: string,
  keyFile: string,
): { readonly name: keyof Files; readonly text: string } | undefined {
  const ofKey = (text: string) => ({ name: 'key_file', text: `${KEY_KEY} ${quote(keyFile)} ${text}` }) as const
  const ofCert = (text: string) => ({ name: 'cert_file', text: `${CERT_KEY} ${quote(certFile)} ${text}` }) as const
  if (/-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(key))
    return ofKey(
      'is encrypted, and nobody is there to type its passphrase: write it without one (openssl pkey -in FILE -out NEW).',
    )
  const own = parsed(() => new X509Certificate(cert))
  if (!own) return ofCert('is not a certificate that OpenSSL can read.')
  const secret = parsed(() => createPrivateKey(key))
  if (!secret) return ofKey('is not a private key that OpenSSL can read.')
  if (!own.checkPrivateKey(secret))
    return ofKey(`does not belong to ${CERT_KEY} ${quote(certFile)}, whose first certificate must be the server's own.`)
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    return ofCert(`cannot be used: ${cause instanceof Error ? cause.message.split(':').at(-1) : cause}.`)
  }
  return undefined
}

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}
