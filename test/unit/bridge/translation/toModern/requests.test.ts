// What a 2025 host says to a 2026 server, and what comes back: everything it knows from its own revision.
import { describe, expect, test } from 'vitest'
import { reopen } from '../../../../../src/bridge/era/hold.ts'
import { createInFlight } from '../../../../../src/bridge/message/inFlight.ts'
import { messageOf } from '../../../../fakes/fakeConversation.ts'
import { createGate, settled } from '../../../../fakes/gate.ts'
import { CAPABILITIES, createWorld, DISCOVER, type Json } from './world.ts'

const META = 'io.modelcontextprotocol'
const ours = {
  [`${META}/protocolVersion`]: '2026-07-28',
  [`${META}/clientInfo`]: { name: 'host', version: '1' },
  [`${META}/clientCapabilities`]: { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} },
}

describe('the handshake', () => {
  test('is answered from what the server says of itself, and nothing is sent for it', async () => {
    const { open, answerTo, sent, lines } = createWorld({ discover: { ...DISCOVER, capabilities: { tools: {} } } })
    await open()
    expect(answerTo(0).result).toEqual({
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'modern', version: '3' },
    })
    expect(lines).toHaveLength(1)
    expect(sent).toEqual([])
  })

  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-06-18', '2025-06-18'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('of revision %s gets %s', async (wanted, told) => {
    const { open, answerTo } = createWorld()
    await open({}, wanted)
    expect(answerTo(0).result.protocolVersion).toBe(told)
  })

  test('can be said behind the host’s back, and opens the stream of changes', async () => {
    const { conversation, say, listens, lines } = createWorld()
    expect(await conversation.initialize('call')).toBeUndefined()
    await say({ id: 7, method: 'initialize', params: { capabilities: {} } })
    const answer = await conversation.initialize('call')
    await settled()
    expect(answer?.answers).toEqual(['7'])
    expect(listens).toHaveLength(1)
    expect(lines).toHaveLength(1)
  })
})

