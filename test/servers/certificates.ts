// Certificates made by openssl while a test runs: a private authority, and what it signs for any name and any time
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has } from '../needs.ts'

export const whyNoOpenssl = (): string | undefined => (has('openssl') ? undefined : 'openssl is not installed')

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface CertificateOptions {
  /** As openssl writes them: `DNS:mcp.example.com`, `IP:127.0.0.1`. */
  readonly names: readonly string[]
  /** From now on; negative: it has expired. */
  readonly days?: number
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** An authority with its files in `folder`, which is made where it does not exist. */
export function makeAuthority(folder: string) {
  mkdirSync(folder, { recursive: true })
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
  openssl('req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Example CA', '-days', '2')
  return {
    file: join(folder, 'ca.pem'),
    text: readFileSync(join(folder, 'ca.pem'), 'utf8'),
    /** Signs a certificate with a key of its own; its files are `<file>.pem` and `<file>.key`. */
    sign(file: string, { names, days = 2 }: CertificateOptions): Certificate {
      openssl('req', ...NEW_KEY, '-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', `/CN=${file}`)
      writeFileSync(join(folder, `${file}.ext`), `subjectAltName=${names.join()}\nbasicConstraints=CA:FALSE\n`)
      const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${file}.ext`]
      openssl('x509', '-req', '-in', `${file}.csr`, ...authority, '-days', String(days), '-out', `${file}.pem`)
      return { cert: join(folder, `${file}.pem`), key: join(folder, `${file}.key`) }
    },
  }
}
