// The guide's issues with the MCP server, with headers and with web pages, at a gateway: its curls typed as they stand.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { guideShell } from '../../servers/guideShell.ts'
import { type Answer, startScriptedOrigin } from '../../servers/scriptedOrigin.ts'
import { until } from '../../servers/until.ts'

let stage: GatewayStage
let server: Awaited<ReturnType<typeof startScriptedOrigin>>
let type: ReturnType<typeof guideShell>
let answer: Answer
let bearer: string
beforeAll(async () => {
  server = await startScriptedOrigin({ '/': () => ({}), '/health': () => ({ json: {} }), '/endpoint': () => answer })
  stage = await startGatewayStage({
    asInGuide: true,
    target: server.origin,
    environment: { DEBUG: 'proxy:*' },
    config: {
      request_timeout: 400,
      header_forwarding: {
        forward_headers: ['Authorization', 'X-User-*', 'x-custom-header', 'X-Team-*'],
        blocked_headers: ['X-TEAM-secret'],
      },
      cors: {
        enabled: true,
        origins: ['http://localhost:3000', 'https://yourdomain.com'],
        allow_credentials: true,
        allowed_headers: ['Authorization', 'Content-Type'],
      },
    },
  })
  bearer = (await stage.signIn()).access_token
  type = guideShell(stage, server.origin, {
    'Bearer TOKEN': `Bearer ${bearer}`,
    // The origin of a web page stays the guide's own.
    [`Origin: ${server.origin}`]: 'Origin: http://localhost:3000',
  })
})
afterAll(async () => {
  await stage?.close()
  await server?.close()
})

const FINE: Answer = { json: { jsonrpc: '2.0', id: 1, result: {} } }
const CALL = `curl -s -w '%{http_code}' -X POST http://localhost:8080/mcp/endpoint -H "Authorization: Bearer TOKEN" -H 'Content-Type: application/json' -d '{"jsonrpc":"2.0","id":7,"method":"tools/list"}'`
const arrived = () => server.requests.filter(({ path }) => path === '/endpoint').at(-1)

test('Health Check Endpoints: each answers as the guide shows', async () => {
  const health = await type('curl -s http://localhost:8080/health')
  expect(JSON.parse(health.out)).toEqual({ status: 'healthy', database: 'connected', uptime: expect.any(Number) })
  expect(Object.keys(JSON.parse(health.out))).toEqual(['status', 'database', 'uptime'])
  expect(JSON.parse((await type('curl -s http://localhost:8080/ready')).out)).toEqual({
    ...{ status: 'ready', database: 'connected', mcp_server: 'reachable' },
  })
  expect(JSON.parse((await type('curl -s http://localhost:8080/health/database')).out)).toEqual({
    ...{ status: 'healthy', database: 'connected' },
  })
  expect(JSON.parse((await type('curl -s http://localhost:8080/health/mcp-server')).out)).toEqual({
    ...{ status: 'healthy', mcp_server: 'reachable' },
  })
})

test('Issue: "Authorization header not forwarded to MCP server": the guide\'s curl reaches /endpoint with a bearer, and the log names the header', async () => {
  answer = FINE
  const line = 'curl -v http://localhost:8080/mcp/endpoint -H "Authorization: Bearer TOKEN" 2>&1 | grep ">"'
  expect((await type(line)).out).toContain(`> Authorization: Bearer ${bearer}`)
  const there = arrived()
  expect(there?.method).toBe('GET')
  expect(there?.headers.authorization).toMatch(/^Bearer ey[\w-]+\.[\w-]+\.[\w-]+$/)
  // The client's own token stays at the gateway.
  expect(JSON.stringify(there?.headers)).not.toContain(bearer)
  expect(there?.headers['x-user-id']).toBeDefined()
  const logged = await type('grep -i authorization logs/proxy.log')
  expect(logged.out).toContain('proxy:headers')
  expect(logged.out).not.toContain(bearer)
  expect((await type('cat config.yaml | grep -A 10 header_forwarding')).out).toContain('- Authorization')
  // "MCP server returns 401 Unauthorized": the client keeps its sign-in, and the log says who refused.
  answer = { status: 401, json: {} }
  const refused = await type('curl -s -X POST http://localhost:8080/mcp/endpoint -H "Authorization: Bearer TOKEN"')
  expect(refused.out).toContain('refused the gateway with 401')
  expect((await type('tail -n 50 logs/proxy.log | grep proxy:refused')).out).toContain('"status":401')
})

test.each(['X-Custom-Header', 'x-custom-header', 'X-CUSTOM-HEADER', 'X-Team-Name', 'x-TEAM-name'])(
  'Issue: "Custom headers stripped": %s reaches the server',
  async (name) => {
    answer = FINE
    await type(`curl -s http://localhost:8080/mcp/endpoint -H "Authorization: Bearer TOKEN" -H "${name}: core"`)
    expect(arrived()?.headers[name.toLowerCase()]).toBe('core')
  },
)

test('Issue: "Custom headers stripped": one that is blocked, not listed or the gateway\'s own is named in the log as such', async () => {
  answer = FINE
  const more = ['X-Team-Secret', 'X-Other', 'X-User-Id', 'x_user_email'].map((name) => `-H "${name}: canary"`).join(' ')
  await type(`curl -s http://localhost:8080/mcp/endpoint -H "Authorization: Bearer TOKEN" ${more}`)
  expect(JSON.stringify(arrived()?.headers)).not.toContain('canary')
  const { out } = await type('grep proxy:headers logs/proxy.log | tail -n 1')
  expect(JSON.parse(out).blocked.split(' ')).toEqual(
    expect.arrayContaining(['x-team-secret', 'x-other', 'x_user_email']),
  )
  expect(out).not.toContain('canary')
})

