// The HTTP+SSE transport of 2024-11-05: found by itself, or asked for by --transport.
import { afterEach, describe, expect, test } from 'vitest'
import { startEverything } from '../servers/everything.ts'
import { event } from '../servers/mcpServer.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'

type Stage = Awaited<ReturnType<typeof startScriptedStage>>
type Script = NonNullable<Parameters<typeof startScriptedStage>[0]>[string]
type Stream = ReturnType<Parameters<Script>[0]['stream']>

let stage: Stage
afterEach(() => stage?.close())

/** A server that speaks HTTP+SSE only: every GET is a session, `/messages?session=N` takes its messages. */
async function startOlder(endpoint = (session: number) => `/messages?session=${session}`) {
  const streams: Stream[] = []
  stage = await startScriptedStage()
  const { server } = stage
  const onStream: Script = ({ path, message, reply }) => {
    const stream = streams[Number(new URLSearchParams(path.split('?')[1]).get('session'))]
    if (path === '/mcp' || !stream || stream.destroyed) return reply(path === '/mcp' ? 405 : 404, 'no such session')
    reply(202, 'Accepted')
    if (message.id === undefined || message.method === undefined) return
    const { protocolVersion } = message.params ?? {}
    const result =
      message.method === 'initialize'
        ? { protocolVersion, capabilities: {}, serverInfo: { name: 'older', version: '1' } }
        : { on: streams.indexOf(stream), arguments: message.params }
    stream.write(event({ jsonrpc: '2.0', id: message.id, result }))
  }
  Object.assign(server.script, {
    ...{ initialize: onStream, 'tools/call': onStream, 'tools/list': onStream, 'logging/setLevel': onStream },
    ...{ POST: onStream, 'notifications/initialized': onStream },
    GET: ({ stream }: { stream: () => Stream }) => {
      streams.push(stream())
      streams.at(-1)?.write(`event: endpoint\ndata: ${endpoint(streams.length - 1)}\n\n`)
    },
  })
  return { server, streams }
}

describe('a server that refuses a POST of initialize with 405', () => {
  test('is used over HTTP+SSE, on one stream and so in one session', async () => {
    const { server } = await startOlder()
    const host = stage.host()
    expect((await host.initialize({}, '2024-11-05')).result.serverInfo.name).toBe('older')
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => host.request('tools/call', { name })))
    expect(answers.map(({ result }) => result.arguments.name)).toEqual(['a', 'b', 'c'])
    expect(server.count('GET')).toBe(1)
    expect(server.methods().slice(0, 4)).toEqual(['initialize', 'GET', 'initialize', 'notifications/initialized'])
    expect(await host.close()).toBe(0)
  })

  test('that answers no GET with an endpoint has its own error reported', async () => {
    stage = await startScriptedStage({ initialize: ({ reply }) => reply(404, 'no such page') })
    const error = await stage.host().failure()
    expect(error.data.code).toBe('server_error')
    expect(error.message).toContain('no such page')
  })
})

describe('--transport', () => {
  test('sse is used at once', async () => {
    const { server } = await startOlder()
    const host = stage.host(['--transport', 'sse'])
    await host.initialize()
    expect(server.methods().slice(0, 2)).toEqual(['GET', 'initialize'])
  })

  test('http excludes HTTP+SSE', async () => {
    const { server } = await startOlder()
    expect((await stage.host(['--transport', 'http']).failure()).data.code).toBe('server_error')
    expect(server.count('GET')).toBe(0)
  })

  test('of the config file’s entry is used, and a flag overrides it', async () => {
    const { server } = await startOlder()
    const config = stage.config(`servers: { older: { url: '${server.url}', transport: sse } }\n`)
    await stage.host(config).initialize()
    expect(server.methods().slice(0, 2)).toEqual(['GET', 'initialize'])
    const asked = server.count('GET')
    expect((await stage.host([...config, '--transport', 'http']).failure()).data.code).toBe('server_error')
    expect(server.count('GET')).toBe(asked)
  })

  test('with an unknown value is an error that names the closest one', async () => {
    stage = await startScriptedStage()
    const host = stage.host(['--transport', 'htp'])
    expect(await host.exited).toBe(2)
    expect(host.stderr).toContain('did you mean "http"?')
  })
})

