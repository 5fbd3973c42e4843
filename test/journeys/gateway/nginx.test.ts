// serve behind nginx with exactly what docs/gateway.md prints, and a certificate of openssl: sign-in, addresses, cookies, events and large messages
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, fetch as fetchBy } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Network, openBrowsing, type Page } from '../../servers/browsing.ts'
import { makeAuthority, whyNoOpenssl } from '../../servers/certificates.ts'
import { freePort } from '../../servers/freePort.ts'
import { createSdkSignIn } from '../../servers/gatewayClients.ts'
import { type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { event, type Script, startMcpServer } from '../../servers/mcpServer.ts'
import { connectSdkHost, type SdkHost } from '../../servers/modernHosts.ts'
import { startNginx, whyNoNginx } from '../../servers/nginx.ts'

const page = readFileSync(new URL('../../../docs/gateway.md', import.meta.url), 'utf8')
const section = page.slice(page.indexOf('## Behind nginx'))
const blockOf = (language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(section)?.[1] ?? ''
const printed = parse(blockOf('yaml'))
const NAME = new URL(printed.callback_url).hostname
const MB = 1024 * 1024
/** The client's address, unlike that of nginx. */
const CLIENT = '127.0.0.7'

/** What it says of itself. */
const LIES = {
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'http',
  forwarded: 'for=203.0.113.9;host=evil.example',
  'x-real-ip': '203.0.113.9',
}

const toLoopback: LookupFunction = (_name, options, found) =>
  options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4)

const tools = ['slow', 'large', 'length'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const text = (value: string) => ({ content: [{ type: 'text', text: value }] })
/** Of a call whose answer waits until the client has seen the first event. */
let goOn: (progress: unknown) => unknown = () => undefined

const SCRIPT: Script = {
  'tools/list': ({ result }) => result({ tools }),
  'tools/call': ({ message: { id, params }, result, stream }) => {
    if (params.name === 'large') return result(text('x'.repeat(5 * MB)))
    if (params.name === 'length') return result(text(String(params.arguments.text.length)))
    const out = stream()
    const { progressToken } = params._meta
    const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: 1 } }
    out.write(event(progress))
    goOn = () => out.end(event({ jsonrpc: '2.0', id, result: text('done') }))
  },
  GET: ({ stream }) => void stream().write(event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })),
}

describe.skipIf((whyNoNginx() ?? whyNoOpenssl()) !== undefined)('behind nginx as docs/gateway.md sets it up', () => {
  let server: Awaited<ReturnType<typeof startMcpServer>>
  let stage: GatewayStage
  let nginx: Awaited<ReturnType<typeof startNginx>>
  let network: Network
  let publicUrl = ''
  let host: SdkHost
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-nginx-tls-'))
  const pages: Page[] = []

  /** As the page prints it, but for ports and the folder of the certificate. */
  const configured = (port: number) =>
    blockOf('nginx')
      .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
      .replace('127.0.0.1:8080', `127.0.0.1:${stage.port}`)
      .replaceAll('/etc/ssl', folder)

  beforeAll(async () => {
    const authority = makeAuthority(folder)
    authority.sign(NAME, { names: [`DNS:${NAME}`] })
    network = { ca: authority.text, lookup: toLoopback, localAddress: CLIENT }
    server = await startMcpServer(SCRIPT)
    const port = await freePort()
    publicUrl = `https://${NAME}:${port}`
    stage = await startGatewayStage({
      ...{ target: server.url, publicUrl },
      serve: { trusted_proxies: printed.serve.trusted_proxies },
    })
    nginx = await startNginx(configured(port), port)
    const dispatcher = new Agent({ connect: network, localAddress: CLIENT })
    const reach = (url: string, init: { headers: Headers }) => {
      const headers = { ...Object.fromEntries(new Headers(init.headers)), ...LIES }
      return fetchBy(url, { ...init, headers, dispatcher } as object)
    }
    const signIn = createSdkSignIn(undefined, undefined, { browsing: openBrowsing(pages, undefined, network) })
    host = await connectSdkHost('v1', { direct: stage.url, signIn, fetch: reach as never })
  })
  afterAll(async () => {
    await host?.close()
    await nginx?.close()
    await stage?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a client of the MCP SDK finds the gateway at its https address, registers, signs a person in and lists tools', async () => {
    expect((await host.client.listTools()).tools.map(({ name }: { name: string }) => name)).toEqual(
      tools.map(({ name }) => name),
    )
    const back = pages.find(({ url }) => url.pathname === '/auth/callback')
    expect([back?.url.origin, back?.status]).toEqual([publicUrl, 303])
  })

  test('every cookie of the gateway is Secure and of this host or path only', () => {
    const own = pages.filter(({ url }) => url.origin === publicUrl)
    const cookies = own.flatMap(({ headers }) => headers['set-cookie'] ?? [])
    expect(cookies.filter((cookie) => cookie.startsWith('__Host-')).length).toBeGreaterThan(1)
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^__Host-[^;]+; Path=\/;|; path=\/(auth\/consent|authorize)\/[\w-]+;/i)
      for (const word of ['httponly', 'secure', 'samesite=lax'])
        expect(cookie.toLowerCase().split('; ')).toContain(word)
      expect(cookie).not.toMatch(/; domain=/i)
    }
  })

  test('an event arrives while its call goes on, and one of the standing stream without any call', async () => {
    await host.hear('notifications/tools/list_changed')
    const heard: unknown[] = []
    const answer = host.call('slow', {}, { onprogress: (progress) => goOn(void heard.push(progress)) })
    expect((await answer).content).toEqual([{ type: 'text', text: 'done' }])
    expect(heard).toEqual([{ progress: 1 }])
  })

  test('5 MB go there and come back', async () => {
    expect(await host.text('length', { text: 'y'.repeat(5 * MB) })).toBe(String(5 * MB))
    expect((await host.text('large')).length).toBe(5 * MB)
  })

  test('the MCP server reads the address of the client and the name that it asked for, whatever the client says of them', async () => {
    const { headers } = await server.until(({ message }) => message?.method === 'tools/list')
    expect(headers).toMatchObject({
      'x-forwarded-for': CLIENT,
      'x-forwarded-host': new URL(publicUrl).host,
      'x-forwarded-proto': 'https',
    })
    expect(JSON.stringify(server.seen.map((one) => one.headers))).not.toMatch(/203\.0\.113|evil\.example/)
  })

  test('without the line that passes Host on, a gateway that nginx knows by a name answers 421', async () => {
    const port = await freePort()
    const named = `upstream gateway { server 127.0.0.1:${stage.port}; }`
    const text = configured(port).replace(`http://127.0.0.1:${stage.port}`, 'http://gateway')
    const hostLine = 'proxy_set_header Host $http_host;'
    expect(text).toContain(hostLine)
    for (const [line, status] of [
      ['', 421],
      [`proxy_set_header Host ${new URL(publicUrl).host};`, 404],
    ] as const) {
      const other = await startNginx(`${named}\n${text.replace(hostLine, line)}`, port)
      const answer = await openBrowsing([], undefined, network).load(`https://${NAME}:${port}/nowhere`)
      await other.close()
      expect([line, answer.status]).toEqual([line, status])
    }
  })
})
