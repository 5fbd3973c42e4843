// The certificate and key of serve.tls, with real files of openssl: what can be used, and the words for what cannot.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificateOf, certificateWarnings } from '../../../../src/config/serve/certificate.ts'
import type { ServeFault } from '../../../../src/config/serve/faults.ts'
import { errorOf } from '../../../fakes/thrown.ts'
import { makeAuthority, whyNoOpenssl } from '../../../servers/certificates.ts'

describe.skipIf(whyNoOpenssl() !== undefined)('serve.tls', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-certificate-'))
  const at = (name: string) => join(folder, name)
  const text = (name: string) => readFileSync(at(name), 'utf8')
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
  const read = (cert: string, key: string) => {
    const faults: ServeFault[] = []
    const tls = certificateOf({ cert_file: at(cert), key_file: at(key) }, faults)
    return { tls, faults: faults.map(({ text }) => text).join('\n') }
  }

  beforeAll(() => {
    const authority = makeAuthority(folder)
    authority.sign('own', { names: ['DNS:localhost'] })
    authority.sign('old', { names: ['DNS:localhost'], days: -1 })
    writeFileSync(at('chain.pem'), text('own.pem') + text('ca.pem'))
    writeFileSync(at('reversed.pem'), text('ca.pem') + text('own.pem'))
    writeFileSync(at('both.pem'), text('own.pem') + text('own.key'))
    writeFileSync(at('broken.pem'), '-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n')
    writeFileSync(at('broken.key'), '-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----\n')
    writeFileSync(at('empty'), '')
    openssl('x509', '-in', 'own.pem', '-outform', 'der', '-out', 'own.der')
    openssl('pkcs8', '-topk8', '-in', 'own.key', '-passout', 'pass:x', '-out', 'locked.key')
    openssl('ec', '-in', 'own.key', '-aes256', '-passout', 'pass:x', '-out', 'lockedOld.key')
    openssl('ec', '-in', 'own.key', '-out', 'ec.key')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each([
    ['own.pem', 'own.key'],
    ['own.pem', 'ec.key'],
    ['chain.pem', 'own.key'],
    ['both.pem', 'both.pem'],
  ])('takes %s and %s', (cert, key) => {
    expect(read(cert, key)).toEqual({ tls: { cert: text(cert).trimEnd(), key: text(key).trimEnd() }, faults: '' })
    expect(certificateWarnings(read(cert, key).tls)).toEqual([])
  })

  test.each([
    ['own.pem', 'old.key', /key_file .*old\.key" does not belong to .*own\.pem"/],
    ['reversed.pem', 'own.key', /does not belong to .*first certificate must be the server's own/],
    ['own.pem', 'locked.key', /locked\.key" is encrypted.*openssl pkey/],
    ['own.pem', 'lockedOld.key', /lockedOld\.key" is encrypted/],
    ['own.der', 'own.key', /cert_file .*own\.der" is not in PEM format/],
    ['empty', 'own.key', /cert_file .*empty" is not in PEM format/],
    ['own.key', 'own.pem', /cert_file .*PEM format.*\n.*key_file .*PEM format/],
    ['broken.pem', 'own.key', /broken\.pem" is not a certificate/],
    ['own.pem', 'broken.key', /broken\.key" is not a private key/],
  ])('says what is wrong with %s and %s, and repeats nothing of them', (cert, key, words) => {
    const { faults } = read(cert, key)
    expect(faults).toMatch(words)
    const lines = [cert, key].filter((name) => !name.endsWith('.der')).flatMap((name) => text(name).split('\n'))
    for (const line of lines.filter((one) => one.length > 20 && !one.startsWith('-----')))
      expect(faults).not.toContain(line)
  })

  test.each([
    ['nowhere.pem', 'own.key', /serve\.tls\.cert_file .*nowhere\.pem" cannot be read/],
    ['own.pem', 'nowhere.key', /serve\.tls\.key_file .*nowhere\.key" cannot be read/],
    ['own.pem', '.', /serve\.tls\.key_file .*cannot be read/],
  ])('names the file of %s and %s that is not there', async (cert, key, words) => {
    const error = await errorOf(async () => read(cert, key))
    expect([error.code, error.message]).toEqual(['config_not_found', expect.stringMatching(words)])
  })

  test('warns of a certificate that has expired', () => {
    const { tls, faults } = read('old.pem', 'old.key')
    expect(faults).toBe('')
    expect(certificateWarnings(tls).join()).toMatch(
      /^serve\.tls\.cert_file expired on \d{4}-\d\d-\d\d: clients refuse it$/,
    )
  })
})