describe('a request', () => {
  const sentFor = async (line: string) => {
    const world = createWorld({ server: () => ({ resultType: 'complete', content: [] }) })
    await world.open()
    await world.say(line)
    return { ...world, body: world.sent.at(-1)?.body as string, headers: world.sent.at(-1)?.headers }
  }

  test('says in its _meta what the host said in its initialize, and keeps its own', async () => {
    const { body, headers } = await sentFor(
      '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"pay","_meta":{"progressToken":"p","x/y":[1]},"arguments":{"big":12345678901234567890,"exact":1.10}}}',
    )
    expect(JSON.parse(body).params._meta).toEqual({ progressToken: 'p', 'x/y': [1], ...ours })
    expect(body).toContain('"arguments":{"big":12345678901234567890,"exact":1.10}')
    expect(headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'pay',
    })
    expect(headers).not.toHaveProperty('mcp-session-id')
  })

  test.each([
    ['without params', ''],
    ['with empty params', ',"params":{}'],
    ['with _meta null', ',"params":{"_meta":null}'],
    ['with a list as _meta', ',"params":{"_meta":[1]}'],
    ['with an escaped name', ',"params":{"\\u005fmeta":{}}'],
  ])('%s is complete too', async (_, params) => {
    const { body, answerTo } = await sentFor(`{"jsonrpc":"2.0","id":5,"method":"completion/complete"${params}}`)
    expect(JSON.parse(body).params._meta).toMatchObject(ours)
    expect(answerTo(5).result).toEqual({ content: [] })
  })

  test.each(['12345678901234567890', '"mcp-oauth-bridge-r1"', '-0.5', '""', '"\\ud800"', '1e400'])(
    'gets its answer under its own id %s',
    async (id) => {
      const { lines } = await sentFor(`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`)
      expect(lines.at(-1)).toContain(`"id":${id}`)
    },
  )

  test.each(['tools/list', 'tasks/get', 'custom/do', 'completion/complete'])(
    'for %s goes to the server',
    async (method) => {
      const { requests, answerTo } = await sentFor(JSON.stringify({ jsonrpc: '2.0', id: 1, method }))
      expect(requests(method)).toHaveLength(1)
      expect(answerTo(1).result).toEqual({ content: [] })
    },
  )

  test('before initialize declares nothing', async () => {
    const { say, requests } = createWorld({ server: () => ({ tools: [] }) })
    await say({ id: 1, method: 'tools/list' })
    expect(requests('tools/list')[0].params._meta[`${META}/clientCapabilities`]).toEqual({})
  })

  test('after another initialize declares what the host says now', async () => {
    const { open, say, requests } = createWorld({ server: () => ({ tools: [] }) })
    await open()
    await open({ sampling: {} })
    await say({ id: 1, method: 'tools/list' })
    expect(requests('tools/list')[0].params._meta[`${META}/clientCapabilities`]).toEqual({ sampling: {} })
  })

  test('that is a ping is answered here', async () => {
    const { open, say, answerTo, sent } = createWorld({ discover: { ...DISCOVER, capabilities: {} } })
    await open()
    await say({ id: 1, method: 'ping' })
    expect(answerTo(1).result).toEqual({})
    expect(sent).toEqual([])
  })

  test.each(['server/discover', 'subscriptions/listen'])('for %s is none of this host’s revisions', async (method) => {
    const { open, say, answerTo, requests } = createWorld()
    await open()
    const before = requests(method).length
    await say({ id: 1, method })
    expect(answerTo(1).error.code).toBe(-32601)
    expect(requests(method)).toHaveLength(before)
  })

  test('of a batch is sent by itself, and the answers come as one batch', async () => {
    const server = ({ params }: Json) =>
      params.name === 'no' ? { error: { code: -32602, message: 'none' } } : { resultType: 'complete', content: [] }
    const { open, heard, say, log } = createWorld({ server })
    await open(CAPABILITIES, '2025-03-26')
    const call = (id: number, name: string) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } })
    await say(JSON.stringify([call(1, 'yes'), { jsonrpc: '2.0', method: 'notifications/x' }, call(2, 'no')]))
    expect(heard.at(-1)).toEqual([
      { jsonrpc: '2.0', id: 1, result: { content: [] } },
      { jsonrpc: '2.0', id: 2, error: { code: -32602, message: 'none' } },
    ])
    expect(log.entries.filter(({ event }) => event === 'proxy:dropped')).toHaveLength(1)
  })
})

describe('what the server has taken', () => {
  const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'slow' } })

  test('is told of a request that waits for its answer', async () => {
    const { open, say } = createWorld({ server: () => ({ open: [] }) })
    await open()
    let takes = 0
    void say(call(1), () => takes++)
    await settled()
    expect(takes).toBe(1)
  })

  test('is told of a batch when the server has all of it', async () => {
    const gate = createGate()
    let calls = 0
    const server = async () => {
      if (calls++ === 0) await gate.passed
      return { open: [] }
    }
    const { open, say, requests } = createWorld({ server })
    await open(CAPABILITIES, '2025-03-26')
    let takes = 0
    void say(JSON.stringify([call(1), { jsonrpc: '2.0', id: 2, method: 'ping' }, call(3)]), () => takes++)
    await settled()
    expect([requests('tools/call').length, takes]).toEqual([2, 0])
    gate.open()
    await settled()
    expect(takes).toBe(1)
  })
})

