// How the host's initialize is answered: by the server within the bound, else in its place, and never twice.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { ADDRESS, createWorld, HOLD, INTRODUCTION } from './world.ts'

const first = { id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {} } }
const DOWN = new BridgeError('server_unreachable')

test('a server that answers within the bound answers itself, and messages then go straight through', async () => {
  const { say, heard, reached, clock, writer } = createWorld()
  await say(first)
  await say({ method: 'notifications/initialized' })
  await say({ id: 2, method: 'tools/list' })
  clock.advance(HOLD * 10)
  await settled()
  expect(reached).toEqual(['initialize', 'notifications/initialized', 'tools/list'])
  expect(heard().map(({ id }) => id)).toEqual([1, 2])
  expect(JSON.parse(writer.lines[0] ?? '').result).toEqual(INTRODUCTION)
})

test('a slow server is answered for at the bound, though nobody is asked to sign in, and its own answer comes to no host', async () => {
  const { say, heard, clock, server, writer } = createWorld()
  const gate = createGate<object>()
  server.initialize = () => gate.passed
  void say(first)
  await settled()
  clock.advance(HOLD - 101)
  await settled()
  expect(heard()).toEqual([])
  clock.advance(1)
  await writer.whenWritten(1)
  expect(heard()[0]).toMatchObject({ id: 1, result: { serverInfo: { name: 'mcp-oauth-bridge', version: '1.2.3' } } })
  gate.open(INTRODUCTION)
  await settled()
  expect(heard().filter(({ id }) => id === 1)).toHaveLength(1)
})

test('an answer of the host reaches a server that waits for it before its own, also when the host was answered here', async () => {
  const { say, reached, clock, server, writer } = createWorld()
  server.initialize = () => new Promise(() => undefined)
  void say(first)
  await settled()
  await say({ id: 'ping 1', result: {} })
  expect(reached).toEqual(['initialize', 'response'])
  clock.advance(HOLD)
  await writer.whenWritten(1)
  await say({ id: 'ping 2', result: {} })
  expect(reached).toEqual(['initialize', 'response', 'response'])
})

test('the bound of the first one began with the process, but a server gets a third of it', async () => {
  const { say, clock, server, heard } = createWorld()
  server.initialize = () => new Promise(() => undefined)
  clock.advance(10_000)
  void say(first)
  await settled()
  clock.advance(HOLD / 3 - 101)
  await settled()
  expect(heard()).toEqual([])
  clock.advance(1)
  await settled()
  expect(heard().map(({ id }) => id)).toEqual([1])
  // A later one counts from when it came.
  void say({ ...first, id: 2 })
  await settled()
  clock.advance(HOLD / 3)
  await settled()
  expect(heard()).toHaveLength(1)
  clock.advance(HOLD)
  await settled()
  expect(heard().map(({ id }) => id)).toEqual([1, 2])
})

test('a known server is introduced from memory, with the revision it would name', async () => {
  const memory = { initialize: { asked: '2025-11-25', result: { ...INTRODUCTION, protocolVersion: '2025-06-18' } } }
  const { initialize, answerTo, server } = createWorld({ memory })
  server.initialize = () => new Promise(() => undefined)
  await initialize()
  expect(answerTo(1).result).toMatchObject({ protocolVersion: '2025-06-18', serverInfo: INTRODUCTION.serverInfo })
})

test('a memory of an earlier version of this program is one too', async () => {
  const { initialize, answerTo, server } = createWorld({ memory: { initialize: INTRODUCTION } })
  server.initialize = () => new Promise(() => undefined)
  await initialize()
  expect(answerTo(1).result.serverInfo).toEqual(INTRODUCTION.serverInfo)
})

