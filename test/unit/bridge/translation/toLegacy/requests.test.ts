// Requests of a 2026 host as a 2025 server gets them, and its answers as the host gets them.
import { describe, expect, test } from 'vitest'
import { type Message, parseMessage } from '../../../../../src/bridge/message/message.ts'
import { BridgeError } from '../../../../../src/errors.ts'
import { initializeResult, plain, type Served } from '../../../../fakes/fakeLegacyServer.ts'
import { settled } from '../../../../fakes/gate.ts'
import { EVERYTHING, metaOf, setUp } from './world.ts'

const params = ({ message }: Served) => message.params
const meta = (_meta: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } })
/** Answers each request with what it was sent. */
const echo = (served: Served) => (served.message.method === 'initialize' ? plain(served) : { got: served.message })

describe('the session', () => {
  test('begins with our own initialize, which declares what the host declares, and initialized', async () => {
    const { ask, server } = setUp(echo)
    await ask('tools/list').over
    expect(server.methods()).toEqual(['initialize', 'notifications/initialized', 'tools/list'])
    expect(server.served[0]?.message).toEqual({
      jsonrpc: '2.0',
      id: expect.stringMatching(/^mcp-oauth-bridge-/),
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: EVERYTHING,
        clientInfo: { name: 'host', version: '9' },
      },
    })
  })

  test('begins though the server leaves open the streams of its answers', async () => {
    const { ask, server } = setUp((served) => {
      const { id, method } = served.message
      if (method !== 'initialize' && method !== 'logging/setLevel') return echo(served)
      void served.say({ id, result: method === 'initialize' ? initializeResult() : {} })
      return undefined
    })
    const meta = metaOf(EVERYTHING, { 'io.modelcontextprotocol/logLevel': 'info' })
    await ask('tools/list', {}, meta).over
    expect(server.methods()).toEqual(['initialize', 'notifications/initialized', 'logging/setLevel', 'tools/list'])
  })

  test('declares no tasks, and no changes of roots that nobody would tell', async () => {
    const { ask, server } = setUp(echo)
    const extensions = { 'io.modelcontextprotocol/tasks': {}, 'com.example/more': { a: 1 } }
    await ask('tools/list', {}, metaOf({ roots: { listChanged: true }, tasks: {}, extensions })).over
    expect(params(server.served[0] as Served).capabilities).toEqual({
      roots: {},
      extensions: { 'com.example/more': { a: 1 } },
    })
  })

  test.each([
    ['no _meta', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'],
    ['no params', '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'],
    ['a _meta that is null', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":null}}'],
    ['a _meta that is a list', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":[1]}}'],
    ['no revision', meta({ 'io.modelcontextprotocol/clientCapabilities': {} })],
    ['a revision that is no text', meta({ ...metaOf(), 'io.modelcontextprotocol/protocolVersion': 2026 })],
    ['no capabilities', meta({ 'io.modelcontextprotocol/protocolVersion': '2026-07-28' })],
    ['capabilities that are no object', meta({ ...metaOf(), 'io.modelcontextprotocol/clientCapabilities': [] })],
  ])('is not begun for a request with %s, which is refused', async (_, text) => {
    const { line, server } = setUp(echo)
    expect((await line(text).answer).error).toEqual({
      code: -32602,
      message: expect.stringMatching(
        /_meta has no valid io\.modelcontextprotocol\/(protocolVersion|clientCapabilities)/,
      ),
    })
    expect(server.sessions).toBe(0)
  })

  test('is begun for a host that does not name itself, under our own name', async () => {
    const { ask, server } = setUp(echo)
    await ask('tools/list', {}, { ...metaOf(), 'io.modelcontextprotocol/clientInfo': undefined }).over
    expect(params(server.served[0] as Served).clientInfo).toMatchObject({ name: 'mcp-oauth-bridge' })
  })

  test('is one for requests that declare the same in another order, and another one for what differs', async () => {
    const { ask, server } = setUp(echo)
    await ask('tools/list', {}, metaOf({ a: {}, b: { c: 1, d: 2 } })).over
    await ask('tools/list', {}, metaOf({ b: { d: 2, c: 1 }, a: {} })).over
    expect(server.sessions).toBe(1)
    await ask('tools/list', {}, metaOf({ a: {} })).over
    expect(server.sessions).toBe(2)
  })

  test('is begun once for all that wait for it', async () => {
    const { ask, server } = setUp(echo)
    await Promise.all(Array.from({ length: 10 }, () => ask('tools/list').over))
    expect(server.count('initialize')).toBe(1)
    expect(server.count('tools/list')).toBe(10)
  })

  test('is the least recently used one that ends when there are four and the host declares something else', async () => {
    const { ask, server } = setUp(echo)
    for (const name of ['a', 'b', 'c', 'd', 'a', 'e']) await ask('tools/list', {}, metaOf({ [name]: {} })).over
    await settled()
    expect(server.sessions).toBe(5)
    expect([0, 1, 2, 3, 4].map((at) => server.hasEnded(at))).toEqual([false, true, false, false, false])
  })

  test('is not ended for another one in the moment in which a request takes it', async () => {
    const { ask, server } = setUp(echo)
    for (const name of ['a', 'b', 'c', 'd']) await ask('tools/list', {}, metaOf({ [name]: {} })).over
    await Promise.all(['a', 'e'].map((name) => ask('tools/list', {}, metaOf({ [name]: {} })).over))
    await settled()
    expect([0, 1, 2, 3, 4].map((at) => server.hasEnded(at))).toEqual([false, true, false, false, false])
  })

  test('waits until one of four is idle', async () => {
    const { ask, server } = setUp()
    const calls = ['a', 'b', 'c', 'd'].map((name) => ask('tools/call', { name }, metaOf({ [name]: {} })))
    await server.untilMethod('tools/call', 4)
    const last = ask('tools/list', {}, metaOf({ e: {} }))
    await settled()
    expect(server.sessions).toBe(4)
    await (await server.until(({ message }) => message.params?.name === 'c')).result()
    await last.over
    expect(server.hasEnded(2)).toBe(true)
    expect(calls).toHaveLength(4)
  })

  test('that cannot be begun fails the request, and the next request tries again', async () => {
    let isDown = true
    const { ask, codeOf } = setUp((served) => {
      if (isDown) served.fail(new BridgeError('server_unreachable'))
      return isDown ? undefined : echo(served)
    })
    expect(await codeOf(ask('tools/list'))).toBe('server_unreachable')
    isDown = false
    expect((await ask('tools/list').answer).result).toBeDefined()
  })

  test('that failed for a list, which may ask nobody to sign in, is tried once more for a call that waits for it too', async () => {
    let tries = 0
    const { ask, server, codeOf } = setUp((served) => {
      if (served.message.method !== 'initialize') return {}
      if (++tries > 1) return initializeResult()
      setImmediate(() => served.fail(new BridgeError('not_signed_in')))
      return undefined
    })
    const list = ask('tools/list')
    const call = ask('tools/call', { name: 'a' })
    expect(await codeOf(list)).toBe('not_signed_in')
    expect((await call.answer).result).toEqual({ resultType: 'complete' })
    expect(server.served.filter(({ message }) => message.method === 'initialize').map(({ cause }) => cause)).toEqual([
      'start',
      'call',
    ])
  })

  test.each([
    ['refuses initialize', { error: { code: -32600, message: 'Gone modern' } }, /refused initialize.*Gone modern/],
    ['answers with a revision of 2026', { result: initializeResult({ protocolVersion: '2026-07-28' }) }, /2026-07-28/],
  ])('with a server that %s fails as if that had had a status: it may speak 2026 by now', async (_, answer, words) => {
    const { ask, server } = setUp((served) => {
      if ('error' in answer) void served.error(answer.error)
      return 'result' in answer ? answer.result : undefined
    })
    const thrown = (await ask('tools/list').over) as BridgeError
    expect(thrown.code).toBe('server_error')
    expect(thrown.details.status).toBe(400)
    expect(thrown.message).toMatch(words)
    // The server may have begun one all the same.
    expect(server.hasEnded(0)).toBe(true)
  })

  test('that a host does not wait for any more goes on for the others', async () => {
    let begin: Served | undefined
    const { ask, server, cancel } = setUp((served) => {
      if (served.message.method !== 'initialize') return {}
      begin = served
      return undefined
    })
    const first = ask('tools/call', { name: 'a' })
    const second = ask('tools/list')
    await settled()
    await cancel(first)
    await first.over
    await begin?.result(initializeResult())
    await second.over
    expect(server.methods()).toEqual(['initialize', 'notifications/initialized', 'tools/list'])
  })
})

describe('a request', () => {
  test('goes out in its own bytes under an id of ours, without the members of the protocol in _meta', async () => {
    const { line, server, lines } = setUp(echo)
    const meta = JSON.stringify(metaOf()).slice(1, -1)
    const id = '12345678901234567890'
    await line(
      `{ "params":{"name":"a","arguments":{"n":1.0,"big":98765432109876543210,"e":"\\u0041\\ud800"},"_meta":{"traceparent":"00-1",${meta},"progressToken":7}},"id":${id},"more":[1, 2],"method":"tools/call","jsonrpc":"2.0"}`,
    ).over
    expect(server.served[2]?.text).toBe(
      `{ "params":{"name":"a","arguments":{"n":1.0,"big":98765432109876543210,"e":"\\u0041\\ud800"},"_meta":{"traceparent":"00-1","progressToken":7}},"id":"${server.served[2]?.message.id}","more":[1, 2],"method":"tools/call","jsonrpc":"2.0"}`,
    )
    expect(lines[0]).toContain(`"id":${id}`)
  })

  test('has no _meta where only the protocol had something in it', async () => {
    const { ask, server } = setUp(echo)
    await ask('tools/list', { cursor: 'x' }, metaOf(EVERYTHING, { 'io.modelcontextprotocol/other': 1 })).over
    expect(params(server.served[2] as Served)).toEqual({ cursor: 'x' })
  })

  test('of a method that nobody knows passes like any other', async () => {
    const { ask } = setUp(echo)
    const { result } = await ask('com.example/do', { requestState: 'its own', inputResponses: 1, task: 2 }).answer
    expect(result.got.params).toEqual({ requestState: 'its own', inputResponses: 1, task: 2 })
  })

  test.each(['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'tasks/get', 'tasks/list'])(
    '%s, which 2026 does not have, is refused here',
    async (method) => {
      const { ask, server } = setUp(echo)
      expect((await ask(method).answer).error).toMatchObject({ code: -32601, message: expect.stringContaining(method) })
      expect(server.sessions).toBe(0)
    },
  )

  test('for a task is refused in words', async () => {
    const { ask, server } = setUp(echo)
    const { error } = await ask('tools/call', { name: 'a', task: { ttl: 1 } }).answer
    expect(error.code).toBe(-32602)
    expect(error.message).toContain('task')
    expect(server.sessions).toBe(0)
  })

  test.each([['"loud"'], ['3'], ['null'], ['{}']])('with the log level %s is refused', async (level) => {
    const { line } = setUp(echo)
    const named = JSON.stringify(metaOf()).slice(1, -1)
    const { error } = await line(
      `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{${named},"io.modelcontextprotocol/logLevel":${level}}}}`,
    ).answer
    expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('log level') })
  })

  test('in a batch is refused: 2026 has none', async () => {
    const { line, codeOf } = setUp(echo)
    expect(await codeOf(line('[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]'))).toBe('invalid_protocol')
  })

  test('that the host takes back is cancelled at the server under the id that it knows', async () => {
    const { ask, server, cancel, heard } = setUp()
    const asking = ask('tools/call', { name: 'slow' })
    const served = await server.untilMethod('tools/call')
    await cancel(asking)
    await asking.over
    const { message } = await server.untilMethod('notifications/cancelled')
    expect(message.params.requestId).toBe(served.message.id)
    expect(served.signal.aborted).toBe(true)
    await served.result()
    await settled()
    expect(heard).toEqual([])
  })
})

describe('an answer', () => {
  test('reaches the host in its own bytes', async () => {
    const { ask, server, lines } = setUp()
    const asking = ask('tools/call', { name: 'a' }, metaOf(), 'x')
    await (await server.untilMethod('tools/call')).raw('{ "n":1.0, "big":98765432109876543210,"e":"\\u0041\\ud800" }')
    await asking.over
    expect(lines).toEqual([
      '{"jsonrpc":"2.0","id":"x","result":{ "n":1.0, "big":98765432109876543210,"e":"\\u0041\\ud800" ,"resultType":"complete"}}',
    ])
  })

  const answered = async (method: string, result: unknown) => {
    const { ask } = setUp((served) => (served.message.method === method ? result : plain(served)))
    return (await ask(method, method === 'resources/read' ? { uri: 'a:b' } : { name: 'a' }).answer).result
  }

  test.each(['tools/call', 'prompts/get', 'completion/complete', 'com.example/do'])(
    'to %s says that it is complete',
    async (method) => {
      expect(await answered(method, { a: 1 })).toEqual({ a: 1, resultType: 'complete' })
    },
  )

  test.each(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read'])(
    'to %s says besides that it may not be kept',
    async (method) => {
      expect(await answered(method, { a: 1 })).toEqual({
        a: 1,
        resultType: 'complete',
        ttlMs: 0,
        cacheScope: 'private',
      })
    },
  )

  test('keeps what the server says of how long it holds', async () => {
    expect(await answered('tools/list', { tools: [], ttlMs: 9, cacheScope: 'public' })).toEqual({
      tools: [],
      ttlMs: 9,
      cacheScope: 'public',
      resultType: 'complete',
    })
  })

  test('of a type that 2025 does not have is complete', async () => {
    expect(await answered('tools/call', { resultType: 'task' })).toEqual({ resultType: 'complete' })
  })

  test('to discover is made of what the server says of itself', async () => {
    const { ask, server } = setUp(echo)
    expect((await ask('server/discover').answer).result).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        logging: {},
      },
      instructions: 'Be kind.',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'old', version: '1.2' } },
    })
    expect(server.count('server/discover')).toBe(0)
  })

  test.each([
    ['resources/read', -32002, -32602],
    ['tools/call', -32002, -32602],
    ['completion/complete', -32002, -32602],
    ['resources/read', -32601, -32601],
    ['resources/read', -32042, -32603],
    ['tools/list', -32042, -32603],
    ['tools/call', -32023, -32603],
    ['tools/call', -32050, -32603],
    ['tools/call', -32099, -32603],
    ['tools/call', -32100, -32100],
    ['tools/call', -32019, -32019],
    ['tools/call', -32000, -32000],
    // Whether these are meant is known where the era of the server is.
    ['tools/call', -32020, -32020],
    ['tools/call', -32022, -32022],
  ])('to %s with the error %d is one with %d, the rest of it as it came', async (method, code, wanted) => {
    const error = { code, message: 'Resource not found', data: { uri: 'a:b', deep: [1] }, more: true }
    const { ask } = setUp((served) => {
      if (served.message.method !== method) return plain(served)
      void served.error(error)
      return undefined
    })
    expect((await ask(method).answer).error).toEqual({ ...error, code: wanted })
  })

  test('that comes on another stream than it should reaches the host', async () => {
    const { ask, server } = setUp()
    const asking = ask('tools/call', { name: 'a' })
    const { message } = await server.untilMethod('tools/call')
    await server.say({ id: message.id, result: { content: [] } })
    expect((await asking.answer).result).toEqual({ content: [], resultType: 'complete' })
  })

  test('that comes twice reaches the host once', async () => {
    const { ask, server, heard } = setUp()
    const asking = ask('tools/call', { name: 'a' })
    const served = await server.untilMethod('tools/call')
    await served.say({ id: served.message.id, result: { first: 1 } })
    await served.say({ id: served.message.id, result: { second: 1 } })
    await asking.over
    await settled()
    expect(heard).toEqual([{ jsonrpc: '2.0', id: 1, result: { first: 1, resultType: 'complete' } }])
  })

  test('in a batch of revision 2025-03-26 reaches the host beside what else is in it', async () => {
    const { ask, server, heard } = setUp()
    const asking = ask('tools/call', { name: 'a' }, metaOf(EVERYTHING, { progressToken: 't' }))
    const served = await server.untilMethod('tools/call')
    const progress = {
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 't', progress: 1 },
    }
    const answer = { jsonrpc: '2.0', id: served.message.id, result: {} }
    await served.batch([progress, answer])
    await asking.over
    expect(heard).toEqual([progress, { jsonrpc: '2.0', id: 1, result: { resultType: 'complete' } }])
  })

  test('that does not come is the error of why', async () => {
    const { ask, server, codeOf } = setUp()
    const asking = ask('tools/call', { name: 'a' })
    ;(await server.untilMethod('tools/call')).fail(new BridgeError('outcome_unknown'))
    expect(await codeOf(asking)).toBe('outcome_unknown')
  })

  test('to a request of our own is not for the host', async () => {
    const { conversation, heard } = setUp(echo)
    const text = JSON.stringify({ jsonrpc: '2.0', id: 'x', method: 'tools/list', params: { _meta: metaOf() } })
    const answer = await conversation.ask(parseMessage(Buffer.from(text)) as Message, 'background')
    expect(answer?.answers).toEqual(['"x"'])
    expect(heard).toEqual([])
  })
})

test('the end ends each session, and aborts what is out', async () => {
  const { ask, server, end, codeOf } = setUp()
  const asking = ask('tools/call', { name: 'a' })
  const served = await server.untilMethod('tools/call')
  await end()
  expect(served.signal.aborted).toBe(true)
  expect(server.hasEnded(0)).toBe(true)
  expect(await codeOf(asking)).toBe('server_unreachable')
})

test('the end ends a session that has not begun yet', async () => {
  const { ask, server, end } = setUp(() => undefined)
  const asking = ask('tools/list')
  const { signal } = await server.untilMethod('initialize')
  await end()
  expect(signal.aborted).toBe(true)
  expect(server.hasEnded(0)).toBe(true)
  await asking.over
})
