// Servers that answer on event streams and leave each of them open: an answer counts when it has come, and what a host says goes on.
import { afterEach, describe, expect, test } from 'vitest'
import { createGate } from '../fakes/gate.ts'
import { type Exchange, event, type Script } from '../servers/mcpServer.ts'
import { speakModern } from '../servers/modernScript.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'
import { until } from '../servers/until.ts'

let stage: Awaited<ReturnType<typeof startScriptedStage>>
afterEach(() => stage?.close())

/** Writes a comment now and then, so that no silence ends the stream. */
function keptOpen({ response, stream }: Exchange, headers: Record<string, string> = {}) {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  stream().write(': kept open\n\n')
  const comments = setInterval(() => response.write(': kept open\n\n'), 100)
  response.on('close', () => clearInterval(comments))
  return response
}

const answer = (exchange: Exchange, value: object, headers?: Record<string, string>) =>
  void keptOpen(exchange, headers).write(event({ jsonrpc: '2.0', id: exchange.message.id, ...value }))

const TOOLS = [{ name: 'count', inputSchema: { type: 'object' } }]

/** A server of 2025, whose newest session alone counts. */
function legacy(): Script & { readonly forget: () => void } {
  let sessions = 0
  let current = ''
  const inSession = (exchange: Exchange) => {
    if (exchange.headers['mcp-session-id'] !== current) return exchange.reply(404)
    if (exchange.message.id === undefined) return exchange.reply(202)
    answer(exchange, { result: { tools: TOOLS, served: exchange.message.method } })
  }
  return {
    'server/discover': (exchange) => answer(exchange, { error: { code: -32601, message: 'Method not found' } }),
    initialize(exchange) {
      current = `session-${++sessions}`
      const { protocolVersion } = exchange.message.params
      const result = { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'open', version: '1' } }
      answer(exchange, { result }, { 'mcp-session-id': current })
    },
    'notifications/initialized': inSession,
    '*': inSession,
    forget: () => {
      current = 'none'
    },
  }
}

describe('a server of 2025', () => {
  test('is asked what it speaks and answers initialize, and a session that it has forgotten is made again', async () => {
    const script = legacy()
    stage = await startScriptedStage(script)
    const host = stage.host()
    await host.initialize()
    expect((await host.request('tools/list')).result.tools).toEqual(TOOLS)
    script.forget()
    expect((await host.request('tools/call', { name: 'count' })).result.served).toBe('tools/call')
    expect((await host.request('tools/list')).result.tools).toEqual(TOOLS)
    expect(stage.server.count('initialize')).toBe(2)
    expect(await host.close()).toBe(0)
  })

  test('may say with status 200 that it has forgotten the session', async () => {
    const forgetful = (exchange: Exchange) =>
      stage.server.count('initialize') === 1
        ? answer(exchange, { error: { code: -32600, message: 'Session not found' } })
        : answer(exchange, { result: { content: [] } })
    stage = await startScriptedStage({ ...legacy(), 'tools/call': forgetful })
    const host = stage.host()
    await host.initialize()
    expect((await host.request('tools/call', { name: 'count' })).result).toEqual({ content: [] })
    expect(await host.close()).toBe(0)
  })

  test('is there for a host that speaks 2026', async () => {
    stage = await startScriptedStage(legacy())
    const host = stage.host()
    const { call } = speakModern(host)
    expect((await call('count')).result.served).toBe('tools/call')
    expect(await host.close()).toBe(0)
  })
})

test('streams that stay open after their answers are closed, so that calls do not pile up connections', async () => {
  let closed = 0
  stage = await startScriptedStage({
    'tools/call': (exchange) => {
      exchange.response.on('close', () => closed++)
      answer(exchange, { result: { content: [] } })
    },
  })
  const host = stage.host()
  await host.initialize()
  for (let calls = 0; calls < 40; calls++)
    expect((await host.request('tools/call', { name: 'count' })).result).toEqual({ content: [] })
  await until('all streams to be closed', () => closed === 40)
  expect(host.stderr).not.toContain('request-failed')
  expect(await host.close()).toBe(0)
})