describe('log levels', () => {
  test('go into each request after they were set', async () => {
    const { open, say, requests, answerTo } = createWorld({ server: () => ({ content: [] }) })
    await open()
    await say({ id: 1, method: 'tools/call', params: { name: 'a' } })
    await say({ id: 2, method: 'logging/setLevel', params: { level: 'warning' } })
    await say({ id: 3, method: 'tools/call', params: { name: 'a' } })
    expect(answerTo(2).result).toEqual({})
    const levels = requests('tools/call').map(({ params }) => params._meta[`${META}/logLevel`])
    expect(levels).toEqual([undefined, 'warning'])
    expect(requests('logging/setLevel')).toEqual([])
  })

  test.each([['loud'], [undefined], [5]])(
    'that MCP does not know, as %j, are refused and sent nowhere',
    async (level) => {
      const { open, say, requests, answerTo } = createWorld({ server: () => ({ content: [] }) })
      await open()
      await say({ id: 2, method: 'logging/setLevel', params: { level } })
      await say({ id: 3, method: 'tools/call' })
      expect(answerTo(2).error.code).toBe(-32602)
      expect(requests('tools/call')[0].params._meta).not.toHaveProperty([`${META}/logLevel`])
    },
  )

  test('that the host set before the server was there are told afterwards', async () => {
    const { open, conversation, say, requests, heard } = createWorld({ server: () => ({ content: [] }) })
    await open()
    const before = heard.length
    const text = '{"jsonrpc":"2.0","id":9,"method":"logging/setLevel","params":{"level":"error"}}'
    const { parseMessage } = await import('../../../../../src/bridge/message/message.ts')
    await conversation.tell(parseMessage(Buffer.from(text)) as never)
    expect(heard).toHaveLength(before)
    await say({ id: 3, method: 'tools/call' })
    expect(requests('tools/call')[0].params._meta[`${META}/logLevel`]).toBe('error')
  })
})

describe('an answer', () => {
  const answered = async (reply: Json, method = 'tools/call') => {
    const world = createWorld({ server: () => reply })
    await world.open()
    const code = await world.say({ id: 5, method, params: { name: 'a', uri: 'a' } })
    return { ...world, code }
  }

  test('loses what 2026 added and keeps all else, byte for byte', async () => {
    const { lines } = await answered([
      '{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"complete","x":12345678901234567890,"ttlMs":5,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"m"}},"cacheScope":"public","content":[]}}',
    ])
    expect(lines.at(-1)).toBe(
      '{"jsonrpc":"2.0","id":5,"result":{"x":12345678901234567890,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"m"}},"content":[]}}',
    )
  })

  test.each([-32021, -32022, -32601, -32602, -32000, 7])('that is the error %i passes as it is', async (code) => {
    const error = { code, message: 'no', data: { requiredCapabilities: { sampling: {} } } }
    expect((await answered({ error })).answerTo(5)).toEqual({ jsonrpc: '2.0', id: 5, error })
  })

  test.each([['task'], ['other'], [7], [null]])('of the type %j is an error in words', async (resultType) => {
    const { answerTo } = await answered({ resultType, task: { taskId: '1' } })
    expect(answerTo(5).error.data.code).toBe('invalid_protocol')
    expect(answerTo(5).error.message).toContain('tools/call')
  })

  test.each(['tools/list', 'completion/complete', 'custom/do'])(
    'to %s that asks something is one of them',
    async (method) => {
      const { answerTo, questions } = await answered({ resultType: 'input_required', requestState: 's' }, method)
      expect(answerTo(5).error.data.code).toBe('invalid_protocol')
      expect(questions).toEqual([])
    },
  )

  test('comes once: an error without an id is nobody’s answer', async () => {
    const parse = '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}}'
    const world = createWorld({ server: () => ['{"jsonrpc":"2.0","id":$ID,"result":{"a":1}}', parse] })
    await world.open()
    expect(await world.say({ id: 5, method: 'tools/call', params: { name: 'pay' } })).toBeUndefined()
    expect(world.heard.filter(({ id }) => id === 5)).toEqual([{ jsonrpc: '2.0', id: 5, result: { a: 1 } }])
    expect(world.lines.at(-1)).toBe(parse)
  })

  test('goes to the request that it answers, on whichever stream it comes', async () => {
    const ids: Json[] = []
    const world = createWorld({
      server: ({ id, params }) => {
        ids.push(id)
        if (params.name === 'slow') return undefined
        return [`{"jsonrpc":"2.0","id":${JSON.stringify(ids[0])},"result":{"of":"slow"}}`, { of: 'fast' }]
      },
    })
    await world.open()
    const slow = world.say({ id: 5, method: 'tools/call', params: { name: 'slow' } })
    await settled()
    await world.say({ id: 6, method: 'tools/call', params: { name: 'fast' } })
    expect(await slow).toBeUndefined()
    expect(world.heard.filter(({ id }) => id === 5)).toEqual([{ jsonrpc: '2.0', id: 5, result: { of: 'slow' } }])
    expect(world.heard.filter(({ id }) => id === 6)).toEqual([{ jsonrpc: '2.0', id: 6, result: { of: 'fast' } }])
  })

  test('that no host of 2025 can take fails the request that it answers, on whichever stream it comes', async () => {
    const ids: Json[] = []
    const world = createWorld({
      server: ({ id, params }) => {
        ids.push(id)
        if (params.name === 'slow') return undefined
        return [`{"jsonrpc":"2.0","id":${JSON.stringify(ids[0])},"result":{"resultType":"other"}}`, { of: 'fast' }]
      },
    })
    await world.open()
    const slow = world.say({ id: 5, method: 'tools/call', params: { name: 'slow' } })
    await settled()
    expect(await world.say({ id: 6, method: 'tools/call', params: { name: 'fast' } })).toBeUndefined()
    expect(await slow).toBe('invalid_protocol')
    expect(world.answerTo(6).result).toEqual({ of: 'fast' })
  })

  test('comes after the progress and the log messages of its stream', async () => {
    const { heard } = await answered([
      { method: 'notifications/progress', params: { progressToken: 'p', progress: 1 } },
      { method: 'notifications/message', params: { level: 'info', data: 'x' } },
      { resultType: 'complete', content: [] },
    ])
    expect(heard.slice(1).map(({ method, id }) => method ?? id)).toEqual([
      'notifications/progress',
      'notifications/message',
      5,
    ])
  })
})

