// Threats of a caller, of an MCP server, of a slow or greedy client and of a proxy in front, against the built program.
import { type AddressInfo, connect, createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type GatewayStage, registerClient, startGatewayStage } from '../../servers/gatewayStage.ts'
import { type Script, startMcpServer } from '../../servers/mcpServer.ts'
import { within } from '../../servers/until.ts'

const REDIRECT = 'http://127.0.0.1:33418/callback'
const MB = 1024 * 1024
const BOMB = gzipSync(Buffer.alloc(64 * MB))

/** Bytes on the connection, instead of an answer. */
const bytes =
  (text: string): Script[string] =>
  ({ response }) =>
    void response.socket?.end(text, 'latin1')

const MALICE: Script = {
  cookies: ({ result }) =>
    result({}, { 'set-cookie': 'session=of-all', server: 'evil/1', 'clear-site-data': '"*"', refresh: '0;url=//evil' }),
  cors: ({ result }) => result({}, { 'access-control-allow-origin': '*', 'access-control-allow-credentials': 'true' }),
  away: ({ reply }) => reply(307, '', { location: 'http://127.0.0.1:1/steal' }),
  logout: ({ reply }) => reply(401, '', { 'www-authenticate': 'Bearer resource_metadata="https://evil.example/"' }),
  headers: ({ response }) => {
    for (let index = 0; index < 2_000; index++) response.setHeader(`x-${index}`, 'v'.repeat(100))
    response.end('{}')
  },
  endlessHeader: ({ response }) => {
    response.socket?.write('HTTP/1.1 200 OK\r\nX-Long: ')
    const more = () => {
      while (response.socket?.writable && response.socket.write('v'.repeat(65_536)));
    }
    response.socket?.on('drain', more).on('error', () => undefined)
    more()
  },
  bomb: ({ reply }) =>
    reply(200, BOMB, {
      'content-type': 'application/json',
      'content-encoding': 'gzip',
      'content-length': String(BOMB.length),
    }),
  legacy: ({ stream }) => void stream().write('event: endpoint\ndata: /messages?sessionId=of-somebody\n\n'),
  split: bytes('HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: b=c\r\nContent-Length: 2\r\n\r\n{}'),
  twoAnswers: bytes(
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n{"e":1}',
  ),
  upgrade: bytes('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nabc'),
}

let server: Awaited<ReturnType<typeof startMcpServer>>
let stage: GatewayStage
let token = ''
beforeAll(async () => {
  server = await startMcpServer(MALICE)
  stage = await startGatewayStage({
    ...{ target: server.url },
    config: { header_forwarding: { forward_headers: ['Authorization', 'X-User-*', 'X-*'] } },
  })
  token = (await stage.signIn()).access_token ?? ''
})
afterAll(async () => {
  await stage.close()
  await server.close()
})

const bodyOf = (method: string) => JSON.stringify({ jsonrpc: '2.0', id: 1, method })
const call = (method: string, headers: Record<string, string> = {}) =>
  fetch(stage.url, {
    ...{ method: 'POST', body: bodyOf(method) },
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
  })
/** The gateway goes on: a good call is answered. */
const stillServes = async () => expect(await (await call('ping')).json()).toEqual({ jsonrpc: '2.0', id: 1, result: {} })

/** Bytes to the gateway, and all that comes until it ends the connection. */
function raw(text: string): Promise<string> {
  const answered = new Promise<string>((resolve) => {
    let came = ''
    const socket = connect(stage.port, '127.0.0.1', () => socket.write(text, 'latin1'))
    socket
      .on('data', (chunk) => {
        came += chunk
      })
      .on('error', () => undefined)
      .on('close', () => resolve(came))
  })
  return within('the gateway to end the connection', answered)
}

const request = (lines: readonly string[], body = bodyOf('ping'), first = 'POST /mcp HTTP/1.1') =>
  [
    ...[first, `Host: localhost:${stage.port}`, `Authorization: Bearer ${token}`, 'Content-Type: application/json'],
    ...[...lines, ...(lines.some((line) => /^connection:/i.test(line)) ? [] : ['Connection: close']), '', body],
  ].join('\r\n')
const length = `Content-Length: ${bodyOf('ping').length}`

test.each([
  'X-User-Id',
  'x_user_id',
  'X.User.Id',
  'X-USER-ID',
  'X_User.ID',
  'X-Forwarded-User',
  'X-Forwarded-Access-Token',
])('a caller who says %s of themselves is not believed', async (name) => {
  expect(await raw(request([length, `${name}: evil`]))).toMatch(/^HTTP\/1\.1 200 /)
  const { headers } = server.seen.at(-1) ?? {}
  expect(headers).toMatchObject({ 'x-user-id': 'alice' })
  expect(JSON.stringify(headers)).not.toContain('evil')
})

