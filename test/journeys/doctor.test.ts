// doctor on the whole: what it says when all is well, that it changes nothing, and what it finds on the way to the server.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import type { TlsOptions } from 'node:tls'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { has } from '../needs.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const login = () => stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])

test('when all is well every check passes or is skipped, the exit code is 0, and the token is not shown', async () => {
  stage = await startStage()
  await login()
  const { code, report, found, text, stderr } = await stage.doctor()
  expect(code).toBe(0)
  expect(stderr).toBe('')
  expect(report).toMatchObject({ ok: true, likely_cause: null, causes: [] })
  const names = report.checks.map(({ name }: { name: string }) => name)
  expect(names).toEqual([
    ...['versions', 'config', 'database', 'keychain', 'proxy', 'dns', 'tcp', 'tls', 'mcp_endpoint', 'clock'],
    ...['protected_resource_metadata', 'authorization_server_metadata', 'pkce', 'registration', 'redirect_uri'],
    ...['callback_port', 'browser', 'token', 'refresh', 'headers', 'mcp_handshake'],
  ])
  for (const { name, status, detail, remedy } of report.checks) {
    expect(status, name).toBe(name === 'tls' ? 'skip' : 'pass')
    expect(detail, name).not.toBe('')
    expect(remedy, name).toBeNull()
  }
  expect(found('token').detail).toContain(`aud "${stage.server.url}"`)
  expect(found('mcp_handshake').detail).toContain('2025-11-25')
  for (const token of stage.server.state.accepted) expect(text).not.toContain(token)
})

test('doctor opens no browser, refreshes nothing, and leaves every stored row, file and session as it was', async () => {
  stage = await startStage()
  await login()
  const home = stage.environment.MCP_OAUTH_BRIDGE_HOME
  const state = () => {
    const database = new BetterSqlite3(join(home, 'oauth.db'))
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[]
    const rows = tables.map(({ name }) => [name, database.prepare(`SELECT * FROM "${name}"`).all()])
    database.close()
    return { rows, files: readdirSync(home, { recursive: true }).sort() }
  }
  const [before, tabs] = [state(), stage.tabs().length]
  const { code } = await stage.doctor()
  expect(code).toBe(0)
  expect(state()).toEqual(before)
  expect(stage.tabs()).toHaveLength(tabs)
  expect(stage.authorization.counts).toMatchObject({ refreshGrants: 0, registrations: 1, codeGrants: 1 })
  // A session may listen on a GET stream until it is ended.
  const methods = stage.server.state.passed.map(({ method }) => method).filter((method) => method !== 'GET')
  expect(methods.slice(-2)).toEqual(['POST', 'DELETE'])
})

test('where nobody is signed in that is a warning, and nothing is made on the disk', async () => {
  stage = await startStage()
  const { code, found } = await stage.doctor()
  expect(code).toBe(0)
  expect(found('token')).toMatchObject({
    status: 'warn',
    code: 'not_signed_in',
    remedy: expect.stringContaining('login'),
  })
  expect(found('mcp_handshake').status).toBe('skip')
  expect(readdirSync(stage.home)).not.toContain('bridge')
})

test('without a server, where none is configured and nobody is signed in, only this computer is examined, and the next step is named', async () => {
  stage = await startStage()
  const { code, found } = await stage.doctor([])
  expect(code).toBe(0)
  expect(found('dns')).toBeUndefined()
  expect(found('callback_port').status).toBe('pass')
  const { stdout } = await stage.command(['doctor', '--callback-url', stage.callbackUrl])
  expect(stdout).toContain('To check a server: mcp-oauth-bridge doctor <url>')
  expect(stdout).not.toContain('No server was given')
})

test('the address of a gateway is not taken for one in use by another program', async () => {
  stage = await startStage()
  const gateway = createTcpServer()
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void gateway.close())
  const { port } = gateway.address() as AddressInfo
  stage.config(`mcp_server_url: ${stage.server.url}
callback_url: http://127.0.0.1:${port}/auth/callback
providers: { here: { issuer: "${stage.authorization.issuer}", client_id: mine } }
serve: { access: everyone }
`)
  const { found, report } = await stage.doctor([])
  expect(found('callback_port')).toMatchObject({ status: 'skip', remedy: null })
  expect(found('callback_port').detail).toContain('mcp-oauth-bridge check-config')
  expect(report.likely_cause?.name).not.toBe('callback_port')
})

