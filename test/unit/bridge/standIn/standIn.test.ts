// The conversation with a sign-in around it: what reaches the server, what waits for a person, and what the host hears.
import { describe, expect, test } from 'vitest'
import type { LegacyConversation } from '../../../../src/bridge/conversation.ts'
import type { HiddenTools } from '../../../../src/bridge/hideTools.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { rpcError } from '../../../../src/bridge/message/rpcError.ts'
import { createHostSignIn } from '../../../../src/bridge/standIn/standIn.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createPendingSignIn } from '../../../../src/signin/pending.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeLineWriter } from '../../../fakes/fakeLineWriter.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { settled } from '../../../fakes/gate.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const SERVER = 'https://mcp.example.com/mcp'
const ADDRESS = 'https://auth.example.com/authorize?state=s'
const NOW = Promise.resolve()

const message = (value: object): Message =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value }))) as Message
const answerTo = ({ asks }: Message, result: object = { capabilities: { tools: {}, logging: {} } }) =>
  message({ id: JSON.parse(asks[0] ?? 'null'), result })
const INITIALIZED = message({ method: 'notifications/initialized' })
const initialize = (capabilities: object = {}) =>
  message({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities } })

interface Server {
  /** What it does to a message of the host; left out: it answers. */
  exchange?: (message: Message) => Promise<Message | undefined>
  initialize?: () => Promise<Message | undefined>
  hiddenTools?: Promise<HiddenTools>
}

function setUp({
  exchange = async (one) => (one.asks.length > 0 ? answerTo(one) : undefined),
  ...server
}: Server = {}) {
  const clock = createFakeClock()
  const writer = createFakeLineWriter()
  const watch = createPendingSignIn(clock)
  const inFlight = createInFlight()
  /** What the server gets to see, by method. */
  const reached: (string | undefined)[] = []
  const inner: LegacyConversation = {
    async exchange(pending, before, deliver) {
      await before
      reached.push(pending.message.method)
      const answer = await exchange(pending.message)
      if (answer) await deliver(answer)
    },
    async initialize() {
      reached.push('initialize again')
      return server.initialize ? server.initialize() : answerTo(initialize())
    },
    async tell({ method }) {
      reached.push(`tell ${method}`)
    },
    refusal: rpcError,
    end: async () => undefined,
  }
  const conversation = createHostSignIn({
    watch,
    clock,
    log: createFakeLogger(),
    server: SERVER,
    version: () => '1.2.3',
    asks: true,
    loginCommand: `mcp-oauth-bridge login ${SERVER}`,
    holdInitializeMs: 3000,
    holdCallMs: 45_000,
    write: writer.write,
    known: { load: async () => undefined, save: async () => undefined },
    hiddenTools: server.hiddenTools,
  })(inner)
  const say = async (one: Message, before: Promise<unknown> = NOW) => {
    const pending = inFlight.begin(one)
    try {
      await conversation.exchange(pending, before, ({ bytes }) => writer.write(bytes))
    } finally {
      inFlight.end(pending)
    }
  }
  const heard = () => writer.lines.map((line) => JSON.parse(line))
  return { say, heard, reached, clock, watch, writer, conversation }
}

/** A host that was answered here because nobody is signed in. */
async function answeredHere(server: Server = {}, first = initialize()) {
  const nobody = () => Promise.reject(new BridgeError('not_signed_in'))
  const { exchange } = server
  const world = setUp({
    ...server,
    exchange: (one) => (one.method === 'initialize' ? nobody() : (exchange?.(one) ?? Promise.resolve(answerTo(one)))),
  })
  await world.say(first)
  world.reached.length = 0
  return world
}

