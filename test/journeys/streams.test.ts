// What a server says over time: its standing stream, streams that end early, cancellation, order and batches.
import { afterEach, describe, expect, test } from 'vitest'
import { createGate } from '../fakes/gate.ts'
import { event } from '../servers/mcpServer.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'

type Stage = Awaited<ReturnType<typeof startScriptedStage>>
type Scripts = NonNullable<Parameters<typeof startScriptedStage>[0]>

let stage: Stage
afterEach(() => stage?.close())

const note = (n: number) => ({ jsonrpc: '2.0', method: 'notifications/message', params: { n } })
const noted = (n: number) => (message: { params?: { n?: number } }) => message.params?.n === n

async function start(scripts: Scripts, ...args: string[]) {
  stage = await startScriptedStage(scripts)
  const host = stage.host(args)
  await host.initialize({ sampling: {} })
  return { host, server: stage.server }
}

describe('the standing stream', () => {
  test('that breaks is resumed after the last complete event, and as soon as the server allows', async () => {
    let opened = 0
    const { host, server } = await start({
      GET: ({ stream }) => {
        const body = stream()
        if (++opened === 1) body.end(`retry: 5\n\n${event(note(1), 'e1')}id: e2\ndata: {"cut`)
        else body.write(event(note(2), 'e2'))
      },
    })
    await host.hear(noted(2))
    const [first, second] = server.seen.filter(({ method }) => method === 'GET')
    expect(first?.headers).toMatchObject({ 'mcp-session-id': 'session-1', 'mcp-protocol-version': '2025-11-25' })
    expect(first?.headers['last-event-id']).toBeUndefined()
    expect(second?.headers['last-event-id']).toBe('e1')
  })

  test('carries requests of the server, whose answers are sent back unchanged', async () => {
    const ask = { jsonrpc: '2.0', id: 'server-1', method: 'sampling/createMessage', params: { _x: 1 } }
    const { host, server } = await start({ GET: ({ stream }) => void stream().write(event(ask)) })
    await host.hear(({ id }: { id?: unknown }) => id === 'server-1')
    const answer = '{"jsonrpc":"2.0", "id":"server-1", "result":{"n":1.0}}'
    host.send(answer)
    expect((await server.until(({ text }) => text === answer)).headers['mcp-session-id']).toBe('session-1')
  })

  test('may deliver the answer to a request whose own stream is still open', async () => {
    const { host, server } = await start({
      GET: ({ stream }) => void stream(),
      'tools/call': ({ stream }) => void stream(),
    })
    const answer = host.request('tools/call', { name: 'x' })
    const { message } = await server.until(({ message }) => message?.method === 'tools/call')
    const listening = await server.until(({ method }) => method === 'GET')
    const result = { jsonrpc: '2.0', id: message.id, result: { here: true } }
    listening.response.write(
      event({ jsonrpc: '2.0', id: 'nobody', result: {} }) + event(result) + event(result) + event(note(1)),
    )
    expect((await answer).result).toEqual({ here: true })
    await host.hear(noted(1))
    expect(host.heard.filter(({ id }) => id === message.id)).toHaveLength(1)
    expect(host.heard.filter(({ id }) => id === 'nobody')).toEqual([])
  })
})

describe('the stream of a request', () => {
  test('that the server ends early with a retry hint is requested again until the answer arrives', async () => {
    let polls = 0
    const { host, server } = await start({
      'tools/call': ({ stream }) => void stream().end('retry: 10\nid: p0\ndata:\n\n'),
      GET: ({ headers, stream, reply }) => {
        const from = headers['last-event-id']
        if (typeof from !== 'string' || !from.startsWith('p')) return reply(405)
        const { message } = server.seen.find(({ message }) => message?.method === 'tools/call') ?? {}
        if (++polls < 3) return void stream().end(`${event(note(polls), `p${polls}`)}retry: 10\n\n`)
        stream().end(event({ jsonrpc: '2.0', id: message.id, result: { polls } }, 'p9'))
      },
    })
    expect((await host.request('tools/call', { name: 'slow' })).result).toEqual({ polls: 3 })
    const resumed = server.seen.filter(({ headers }) => headers['last-event-id'] !== undefined)
    expect(resumed.map(({ headers }) => headers['last-event-id'])).toEqual(['p0', 'p1', 'p2'])
    expect(host.heard.flatMap(({ params }) => params?.n ?? [])).toEqual([1, 2])
    expect(server.count('tools/call')).toBe(1)
  })

  test('that breaks after an event id was seen is resumed, not sent again', async () => {
    const { host, server } = await start({
      'tools/call': ({ stream, drop }) => stream().write(`retry: 10\n\n${event(note(1), 'b1')}`, () => drop()),
      GET: ({ headers, stream, reply }) => {
        if (headers['last-event-id'] !== 'b1') return reply(405)
        const { message } = server.seen.find(({ message }) => message?.method === 'tools/call') ?? {}
        stream().end(event({ jsonrpc: '2.0', id: message.id, result: { late: true } }))
      },
    })
    expect((await host.request('tools/call', { name: 'x' })).result).toEqual({ late: true })
    expect(server.count('tools/call')).toBe(1)
  })

  test('that cannot be resumed ends in outcome_unknown', async () => {
    const { host, server } = await start({
      'tools/call': ({ stream }) => void stream().end('retry: 10\nid: x\ndata:\n\n'),
    })
    const { error } = await host.request('tools/call', { name: 'x' })
    expect(error.data.code).toBe('outcome_unknown')
    expect(server.count('tools/call')).toBe(1)
  })
})