test('without a server, each one that is configured or signed in is examined, and the computer once', async () => {
  stage = await startStage()
  await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
  const gone = 'http://127.0.0.1:9/mcp'
  stage.config(`servers:
  here: { url: "${stage.server.url}" }
  gone: { url: "${gone}", profile: work }
`)
  const { code, report } = await stage.doctor([])
  expect(code).toBe(4)
  const of = (name: string) => report.checks.filter((check: { name: string }) => check.name === name)
  expect(of('versions')).toHaveLength(1)
  expect(of('database')).toEqual([expect.objectContaining({ status: 'pass' })])
  expect(of('tcp')).toEqual([
    expect.objectContaining({ status: 'pass', server: stage.server.url }),
    expect.objectContaining({ status: 'fail', server: `${gone} (profile work)` }),
  ])
  expect(of('mcp_handshake')[0].status).toBe('pass')
  expect(report.likely_cause).toMatchObject({ name: 'tcp', server: `${gone} (profile work)` })
  const { stdout } = await stage.command(['doctor', '--callback-url', stage.callbackUrl])
  expect(stdout).toContain(`Most likely cause: tcp of ${gone} (profile work)`)
  const { accounts } = JSON.parse((await stage.command(['status', '--json'])).stdout)
  expect(accounts.map(({ server, profile, state }: Record<string, string>) => [server, profile, state])).toEqual([
    [stage.server.url, 'default', 'signed_in'],
    [gone, 'work', 'signed_out'],
  ])
  expect((await stage.command(['status'])).stdout).toContain(`mcp-oauth-bridge login ${gone} --profile work`)
})

test('settings of one server that cannot be used are a finding about it, and the others are examined', async () => {
  stage = await startStage()
  const login = ['login', stage.server.url, '--callback-url', stage.callbackUrl]
  expect((await stage.command([...login, '--profile', 'gone'])).code).toBe(0)
  stage.config(`mcp_server_url: ${stage.server.url}
servers:
  fileless: { url: "https://fileless.example/mcp", headers_file: nowhere.txt }
  plain: { url: "http://plain.example/mcp" }
  unset: { url: "https://unset.example/mcp", headers: { X-Key: "\${NOT_SET_ANYWHERE}" } }
  one: { url: "${stage.server.url}", profile: one }
  two: { url: "${stage.server.url}", profile: two }
`)
  const { code, report } = await stage.doctor([])
  expect(code).toBe(2)
  const found = (name: string) => report.checks.filter((check: { name: string }) => check.name === name)
  const failures = found('config').filter(({ status }: { status: string }) => status === 'fail')
  expect(failures.map(({ server, code }: Record<string, string>) => [server, code])).toEqual([
    ['fileless', 'config_not_found'],
    ['plain', 'insecure_url'],
    ['unset', 'config_invalid'],
    [`${stage.server.url} (profile gone)`, 'usage'],
  ])
  expect(failures[2].detail).toContain('NOT_SET_ANYWHERE is not set')
  const examined = [stage.server.url, `${stage.server.url} (profile one)`, `${stage.server.url} (profile two)`]
  expect(
    found('tcp')
      .map(({ server }: Record<string, string>) => server)
      .sort(),
  ).toEqual(examined)
  expect(found('versions')).toHaveLength(1)
  expect(report.likely_cause).toMatchObject({ name: 'config', server: 'fileless' })
})

/** Whose settings cannot be used. */
const failedServers = ({ checks }: { checks: Record<'name' | 'status' | 'server', string>[] }) =>
  checks.filter(({ name, status }) => name === 'config' && status === 'fail').map(({ server }) => server)

test('where the settings of no server can be used, this computer is examined all the same', async () => {
  stage = await startStage()
  stage.config('servers: { a: { url: "http://plain.example/a" }, b: { url: "http://plain.example/b" } }\n')
  const { code, report, found } = await stage.doctor([])
  expect([code, report.likely_cause]).toEqual([2, expect.objectContaining({ code: 'insecure_url', server: 'a' })])
  expect(failedServers(report)).toEqual(['a', 'b'])
  expect(found('database').status).toBe('pass')
  expect(found('tcp')).toBeUndefined()
})

test('a callback URL of a gateway is none of its faults, also where the file has nothing else of one', async () => {
  stage = await startStage()
  const { found } = await stage.doctor([stage.server.url, '--callback-url', 'https://gateway.example/auth/callback'])
  expect(found('config').status).toBe('pass')
})