test('a Connection that names a header of the gateway takes nothing away from it', async () => {
  await raw(request([length, 'Connection: close, X-User-Id, Authorization, X-Forwarded-For, Host']))
  expect(server.seen.at(-1)?.headers).toMatchObject({
    ...{ 'x-user-id': 'alice', 'x-forwarded-for': '127.0.0.1' },
    authorization: expect.stringMatching(/^Bearer ey/),
  })
})

test.each([
  ['Content-Length with Transfer-Encoding', [length, 'Transfer-Encoding: chunked']],
  ['two lengths', [length, 'Content-Length: 1']],
  ['a folded header', [length, 'X-Team: a', ' X-User-Id: evil']],
  ['a space before the colon', [length, 'X-User-Id : evil']],
  ['a lone CR', [length, 'X-Team: a\rX-User-Id: evil']],
  ['a NUL', [length, 'X-Team: a\0b']],
  ['Authorization twice', [length, 'Authorization: Bearer other']],
  ['Host twice', [length, 'Host: evil.example']],
])('a request with %s is 400, and reaches no server', async (_what, lines) => {
  const before = server.seen.length
  expect(await raw(request(lines))).toMatch(/^HTTP\/1\.1 400 /)
  expect(server.seen).toHaveLength(before)
})

test('trailers of a body are no headers', async () => {
  const body = `${bodyOf('ping').length.toString(16)}\r\n${bodyOf('ping')}\r\n0\r\nX-User-Id: evil\r\nAuthorization: evil\r\n\r\n`
  expect(await raw(request(['Transfer-Encoding: chunked', 'Trailer: X-User-Id'], body))).toMatch(/^HTTP\/1\.1 200 /)
  const { headers, text } = server.seen.at(-1) ?? {}
  expect(`${JSON.stringify(headers)} ${text}`).not.toContain('evil')
})

test.each([
  ...['//mcp', '/mcp/../health', '/mcp/%2e%2e/health', '/health/..;/mcp', '/%6dcp%2f', '/mcp%00', '/mcp;x', '/mcp%3fx'],
  ...[
    '/./mcp',
    '/mcp\\..\\health',
    '/%2fmcp',
    'http://evil.example/mcp',
    '/mcp#health',
    '/health%23/../mcp',
    '/mcp%252e',
  ],
])('the target %s skips nothing: no server is asked', async (target) => {
  const before = server.seen.length
  const answer = await raw(
    [`GET ${target} HTTP/1.1`, `Host: localhost:${stage.port}`, 'X-Original-URL: /health', 'X-Forwarded-Uri: /health']
      .concat('User-Agent: kube-probe/1.30', 'Connection: close', '', '')
      .join('\r\n'),
  )
  expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  expect(server.seen).toHaveLength(before)
})

test('headers and User-Agents of probes open no path', async () => {
  const open = { 'x-original-url': '/health', 'x-rewrite-url': '/health', 'user-agent': 'GoogleHC/1.0' }
  expect((await fetch(stage.url, { method: 'POST', headers: open, body: bodyOf('ping') })).status).toBe(401)
})

test('a proxy that nobody trusts changes no link, no address and no limit', async () => {
  const forged = {
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    forwarded: 'host=evil.example',
  }
  const asked = { headers: { ...forged, 'x-mcp-oauth-proxy-url': 'https://evil.example' } }
  const metadata = await fetch(`${stage.origin}/.well-known/oauth-authorization-server`, asked)
  expect(await metadata.text()).not.toContain('evil')
  await call('ping', { ...forged, 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6' })
  const { headers } = server.seen.at(-1) ?? {}
  expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': `localhost:${stage.port}` })
  expect(JSON.stringify(headers)).not.toMatch(/6\.6\.6\.6|evil/)
})

test('a server sets no cookies, no rights of other sites, and no orders to browsers', async () => {
  for (const method of ['cookies', 'cors']) {
    const answer = await call(method, { origin: stage.origin })
    expect(answer.status).toBe(200)
    const names = [...answer.headers].filter(([, value]) => /of-all|evil|true/.test(value))
    expect(names).toEqual([])
    expect(['set-cookie', 'clear-site-data', 'refresh'].filter((name) => answer.headers.has(name))).toEqual([])
    expect(answer.headers.get('access-control-allow-origin')).not.toBe('*')
  }
  await call('ping')
  expect(server.seen.at(-1)?.headers.cookie).toBeUndefined()
})

test.each([
  ['redirects elsewhere', 'away', 'redirect_refused'],
  ['answers 401, to log everybody out', 'logout', 'server_error'],
  ['sends 2,000 headers', 'headers', 'outcome_unknown'],
  ['sends a header without an end', 'endlessHeader', 'outcome_unknown'],
  ['splits a header by a lone CR', 'split', 'outcome_unknown'],
  ['switches protocols', 'upgrade', 'invalid_protocol'],
])('a server that %s gets its callers an error with words, and the gateway goes on', async (_what, method, code) => {
  const answer = await call(method)
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([502, null])
  expect(await answer.json()).toMatchObject({ id: 1, error: { data: { source: 'mcp-oauth-bridge', code } } })
  await stillServes()
})

test('a second answer behind the first goes to nobody', async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => call('twoAnswers').then((one) => one.text())))
  expect(answers).toEqual(Array.from({ length: 5 }, () => '{}'))
  await stillServes()
})

