// A host of 2026 and a server of 2026: bytes pass, headers are added, streams live and end as the revision wants it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startChangingServer } from '../servers/changingServer.ts'
import { startModernServer } from '../servers/modernServers.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'scripted', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const params = (more: object = {}) => ({ ...more, _meta: META })

let stage: Awaited<ReturnType<typeof startStage>>
let server: Awaited<ReturnType<typeof startModernServer>>
beforeEach(async () => {
  stage = await startStage()
  server = await startModernServer('modern')
})
afterEach(async () => {
  await stage.close()
  await server.close()
})

const posts = () => server.seen.map(({ message }) => message?.method)

describe('a host and a server of 2026', () => {
  test('ask each other in their own bytes, with the headers of the revision and without a session', async () => {
    const host = stage.hostOf(server.url)
    const id = '"\\u00e9-1"'
    const call = `{ "jsonrpc":"2.0", "id":${id}, "method":"tools/call", "params":{"name":"echo","arguments":{"message":"\\u00e9","n":1.0},"_meta":${JSON.stringify(META)},"com.example/extra":[1]}}`
    host.send(call)
    await until('the answer', () => host.lines.length > 0)
    expect(host.lines).toHaveLength(1)
    expect(host.heard[0]).toMatchObject({ id: 'é-1', result: { resultType: 'complete', content: [{ text: 'é' }] } })
    const seen = server.seen.at(-1)
    expect(seen?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'echo',
    })
    expect(seen?.message).toEqual(JSON.parse(call))
    expect(server.seen.every(({ method, headers }) => method === 'POST' && !headers['mcp-session-id'])).toBe(true)
    expect(posts()).toEqual(['server/discover', 'tools/call'])
    expect(await host.close()).toBe(0)
  })

  test('sign in, and the host’s first request waits for it', async () => {
    stage.server.state.target = server.url
    const host = stage.host()
    const { result } = await host.request('tools/call', params({ name: 'echo', arguments: { message: 'in' } }))
    expect(result.content).toEqual([{ type: 'text', text: 'in' }])
    expect(stage.tabs()).toHaveLength(1)
    await host.close()
  })

  test('have an unknown method refused by the server itself', async () => {
    const host = stage.hostOf(server.url)
    const { error } = await host.request('com.example/nothing', params())
    expect(error).toMatchObject({ code: -32601 })
    expect(error.data?.source).toBeUndefined()
    await host.close()
  })

  test('give up a call by the end of its request, and nothing is posted', async () => {
    const host = stage.hostOf(server.url)
    host.send({ jsonrpc: '2.0', id: 'slow', method: 'tools/call', params: params({ name: 'slow' }) })
    await until('the call at the server', () => server.world.running === 1)
    host.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'slow' } })
    await until('the end of the call', () => server.world.aborted === 1)
    await host.request('tools/list', params())
    expect(posts()).not.toContain('notifications/cancelled')
    expect(host.heard.filter(({ id }) => id === 'slow')).toEqual([])
    await host.close()
  })

  test('have streams of changes, which hold up neither calls nor the end', async () => {
    const host = stage.hostOf(server.url)
    const listen = params({ notifications: { toolsListChanged: true, resourceSubscriptions: ['test://one'] } })
    host.send({ jsonrpc: '2.0', id: 'listen:0', method: 'subscriptions/listen', params: listen })
    await host.hear(({ method }) => method === 'notifications/subscriptions/acknowledged')
    server.change('tools')
    const changed = await host.hear(({ method }) => method === 'notifications/tools/list_changed')
    expect(changed.params._meta).toEqual({ 'io.modelcontextprotocol/subscriptionId': 'listen:0' })
    server.update('test://one')
    await host.hear(({ method }) => method === 'notifications/resources/updated')
    expect((await host.request('tools/call', params({ name: 'count' }))).result.content[0].text).toBe('run 1')
    expect(await host.close()).toBe(0)
    expect(host.heard.at(-1)).toMatchObject({ id: 'listen:0', result: { resultType: 'complete' } })
  })
})

