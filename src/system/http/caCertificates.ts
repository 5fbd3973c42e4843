// All certificate authorities that this machine trusts: Node's list, NODE_EXTRA_CA_CERTS, the system's store, and ca_file.
import { readFileSync } from 'node:fs'
import * as tls from 'node:tls'

/** Where Linux distributions keep all their authorities in one file; the first existing one is used. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** Node ≥ 22.15 and ≥ 23.10; the type package is older. */
const { getCACertificates } = tls as { getCACertificates?: (type: 'default' | 'system') => string[] }

/** Costs tens of milliseconds: every certificate is parsed. */
export function allAuthorities(environment: NodeJS.ProcessEnv, own: string | undefined): tls.SecureContext {
  const extra = environment.NODE_EXTRA_CA_CERTS
  const ca = [
    ...tls.rootCertificates,
    ...(extra ? [read(extra)] : []),
    ...system(environment.SSL_CERT_FILE ? [environment.SSL_CERT_FILE, ...BUNDLES] : BUNDLES),
    ...(own === undefined ? [] : [own]),
  ]
  return tls.createSecureContext({ ca: ca.filter((text) => text !== ''), minVersion: 'TLSv1.2' })
}

/** Node 20 on macOS and Windows cannot read the system's store. */
function system(bundles: readonly string[]): string[] {
  if (process.platform !== 'linux') return getCACertificates?.('system') ?? []
  const bundle = bundles.map(read).find((text) => text !== '')
  return bundle === undefined ? (getCACertificates?.('system') ?? []) : [bundle]
}

/** '' when it cannot be read or contains no certificate. */
function read(path: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    return text.includes('-----BEGIN CERTIFICATE-----') ? text : ''
  } catch {
    return ''
  }
}
