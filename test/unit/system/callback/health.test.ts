// The health endpoints on the real listener.
import { expect, onTestFinished, test } from 'vitest'
import type { Health } from '../../../../src/ports.ts'
import { callbackServer } from '../../../../src/system/callback/server.ts'
import { ask } from '../../../fakes/loopback.ts'
import { freePort } from '../../../servers/freePort.ts'

const well = async () => undefined
const ill = async () => {
  throw new Error('needle')
}

async function listen(health: Health) {
  const port = await freePort()
  const done = async () => ({ kind: 'invalid_state' }) as const
  const listening = await callbackServer.listen(`http://127.0.0.1:${port}/auth/callback`, done, health)
  onTestFinished(() => listening.close())
  const at = (path: string, options = {}) => ask(port, path, { headers: { host: `127.0.0.1:${port}` }, ...options })
  return Object.assign(at, { port })
}

const GOOD = { database: well, mcpServer: well }

test.each([
  ['/health', { status: 'healthy', database: 'connected', uptime: expect.any(Number) }],
  ['/health/database', { status: 'healthy', database: 'connected' }],
  ['/health/mcp-server', { status: 'healthy', mcp_server: 'reachable' }],
  ['/ready', { status: 'ready', database: 'connected', mcp_server: 'reachable' }],
])('%s is 200 if all is well', async (path, body) => {
  const answer = await (await listen(GOOD))(path)
  expect([answer.status, JSON.parse(answer.body)]).toEqual([200, body])
  expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' })
})

test.each([
  ['/health', { status: 'unhealthy', database: 'disconnected', uptime: expect.any(Number) }],
  ['/health/database', { status: 'unhealthy', database: 'disconnected' }],
  ['/health/mcp-server', { status: 'unhealthy', mcp_server: 'unreachable' }],
  ['/ready', { status: 'not ready', database: 'disconnected', mcp_server: 'unreachable' }],
])('%s is 503 if its part fails, and does not say why', async (path, body) => {
  const answer = await (await listen({ database: ill, mcpServer: ill }))(path)
  expect([answer.status, JSON.parse(answer.body)]).toEqual([503, body])
})

test('/health does not ask the MCP server', async () => {
  const answer = await (await listen({ database: well, mcpServer: ill }))('/health')
  expect(answer.status).toBe(200)
})

test.each(['POST', 'HEAD', 'OPTIONS', 'DELETE'])('%s gets no health', async (method) => {
  expect((await (await listen(GOOD))('/health', { method })).status).toBe(404)
})

test('another Host is refused, and other paths are not found', async () => {
  const at = await listen(GOOD)
  expect((await at('/health', { headers: { host: 'evil.example' } })).status).toBe(403)
  for (const path of ['/healthz', '/health/', '/health/secrets', '//health']) expect((await at(path)).status).toBe(404)
})

test('a request from a page is refused before anything is checked', async () => {
  const at = await listen({ database: ill, mcpServer: ill })
  const page = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }
  const { port } = at
  expect((await at('/health/mcp-server', { headers: { host: `127.0.0.1:${port}`, ...page } })).status).toBe(403)
})
