// What the host hears while a person signs in, and how the bridge keeps its word afterwards.
import { describe, expect, test } from 'vitest'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createParts } from '../../../../src/bridge/standIn/standIn.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createPendingSignIn } from '../../../../src/signin/pending.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeLineWriter } from '../../../fakes/fakeLineWriter.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createGate, settled } from '../../../fakes/gate.ts'

const SERVER = 'https://mcp.example.com/mcp'
const ADDRESS = 'https://auth.example.com/authorize?state=s'
const NOT_SIGNED_IN = new BridgeError('not_signed_in')

const message = (value: object): Message =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value }))) as Message
const initialize = (capabilities: object = {}) =>
  message({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities } })
const answered = (id: number, capabilities: object) =>
  message({
    id,
    result: { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'everything', version: '2' } },
  })

/** For what is answered without the server. */
const never = () => Promise.reject(new Error('the server is not to be met'))

function setUp({ memory = {}, asks = true }: { memory?: Record<string, unknown>; asks?: boolean } = {}) {
  const clock = createFakeClock()
  const watch = createPendingSignIn(clock)
  const writer = createFakeLineWriter()
  const kept = new Map(Object.entries(memory))
  const person = createGate()
  const host = createParts({
    ...{ watch, clock, log: createFakeLogger(), server: SERVER, version: () => '1.2.3', asks },
    loginCommand: `mcp-oauth-bridge login ${SERVER}`,
    ...{ holdInitializeMs: 3000, holdCallMs: 45_000, write: writer.write },
    known: {
      load: async (method) => kept.get(method),
      save: async (method, result) => void kept.set(method, result),
    },
  })
  const heard = () => writer.lines.map((line) => JSON.parse(line))
  /** A person is waited for, at an address. */
  const askPerson = () =>
    watch.during((tell) => {
      tell(ADDRESS)
      return person.passed
    })
  /** The host has waited for as long as it should, and a person is not there yet. */
  const held = async (first = initialize()) => {
    host.phases.hold(first, new Promise(() => undefined))
    const asking = askPerson()
    await clock.whenSleeping(1)
    clock.advance(3000)
    // The answer to initialize and the log message with the address.
    await writer.whenWritten(2)
    return { asking }
  }
  return { host, watch, clock, writer, person, kept, heard, askPerson, held }
}

describe('initialize', () => {
  test('that is answered in time is left to the server', async () => {
    const { host, clock, heard, askPerson } = setUp()
    const done = createGate()
    host.phases.hold(initialize(), done.passed)
    void askPerson()
    await host.phases.establish(answered(1, { tools: {} }))
    done.open()
    await settled()
    clock.advance(3000)
    await settled()
    expect(heard()).toEqual([])
    expect(host.phases.now.kind).toBe('connected')
  })

  test('waits on when no person is waited for: a slow server is no sign-in', async () => {
    const { host, clock, heard } = setUp()
    host.phases.hold(initialize(), new Promise(() => undefined))
    await clock.whenSleeping(1)
    clock.advance(60_000)
    await settled()
    expect(heard()).toEqual([])
  })

  test('is answered here after the time to hold it, from the least that is certain; the address follows as a log message', async () => {
    const { host, heard, held } = setUp()
    await held()
    expect(heard()[0]).toMatchObject({ id: 1, result: { serverInfo: { name: 'mcp-oauth-bridge', version: '1.2.3' } } })
    expect(heard()[1]).toMatchObject({ method: 'notifications/message', params: { level: 'warning' } })
    expect(heard()[1].params.data).toContain(ADDRESS)
    expect(host.phases.now.kind).toBe('answeredHere')
  })

  test('is answered from the last known answer where there is one', async () => {
    const known = {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'everything', version: '2' },
    }
    const { heard, held } = setUp({ memory: { initialize: known } })
    await held()
    expect(heard()[0].result.serverInfo.name).toBe('everything')
  })

  test('that fails because nobody is signed in is answered here at once, unless nobody is ever asked', async () => {
    const { host, heard } = setUp()
    host.phases.hold(initialize(), new Promise(() => undefined))
    expect(await host.phases.deferInitializeError(initialize(), NOT_SIGNED_IN)).toBe(true)
    expect(heard()[0].id).toBe(1)
    const never = setUp({ asks: false })
    never.host.phases.hold(initialize(), new Promise(() => undefined))
    expect(await never.host.phases.deferInitializeError(initialize(), NOT_SIGNED_IN)).toBe(false)
    expect(never.heard()).toEqual([])
  })

  test('that fails otherwise is the host’s to know', async () => {
    const { host } = setUp()
    host.phases.hold(initialize(), new Promise(() => undefined))
    expect(await host.phases.deferInitializeError(initialize(), new BridgeError('server_unreachable'))).toBe(false)
  })

  test('that was answered here does not get a second answer from a failed sign-in', async () => {
    const { host, held } = setUp()
    await held()
    expect(await host.phases.deferInitializeError(initialize(), new BridgeError('access_denied'))).toBe(true)
  })
})

