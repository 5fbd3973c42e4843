// A bridge outlives what servers do: sessions forgotten, connections cut, too many requests, silence.
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Exchange, event } from '../servers/mcpServer.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'

type Stage = Awaited<ReturnType<typeof startScriptedStage>>
type Scripts = NonNullable<Parameters<typeof startScriptedStage>[0]>

let stage: Stage
afterEach(() => stage?.close())

const JSON_TYPE = { 'content-type': 'application/json' }

async function start(scripts: Scripts = {}, config?: string) {
  stage = await startScriptedStage(scripts)
  const host = stage.host(config === undefined ? [] : stage.config(config))
  const initialized = await host.initialize()
  return { host, server: stage.server, initialized }
}

/** Refuses every request of a session but the newest, in `words`. */
function forget(server: Stage['server'], words: (exchange: Exchange) => void) {
  const guard = (exchange: Exchange) => {
    const { headers, message, result, reply } = exchange
    if (headers['mcp-session-id'] === 'session-1') words(exchange)
    else if (message.id === undefined) reply(202)
    else result({ served: message.method })
  }
  for (const name of ['tools/call', 'tools/list', 'logging/setLevel', 'resources/subscribe'])
    server.script[name] = guard
}

test('a host that initializes again gets a new session, and the server is told that the old one has ended', async () => {
  const { host, server } = await start()
  await host.initialize()
  await host.request('tools/list', {})
  const sessionsOf = (wanted: string) =>
    server.seen
      .filter(({ method, message }) => (message?.method ?? method) === wanted)
      .map(({ headers }) => headers['mcp-session-id'])
  await server.until(({ method }) => method === 'DELETE')
  expect(sessionsOf('DELETE')).toEqual(['session-1'])
  expect(sessionsOf('initialize')).toEqual([undefined, undefined])
  expect(sessionsOf('tools/list')).toEqual(['session-2'])
  expect(await host.close()).toBe(0)
  expect(sessionsOf('DELETE')).toEqual(['session-1', 'session-2'])
})

