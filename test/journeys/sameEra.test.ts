// A host of 2026 and a server of 2026: bytes pass, headers are added, streams live and end as the revision wants it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
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