describe('that fails', () => {
  test.each(['server_unreachable', 'tls_failed', 'access_denied', 'not_signed_in', 'invalid_protocol'] as const)(
    'with %s starts the host at once all the same',
    async (code) => {
      const { say, heard, server } = createWorld()
      server.initialize = () => new BridgeError(code)
      await say(first)
      expect(heard()).toMatchObject([{ id: 1, result: { serverInfo: { name: 'mcp-oauth-bridge' } } }])
    },
  )

  test('after the host was answered gives it no second answer', async () => {
    const { initialize, heard, server } = createWorld()
    const gate = createGate<object>()
    server.initialize = () => gate.passed
    await initialize()
    gate.open(DOWN)
    await settled()
    expect(heard().filter(({ id }) => id === 1)).toHaveLength(1)
  })

  test('while its time is up and the memory is being read gives one answer', async () => {
    const { say, heard, server, clock, kept } = createWorld()
    const [gate, memory] = [createGate<object>(), createGate<undefined>()]
    server.initialize = () => gate.passed
    kept.set('initialize', memory.passed)
    void say(first)
    await settled()
    clock.advance(HOLD)
    await settled()
    gate.open(DOWN)
    await settled()
    memory.open(undefined)
    await settled()
    expect(heard().map(({ id }) => id)).toEqual([1])
  })

  test('because nobody is signed in, where nobody is ever asked, is the host’s to know; any other failure is not', async () => {
    const never = createWorld({ never: true })
    never.server.initialize = () => new BridgeError('not_signed_in')
    await never.say(first)
    never.clock.advance(HOLD)
    await settled()
    expect(never.heard()).toMatchObject([{ id: 1, error: { data: { code: 'not_signed_in' } } }])
    const down = createWorld({ never: true })
    down.server.initialize = () => DOWN
    await down.say(first)
    expect(down.heard()[0].result).toBeDefined()
  })

  test('by an error of the server itself is passed on as it came, once', async () => {
    const { say, heard, server, clock } = createWorld()
    server.initialize = () => ({ error: { code: -32602, message: 'not this revision' } })
    await say(first)
    clock.advance(HOLD)
    await settled()
    expect(heard()).toEqual([{ jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'not this revision' } }])
  })
})

test('a host that says everything at once gets its answers once it is known who gives them', async () => {
  const { say, answerTo, clock, server, reached, writer } = createWorld({
    memory: { initialize: INTRODUCTION, 'tools/list': { tools: [{ name: 'echo' }] } },
  })
  server.initialize = () => new Promise(() => undefined)
  void say(first)
  void say({ method: 'notifications/initialized' })
  void say({ id: 2, method: 'tools/list' })
  void say({ id: 3, method: 'ping' })
  await settled()
  expect(reached).toEqual(['initialize'])
  clock.advance(HOLD)
  await writer.whenWritten(3)
  expect(answerTo(2).result.tools).toEqual([{ name: 'echo' }])
  expect(answerTo(3).result).toEqual({})
})

test('the address comes as a log message, and nothing is asked outside a call', async () => {
  const { initialize, heard, server, askPerson } = createWorld()
  server.initialize = () => new Promise(() => undefined)
  await initialize({ capabilities: { elicitation: { url: {} } } })
  askPerson()
  await settled()
  expect(heard()[1]).toMatchObject({ method: 'notifications/message', params: { level: 'warning' } })
  expect(heard()[1].params.data).toContain(ADDRESS)
  expect(heard()).toHaveLength(2)
})

test('introductions and first pages are learnt, other pages, errors and calls are not', async () => {
  const { say, kept, server } = createWorld()
  await say(first)
  await say({ id: 2, method: 'tools/list' })
  server['prompts/list'] = () => ({ prompts: [1] })
  await say({ id: 3, method: 'prompts/list', params: { cursor: 'x' } })
  server['resources/list'] = () => ({ error: { code: 1, message: '' } })
  await say({ id: 4, method: 'resources/list' })
  await say({ id: 5, method: 'tools/call' })
  await settled()
  expect([...kept.keys()]).toEqual(['initialize', 'tools/list'])
  expect(kept.get('initialize')).toEqual({ asked: '2025-11-25', result: INTRODUCTION })
})

test('an introduction that came behind the host’s back is learnt too', async () => {
  const { initialize, say, kept, server } = createWorld()
  server.initialize = () => DOWN
  await initialize()
  server.initialize = () => INTRODUCTION
  await say({ id: 2, method: 'tools/call' })
  expect(kept.get('initialize')).toEqual({ asked: '2025-11-25', result: INTRODUCTION })
})