test('a server goes on on the stream of its session’s beginning, however many streams are closed meanwhile', async () => {
  let channel: Exchange | undefined
  stage = await startScriptedStage({
    initialize(exchange) {
      channel = exchange
      const { protocolVersion } = exchange.message.params
      const serverInfo = { name: 'open', version: '1' }
      answer(
        exchange,
        { result: { protocolVersion, capabilities: { tools: {} }, serverInfo } },
        { 'mcp-session-id': 's' },
      )
    },
    'tools/call': (exchange) => answer(exchange, { result: { content: [] } }),
    'tools/list'(exchange) {
      keptOpen(exchange)
      channel?.response.write(event({ jsonrpc: '2.0', id: exchange.message.id, result: { tools: TOOLS } }))
    },
  })
  const host = stage.host()
  await host.initialize()
  for (let calls = 0; calls < 40; calls++) await host.request('tools/call', { name: 'count' })
  expect((await host.request('tools/list')).result.tools).toEqual(TOOLS)
  expect(await host.close()).toBe(0)
})

describe('notifications that are answered with a stream', () => {
  const note = (n: number) => ({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: 1, progress: n },
  })

  test('keep their order, and a cancellation among them ends its call', async () => {
    const closed = createGate()
    stage = await startScriptedStage({
      'notifications/initialized': (exchange) => void keptOpen(exchange),
      'notifications/progress': (exchange) => void keptOpen(exchange),
      'tools/call': (exchange) => void keptOpen(exchange).on('close', () => closed.open()),
    })
    const { server } = stage
    const host = stage.host()
    await host.initialize()
    host.send(note(1))
    host.send({ jsonrpc: '2.0', id: 'c1', method: 'tools/call', params: { name: 'slow' } })
    await server.until(({ message }) => message?.method === 'tools/call')
    host.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c1' } })
    host.send(note(2))
    await closed.passed
    await server.until(({ message }) => message?.params?.progress === 2)
    expect(server.methods().filter((method: string) => method.startsWith('notifications/'))).toEqual([
      'notifications/initialized',
      'notifications/progress',
      'notifications/cancelled',
      'notifications/progress',
    ])
    expect(await host.close()).toBe(0)
  })

  test('do not pile up connections', async () => {
    let closed = 0
    stage = await startScriptedStage({
      'notifications/progress': (exchange) => void keptOpen(exchange).on('close', () => closed++),
    })
    const host = stage.host()
    await host.initialize()
    for (let n = 1; n <= 40; n++) host.send(note(n))
    await stage.server.until(({ message }) => message?.params?.progress === 40)
    await until('all streams to be closed', () => closed === 40)
    expect(await host.close()).toBe(0)
  })

  test('do not keep from a host that was answered in the place of the server what that has to say', async () => {
    const introduced = createGate()
    stage = await startScriptedStage({
      initialize: (exchange) => introduced.passed.then(() => stage.server.plain.initialize(exchange)),
      'notifications/initialized': (exchange) => void keptOpen(exchange),
      'tools/list': ({ result }) => result({ tools: TOOLS }),
    })
    const host = stage.host(stage.config('login: { hold_initialize_ms: 1 }\n'))
    await host.initialize()
    expect((await host.request('tools/list')).result.tools).toMatchObject([{ name: 'sign_in' }])
    introduced.open()
    await host.hear(({ method }) => method === 'notifications/tools/list_changed')
    expect((await host.request('tools/list')).result.tools).toEqual(TOOLS)
    expect(await host.close()).toBe(0)
  })
})

test('a server of 2026 is known by its answer, and there for a host that begins with initialize', async () => {
  const discover = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' }
  stage = await startScriptedStage({
    'server/discover': (exchange) => answer(exchange, { result: { resultType: 'complete', ...discover } }),
    '*': (exchange) => answer(exchange, { result: { resultType: 'complete', tools: TOOLS } }),
  })
  const host = stage.host()
  await host.initialize()
  expect((await host.request('tools/list')).result.tools).toMatchObject(TOOLS)
  expect(stage.server.methods()).not.toContain('initialize')
  expect(await host.close()).toBe(0)
})