describe('cancellation', () => {
  test('is sent to the server after its request, ends the request’s stream, and the host gets no answer', async () => {
    const closed = createGate()
    const { host, server } = await start({
      'tools/call': ({ stream, response }) => {
        response.on('close', () => closed.open())
        stream().write(event(note(1)))
      },
    })
    host.send({ jsonrpc: '2.0', id: 'c1', method: 'tools/call', params: { name: 'x' } })
    await host.hear(noted(1))
    const cancel = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"enough","requestId":"c1"}}'
    host.send(cancel)
    await server.until(({ text }) => text === cancel)
    await closed.passed
    expect((await host.request('ping')).result).toEqual({})
    expect(host.heard.filter(({ id }) => id === 'c1')).toEqual([])
  })

  test('of a request that has not been sent yet ends it here, and the server gets neither', async () => {
    stage = await startScriptedStage({ initialize: () => undefined })
    const { server } = stage
    const host = stage.host()
    const initialized = host.initialize()
    host.send({ jsonrpc: '2.0', id: 'c2', method: 'tools/call', params: { name: 'x' } })
    host.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c2' } })
    server.plain.initialize(await server.until(({ message }) => message?.method === 'initialize'))
    await initialized
    expect((await host.request('ping')).result).toEqual({})
    expect(server.methods()).not.toContain('tools/call')
    expect(server.methods()).not.toContain('notifications/cancelled')
  })

  test('of an unknown request is passed on like any other notification', async () => {
    const { host, server } = await start({})
    host.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'long gone' } })
    await server.until(({ message }) => message?.method === 'notifications/cancelled')
  })
})

describe('order', () => {
  test('initialized is sent before what follows it, and notifications keep their order', async () => {
    const { host, server } = await start({
      'notifications/progress': ({ message, reply }) =>
        message.params.progress === 1 ? setImmediate(() => setImmediate(() => reply(202))) : reply(202),
    })
    for (let progress = 1; progress <= 20; progress++)
      host.send({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 't', progress } })
    await server.until(({ message }) => message?.params?.progress === 20)
    const told = server.seen.flatMap(({ message }) => message?.params?.progress ?? [])
    expect(told).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
    expect(server.methods().slice(0, 2)).toEqual(['initialize', 'notifications/initialized'])
  })

  test('an initialize whose stream stays open after the answer does not block what follows', async () => {
    stage = await startScriptedStage({
      initialize: ({ message, stream }) => {
        const { protocolVersion } = message.params
        const result = { protocolVersion, capabilities: {}, serverInfo: { name: 's', version: '1' } }
        stream().write(event({ jsonrpc: '2.0', id: message.id, result }))
      },
    })
    const host = stage.host()
    await host.initialize()
    expect((await host.request('tools/list')).result).toEqual({})
  })
})

describe('batches of 2025-03-26', () => {
  test('are passed on unchanged in both directions', async () => {
    stage = await startScriptedStage()
    const { server } = stage
    const host = stage.host()
    await host.initialize({}, '2025-03-26')
    const asked = '[{"jsonrpc":"2.0","id":"b1","method":"ping"}, {"jsonrpc":"2.0","id":"b2","method":"tools/list"}]'
    const answered = '[{"jsonrpc":"2.0","id":"b2","result":{"tools":[]}}, {"jsonrpc":"2.0","id":"b1","result":{}}]'
    server.script.POST = ({ text, reply }) =>
      text === asked ? reply(200, answered, { 'content-type': 'application/json' }) : reply(202)
    host.send(asked)
    await host.hear((message: unknown) => Array.isArray(message))
    expect(host.lines).toContain(answered)
    expect(server.seen.map(({ text }) => text)).toContain(asked)
  })
})
