// Which certificates are trusted, straight and through a proxy, and what a refusal says.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createHttp, type HttpOptions } from '../../../../src/system/http/client.ts'
import { AUTHORITY, AUTHORITY_FILE, serveSecurely, startProxy } from '../../../fakes/secureLoopback.ts'
import { errorOf } from '../../../fakes/thrown.ts'
import { freePort } from '../../../servers/freePort.ts'

function get(url: string, options: Partial<HttpOptions> = {}): Promise<HttpResponse> {
  const http = createHttp({ connectTimeoutMs: 10_000, ...options })
  onTestFinished(() => http.close())
  return http.request({ method: 'GET', url: new URL(url), headers: { authorization: 'Bearer secret' }, idleMs: 10_000 })
}

async function text(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

describe('a certificate of an authority', () => {
  test('that nobody here trusts is refused, nothing is sent, and the issuer is named', async () => {
    const server = await serveSecurely()
    const error = await errorOf(get(server.origin))
    expect(error.code).toBe('tls_failed')
    expect(error.message).toContain('"Example Corp Root CA, Example Corp"')
    expect(error.hint).toContain('ca_file')
    expect(error.hint).toContain('system')
    expect(server.requests).toEqual([])
  })

  test('in the person’s own file is trusted', async () => {
    const server = await serveSecurely()
    expect(await text(await get(server.origin, { certificates: AUTHORITY }))).toBe('hello')
    expect(server.connections).toBe(1)
  })

  test('in the system’s bundle is trusted', async () => {
    const server = await serveSecurely()
    expect(await text(await get(server.origin, { environment: { SSL_CERT_FILE: AUTHORITY_FILE } }))).toBe('hello')
  })

  test('in NODE_EXTRA_CA_CERTS is trusted, also beside another file of the person', async () => {
    const server = await serveSecurely()
    const environment = { NODE_EXTRA_CA_CERTS: AUTHORITY_FILE }
    expect(await text(await get(server.origin, { environment }))).toBe('hello')
  })

  test('that the system trusts is first tried without it only once', async () => {
    const server = await serveSecurely()
    const http = createHttp({ connectTimeoutMs: 10_000, environment: { SSL_CERT_FILE: AUTHORITY_FILE } })
    onTestFinished(() => http.close())
    const ask = () => http.request({ method: 'GET', url: new URL(server.origin), headers: {}, idleMs: 10_000 })
    const first = await ask()
    const second = await ask()
    expect([await text(first), await text(second)]).toEqual(['hello', 'hello'])
    expect(server.connections).toBe(3)
  })

  test('is still refused for another name, with another hint', async () => {
    const server = await serveSecurely('other.pem')
    const error = await errorOf(get(server.origin, { certificates: AUTHORITY }))
    expect([error.code, error.details.reason]).toEqual(['tls_failed', 'ERR_TLS_CERT_ALTNAME_INVALID'])
    expect(error.hint).not.toContain('ca_file')
    expect(server.requests).toEqual([])
  })

  test('is not trusted from a file that contains no certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-test-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'junk.pem')
    writeFileSync(file, 'no certificate')
    const server = await serveSecurely()
    const environment = { SSL_CERT_FILE: file, NODE_EXTRA_CA_CERTS: join(folder, 'missing.pem') }
    expect((await errorOf(get(server.origin, { environment }))).code).toBe('tls_failed')
  })
})

