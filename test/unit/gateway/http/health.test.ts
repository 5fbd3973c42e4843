// The health endpoints of the guide: facts, the same for everybody, and few questions to the database and the servers.
import { describe, expect, test } from 'vitest'
import { createGate } from '../../../fakes/gate.ts'
import { rawRequest, served, startShell } from '../../../fakes/gatewayShell.ts'

const down = async () => {
  throw new Error('connect ECONNREFUSED postgresql://user:secret-canary@db')
}

async function told(port: number, target: string, lines: string[] = []) {
  const { status, body, headers } = await rawRequest(port, target, lines)
  expect([headers['content-type'], headers['cache-control']]).toEqual(['application/json', 'no-store'])
  expect(body).not.toContain('canary')
  return [status, JSON.parse(body)]
}

describe('health', () => {
  test('is what the guide prints', async () => {
    const { port } = await startShell()
    expect((await rawRequest(port, '/health')).body).toBe('{"status":"healthy","database":"connected","uptime":12345}')
    expect(await told(port, '/health/database')).toEqual([200, { status: 'healthy', database: 'connected' }])
    expect(await told(port, '/health/mcp-server')).toEqual([200, { status: 'healthy', mcp_server: 'reachable' }])
    expect(await told(port, '/ready')).toEqual([
      200,
      { status: 'ready', database: 'connected', mcp_server: 'reachable' },
    ])
    expect(await told(port, '/health/live')).toEqual([200, { status: 'alive', uptime: 12345 }])
  })

  test('without a database is 503 in words, but the process is alive', async () => {
    const { port } = await startShell({ health: { database: down } })
    expect(await told(port, '/health')).toEqual([503, { status: 'unhealthy', database: 'disconnected', uptime: 12345 }])
    expect(await told(port, '/health/database')).toEqual([503, { status: 'unhealthy', database: 'disconnected' }])
    expect(await told(port, '/ready')).toEqual([
      503,
      { status: 'not ready', database: 'disconnected', mcp_server: 'reachable' },
    ])
    expect((await told(port, '/health/live'))[0]).toBe(200)
  })

  test('of servers tells each of them by name', async () => {
    const servers = [served('/mcp/work', 'work'), served('/mcp/home', 'home')]
    const server = async ({ name }: { name: string | undefined }) => (name === 'home' ? down() : undefined)
    const { port } = await startShell({ settings: { servers }, health: { server } })
    const both = { mcp_server: 'unreachable', servers: { work: 'reachable', home: 'unreachable' } }
    expect(await told(port, '/health/mcp-server')).toEqual([503, { status: 'unhealthy', ...both }])
    expect(await told(port, '/ready')).toEqual([503, { status: 'not ready', database: 'connected', ...both }])
    expect(await told(port, '/health/mcp-server/work')).toEqual([200, { status: 'healthy', mcp_server: 'reachable' }])
    expect(await told(port, '/health/mcp-server/home')).toEqual([
      503,
      { status: 'unhealthy', mcp_server: 'unreachable' },
    ])
    expect((await told(port, '/health/mcp-server/other'))[0]).toBe(404)
    expect((await told(port, '/health/mcp-server/__proto__'))[0]).toBe(404)
  })

  test('can be ready without its servers', async () => {
    const { port } = await startShell({ health: { server: down, readyNeeds: ['database'] } })
    expect(await told(port, '/ready')).toEqual([200, { status: 'ready', database: 'connected' }])
    expect((await told(port, '/health/mcp-server'))[0]).toBe(503)
  })

  test.each(['kube-probe/1.30', 'ELB-HealthChecker/2.0', 'GoogleHC/1.0', 'Mozilla/5.0', ''])(
    'is the same for %j',
    async (agent) => {
      const { port } = await startShell()
      for (const target of ['/health', '/mcp']) {
        const { status } = await rawRequest(port, target, [`User-Agent: ${agent}`])
        expect(status).toBe(200)
      }
      expect((await rawRequest(port, '/nowhere', [`User-Agent: ${agent}`])).status).toBe(404)
    },
  )

  test('is checked once for all who ask at the same time, and again after five seconds', async () => {
    const gate = createGate()
    let checks = 0
    let now = 0
    const database = () => {
      checks++
      return gate.passed
    }
    const { port } = await startShell({ health: { database, uptime: () => now } })
    const answers = Promise.all(Array.from({ length: 20 }, () => told(port, '/health/database')))
    gate.open()
    expect((await answers).map(([status]) => status)).toEqual(Array(20).fill(200))
    now = 4_999
    await told(port, '/health')
    expect(checks).toBe(1)
    now = 5_000
    await told(port, '/ready')
    expect(checks).toBe(2)
  })

  test('knows of a database that comes back', async () => {
    let now = 0
    let works = false
    const database = async () => (works ? undefined : down())
    const { port } = await startShell({ health: { database, uptime: () => now } })
    expect((await told(port, '/ready'))[0]).toBe(503)
    works = true
    now = 5_001
    expect((await told(port, '/ready'))[0]).toBe(200)
  })

  test('is 503 for /ready from the moment at which the gateway begins to end, while everything goes on', async () => {
    const draining = new AbortController()
    const { port, close, cut } = await startShell({
      rest: { draining, drain: { delayMs: 600_000, longestMs: 600_000 } },
    })
    const closed = close()
    expect(await told(port, '/ready')).toEqual([503, { status: 'not ready', draining: true }])
    expect((await told(port, '/health'))[0]).toBe(200)
    expect(draining.signal.aborted).toBe(false)
    await cut()
    await closed
    expect(draining.signal.aborted).toBe(true)
  })
})
