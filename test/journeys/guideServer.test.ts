// The guide's issues with the MCP server and with headers; what belongs to the gateway is said in words.
import { afterEach, expect, test } from 'vitest'
import { startLoopbackServer } from '../servers/loopbackServer.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const login = (...more: string[]) =>
  stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl, ...more])

test('Issue: "MCP server unreachable": the port that takes no connection is the cause, and explains the rest', async () => {
  stage = await startStage()
  await login()
  await stage.server.close()
  const { code, report, found } = await stage.doctor()
  expect(code).toBe(4)
  expect(report.causes).toEqual(['tcp'])
  expect(report.likely_cause).toMatchObject({ code: 'server_unreachable' })
  expect(report.likely_cause.detail).toContain('MCP server unreachable')
  expect(report.likely_cause.detail).toContain('ECONNREFUSED')
  expect(report.likely_cause.remedy).toContain('mcp_server_url')
  for (const name of ['mcp_endpoint', 'clock', 'mcp_handshake']) expect(found(name).status, name).toBe('skip')
})

test('Issue: "MCP server unreachable": a name without an address is the cause, and explains the rest', async () => {
  stage = await startStage()
  const { code, report, found } = await stage.doctor(['https://mcp.invalid/mcp'])
  expect(code).toBe(4)
  expect(report.causes).toEqual(['dns'])
  expect(report.likely_cause).toMatchObject({ name: 'dns', code: 'server_unreachable' })
  expect([found('tcp').status, found('tls').status, found('mcp_endpoint').status]).toEqual(['skip', 'skip', 'skip'])
})

test('Issue: "MCP server timeout": a server that takes the request and is silent', async () => {
  stage = await startStage()
  stage.server.state.instead = 'silence'
  const config = stage.config('request_timeout: 400\n')
  const { code, report } = await stage.doctor([stage.server.url, '--config', config])
  expect(code).toBe(4)
  expect(report.likely_cause).toMatchObject({ name: 'mcp_endpoint', code: 'server_timeout' })
  expect(report.likely_cause.detail).toContain('MCP server timeout: no answer within 400 ms')
  expect(report.likely_cause.remedy).toContain('request_timeout')
})

test('Issue: "Invalid MCP protocol response": a web page where the endpoint should be', async () => {
  stage = await startStage()
  stage.server.state.instead = { status: 200, type: 'text/html', body: '<!doctype html><title>Hello</title>' }
  const { code, report } = await stage.doctor()
  expect(code).toBe(4)
  expect(report.likely_cause).toMatchObject({ name: 'mcp_endpoint', code: 'invalid_protocol' })
  expect(report.likely_cause.detail).toContain('text/html')
  expect(report.likely_cause.remedy).toContain('MCP endpoint')
})

test('Issue: "Invalid MCP protocol response": a web page behind the sign-in is found by the handshake', async () => {
  stage = await startStage()
  await login()
  const page = await startLoopbackServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Hello</title>'),
  )
  stage.server.state.target = `${page.origin}/`
  const { code, report } = await stage.doctor()
  expect(code).toBe(4)
  expect(report.likely_cause).toMatchObject({ name: 'mcp_handshake', code: 'invalid_protocol' })
  expect(report.likely_cause.detail).toContain('Invalid MCP protocol response')
  await page.close()
})

test('a server that fails is server_error', async () => {
  stage = await startStage()
  stage.server.state.instead = { status: 503, type: 'text/plain', body: 'later' }
  const { code, report } = await stage.doctor()
  expect(code).toBe(4)
  expect(report.likely_cause).toMatchObject({ name: 'mcp_endpoint', code: 'server_error' })
})

test('Issue: "Authorization header not forwarded to MCP server": doctor names the setting that keeps it back', async () => {
  stage = await startStage()
  await login()
  const config = stage.config('header_forwarding:\n  blocked_headers: [AUTHORIZATION]\n')
  const { code, report } = await stage.doctor([stage.server.url, '--config', config])
  expect(code).toBe(3)
  expect(report.causes).toEqual(['headers', 'mcp_handshake'])
  expect(report.likely_cause).toMatchObject({ code: 'unauthorized' })
  expect(report.likely_cause.detail).toContain('Authorization header not forwarded to MCP server')
  expect(report.likely_cause.remedy).toContain('forward_headers')
})

test('Issue: "Authorization header not forwarded to MCP server": the log shows that it is forwarded', async () => {
  stage = await startStage()
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  await host.close()
  const line = stage.logged().find(({ event }) => event === 'proxy:headers')
  expect(JSON.stringify(line)).toMatch(/authorization/i)
})

test('Issue: "Custom headers stripped": doctor names the header, in any case, and the list to take it from', async () => {
  stage = await startStage()
  const config = stage.config('header_forwarding:\n  blocked_headers: [x-custom-*]\n')
  const { code, found } = await stage.doctor([
    stage.server.url,
    '--config',
    config,
    '--header',
    'X-Custom-Header: canary',
  ])
  expect(code).toBe(0)
  expect(found('headers')).toMatchObject({ status: 'warn', remedy: expect.stringContaining('blocked_headers') })
  expect(found('headers').detail).toMatch(/Custom headers stripped: x-custom-header/i)
  expect(JSON.stringify(found('headers'))).not.toContain('canary')
})

test('Issue: "CORS errors in browser" and /mcp/endpoint: the callback listener says that they belong to the gateway', async () => {
  stage = await startStage()
  const waiting = stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl])
  await waiting.says(/^http\S+/m)
  const { origin } = new URL(stage.callbackUrl)
  const asked = [
    fetch(`${origin}/auth/login`, { method: 'OPTIONS', headers: { origin: 'http://localhost:3000' } }),
    fetch(`${origin}/auth/refresh`, { method: 'POST', headers: { authorization: 'Bearer TOKEN' } }),
    fetch(`${origin}/mcp/endpoint`, { headers: { authorization: 'Bearer TOKEN' } }),
  ]
  for (const answer of await Promise.all(asked)) {
    expect(answer.status).toBe(404)
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    expect(await answer.text()).toMatch(/HTTP gateway.* serve$/m)
  }
})