test('a fault that several servers have is told of each, but not again of somebody who signed in to one of them', async () => {
  stage = await startStage()
  expect((await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])).code).toBe(0)
  stage.config(`servers:
  one: { url: "${stage.server.url}", provider: it }
  two: { url: "https://two.example/mcp", provider: it }
providers: { it: { client_id: c, client_secret: "\${NOT_SET_ANYWHERE}" } }
`)
  const { code, report } = await stage.doctor([])
  expect(code).toBe(2)
  expect(failedServers(report)).toEqual(['one', 'two'])
})

test.each([['https://127.0.0.1:8080/auth/callback'], ['foo']])(
  'a callback URL that no login process can have, %s, is the cause',
  async (url) => {
    stage = await startStage()
    const { code, report } = await stage.doctor(['--callback-url', url])
    expect(code).toBe(2)
    expect(report.likely_cause).toMatchObject({ name: 'config', code: 'usage' })
    expect(report.likely_cause.detail).toContain(`The callback URL "${url}" is not http on localhost`)
  },
)

test('for people the likeliest cause stands first, with its remedy and where to read more; no colour beside a terminal', async () => {
  stage = await startStage()
  await stage.server.close()
  const { code, stdout } = await stage.command(['doctor', stage.server.url, '--callback-url', stage.callbackUrl])
  expect(code).toBe(4)
  const lines = stdout.split('\n')
  expect(lines[2]).toBe('Most likely cause: tcp')
  expect(lines[3]).toContain('MCP server unreachable')
  expect(lines[4]).toMatch(/^ {2}→ Start the server/)
  expect(lines[5]).toContain('explain server_unreachable')
  expect(stdout).toMatch(/^✗ tcp /m)
  expect(stdout).toMatch(/^– mcp_handshake /m)
  expect(stdout).not.toContain('\u001b')
})

const closedPort = () => Number(new URL(stage.callbackUrl).port)

test("Issue: a company's proxy or certificate: a proxy that does not answer is proxy_failed, and its password is not shown", async () => {
  stage = await startStage()
  const environment = { HTTPS_PROXY: `http://user:canary-password@127.0.0.1:${closedPort()}` }
  const { code, report, text } = await stage.doctor(['https://mcp.invalid/mcp'], environment)
  expect(code).toBe(4)
  expect(report.causes).toEqual(['proxy'])
  expect(report.likely_cause.code).toBe('proxy_failed')
  expect(report.likely_cause.remedy).toContain('NO_PROXY')
  expect(text).not.toContain('canary-password')
  const bypassed = await stage.doctor(['https://mcp.invalid/mcp'], { ...environment, NO_PROXY: 'invalid' })
  expect(bypassed.found('proxy').status).toBe('pass')
  expect(bypassed.report.causes).toEqual(['dns'])
})