describe('a session that the server has forgotten', () => {
  test('is made again, and an answer to the host that comes on the stream of its initialize is the host’s', async () => {
    let slow: unknown
    const { host, server } = await start({
      'tools/call'({ headers, message, stream, reply, result }) {
        if (message.params.name === 'slow') {
          slow = message.id
          stream()
        } else if (headers['mcp-session-id'] === 'session-1') reply(404)
        else result({ served: 'quick' })
      },
    })
    server.script.initialize = ({ message, response, stream }) => {
      response.setHeader('mcp-session-id', 'session-2')
      const { protocolVersion } = message.params
      const result = { protocolVersion, capabilities: {}, serverInfo: { name: 'late', version: '1' } }
      stream().write(event({ jsonrpc: '2.0', id: slow, result: { served: 'slow' } }))
      response.end(event({ jsonrpc: '2.0', id: message.id, result }))
    }
    const asked = host.request('tools/call', { name: 'slow' })
    await server.until(({ message }) => message?.params?.name === 'slow')
    expect((await host.request('tools/call', { name: 'quick' })).result.served).toBe('quick')
    expect((await asked).result.served).toBe('slow')
    expect(await host.close()).toBe(0)
  })

  test.each<[string, (exchange: Exchange) => void]>([
    ['404', ({ reply }) => reply(404)],
    ['400 that names the session', ({ reply }) => reply(400, 'Bad Request: No valid session ID provided')],
    [
      '400 with a JSON-RPC error for no id',
      ({ reply }) =>
        reply(400, '{"jsonrpc":"2.0","error":{"code":-32000,"message":"Session not found"},"id":null}', JSON_TYPE),
    ],
    [
      '200 with an Invalid Request that names the session',
      ({ message, reply }) =>
        reply(
          200,
          JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32600, message: 'Session expired' } }),
          JSON_TYPE,
        ),
    ],
    ['503 that names the session', ({ reply }) => reply(503, '{"error":"unknown session"}', JSON_TYPE)],
  ])(
    'as reported by %s is created again with the host’s own bytes, and the call is sent once more',
    async (_what, words) => {
      const { host, server } = await start()
      forget(server, words)
      expect((await host.request('tools/call', { name: 'x' })).result).toEqual({ served: 'tools/call' })
      const initializes = server.seen.filter(({ message }) => message?.method === 'initialize')
      expect(initializes).toHaveLength(2)
      expect(initializes[1]?.text).toBe(initializes[0]?.text)
      expect(initializes[1]?.headers['mcp-session-id']).toBeUndefined()
      expect(server.count('tools/call')).toBe(2)
      expect(host.heard.map(({ id }) => id)).toEqual([1, 2])
    },
  )

  test('gets its log level and subscriptions back before the call that noticed', async () => {
    const { host, server } = await start()
    await host.request('logging/setLevel', { level: 'info' })
    await host.request('logging/setLevel', { level: 'debug' })
    for (const uri of ['a:1', 'b:2', 'c:3']) await host.request('resources/subscribe', { uri })
    await host.request('resources/unsubscribe', { uri: 'b:2' })
    forget(server, ({ reply }) => reply(404))
    const before = server.seen.length
    await host.request('tools/call', { name: 'x' })
    const again = server.seen.slice(before).filter(({ headers }) => headers['mcp-session-id'] === 'session-2')
    expect(
      again
        .filter(({ method }) => method === 'POST')
        .map(({ message }) => [message.method, message.params?.level ?? message.params?.uri]),
    ).toEqual([
      ['notifications/initialized', undefined],
      ['logging/setLevel', 'debug'],
      ['resources/subscribe', 'a:1'],
      ['resources/subscribe', 'c:3'],
      ['tools/call', undefined],
    ])
    expect(new Set(host.heard.map(({ id }) => id)).size).toBe(host.heard.length)
  })

  test('is also noticed by the standing stream, which is then opened again', async () => {
    let streams = 0
    const { host, server } = await start({
      GET: ({ headers, stream, reply }) => {
        if (headers['mcp-session-id'] === 'session-1') {
          if (++streams === 1) stream().end(`retry: 5\n\n${event({ jsonrpc: '2.0', method: 'a' }, 'old')}`)
          else reply(404)
        } else stream().write(event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }))
      },
    })
    await host.hear(({ method }: { method?: string }) => method === 'notifications/tools/list_changed')
    const fresh = server.seen.find(
      ({ method, headers }) => method === 'GET' && headers['mcp-session-id'] === 'session-2',
    )
    expect(fresh?.headers['last-event-id']).toBeUndefined()
  })

  test('that the server creates with another protocol version is lost for good', async () => {
    const { host, server } = await start()
    forget(server, ({ reply }) => reply(404))
    server.script.initialize = ({ result }) =>
      result({ protocolVersion: '2024-11-05' }, { 'mcp-session-id': 'session-2' })
    const { error } = await host.request('tools/call', { name: 'x' })
    expect(error.data.code).toBe('session_lost')
    expect(error.message).toContain('2024-11-05')
  })
})

