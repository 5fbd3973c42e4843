// What the host hears when the MCP server is away, comes back, or sends what it should not.
import { afterEach, expect, test } from 'vitest'
import { startEverything } from '../servers/everything.ts'
import { startHost } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

test('an unreachable server is an error answer, not an exit, and it works once the server is up', async () => {
  stage = await startStage({ everything: 'own' })
  const { everything } = stage
  await everything.close()
  const host = startHost([everything.url], stage.environment)
  const error = await host.failure()
  expect(error.data).toMatchObject({ source: 'mcp-oauth-bridge', code: 'server_unreachable' })
  expect(error.message).toContain('ECONNREFUSED')
  const again = await startEverything({ port: everything.port })
  expect((await host.initialize()).result.serverInfo.name).toContain('everything')
  expect(await host.close()).toBe(0)
  await again.close()
})

test('a server that restarts between two calls gets the host’s own initialize again, and the call succeeds', async () => {
  stage = await startStage({ everything: 'own' })
  const host = stage.host()
  await host.initialize()
  await stage.everything.close()
  const down = await host.request('tools/list')
  expect(down.error.data.code).toBe('server_error')
  const again = await startEverything({ port: stage.everything.port })
  expect((await host.request('tools/list')).result.tools.length).toBeGreaterThan(5)
  expect(stage.tabs()).toHaveLength(1)
  await host.close()
  await again.close()
})

test.each([
  ['without a challenge', {}],
  ['with a challenge that asks for no scope', { 'www-authenticate': 'Bearer error="access_denied"' }],
])('a 403 %s is forbidden: no other token would help, and nobody is asked', async (_, headers) => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  stage.server.state.answerHeaders = headers
  stage.server.state.instead = { status: 403, type: 'text/plain', body: 'not on a Sunday' }
  const { error } = await host.request('tools/list')
  expect(error).toMatchObject({ code: 1309, data: { source: 'mcp-oauth-bridge', code: 'forbidden' } })
  expect(error.data.hint).toContain('mcp-oauth-bridge status')
  expect(stage.tabs()).toHaveLength(1)
  expect(stage.authorization.counts.refreshGrants).toBe(0)
})

test('requests of the server reach the host, and the host’s answer reaches the server', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize({ sampling: {} })
  const call = host.request('tools/call', {
    name: 'trigger-sampling-request',
    arguments: { prompt: 'a haiku', maxTokens: 20 },
  })
  const asked = await host.hear((message: { method?: string }) => message.method === 'sampling/createMessage')
  const content = { type: 'text', text: 'autumn relay' }
  host.send({ jsonrpc: '2.0', id: asked.id, result: { role: 'assistant', model: 'test', content } })
  expect(JSON.stringify((await call).result)).toContain('autumn relay')
  await host.close()
})

test('progress notifications of a long call come before its answer', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  const params = {
    name: 'trigger-long-running-operation',
    arguments: { duration: 0.4, steps: 4 },
    _meta: { progressToken: 'p1' },
  }
  const answer = await host.request('tools/call', params)
  expect(answer.result).toBeDefined()
  const progress = host.heard.filter(({ method }) => method === 'notifications/progress')
  expect(progress.map(({ params }) => params.progress)).toEqual([1, 2, 3, 4])
  expect(host.heard.indexOf(progress.at(-1))).toBeLessThan(host.heard.indexOf(answer))
  await host.close()
})

test('stdout is protocol only, also with --debug and DEBUG=*', async () => {
  stage = await startStage()
  const host = stage.host(['--debug', '--verbose'], { DEBUG: '*' })
  await host.initialize()
  await host.request('tools/list')
  host.send('this is not JSON')
  host.send('{"jsonrpc":"2.0","id":77,"method":"tools/list"')
  expect((await host.hear(({ id }: { id?: unknown }) => id === 77)).error.data.code).toBe('invalid_protocol')
  expect((await host.request('ping')).result).toEqual({})
  expect(await host.close()).toBe(0)
  expect(host.rubbish).toEqual([])
  for (const message of host.heard) expect(message.jsonrpc).toBe('2.0')
  expect(host.stderr).toContain('proxy:start')
})

test('the session is deleted when stdin closes, and the exit code is 0', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  expect(await host.close()).toBe(0)
  // On a connection of its own: the server may see it before the GET that was sent before it.
  expect(stage.server.state.passed.filter(({ method }) => method === 'DELETE')).toHaveLength(1)
})

test('if stdin closes while a sign-in is waiting, the bridge exits with 0; the sign-in goes on', async () => {
  stage = await startStage()
  const host = stage.host([], { PERSON: 'absent' })
  host.send({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'h', version: '1' } },
  })
  const [tab] = await stage.untilTabs(1)
  expect(await host.close()).toBe(0)
  await stage.visit(tab?.[0] ?? '')
  const again = stage.host()
  expect(await again.isMet()).toBe(true)
  expect(stage.tabs()).toHaveLength(1)
  await again.close()
})

test('SIGTERM ends the bridge with exit code 0', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  host.child.kill('SIGTERM')
  expect(await host.exited).toBe(0)
})

test('answers that are still on their way when stdin closes are delivered, so a pipe works', async () => {
  stage = await startStage()
  const host = startHost([stage.everything.url], stage.environment)
  const request = (id: number, method: string, params: object) => ({ jsonrpc: '2.0', id, method, params })
  host.send(
    request(1, 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'pipe', version: '1' },
    }),
  )
  host.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  host.send(request(2, 'tools/list', {}))
  expect(await host.close()).toBe(0)
  expect(host.heard.find(({ id }) => id === 2)?.result.tools.length).toBeGreaterThan(5)
})