test('what the host says that has no place in 2026 is dropped with a debug log', async () => {
  const { open, say, sent, log } = createWorld({ discover: { ...DISCOVER, capabilities: {} } })
  await open()
  await say({ method: 'notifications/roots/list_changed' })
  await say({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } })
  await say({ id: 'nobody asked', result: {} })
  expect(sent).toEqual([])
  expect(log.entries.filter(({ event, level }) => event === 'proxy:dropped' && level === 'debug')).toHaveLength(3)
})

test('a request that the host takes back ends at the server, and is not answered', async () => {
  const { open, say, cancel, sent, answerTo } = createWorld()
  await open()
  const call = say({ id: 5, method: 'tools/call', params: { name: 'slow' } })
  await settled()
  cancel(5)
  await call
  expect(sent.at(-1)?.signal?.aborted).toBe(true)
  expect(answerTo(5)).toBeUndefined()
})

test('a request of our own is answered to us alone', async () => {
  const { open, conversation, heard } = createWorld({ server: () => ({ resultType: 'complete', tools: [] }) })
  await open()
  const before = heard.length
  const { parseMessage } = await import('../../../../../src/bridge/message/message.ts')
  const request = parseMessage(Buffer.from('{"jsonrpc":"2.0","id":"own","method":"tools/list"}')) as never
  const answer = await conversation.ask(request, 'background')
  expect(Buffer.from(answer?.bytes ?? []).toString()).toBe('{"jsonrpc":"2.0","id":"own","result":{"tools":[]}}')
  expect(heard).toHaveLength(before)
})

test('a request of our own is answered though the server leaves the stream of its answer open', async () => {
  const { open, conversation } = createWorld({ server: () => ({ open: { resultType: 'complete', tools: [] } }) })
  await open()
  const { parseMessage } = await import('../../../../../src/bridge/message/message.ts')
  const request = parseMessage(Buffer.from('{"jsonrpc":"2.0","id":"own","method":"tools/list"}')) as never
  const answer = await conversation.ask(request, 'background')
  expect(Buffer.from(answer?.bytes ?? []).toString()).toBe('{"jsonrpc":"2.0","id":"own","result":{"tools":[]}}')
})

test('an answer that is kept back from the host ends its stream at once', async () => {
  const { conversation, open } = createWorld({ server: () => ({ open: { resultType: 'complete' } }) })
  await open()
  const inFlight = createInFlight()
  const pending = inFlight.begin(messageOf({ id: 1, method: 'tools/call', params: { name: 'odd' } }))
  await conversation.exchange(pending, Promise.resolve(), async () => reopen(pending))
  expect([...pending.open]).toEqual(['1'])
})