test('Issue: "CORS errors in browser": the guide\'s preflight gets the three headers that it prints', async () => {
  const { err, code } = await type(
    'curl -X OPTIONS http://localhost:8080/auth/login -H "Origin: http://localhost:3000" -H "Access-Control-Request-Method: POST" -v',
  )
  expect(code).toBe(0)
  for (const line of [
    'Access-Control-Allow-Origin: http://localhost:3000',
    'Access-Control-Allow-Methods: GET, POST, OPTIONS',
    'Access-Control-Allow-Headers: Authorization, Content-Type',
  ])
    expect(err.split(/\r?\n/)).toContain(`< ${line}`)
  expect(err).toMatch(/^< HTTP\/1\.1 204/m)
  const other = await type('curl -s -X OPTIONS http://localhost:8080/auth/login -H "Origin: http://evil.example" -v')
  expect([other.err, other.out]).toEqual([
    expect.not.stringContaining('Access-Control-Allow'),
    expect.stringContaining('cors.origins'),
  ])
})

test('Issue: "Invalid MCP protocol response": the gateway changes nothing, so both curls of the guide show the same', async () => {
  answer = {
    headers: { 'content-type': 'text/html; charset=utf-8' },
    text: '<!doctype html><title>No MCP here</title>',
  }
  const direct = await type('curl -v http://localhost:3000/endpoint -H "Authorization: Bearer TOKEN"')
  const proxied = await type('curl -v http://localhost:8080/mcp/endpoint -H "Authorization: Bearer TOKEN"')
  expect(proxied.out).toBe(direct.out)
  const type_ = /^< Content-Type: .*$/im
  expect(type_.exec(proxied.err)?.[0].toLowerCase()).toBe(type_.exec(direct.err)?.[0].toLowerCase())
})

test("Issue: the session is lost: a session id is its caller's only, and another one is told session_lost with 404, before the server sees it", async () => {
  answer = { ...FINE, headers: { 'mcp-session-id': 'of-the-server' } }
  const first = await type(CALL.replace('curl -s', 'curl -s -D -'))
  const id = /^mcp-session-id: (\S+)/im.exec(first.out)?.[1] ?? ''
  expect(id).not.toBe('')
  const { access_token: another } = await stage.signIn()
  const call = (token: string) =>
    type(
      CALL.replace('Bearer TOKEN"', `Bearer ${token}" -H "Mcp-Session-Id: ${id}"`).replace(
        'Authorization',
        'authorization',
      ),
    )
  expect((await call(bearer)).out).toMatch(/200$/)
  expect(arrived()?.headers['mcp-session-id']).toBe('of-the-server')
  const before = server.requests.length
  const { out } = await call(another)
  expect(out).toMatch(/404$/)
  expect(JSON.parse(out.slice(0, -3)).error.data.code).toBe('session_lost')
  expect(server.requests).toHaveLength(before)
})

test('Issue: "MCP server timeout": silence ends after request_timeout with words, and DEBUG=proxy:* shows the request', async () => {
  answer = { ...FINE, silent: true }
  const { out } = await type(CALL)
  expect(out).toMatch(/504$/)
  const { id, error } = JSON.parse(out.slice(0, -3))
  expect([id, error.message]).toEqual([7, expect.stringContaining('did not answer in time')])
  expect((await type('tail -n 20 logs/proxy.log | grep -i error')).out).toContain('"error":"server_timeout"')
  expect((await type('cat config.yaml | grep timeout')).out).toContain('request_timeout: 400')
  // The guide's measure of the server alone.
  answer = FINE
  const measure = `cat > curl-format.txt << 'EOF'
time_namelookup:  %{time_namelookup}\\n
time_total:  %{time_total}\\n
EOF
curl -s -w "@curl-format.txt" http://localhost:3000/endpoint`
  expect((await type(measure)).out).toMatch(/time_total: {2}\d/)
  const { out: shown } = await type('grep proxy: logs/proxy.log | tail -n 3')
  expect(shown).toContain('proxy:headers')
})

test('Issue: "MCP server unreachable": the request, /health/mcp-server and the log say so, without the address in the answer', async () => {
  await server.close()
  const refused = await type(CALL)
  const { port } = new URL(server.origin)
  expect(refused.out).toMatch(/502$|503$/)
  const { id, error } = JSON.parse(refused.out.slice(0, -3))
  expect([id, error.message]).toEqual([7, expect.stringContaining('The MCP server cannot be reached')])
  expect(refused.out).not.toContain(port)
  const logged = await type('tail -n 20 logs/proxy.log | grep -i error')
  expect(logged.out).toContain('Failed to proxy request to MCP server')
  expect(logged.out).toContain(`127.0.0.1:${port} cannot be reached: ECONNREFUSED`)
  await until('the check to notice', async () =>
    (await type('curl -s http://localhost:8080/health/mcp-server')).out.includes('"mcp_server":"unreachable"'),
  )
  expect((await type('cat config.yaml | grep mcp_server_url')).out).toBe(`mcp_server_url: ${server.origin}\n`)
})