describe('meanwhile', () => {
  test('ping is answered, lists come from memory, and others are not answered here', async () => {
    const { host, heard, held } = setUp({ memory: { 'tools/list': { tools: [{ name: 'echo' }] } } })
    await held()
    expect(await host.local.answerLocally(message({ id: 2, method: 'ping' }), never)).toBe(true)
    expect(await host.local.answerLocally(message({ id: 3, method: 'tools/list' }), never)).toBe(true)
    expect(await host.local.answerLocally(message({ id: 4, method: 'prompts/list' }), never)).toBe(true)
    expect(
      await host.local.answerLocally(message({ id: 5, method: 'tools/call', params: { name: 'echo' } }), never),
    ).toBe(false)
    const results = Object.fromEntries(heard().map(({ id, result }) => [id, result]))
    expect(results).toMatchObject({ 2: {}, 3: { tools: [{ name: 'echo' }] }, 4: { prompts: [] } })
  })

  test('with no known tools, the tool that signs in says where, and that it is done when it is', async () => {
    const { host, heard, held, clock, person } = setUp()
    await held()
    await host.local.answerLocally(message({ id: 2, method: 'tools/list' }), never)
    const [tool] = heard().at(-1).result.tools
    const call = (id: number) =>
      host.local.answerLocally(message({ id, method: 'tools/call', params: { name: tool.name } }), never)
    const first = call(3)
    await clock.whenSleeping(1)
    clock.advance(45_000)
    expect(await first).toBe(true)
    expect(heard().at(-1).result.content[0].text).toContain(ADDRESS)
    const second = call(4)
    await host.phases.establish(answered(1, { tools: {} }))
    person.open()
    expect(await second).toBe(true)
    expect(heard().at(-1)).toMatchObject({
      id: 4,
      result: { content: [{ text: expect.stringContaining('signed in') }] },
    })
  })

  test('the tool meets the server where nobody is waited for, and tells what came of it', async () => {
    const { host, heard, held, person } = setUp()
    await held()
    await host.local.answerLocally(message({ id: 3, method: 'tools/list' }), never)
    person.open()
    await settled()
    const call = (id: number) => message({ id, method: 'tools/call', params: { name: 'sign_in' } })
    const refused = () => Promise.reject(new BridgeError('access_denied', { message: 'They said no.', hint: 'Ask.' }))
    expect(await host.local.answerLocally(call(4), refused)).toBe(true)
    expect(heard().at(-1)).toMatchObject({ id: 4, result: { content: [{ text: 'They said no. Ask.' }] } })
    const meet = async () => void (await host.phases.establish(answered(1, { tools: {} })))
    expect(await host.local.answerLocally(call(5), meet)).toBe(true)
    expect(heard().at(-1)).toMatchObject({
      id: 5,
      result: { content: [{ text: expect.stringContaining('signed in') }] },
    })
  })

  test('the host is asked to show the address, once, when it can and is initialized', async () => {
    const { host, heard, held, person } = setUp()
    await held(initialize({ elicitation: { url: {} } }))
    expect(heard().some(({ method }) => method === 'elicitation/create')).toBe(false)
    host.phases.ready()
    host.phases.ready()
    await settled()
    const questions = heard().filter(({ method }) => method === 'elicitation/create')
    expect(questions).toHaveLength(1)
    expect(questions[0].params).toMatchObject({ mode: 'url', url: ADDRESS, elicitationId: expect.any(String) })
    expect(host.notice.isReplyToUs(message({ id: questions[0].id, result: { action: 'accept' } }))).toBe(true)
    expect(host.notice.isReplyToUs(message({ id: 7, result: {} }))).toBe(false)
    person.open()
    await settled()
    expect(heard().at(-1)).toMatchObject({
      method: 'notifications/elicitation/complete',
      params: { elicitationId: questions[0].params.elicitationId },
    })
  })

  test('a host that does not follow addresses is asked nothing', async () => {
    const { host, heard, held } = setUp()
    await held(initialize({ elicitation: { form: {} } }))
    host.phases.ready()
    await settled()
    expect(heard().some(({ method }) => method === 'elicitation/create')).toBe(false)
  })
})

