// serve.tls on the built program: clients over https, a certificate that is renewed under open streams, and files that cannot be used
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import type { LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { Agent, fetch as fetchBy } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Network, openBrowsing } from '../../servers/browsing.ts'
import { type Certificate, makeAuthority, whyNoOpenssl } from '../../servers/certificates.ts'
import { freePort } from '../../servers/freePort.ts'
import { createSdkSignIn } from '../../servers/gatewayClients.ts'
import { type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { event, startMcpServer } from '../../servers/mcpServer.ts'
import { connectSdkHost, type SdkHost } from '../../servers/modernHosts.ts'
import { until } from '../../servers/until.ts'

const toLoopback: LookupFunction = (_name, options, found) =>
  options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4)
const CHANGED = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }

describe.skipIf(whyNoOpenssl() !== undefined)('serve.tls', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-serve-tls-'))
  const used = { cert_file: join(folder, 'used.pem'), key_file: join(folder, 'used.key') }
  const use = ({ cert, key }: Certificate) => {
    copyFileSync(cert, used.cert_file)
    copyFileSync(key, used.key_file)
  }
  const made: Record<string, Certificate> = {}
  let server: Awaited<ReturnType<typeof startMcpServer>>
  let stage: GatewayStage
  let host: SdkHost
  let network: Network

  beforeAll(async () => {
    const authority = makeAuthority(folder)
    for (const name of ['first', 'second', 'third']) made[name] = authority.sign(name, { names: ['DNS:localhost'] })
    made.expired = authority.sign('expired', { names: ['DNS:localhost'], days: -1 })
    network = { ca: authority.text, lookup: toLoopback }
    use(made.first as Certificate)
    server = await startMcpServer({ GET: ({ stream }) => void stream().write(event(CHANGED)) })
    const port = await freePort()
    const publicUrl = `https://localhost:${port}`
    stage = await startGatewayStage({
      ...{ target: server.url, publicUrl, port },
      serve: { tls: used },
    })
    const dispatcher = new Agent({ connect: network })
    const reach = (url: string, init: object) => fetchBy(url, { ...init, dispatcher })
    const signIn = createSdkSignIn(undefined, undefined, { browsing: openBrowsing([], undefined, network) })
    host = await connectSdkHost('v1', { direct: stage.url, signIn, fetch: reach as never })
  })
  afterAll(async () => {
    await host?.close()
    await stage?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** The name in the certificate that a new connection gets. */
  const nameNow = () =>
    new Promise<string | undefined>((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: stage.port,
        servername: 'localhost',
        ca: network.ca,
        agent: false as const,
      }
      request({ ...options, path: '/health/live', headers: { host: `localhost:${stage.port}` } }, (response) => {
        const { subject } = (response.socket as TLSSocket).getPeerCertificate()
        response.resume().once('end', () => resolve(String(subject.CN)))
      })
        .once('error', reject)
        .end()
    })
  /** What SIGHUP makes it write on stderr. */
  const renew = async () => {
    const before = stage.first.said().length
    process.kill(stage.first.pid, 'SIGHUP')
    const said = () => stage.first.said().slice(before)
    await until('a line about the certificate', () => /certificate.*\n/.test(said()))
    return said()
  }
  const standing = () => server.seen.findLast(({ method }) => method === 'GET')?.response

  test('a client of the MCP SDK signs a person in and calls over https without any proxy', async () => {
    expect(await nameNow()).toBe('first')
    await host.hear(CHANGED.method)
    expect(await host.client.ping()).toBeDefined()
  })

  test('SIGHUP reads a renewed certificate: new connections get it, and open streams go on', async () => {
    use(made.second as Certificate)
    expect(await nameNow()).toBe('first')
    const stream = standing()
    expect(await renew()).toBe('The certificate was reloaded.\n')
    expect(await nameNow()).toBe('second')
    const before = host.count(CHANGED.method)
    stream?.write(event(CHANGED))
    await until('an event on the stream that was open', () => host.count(CHANGED.method) > before)
    expect(server.count('GET')).toBe(1)
  })

  const locked = () => {
    const from = made.third?.key ?? ''
    execFileSync('openssl', ['pkcs8', '-topk8', '-in', from, '-passout', 'pass:x', '-out', used.key_file])
  }
  test.each<[string, () => void, RegExp]>([
    ['that is broken', () => writeFileSync(used.cert_file, 'half of'), /not in PEM format/],
    ['that is gone', () => rmSync(used.cert_file), /cannot be read/],
    ['without its key', () => copyFileSync(made.third?.cert ?? '', used.cert_file), /does not belong/],
    ['with an encrypted key', locked, /is encrypted/],
  ])('after a file %s, SIGHUP keeps the former certificate and says why', async (_, spoil, why) => {
    use(made.second as Certificate)
    spoil()
    const said = await renew()
    expect(said).toMatch(/^warning: the certificate was not renewed: /)
    expect(said).toMatch(why)
    expect(await nameNow()).toBe('second')
    expect(await host.client.ping()).toBeDefined()
  })

  test('a config file that is broken meanwhile costs nothing either, and the next SIGHUP renews', async () => {
    use(made.third as Certificate)
    stage.configure({ serve: 'nonsense' })
    expect(await renew()).toMatch(/^warning: the certificate was not renewed: /)
    expect(await nameNow()).toBe('second')
    stage.configure()
    expect(await renew()).toBe('The certificate was reloaded.\n')
    expect(await nameNow()).toBe('third')
  })

  test('one that has expired is taken, with a warning', async () => {
    use(made.expired as Certificate)
    expect(await renew()).toMatch(/reloaded\.\nwarning: serve\.tls\.cert_file expired on /)
    await expect(nameNow()).rejects.toThrow(/expired/)
  })

  test.each<[string, () => void, RegExp]>([
    ['a missing key', () => rmSync(used.key_file), /serve\.tls\.key_file .* cannot be read/],
    ['an encrypted key', locked, /serve\.tls\.key_file .* is encrypted/],
  ])('%s is refused in words at the start', async (_, spoil, why) => {
    use(made.first as Certificate)
    spoil()
    const { code, stdout, stderr } = await stage.command(['serve'])
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(why)])
    expect(stderr).not.toContain('PRIVATE KEY')
  })
})