describe('messages that the server initiates', () => {
  test('are passed both ways, and unrequested answers are not', async () => {
    const { server, streams } = await startOlder()
    const host = stage.host()
    await host.initialize()
    streams[0]?.write(event({ jsonrpc: '2.0', id: 'nobody', result: {} }))
    streams[0]?.write(event({ jsonrpc: '2.0', id: 's1', method: 'roots/list', params: { n: 1 } }))
    await host.hear(({ id }: { id?: unknown }) => id === 's1')
    const answer = '{"jsonrpc":"2.0","id":"s1","result":{"roots":[],"x":1.0}}'
    host.send(answer)
    expect((await server.until(({ text }) => text === answer)).path).toBe('/messages?session=0')
    expect(host.heard.filter(({ id }) => id === 'nobody')).toEqual([])
  })
})

describe('a stream that breaks', () => {
  test('between calls is opened again, and the session restored without the host noticing', async () => {
    const { server, streams } = await startOlder()
    const host = stage.host()
    await host.initialize()
    await host.request('logging/setLevel', { level: 'debug' })
    streams[0]?.destroy()
    expect((await host.request('tools/call', { name: 'x' })).result.on).toBe(1)
    const second = server.seen.filter(({ path }) => path === '/messages?session=1').map(({ message }) => message.method)
    expect(second).toEqual(['initialize', 'notifications/initialized', 'logging/setLevel', 'tools/call'])
    expect(host.heard.map(({ id }) => id)).toEqual([1, 2, 3])
  })

  test('during a call makes its outcome unknown', async () => {
    const { server, streams } = await startOlder()
    const host = stage.host()
    await host.initialize()
    server.script['tools/call'] = ({ reply }) => {
      reply(202)
      streams.at(-1)?.destroy()
    }
    expect((await host.request('tools/call', { name: 'x' })).error.data.code).toBe('outcome_unknown')
    expect(server.count('tools/call')).toBe(1)
  })

  test('a server that has forgotten the session gets the call once more on a new stream', async () => {
    const { server, streams } = await startOlder()
    const host = stage.host()
    await host.initialize()
    const answer = server.script['tools/call']
    server.script['tools/call'] = (exchange) =>
      exchange.path.endsWith('=0') ? exchange.reply(404, 'no such session') : answer?.(exchange)
    expect((await host.request('tools/call', { name: 'x' })).result.on).toBe(1)
    expect(streams).toHaveLength(2)
  })
})

test('an endpoint at another origin receives nothing', async () => {
  const { server } = await startOlder(() => 'http://127.0.0.1:1/steal')
  const host = stage.host(['--transport', 'sse'])
  const error = await host.failure()
  expect(error.data.code).toBe('invalid_protocol')
  expect(error.message).toContain('another origin')
  expect(server.count('initialize')).toBe(0)
})

test('a call that is never answered is server_timeout, and the server hears that nobody waits any longer', async () => {
  const { server } = await startOlder()
  server.script['tools/call'] = ({ reply }) => reply(202)
  const host = stage.host(stage.config('request_timeout: 3000\n'))
  await host.initialize()
  const { error, id } = await host.request('tools/call', { name: 'x' })
  expect(error.data.code).toBe('server_timeout')
  const { message, headers } = await server.until((one) => one.message?.method === 'notifications/cancelled')
  expect(message.params).toEqual({ requestId: id, reason: expect.any(String) })
  expect(headers['mcp-protocol-version']).toBe('2025-11-25')
})

test('server-everything over HTTP+SSE works: tools, progress, sampling', async () => {
  stage = await startScriptedStage()
  const everything = await startEverything({ transport: 'sse' })
  try {
    const host = stage.hostOf(everything.url)
    expect((await host.initialize({ sampling: {} })).result.serverInfo.name).toContain('everything')
    const echo = await host.request('tools/call', { name: 'echo', arguments: { message: 'older' } })
    expect(echo.result.content[0].text).toBe('Echo: older')
    const params = {
      name: 'trigger-long-running-operation',
      arguments: { duration: 0.2, steps: 2 },
      _meta: { progressToken: 'p' },
    }
    await host.request('tools/call', params)
    expect(host.heard.filter(({ method }) => method === 'notifications/progress')).toHaveLength(2)
    const call = host.request('tools/call', {
      name: 'trigger-sampling-request',
      arguments: { prompt: 'x', maxTokens: 5 },
    })
    const asked = await host.hear(({ method }: { method?: string }) => method === 'sampling/createMessage')
    const content = { type: 'text', text: 'sampled' }
    host.send({ jsonrpc: '2.0', id: asked.id, result: { role: 'assistant', model: 'm', content } })
    expect(JSON.stringify((await call).result)).toContain('sampled')
    expect(await host.close()).toBe(0)
  } finally {
    await everything.close()
  }
})