describe('through a proxy', () => {
  const named = (origin: string) => origin.replace('localhost', 'mcp.example.test')
  const proxied = (port: number) => ({ HTTPS_PROXY: `http://user:p%40ss@127.0.0.1:${port}` })

  test('https is tunnelled: the proxy sees the host’s name and its own password, not the request', async () => {
    const server = await serveSecurely()
    const proxy = await startProxy()
    const response = await get(named(server.origin), { environment: proxied(proxy.port), certificates: AUTHORITY })
    expect(await text(response)).toBe('hello')
    expect(proxy.asked).toEqual([
      [`CONNECT mcp.example.test:${server.port}`, `Basic ${Buffer.from('user:p@ss').toString('base64')}`],
    ])
    expect(server.requests[0]).toMatchObject({
      authorization: 'Bearer secret',
      host: `mcp.example.test:${server.port}`,
    })
    expect(server.requests[0]).not.toHaveProperty('proxy-authorization')
  })

  test('a certificate that the proxy inserts is refused with its issuer, or trusted by the system', async () => {
    const server = await serveSecurely()
    const proxy = await startProxy()
    const error = await errorOf(get(named(server.origin), { environment: proxied(proxy.port) }))
    expect(error.message).toContain('Example Corp Root CA')
    const environment = { ...proxied(proxy.port), SSL_CERT_FILE: AUTHORITY_FILE }
    expect(await text(await get(named(server.origin), { environment }))).toBe('hello')
  })

  test.each([407, 403, 502])(
    'a refusal with %i is reported with its status, and without the password',
    async (status) => {
      const server = await serveSecurely()
      const proxy = await startProxy(status)
      const error = await errorOf(get(named(server.origin), { environment: proxied(proxy.port) }))
      expect([error.code, error.details.status]).toEqual(['proxy_failed', status])
      expect(error.message + error.hint).not.toContain('p@ss')
      expect(error.message + error.hint).not.toContain('p%40ss')
      expect(server.connections).toBe(0)
    },
  )

  test.each(['https', 'http'])('an unreachable proxy is named, for %s', async (scheme) => {
    const port = await freePort()
    const { HTTPS_PROXY } = proxied(port)
    const environment = { HTTPS_PROXY, HTTP_PROXY: HTTPS_PROXY }
    const error = await errorOf(get(`${scheme}://mcp.example.test/`, { environment }))
    expect(error.code).toBe('proxy_failed')
    expect(error.message).toContain(`http://127.0.0.1:${port}`)
    expect(error.message).toContain('ECONNREFUSED')
  })

  test('plain http is forwarded whole', async () => {
    const proxy = await startProxy()
    const target = await serveSecurely()
    const plain = await startProxy(204)
    const response = await get(`http://mcp.example.test:${plain.port}/path?x=1`, {
      environment: { HTTP_PROXY: `http://u:p@127.0.0.1:${proxy.port}` },
    })
    expect(response.status).toBe(204)
    expect(proxy.asked[0]?.[0]).toBe(`GET http://mcp.example.test:${plain.port}/path?x=1`)
    expect(plain.asked).toEqual([['GET /path?x=1', undefined]])
    expect(target.connections).toBe(0)
  })

  test('a proxy’s 407 for plain http is its own, not the server’s', async () => {
    const proxy = await startProxy(407)
    const environment = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` }
    const error = await errorOf(get('http://mcp.example.test/', { environment }))
    expect([error.code, error.details.status]).toEqual(['proxy_failed', 407])
  })

  test('loopback and NO_PROXY are reached directly', async () => {
    const server = await serveSecurely()
    const proxy = await startProxy()
    const options = { environment: proxied(proxy.port), certificates: AUTHORITY }
    expect(await text(await get(server.origin, options))).toBe('hello')
    expect(proxy.asked).toEqual([])
  })
})

describe('through an https proxy', () => {
  const byTls = (port: number, host = 'localhost') => ({
    HTTPS_PROXY: `https://user:p%40ss@${host}:${port}`,
    HTTP_PROXY: `https://user:p%40ss@${host}:${port}`,
  })
  const password = `Basic ${Buffer.from('user:p@ss').toString('base64')}`

  test.each(['localhost', '127.0.0.1'])('at %s, its certificate is checked for its own name', async (host) => {
    const server = await serveSecurely('other.pem')
    const proxy = await startProxy(200, 'server.pem')
    const url = `https://other.example.test:${server.port}/`
    expect(await text(await get(url, { environment: byTls(proxy.port, host), certificates: AUTHORITY }))).toBe('hello')
    expect(proxy.asked).toEqual([[`CONNECT other.example.test:${server.port}`, password]])
  })

  test('that shows the certificate of the server, nothing is sent: neither the request nor the password', async () => {
    const server = await serveSecurely('other.pem')
    const proxy = await startProxy(200, 'other.pem')
    const options = { environment: byTls(proxy.port), certificates: AUTHORITY }
    const error = await errorOf(get(`https://other.example.test:${server.port}/`, options))
    expect([error.code, error.details.reason]).toEqual(['proxy_failed', 'ERR_TLS_CERT_ALTNAME_INVALID'])
    expect(proxy.asked).toEqual([])
    const plain = await errorOf(get('http://other.example.test/', options))
    expect([plain.code, plain.details.reason]).toEqual(['proxy_failed', 'ERR_TLS_CERT_ALTNAME_INVALID'])
    expect(proxy.asked).toEqual([])
    expect(server.connections).toBe(0)
  })

  test('whose authority only the system knows, a server of that authority is reached', async () => {
    const server = await serveSecurely()
    const proxy = await startProxy(200, 'server.pem')
    const environment = { ...byTls(proxy.port), SSL_CERT_FILE: AUTHORITY_FILE }
    const http = createHttp({ connectTimeoutMs: 10_000, environment })
    onTestFinished(() => http.close())
    const url = new URL(`https://mcp.example.test:${server.port}/`)
    const ask = () => http.request({ method: 'GET', url, headers: {}, idleMs: 10_000 })
    const first = await ask()
    const second = await ask()
    expect([await text(first), await text(second)]).toEqual(['hello', 'hello'])
  })

  test('whose authority nobody here knows, the proxy is named, with both remedies', async () => {
    const proxy = await startProxy(200, 'server.pem')
    const error = await errorOf(get('https://mcp.example.test/', { environment: byTls(proxy.port) }))
    expect(error.code).toBe('proxy_failed')
    expect(error.message).toContain(`https://localhost:${proxy.port}`)
    expect(error.hint).toMatch(/ca_file.*system/)
    expect(proxy.asked).toEqual([])
  })

  test.each(['certificates', 'SSL_CERT_FILE'])('plain http is forwarded whole, trusted by %s', async (by) => {
    const proxy = await startProxy(200, 'server.pem')
    const plain = await startProxy(204)
    const response = await get(`http://other.example.test:${plain.port}/path`, {
      environment: { ...byTls(proxy.port), ...(by === 'certificates' ? {} : { SSL_CERT_FILE: AUTHORITY_FILE }) },
      ...(by === 'certificates' ? { certificates: AUTHORITY } : {}),
    })
    expect(response.status).toBe(204)
    expect(proxy.asked).toEqual([[`GET http://other.example.test:${plain.port}/path`, password]])
  })
})
