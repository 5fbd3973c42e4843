// A host that speaks 2026, whatever the server speaks and whatever was remembered of it.
import { describe, expect, test } from 'vitest'
import { createModernSide } from '../../../../src/bridge/era/modernSide.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import type { Message } from '../../../../src/bridge/message/message.ts'
import type { Era } from '../../../../src/eraMemory.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeConversation, type Heard, messageOf, type Reply } from '../../../fakes/fakeConversation.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeServerEra } from '../../../fakes/fakeServerEra.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const meta = (version = '2026-07-28') => ({
  _meta: {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'host', version: '1' },
  },
})
const call = (id: number, method = 'tools/call') => ({ id, method, params: meta() })

interface World {
  readonly known?: Era
  readonly truth?: () => Era | undefined
  readonly modern?: Reply
  readonly toLegacy?: Reply
}

function setUp({ modern, toLegacy, ...script }: World) {
  const inFlight = createInFlight()
  const server = createFakeServerEra(script)
  const native = createFakeConversation(modern ?? (() => ({ by: 'modern', resultType: 'complete' })))
  const translation = createFakeConversation(toLegacy ?? (() => ({ by: 'translation' })))
  const side = createModernSide({
    era: server.era,
    inFlight,
    log: createFakeLogger(),
    modern: async () => native.conversation,
    toLegacy: async () => translation.conversation,
  })
  const say = async (value: object) => {
    const pending = inFlight.begin(messageOf(value))
    const heard: Heard[] = []
    try {
      await side.exchange(pending, Promise.resolve(), async ({ bytes }: Message) => {
        heard.push(JSON.parse(Buffer.from(bytes).toString('utf8')))
      })
    } finally {
      inFlight.end(pending)
    }
    return heard
  }
  return { say, server, native, translation, side }
}

describe('what is known decides', () => {
  test.each([
    ['2026', 'modern', 0],
    ['2025', 'translation', 0],
  ] as const)('of %s it is the %s', async (known, by, asked) => {
    const { say, server } = setUp({ known })
    expect((await say(call(1)))[0]?.result.by).toBe(by)
    expect(server.asked).toBe(asked)
  })

  test.each([
    ['2026', 'modern'],
    ['2025', 'translation'],
    [undefined, 'translation'],
  ] as const)('nothing is known and the server says %s: it is the %s', async (era, by) => {
    const { say, server } = setUp({ truth: () => era })
    expect((await say(call(1)))[0]?.result.by).toBe(by)
    expect(server.asked).toBe(1)
  })

  test('a revision that this program does not know is refused with those it does, unless the server knows it', async () => {
    const unknown = { id: 1, method: 'tools/list', params: meta('2027-01-01') }
    const error = (await setUp({ known: '2025' }).say(unknown))[0]?.error
    expect([error?.code, error?.data]).toEqual([-32022, { supported: ['2026-07-28'], requested: '2027-01-01' }])
    expect((await setUp({ known: '2026' }).say(unknown))[0]?.result.by).toBe('modern')
  })
})