test('a proxy that answers and refuses the way is found by the request itself', async () => {
  stage = await startStage()
  const proxy = createHttpServer().on('connect', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'))
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  const environment = { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` }
  const { report, found } = await stage.doctor(['https://mcp.invalid/mcp'], environment)
  expect([found('proxy').status, found('dns').status, found('tcp').status]).toEqual(['pass', 'skip', 'skip'])
  expect(report.likely_cause).toMatchObject({ name: 'mcp_endpoint', code: 'proxy_failed' })
})

test('a proxy setting that is no URL is the cause', async () => {
  stage = await startStage()
  const { report } = await stage.doctor(['https://mcp.invalid/mcp'], { HTTPS_PROXY: 'http://[' })
  expect(report.likely_cause).toMatchObject({ name: 'proxy', code: 'proxy_failed' })
})

test.each([
  [{ BROWSER: '/nowhere/browser' }, 'fail', 'browser_failed'],
  [{ BROWSER: '/nowhere/browser:/bin/true' }, 'pass', undefined],
  [{ BROWSER: '' }, 'warn', 'browser_failed'],
  [{ BROWSER: '', SSH_CONNECTION: '192.0.2.1 1 192.0.2.2 22', DISPLAY: ':0' }, 'warn', 'browser_failed'],
])('Issue: no browser tab opens: with the environment %j the browser is %s', async (environment, status, code) => {
  stage = await startStage()
  const { code: exit, found } = await stage.doctor([], environment)
  expect(found('browser').status).toBe(status)
  expect(found('browser').code).toBe(code)
  expect(exit).toBe(status === 'fail' ? 3 : 0)
  if (status === 'pass') expect(found('browser').remedy).toBeNull()
  else
    expect(found('browser').remedy).toMatch(
      /BROWSER|mcp-oauth-bridge login, open the printed address in a browser elsewhere/,
    )
})

async function tlsServer(
  more: readonly string[] = [],
  tls: TlsOptions = {},
): Promise<{ server: Server; port: number; certificate: string }> {
  const [key, certificate] = [join(stage.home, 'key.pem'), join(stage.home, 'cert.pem')]
  const subject = ['-subj', '/O=Example Corp/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key]
  execFileSync('openssl', [...words, '-out', certificate, ...subject, ...more], { stdio: 'ignore' })
  const options = { key: readFileSync(key), cert: readFileSync(certificate), ...tls }
  const server = createServer(options, (_request, response) => response.writeHead(401).end())
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port, certificate }
}

test.skipIf(!has('openssl'))(
  "Issue: a company's proxy or certificate: a certificate that is not trusted is tls_failed, with its issuer; a CA file mends it",
  async () => {
    stage = await startStage()
    const { port, certificate } = await tlsServer()
    const { code, report } = await stage.doctor([`https://localhost:${port}/mcp`])
    expect(code).toBe(4)
    expect(report.likely_cause).toMatchObject({ name: 'tls', code: 'tls_failed' })
    expect(report.likely_cause.detail).toContain('Example Corp')
    expect(report.likely_cause.remedy).toContain('ca_file')
    const mended = await stage.doctor([`https://localhost:${port}/mcp`], { NODE_EXTRA_CA_CERTS: certificate })
    expect(mended.found('tls')).toMatchObject({ status: 'pass', detail: expect.stringContaining('Example Corp') })
    const config = stage.config(`ca_file: ${certificate}\n`)
    const named = await stage.doctor([`https://localhost:${port}/mcp`, '--config', config])
    expect(named.found('tls').status).toBe('pass')
  },
)

test.skipIf(!has('openssl'))('a certificate that ends within a week is a warning', async () => {
  stage = await startStage()
  const { port, certificate } = await tlsServer(['-days', '3'])
  const { found } = await stage.doctor([`https://localhost:${port}/mcp`], { NODE_EXTRA_CA_CERTS: certificate })
  expect(found('tls')).toMatchObject({ status: 'warn', detail: expect.stringMatching(/ends in [23] days/) })
})

test.skipIf(!has('openssl')).each<[string, TlsOptions, string]>([
  ['speaks HTTP/2 only', { ALPNProtocols: ['h2'] }, 'does not speak HTTP/1.1'],
  ['demands a client certificate', { requestCert: true, rejectUnauthorized: true }, 'demands a client certificate'],
])('a server that %s: not its certificate is at fault', async (_, tls, detail) => {
  stage = await startStage()
  const { port, certificate } = await tlsServer([], tls)
  const { report } = await stage.doctor([`https://localhost:${port}/mcp`], { NODE_EXTRA_CA_CERTS: certificate })
  expect(report.likely_cause).toMatchObject({
    name: 'tls',
    code: 'tls_failed',
    detail: expect.stringContaining(detail),
  })
  expect(report.likely_cause.detail).not.toContain('was not accepted')
})

test('a port that speaks no TLS is tls_failed', async () => {
  stage = await startStage()
  const server = createTcpServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-OpenSSH\r\n'))
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  onTestFinished(() => void server.close())
  const { report } = await stage.doctor([`https://localhost:${(server.address() as AddressInfo).port}/mcp`])
  expect(report.causes).toEqual(['tls'])
  expect(report.likely_cause.code).toBe('tls_failed')
})

test('an authorization server that is down is told apart from the MCP server', async () => {
  stage = await startStage()
  await stage.authorization.close()
  const { code, report } = await stage.doctor()
  expect(code).toBe(4)
  expect(report.likely_cause).toMatchObject({
    ...{ name: 'authorization_server_metadata', code: 'authorization_server_unreachable' },
  })
})

test('an authorization server that registers nobody needs a client_id', async () => {
  stage = await startStage({ settings: {} })
  const path = '/.well-known/oauth-authorization-server'
  const own = (await (await fetch(stage.authorization.issuer + path)).json()) as Record<string, unknown>
  const { registration_endpoint: _gone, ...rest } = own
  stage.authorization.state.documents[path] = rest
  const { code, report } = await stage.doctor()
  expect(code).toBe(3)
  expect(report.likely_cause).toMatchObject({ name: 'registration', code: 'registration_failed' })
  expect(report.likely_cause.remedy).toContain('--client-id')
})