describe('with a server that answers', () => {
  test('every message passes, and each answer is the server’s', async () => {
    const { say, heard, reached } = setUp()
    await say(initialize())
    await say(INITIALIZED)
    await say(message({ id: 2, method: 'tools/list' }))
    expect(reached).toEqual(['initialize', 'notifications/initialized', 'tools/list'])
    expect(heard().map(({ id }) => id)).toEqual([1, 2])
  })

  test('a failed initialize is the host’s to know, and so is every other error', async () => {
    const { say } = setUp({ exchange: () => Promise.reject(new BridgeError('server_unreachable')) })
    expect(await errorOf(say(initialize()))).toMatchObject({ code: 'server_unreachable' })
    expect(await errorOf(say(message({ id: 2, method: 'ping' })))).toMatchObject({ code: 'server_unreachable' })
  })
})

describe('with a host that was answered in the server’s place', () => {
  test('notifications reach nobody, the first call initializes the server, and the log level follows', async () => {
    const { say, reached, heard } = await answeredHere()
    await say(INITIALIZED)
    await say(message({ id: 2, method: 'logging/setLevel', params: { level: 'debug' } }))
    expect(reached).toEqual([])
    await say(message({ id: 3, method: 'tools/call', params: { name: 'echo' } }))
    expect(reached).toEqual(['initialize again', 'tell logging/setLevel', 'tools/call'])
    expect(heard().map(({ id }) => id)).toEqual([1, 2, 3])
  })

  test('a server that refuses to be initialized is the error of the call', async () => {
    const refusal = message({ id: 1, error: { code: -32603, message: 'no' } })
    const { say, reached } = await answeredHere({ initialize: async () => refusal })
    const call = message({ id: 2, method: 'tools/call', params: { name: 'echo' } })
    expect(await errorOf(say(call))).toMatchObject({ code: 'server_error' })
    expect(reached).toEqual(['initialize again'])
  })

  test('calls that come together initialize the server once', async () => {
    const { say, reached } = await answeredHere()
    const call = (id: number) => say(message({ id, method: 'tools/call', params: { name: 'echo' } }))
    await Promise.all([call(2), call(3)])
    expect(reached.filter((method) => method === 'initialize again')).toHaveLength(1)
  })

  test('a call of a hidden tool asks nobody to sign in', async () => {
    const refuse = () => {
      throw new BridgeError('tool_hidden')
    }
    const hiddenTools = Promise.resolve({
      refuse,
      strip: (one: Message) => one,
      visible: (tools: readonly unknown[]) => tools,
    })
    const { say, reached } = await answeredHere({ hiddenTools })
    expect(await errorOf(say(message({ id: 2, method: 'tools/call', params: {} })))).toMatchObject({
      code: 'tool_hidden',
    })
    expect(reached).toEqual([])
  })

  test('a call waits within its bound and then fails with the address', async () => {
    const { say, clock, watch } = await answeredHere()
    void watch.during((tell) => {
      tell(ADDRESS)
      return new Promise(() => undefined)
    })
    const failed = errorOf(say(message({ id: 2, method: 'tools/call' }), new Promise(() => undefined)))
    await clock.whenSleeping(1)
    clock.advance(45_000)
    expect(await failed).toMatchObject({ code: 'sign_in_pending', details: { url: ADDRESS } })
  })

  test('its answer to a question of ours stays here', async () => {
    const { say, reached, heard, watch } = await answeredHere({}, initialize({ elicitation: { url: {} } }))
    await say(INITIALIZED)
    void watch.during((tell) => {
      tell(ADDRESS)
      return new Promise(() => undefined)
    })
    await settled()
    const { id } = heard().find(({ method }) => method === 'elicitation/create')
    await say(message({ id, result: { action: 'accept' } }))
    expect(reached).toEqual([])
  })
})

test('a host that follows addresses gets the one of the sign-in as the protocol names it', async () => {
  const { say, conversation } = setUp()
  await say(initialize({ elicitation: { url: {} } }))
  const pending = new BridgeError('sign_in_pending', { details: { url: ADDRESS } })
  expect(JSON.parse(Buffer.from(conversation.refusal('7', pending)).toString())).toMatchObject({
    id: 7,
    error: { code: -32042, data: { elicitations: [{ mode: 'url', url: ADDRESS }] } },
  })
  const other = JSON.parse(Buffer.from(conversation.refusal('8', new BridgeError('server_error'))).toString())
  expect(other.error.data.code).toBe('server_error')
})