describe('a memory that is wrong', () => {
  test('of 2026: a refused message was not looked at, and each of ten calls goes to the translation once', async () => {
    const modern: Reply = () => ({ error: { code: -32000, message: 'No valid session ID provided' } })
    const { say, server, translation } = setUp({ known: '2026', truth: () => '2025', modern })
    const calls = Array.from({ length: 10 }, (_, at) => say(call(at)))
    expect((await Promise.all(calls)).flat().map(({ id, result }) => [id, result.by])).toEqual(
      calls.map((_, at) => [at, 'translation']),
    )
    expect([server.asked, translation.methods().length]).toEqual([1, 10])
  })

  test('of 2025: a server without a handshake is spoken to as it is', async () => {
    const toLegacy: Reply = () => {
      throw new BridgeError('session_lost')
    }
    const { say, server, native } = setUp({ known: '2025', truth: () => '2026', toLegacy })
    const calls = Array.from({ length: 10 }, (_, at) => say(call(at)))
    expect((await Promise.all(calls)).flat().map(({ result }) => result.by)).toEqual(calls.map(() => 'modern'))
    expect([server.asked, native.methods().length]).toEqual([1, 10])
  })

  test('of 2025 in a session: what the server refuses with an error of 2026 goes to it as it is, each of ten calls once', async () => {
    const toLegacy: Reply = () => ({ error: { code: -32022, message: 'Unsupported protocol version: 2025-11-25' } })
    const { say, server, native } = setUp({ known: '2025', truth: () => '2026', toLegacy })
    const calls = Array.from({ length: 10 }, (_, at) => say(call(at)))
    expect((await Promise.all(calls)).map((answers) => answers.map(({ result }) => result.by))).toEqual(
      calls.map(() => ['modern']),
    )
    expect([server.asked, native.methods().length]).toEqual([1, 10])
  })

  test.each([
    [-32020, { a: 1 }, -32603],
    [-32021, { a: 1 }, -32603],
    [-32021, { requiredCapabilities: { sampling: {} } }, -32021],
    [-32022, { supported: ['2025-11-25'] }, -32603],
  ])('an error %i with %j, of a server of 2025, is %i for the host, and asked about once', async (code, data, told) => {
    const toLegacy: Reply = () => ({ error: { code, message: 'no', data } })
    const { say, server } = setUp({ known: '2025', truth: () => '2025', toLegacy })
    for (const id of [1, 2, 3]) expect((await say(call(id)))[0]?.error).toEqual({ code: told, message: 'no', data })
    expect(server.asked).toBe(1)
  })

  test('an error of 2025 to which the translation gave a code of 2026 raises no doubt', async () => {
    const error = { code: -32021, message: 'no', data: { elicitations: [], requiredCapabilities: { elicitation: {} } } }
    const { say, server } = setUp({ known: '2025', truth: () => '2025', toLegacy: () => ({ error }) })
    expect((await say(call(1)))[0]?.error).toEqual(error)
    expect(server.asked).toBe(0)
  })

  test('an error of the application, of a server that has shown that it speaks 2026, is asked about once', async () => {
    let said = { code: 4001, message: 'quota of item 1' }
    const modern: Reply = ({ method }) => (method === 'tools/list' ? { resultType: 'complete' } : { error: said })
    const { say, server } = setUp({ known: '2026', truth: () => '2026', modern })
    await say(call(1, 'tools/list'))
    for (const id of [2, 3, 4]) {
      said = { code: 4001, message: `quota of item ${id}` }
      expect((await say(call(id)))[0]?.error).toEqual(said)
    }
    expect(server.asked).toBe(1)
  })

  test('an error that JSON-RPC reserves is asked about again where it says something else: the server may have been rolled back', async () => {
    let truth: Era = '2026'
    const said = () => (truth === '2026' ? 'quota' : 'Server not initialized')
    const modern: Reply = ({ method }) =>
      method === 'tools/list' ? { resultType: 'complete' } : { error: { code: -32000, message: said() } }
    const { say, server } = setUp({ known: '2026', truth: () => truth, modern })
    await say(call(1, 'tools/list'))
    for (const id of [2, 3]) expect((await say(call(id)))[0]?.error.message).toBe('quota')
    expect(server.asked).toBe(1)
    truth = '2025'
    expect((await say(call(4)))[0]?.result.by).toBe('translation')
    expect(server.asked).toBe(2)
  })

  test('a server that says it speaks 2026 because of an error has shown that', async () => {
    const modern: Reply = () => ({ error: { code: -32602, message: 'Unknown tool' } })
    const { say, server } = setUp({ known: '2026', truth: () => '2026', modern })
    for (const id of [2, 3]) expect((await say(call(id)))[0]?.error.code).toBe(-32602)
    expect(server.asked).toBe(1)
  })

  test('an error about which the server said nothing is asked about again', async () => {
    const modern: Reply = ({ method }) =>
      method === 'tools/list' ? { resultType: 'complete' } : { error: { code: 4001, message: 'quota' } }
    const { say, server } = setUp({ known: '2026', truth: () => undefined, modern })
    await say(call(1, 'tools/list'))
    for (const id of [2, 3]) expect((await say(call(id)))[0]?.error.code).toBe(4001)
    expect(server.asked).toBe(2)
  })

  test('of 2025 and old: the server is asked behind the first answer', async () => {
    const { say, server } = setUp({ known: '2025' })
    await say(call(1))
    await new Promise(setImmediate)
    expect(server.asOld).toBe(1)
  })

  test('a server that is what it was taken for has the last word', async () => {
    const modern: Reply = () => ({ error: { code: -32000, message: 'no' } })
    expect((await setUp({ known: '2026', modern }).say(call(1)))[0]?.error.code).toBe(-32000)
    const toLegacy: Reply = () => {
      throw new BridgeError('session_lost')
    }
    expect(await codeOf(setUp({ known: '2025', toLegacy }).say(call(1)))).toBe('session_lost')
  })

  test('a result without resultType is the answer, and the server is asked behind it', async () => {
    const { say, server } = setUp({ known: '2026', truth: () => '2025', modern: () => ({ tools: [] }) })
    expect((await say(call(1, 'tools/list')))[0]?.result).toEqual({ tools: [] })
    expect(server.asked).toBe(1)
  })
})

test('at the end, every conversation that was begun ends', async () => {
  const { say, side, native, translation } = setUp({ known: '2026' })
  await say(call(1))
  await side.end(new BridgeError('internal'))
  expect([native.isOver, translation.isOver]).toEqual([true, false])
})