describe('a stream of changes', () => {
  const filter = { notifications: { toolsListChanged: true } }
  const listening = async (host: ReturnType<typeof stage.host>) => {
    host.send({ jsonrpc: '2.0', id: 'listen:0', method: 'subscriptions/listen', params: params(filter) })
    await host.hear(({ method }) => method === 'notifications/subscriptions/acknowledged')
  }
  const changes = (host: ReturnType<typeof stage.host>) =>
    host.heard.filter(({ method }) => method === 'notifications/tools/list_changed').length
  const listens = () => stage.server.state.passed.filter(({ rpc }) => rpc === 'subscriptions/listen')

  test('stays open when the token is refreshed', async () => {
    stage.server.state.target = server.url
    const host = stage.host()
    await listening(host)
    stage.server.rejectTokens()
    await host.request('tools/call', params({ name: 'count' }))
    expect(new Set(stage.server.state.passed.map(({ headers }) => headers.authorization)).size).toBe(2)
    server.change('tools')
    await until('the change', () => changes(host) === 1)
    expect(listens()).toHaveLength(1)
    await host.close()
  })

  test('is opened again for another account, whose changes the host then hears', async () => {
    stage.server.state.target = server.url
    const host = stage.host()
    await listening(host)
    stage.authorization.state.accountId = 'another'
    const here = ['--callback-url', stage.callbackUrl]
    expect((await stage.command(['login', stage.server.url, ...here, '--force'])).code).toBe(0)
    await host.request('tools/call', params({ name: 'count' }))
    await until('a second stream', () => listens().length === 2)
    expect(listens()[1]?.headers.authorization).not.toBe(listens()[0]?.headers.authorization)
    await until('a word that something may have been missed', () => changes(host) === 1)
    server.change('tools')
    await until('the change', () => changes(host) === 2)
    expect(host.heard.filter(({ method }) => method === 'notifications/subscriptions/acknowledged')).toHaveLength(1)
    await host.close()
  })

  test('that the host has cancelled tells it nothing more, also at the end', async () => {
    const host = stage.hostOf(server.url)
    await listening(host)
    host.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'listen:0' } })
    expect((await host.request('tools/call', params({ name: 'count' }))).result.content[0].text).toBe('run 1')
    server.change('tools')
    await host.request('tools/list', params())
    expect(await host.close()).toBe(0)
    expect(changes(host)).toBe(0)
    expect(host.heard.filter(({ id }) => id === 'listen:0')).toEqual([])
    expect(posts()).not.toContain('notifications/cancelled')
  })

  test('that breaks is opened again, and the host hears of changes as before', async () => {
    const between = await startChangingServer(server.url)
    const host = stage.hostOf(between.url)
    await listening(host)
    between.become(server.url, { cut: true })
    await until('a word that something may have been missed', () => changes(host) === 1)
    server.change('tools')
    await until('the change', () => changes(host) === 2)
    const heard = host.heard.filter(({ method }) => method === 'notifications/tools/list_changed')
    expect(heard.map((one) => one.params._meta['io.modelcontextprotocol/subscriptionId'])).toEqual([
      'listen:0',
      'listen:0',
    ])
    expect(await host.close()).toBe(0)
    expect(host.heard.at(-1)).toMatchObject({ id: 'listen:0', result: { resultType: 'complete' } })
    await between.close()
  })
})

test('a proxy that removes the headers is named as the reason, for each request once', async () => {
  const between = await startChangingServer(server.url)
  const host = stage.hostOf(between.url)
  expect((await host.request('tools/list', params())).result.tools).toBeDefined()
  between.state.rewrite = ({ headers, body }) => ({
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('mcp-'))),
    body,
  })
  const refused = await host.request('tools/call', params({ name: 'count' }))
  expect(refused.error.data.code).toBe('headers_stripped')
  expect(refused.error.message).toMatch(/Mcp-/i)
  const asked = between.seen.length
  await host.request('tools/list', params())
  expect(between.seen).toHaveLength(asked + 1)
  expect(server.world.runs).toBe(0)
  between.state.rewrite = (passing) => passing
  expect((await host.request('tools/call', params({ name: 'count' }))).result.content[0].text).toBe('run 1')
  await host.close()
  await between.close()
})

describe('parameters that are headers', () => {
  const args = { region: ' Köln', amount: -42.0, dry: false, owner: { tenant: '=?base64?x?=' }, note: 'n' }

  test('are sent after the tools were listed, and the tool that declares them wrongly is not shown', async () => {
    const host = stage.hostOf(server.url)
    const { result } = await host.request('tools/list', params())
    const names = result.tools.map(({ name }: { name: string }) => name)
    expect(names).toContain('headers')
    expect(names).not.toContain('bad_headers')
    expect(host.stderr).toContain('bad_headers')
    const answer = await host.request('tools/call', params({ name: 'headers', arguments: args }))
    expect(JSON.parse(answer.result.content[0].text)).toEqual(args)
    expect(server.seen.at(-1)?.headers).toMatchObject({
      'mcp-param-amount': '-42',
      'mcp-param-dry-run': 'false',
      'mcp-param-tenant': '=?base64?PT9iYXNlNjQ/eD89?=',
    })
    await host.close()
  })

  test('are found out when the server wants them and the host has not listed, also by ten calls at once', async () => {
    const host = stage.hostOf(server.url)
    const calls = Array.from({ length: 10 }, () =>
      host.request('tools/call', params({ name: 'headers', arguments: args })),
    )
    for (const { result } of await Promise.all(calls)) expect(JSON.parse(result.content[0].text)).toEqual(args)
    expect(posts().filter((method) => method === 'tools/list')).toHaveLength(1)
    await host.close()
  })
})

test('tools that are hidden are neither listed nor called', async () => {
  const config = stage.config('response_transform: { hide_tools: [count] }\n')
  const host = stage.hostOf(server.url, ['--config', config])
  const { result } = await host.request('tools/list', params())
  expect(result.tools.map(({ name }: { name: string }) => name)).not.toContain('count')
  expect((await host.request('tools/call', params({ name: 'count' }))).error.data.code).toBe('tool_hidden')
  expect(server.world.runs).toBe(0)
  await host.close()
})