describe('server/discover', () => {
  const discover = { id: 'd', method: 'server/discover', params: {} }
  const REFUSED = { jsonrpc: '2.0', id: 'd', error: { code: -32601, message: 'Method not found' } }

  test('gets the word of a server that answers', async () => {
    const { say, heard, server } = createWorld()
    server['server/discover'] = () => ({ supportedVersions: ['2026-07-28'] })
    await say(discover)
    expect(heard()).toMatchObject([{ id: 'd', result: { supportedVersions: ['2026-07-28'] } }])
  })

  test('gets the error of the server itself', async () => {
    const { say, heard, server } = createWorld()
    server['server/discover'] = () => ({ error: { code: -32600, message: 'mine' } })
    await say(discover)
    expect(heard()).toMatchObject([{ id: 'd', error: { code: -32600, message: 'mine' } }])
  })

  test('asks in a way that asks nobody, and is refused at once where that fails', async () => {
    const { say, heard, server } = createWorld({ account: { state: 'unknown' } })
    const causes: string[] = []
    server['server/discover'] = (_, cause) => {
      causes.push(cause)
      return new BridgeError('not_signed_in')
    }
    await say(discover)
    expect(causes).toEqual(['background'])
    expect(heard()).toEqual([REFUSED])
  })

  test('is refused without a look at the server where somebody has signed out', async () => {
    const { say, heard, reached } = createWorld({ account: { state: 'signedOut' } })
    await say(discover)
    expect(heard()).toEqual([REFUSED])
    expect(reached).toEqual([])
  })

  test('is refused at the bound, and a late answer comes to no host', async () => {
    const { say, heard, server, clock } = createWorld()
    const gate = createGate<object>()
    server['server/discover'] = () => gate.passed
    void say(discover)
    await settled()
    expect(heard()).toEqual([])
    clock.advance(HOLD)
    await settled()
    expect(heard()).toEqual([REFUSED])
    gate.open({})
    await settled()
    expect(heard()).toHaveLength(1)
    // The host goes on in the same process.
    await say(first)
    expect(heard()[1]).toMatchObject({ id: 1, result: INTRODUCTION })
  })

  test('is refused after the host was answered here', async () => {
    const { initialize, say, answerTo, server } = createWorld()
    server.initialize = () => DOWN
    await initialize()
    await say(discover)
    expect(answerTo('d' as never)).toEqual(REFUSED)
  })
})

test('its answer to a question of ours stays here, and any other reaches the server', async () => {
  const { initialize, say, heard, server, askPerson, reached } = createWorld()
  server['tools/call'] = () => new Promise(() => undefined)
  await initialize({ capabilities: { elicitation: { url: {} } } })
  void say({ id: 2, method: 'tools/call', params: { name: 'echo' } })
  askPerson()
  await settled()
  const asked = heard().find(({ method }) => method === 'elicitation/create')
  await say({ id: asked.id, result: { action: 'accept' } })
  await say({ id: 'another', result: {} })
  expect(reached.filter((one) => one === 'response')).toHaveLength(1)
})

test('a host that has not said initialize talks to the server itself', async () => {
  const { say, reached } = createWorld()
  await say({ id: 9, method: 'ping' })
  expect(reached).toEqual(['ping'])
})

test.each(['answers', 'fails'])(
  'two at once are answered each: the first by the server, which %s, though the second is answered in its place',
  async (how) => {
    const { say, heard, clock, server, writer, answerTo } = createWorld()
    const gates = [createGate<object>(), createGate<object>()]
    let asked = 0
    server.initialize = () => gates[asked++]?.passed
    void say(first)
    void say({ ...first, id: 2 })
    await settled()
    clock.advance(HOLD)
    await writer.whenWritten(1)
    expect(heard().map(({ id }) => id)).toEqual([2])
    gates[0]?.open(how === 'answers' ? INTRODUCTION : DOWN)
    gates[1]?.open(INTRODUCTION)
    await settled()
    if (how === 'answers') expect(answerTo(1).result).toEqual(INTRODUCTION)
    else expect(answerTo(1).error.data.code).toBe(DOWN.code)
    expect(heard().filter(({ id }) => id === 1 || id === 2)).toHaveLength(2)
  },
)

test.each(['answers', 'refuses', 'fails'])(
  'one that was answered here has no second answer when the server %s after the host has begun anew',
  async (how) => {
    const { say, heard, clock, server, writer } = createWorld()
    const gates = [createGate<object>(), createGate<object>()]
    let asked = 0
    server.initialize = () => gates[asked++]?.passed
    void say(first)
    await settled()
    clock.advance(HOLD)
    await writer.whenWritten(1)
    void say({ ...first, id: 2 })
    await settled()
    if (how === 'refuses') gates[0]?.open({ error: { code: -32602, message: 'not this revision' } })
    else gates[0]?.open(how === 'answers' ? INTRODUCTION : DOWN)
    await settled()
    gates[1]?.open(INTRODUCTION)
    await settled()
    expect(heard().map(({ id }) => id)).toEqual([1, 2])
  },
)