test('a gzip bomb is not unpacked by the gateway', async () => {
  const answer = await call('bomb', { 'accept-encoding': 'gzip' })
  expect(answer.headers.get('content-encoding')).toBe('gzip')
  expect(answer.headers.get('content-length')).toBe(String(BOMB.length))
  await answer.body?.cancel()
  expect(server.seen.at(-1)?.headers['accept-encoding']).toBe('identity')
  await stillServes()
})

test('a stream of HTTP+SSE of 2024 ends before its endpoint reaches a client', async () => {
  const text = await (await call('legacy', { accept: 'text/event-stream' })).text()
  expect(text).not.toContain('endpoint')
  expect(text).not.toContain('sessionId')
})

test('a flood of made-up tokens is refused, and signs nobody out', async () => {
  const made = (index: number) =>
    fetch(stage.url, { method: 'POST', headers: { authorization: `Bearer made-up-${index}` } })
  for (let at = 0; at < 2_000; at += 200) {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => made(at + index)))
    await Promise.all(answers.map(({ body }) => body?.cancel()))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
  }
  await stillServes()
})

test('an address registers twenty clients an hour, whatever it says its address is, and clients that exist go on', async () => {
  const register = async (index: number) => {
    const said = `203.0.113.${index}`
    const forged = ['x-forwarded-for', 'x-real-ip', 'true-client-ip', 'cf-connecting-ip', 'x-client-ip']
    const headers = Object.fromEntries([...forged.map((name) => [name, said]), ['forwarded', `for=${said}`]])
    const answer = await fetch(`${stage.origin}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' }),
    })
    return answer.status
  }
  const answers = await Promise.all(Array.from({ length: 45 }, (_, index) => register(index)))
  // One was registered before.
  expect(answers.filter((status) => status === 201)).toHaveLength(19)
  expect(answers.filter((status) => status === 429)).toHaveLength(26)
  await stillServes()
})

test('a metadata document on this machine is not asked for, however its address is written', async () => {
  let connections = 0
  const inside = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => inside.listen(0, resolve))
  const { port } = inside.address() as AddressInfo
  const spelled = ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '2130706433', '0x7f.1']
  for (const host of [...spelled, '0177.0.0.1', '127.1', '0.0.0.0', '[::]', '[::127.0.0.1]']) {
    const query = new URLSearchParams({ response_type: 'code', client_id: `https://${host}:${port}/client.json` })
    expect([host, (await fetch(`${stage.origin}/authorize?${query}`)).status]).toEqual([host, 400])
  }
  inside.close()
  expect(connections).toBe(0)
})

test('a client that registered under other rules gets no code by leaving its redirect URI out', async () => {
  const own = await startGatewayStage({ target: server.url })
  onTestFinished(own.close)
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id: await registerClient(own.origin, 'https://elsewhere.example/cb') },
    ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
  })
  const ask = () => fetch(`${own.origin}/authorize?${query}`, { redirect: 'manual' })
  expect((await ask()).status).toBe(303)
  await own.first.kill('SIGTERM')
  own.configure({ serve: { access: 'everyone', clients: { redirect_hosts: ['*.example.com'] } } })
  await own.serve()
  const answer = await ask()
  expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
  expect(await answer.text()).toContain('Redirect URI not allowed')
})

test('a hundred clients that send nothing, or one byte of a body, keep nobody from being served', async () => {
  const slow = Array.from({ length: 100 }, (_, index) => {
    const socket = connect(stage.port, '127.0.0.1', () => {
      if (index % 2) socket.write(request(['Content-Length: 1000', 'Connection: keep-alive'], '{'), 'latin1')
      else socket.write('POST /mcp HTTP/1.1\r\nHost: ', 'latin1')
    })
    return socket.on('error', () => undefined)
  })
  await Promise.all(Array.from({ length: 20 }, stillServes))
  for (const socket of slow) socket.destroy()
  await stillServes()
})