describe('afterwards', () => {
  test('lists that were given here are announced as changed, and the log level reaches the server', async () => {
    const { host, heard, held } = setUp()
    await held()
    await host.local.answerLocally(message({ id: 2, method: 'tools/list' }), never)
    const level = message({ id: 3, method: 'logging/setLevel', params: { level: 'debug' } })
    expect(await host.local.answerLocally(level, never)).toBe(true)
    expect(await host.phases.establish(answered(1, { tools: {}, logging: {} }))).toBe(true)
    expect(heard().at(-1)).toMatchObject({ method: 'notifications/tools/list_changed' })
    expect(host.phases.pendingReplays()).toEqual([level])
    expect(host.phases.pendingReplays()).toEqual([])
    expect(host.phases.now.kind).toBe('connectedLater')
  })

  test('what the server lacks and the host was told is empty, not an error; the rest is the server’s', async () => {
    const { host, heard, held } = setUp()
    await held()
    await host.phases.establish(answered(1, { tools: {} }))
    expect(await host.local.answerLocally(message({ id: 4, method: 'prompts/list' }), never)).toBe(true)
    expect(heard().at(-1)).toMatchObject({ id: 4, result: { prompts: [] } })
    expect(await host.local.answerLocally(message({ id: 5, method: 'logging/setLevel', params: {} }), never)).toBe(true)
    expect(await host.local.answerLocally(message({ id: 6, method: 'tools/list' }), never)).toBe(false)
    expect(await host.local.answerLocally(message({ id: 7, method: 'ping' }), never)).toBe(false)
  })

  test('an error of the server does not count as met', async () => {
    const { host, held } = setUp()
    await held()
    await host.phases.establish(message({ id: 1, error: { code: -32603, message: 'no' } }))
    expect(host.phases.now.kind).toBe('answeredHere')
  })

  test('first pages and introductions are learnt, other pages, errors and calls are not', async () => {
    const { host, kept } = setUp()
    host.local.learn(initialize(), answered(1, {}))
    host.local.learn(message({ id: 2, method: 'tools/list' }), message({ id: 2, result: { tools: [] } }))
    host.local.learn(
      message({ id: 3, method: 'prompts/list', params: { cursor: 'x' } }),
      message({ id: 3, result: { prompts: [1] } }),
    )
    host.local.learn(message({ id: 4, method: 'resources/list' }), message({ id: 4, error: { code: 1, message: '' } }))
    host.local.learn(message({ id: 5, method: 'tools/call' }), message({ id: 5, result: {} }))
    await settled()
    expect([...kept.keys()]).toEqual(['initialize', 'tools/list'])
  })
})