describe('a connection lost after the request was sent', () => {
  const once = (name: string): Scripts => {
    let count = 0
    return { [name]: ({ drop, result }) => (++count === 1 ? drop() : result({ count })) }
  }

  test('never runs a tool twice: the host gets outcome_unknown', async () => {
    const { host, server } = await start(once('tools/call'))
    const { error } = await host.request('tools/call', { name: 'pay' })
    expect(error).toMatchObject({ code: 1420, data: { code: 'outcome_unknown' } })
    expect(server.count('tools/call')).toBe(1)
    expect((await host.request('tools/call', { name: 'pay' })).result).toEqual({ count: 2 })
  })

  test.each([
    ['readOnlyHint', 1],
    ['idempotentHint', 1],
    ['openWorldHint', 0],
  ])('sends the call of a tool with %s again only if that hint allows it', async (hint, resent) => {
    const scripts = once('tools/call')
    scripts['tools/list'] = ({ result }) =>
      result({ tools: [{ name: 't', inputSchema: { type: 'object' }, annotations: { [hint]: true } }] })
    const { host, server } = await start(scripts)
    await host.request('tools/list')
    const answer = await host.request('tools/call', { name: 't' })
    expect(answer.result === undefined ? 0 : 1).toBe(resent)
    expect(server.count('tools/call')).toBe(1 + resent)
  })

  test.each(['tools/list', 'resources/read', 'prompts/get', 'ping'])('sends %s once more', async (method) => {
    const { host, server } = await start(once(method))
    expect((await host.request(method)).result).toEqual({ count: 2 })
    expect(server.count(method)).toBe(2)
  })

  test('and lost again ends in an error', async () => {
    const { host, server } = await start({ 'tools/list': ({ drop }) => drop() })
    expect((await host.request('tools/list')).error.data.code).toBe('server_unreachable')
    expect(server.count('tools/list')).toBe(2)
  })
})

describe('a server that is too busy', () => {
  test.each([429, 503])('and answers %i with a time is asked again after that time', async (status) => {
    let count = 0
    const { host } = await start({
      'tools/call': ({ reply, result }) =>
        ++count === 1 ? reply(status, 'busy', { 'retry-after': '0' }) : result({ count }),
    })
    expect((await host.request('tools/call', { name: 'x' })).result).toEqual({ count: 2 })
  })

  test('for longer than the request may take is an error at once', async () => {
    const { host, server } = await start({ 'tools/call': ({ reply }) => reply(429, 'busy', { 'retry-after': '3600' }) })
    const { error } = await host.request('tools/call', { name: 'x' })
    expect(error.data.code).toBe('server_error')
    expect(error.message).toContain('429')
    expect(server.count('tools/call')).toBe(1)
  })
})

describe('silence', () => {
  test('longer than request_timeout is server_timeout and takes the request back; progress or a comment restarts the time', async () => {
    const { host, server } = await start(
      {
        'tools/call': ({ message, stream }) => {
          const body = stream()
          const beat = [
            ': still here\n\n',
            event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }),
          ]
          let beats = 0
          const timer = setInterval(() => {
            body.write(beat[beats % 2])
            if (++beats < 7) return
            clearInterval(timer)
            body.end(event({ jsonrpc: '2.0', id: message.id, result: { beats } }))
          }, 1000)
        },
        'tools/list': () => undefined,
        'prompts/list': ({ stream }) => void stream().write(': nothing more\n\n'),
      },
      'request_timeout: 5000\n',
    )
    const [slow, silent, half] = await Promise.all([
      host.request('tools/call', { name: 'x' }),
      host.request('tools/list'),
      host.request('prompts/list'),
    ])
    expect(slow.result).toEqual({ beats: 7 })
    expect(silent.error.data.code).toBe('server_timeout')
    expect(half.error.data.code).toBe('server_timeout')
    for (const { id } of [silent, half])
      await server.until(
        ({ message }) => message?.method === 'notifications/cancelled' && message.params.requestId === id,
      )
    expect(server.count('notifications/cancelled')).toBe(2)
  })

  test('of a server that accepts the connection and sends nothing is server_timeout after connect_timeout', async () => {
    stage = await startScriptedStage()
    const mute = createServer(() => undefined)
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as { port: number }
    const host = stage.hostOf(
      `https://127.0.0.1:${port}/mcp`,
      stage.config('connect_timeout: 300\nrequest_timeout: 0\n'),
    )
    expect((await host.failure()).data.code).toBe('server_timeout')
    host.child.kill('SIGKILL')
    mute.close()
  })
})
