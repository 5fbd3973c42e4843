// A server that is never content opens a few tabs and no more, also when bridges are started again and again.
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import { startLoopbackServer } from '../servers/loopbackServer.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
let server: Awaited<ReturnType<typeof startInsatiable>> | undefined
afterEach(async () => {
  await stage?.close()
  await server?.close()
  server = undefined
})

type Refuse = (token: string | undefined) => { status: 401 | 403; challenge: string } | undefined

/** Takes whatever token for anything but a call of a tool, which `refuse` decides on. */
async function startInsatiable(issuer: string, refuse: Refuse) {
  const tokens: (string | undefined)[] = []
  const { origin, close } = await startLoopbackServer((request, response, body): unknown => {
    const json = (status: number, body: unknown, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
    if (request.method === 'GET' && request.url?.startsWith('/.well-known/oauth-protected-resource'))
      return json(200, { resource: `${origin}/mcp`, authorization_servers: [issuer], scopes_supported: ['mcp:tools'] })
    if (request.method !== 'POST') return response.writeHead(405).end()
    const message = JSON.parse(body.toString('utf8'))
    const token = request.headers.authorization
    const metadata = `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`
    if (token === undefined) return json(401, {}, { 'www-authenticate': `Bearer ${metadata}` })
    if (message.method === 'tools/call') {
      tokens.push(token)
      const refused = refuse(token)
      if (refused) return json(refused.status, {}, { 'www-authenticate': `Bearer ${refused.challenge}, ${metadata}` })
    }
    if (message.id === undefined) return response.writeHead(202).end()
    const serverInfo = { name: 'insatiable', version: '1' }
    const result =
      message.method === 'initialize'
        ? { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
        : { content: [] }
    return json(200, { jsonrpc: '2.0', id: message.id, result })
  })
  return { url: `${origin}/mcp`, tokens, close }
}

/** With a host that does not wait long for a person. */
const startBridge = async (url: string) => {
  const config = stage.config('login: { hold_initialize_ms: 60000, hold_call_ms: 3000 }\n', 'impatient.yaml')
  const host = stage.hostOf(url, [], { CONFIG_PATH: config })
  await host.initialize()
  return { host, call: () => host.request('tools/call', { name: 'x', arguments: {} }) }
}

test.each([
  ['with refresh tokens', true],
  ['without refresh tokens', false],
])('a server that refuses every new token opens one tab, not one for each call: %s', async (_, refreshes) => {
  stage = await startStage(refreshes ? {} : { settings: { issueRefreshToken: async () => false } })
  server = await startInsatiable(stage.authorization.issuer, () => ({
    status: 401,
    challenge: 'error="invalid_token"',
  }))
  const { host, call } = await startBridge(server.url)
  const first = await call()
  expect(first.error.data.code).toBe('unauthorized')
  const tabs = stage.tabs().length
  for (let time = 0; time < 3; time++) {
    const { error } = await call()
    expect(error.data.code).toBe('unauthorized')
    expect(error.data.hint).toMatch(/login http\S+ --force/)
  }
  await host.close()
  const again = await startBridge(server.url)
  expect((await again.call()).error.data.code).toBe('unauthorized')
  expect(stage.tabs().length).toBeLessThanOrEqual(Math.max(tabs, 2))
  expect(stage.authorization.counts.refreshGrants).toBeLessThan(4)
})

test('a server that accepts each token once opens at most five tabs', async () => {
  stage = await startStage({ settings: { issueRefreshToken: async () => false } })
  const used = new Set<unknown>()
  server = await startInsatiable(stage.authorization.issuer, (token) => {
    if (used.has(token)) return { status: 401, challenge: 'error="invalid_token"' }
    used.add(token)
    return undefined
  })
  const { call } = await startBridge(server.url)
  const answers = []
  for (let time = 0; time < 8; time++) answers.push(await call())
  expect(stage.tabs().length).toBe(5)
  const { error } = answers.at(-1)
  expect(error.data.code).toBe('sign_in_pending')
  expect(error.message).toContain('The server required 5 sign-ins within 30 minutes.')
  expect(error.data.hint).toContain('mcp-oauth-bridge login')
})

test('a server that requires another scope with each call opens at most three tabs for that', async () => {
  stage = await startStage()
  let times = 0
  server = await startInsatiable(stage.authorization.issuer, () => ({
    status: 403,
    challenge: `error="insufficient_scope", scope="wish-${++times}"`,
  }))
  const { host, call } = await startBridge(server.url)
  const codes = []
  for (let time = 0; time < 5; time++) codes.push((await call()).error.data.code)
  expect(codes).toEqual([...Array(3).fill('insufficient_scope'), 'sign_in_pending', 'sign_in_pending'])
  await host.close()
  const again = await startBridge(server.url)
  expect((await again.call()).error.data.code).toBe('sign_in_pending')
  // The first is the sign-in itself.
  expect(stage.tabs().length).toBeLessThanOrEqual(4)
})

test('a sign-in whose token the server refuses keeps the old tokens', async () => {
  stage = await startStage()
  const login = ['login', stage.server.url, '--callback-url', stage.callbackUrl]
  await stage.command(login)
  const stored = () => {
    const database = new BetterSqlite3(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'))
    const row = database.prepare('SELECT access_token, generation FROM tokens').get()
    database.close()
    return row
  }
  const before = stored()
  stage.server.state.refuses = true
  const { code, stderr } = await stage.command([...login, '--force'])
  expect(code).toBe(3)
  expect(stderr).toContain('unauthorized')
  stage.server.state.refuses = false
  expect(stored()).toEqual(before)
  const host = stage.host(['--login', 'never'])
  expect(await host.isMet()).toBe(true)
})
