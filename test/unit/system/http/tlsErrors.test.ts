// What is said of a TLS connection that fails: a handshake that the server refuses is not called a bad certificate, and not "cannot be reached".
import { type AddressInfo, connect, createServer } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { createHttp } from '../../../../src/system/http/client.ts'
import { brokeOff, translate } from '../../../../src/system/http/errors.ts'
import { AUTHORITY, serveSecurely } from '../../../fakes/secureLoopback.ts'
import { errorOf } from '../../../fakes/thrown.ts'

function ask(url: string) {
  const http = createHttp({ connectTimeoutMs: 10_000, certificates: AUTHORITY })
  onTestFinished(() => http.close())
  return http.request({ method: 'POST', url: new URL(url), headers: {}, body: Buffer.from('{}'), idleMs: 10_000 })
}

const CLIENT = { requestCert: true, rejectUnauthorized: true }
const REFUSALS: Record<string, [TlsOptions, RegExp, RegExp]> = {
  'speaks HTTP/2 only': [{ ALPNProtocols: ['h2'] }, /does not speak HTTP\/1\.1: ERR_SSL_\w+\.$/, /HTTP\/1\.1 beside/],
  'speaks TLS 1.1 only': [
    { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    /speaks no version of TLS from 1\.2 on/,
    /turn on TLS 1\.2/,
  ],
  'demands a client certificate': [CLIENT, /demands a client certificate, which .* cannot present/, /without a client/],
  'demands a client certificate by TLS 1.2': [
    { ...CLIENT, maxVersion: 'TLSv1.2' },
    /refused the TLS handshake/,
    /demand a client certificate/,
  ],
  'has no cipher in common': [
    { ciphers: 'ADH-AES128-SHA256@SECLEVEL=0', maxVersion: 'TLSv1.2' },
    /refused the TLS handshake/,
    /no cipher in common/,
  ],
}

test.each(Object.entries(REFUSALS))('a server that %s', async (_, [options, message, hint]) => {
  const server = await serveSecurely('server.pem', () => 'hello', options)
  const error = await errorOf(ask(server.origin))
  expect(error.code).toBe('tls_failed')
  expect(error.message).toMatch(message)
  expect(error.message).not.toContain('certificate of')
  expect(error.hint).toMatch(hint)
  expect(error.details.sent).toBe(false)
  expect(server.requests).toEqual([])
})

test('a certificate for another purpose is a certificate that was not accepted', () => {
  const thrown = Object.assign(new Error('unsuitable certificate purpose'), { code: 'INVALID_PURPOSE' })
  const error = translate(thrown, new URL('https://mcp.example.com/'), false)
  expect(error.code).toBe('tls_failed')
  expect(error.message).toBe('The TLS certificate of https://mcp.example.com was not accepted: INVALID_PURPOSE.')
})

/** Its last byte belongs to the code that authenticates it (RFC 8446 section 5.2). */
const damaged = (piece: Buffer) => Buffer.from(piece.map((byte, at) => (at === piece.length - 1 ? byte ^ 1 : byte)))

/** Passes on what comes for `port`, and damages everything that the server says once `isDamaging` holds. */
async function startDamaging(port: number, isDamaging: () => boolean): Promise<string> {
  const server = createServer((socket) => {
    const onward = connect(port, '127.0.0.1')
    for (const end of [socket, onward]) end.on('error', () => undefined)
    socket.on('close', () => onward.destroy()).pipe(onward)
    onward.on('data', (piece) => socket.write(isDamaging() ? damaged(piece) : piece))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `https://localhost:${(server.address() as AddressInfo).port}`
}

test('TLS that fails under a request is a connection that broke: the server may have carried it out', async () => {
  let isHeard = false
  const server = await serveSecurely('server.pem', () => {
    isHeard = true
    return 'hello'
  })
  const error = await errorOf(ask(await startDamaging(server.port, () => isHeard)))
  expect(server.requests).toHaveLength(1)
  expect(error.code).toBe('server_unreachable')
  expect(error.details).toMatchObject({ sent: true, reason: expect.stringMatching(/^ERR_SSL_/) })
  expect(brokeOff(error)).toBe(true)
})
