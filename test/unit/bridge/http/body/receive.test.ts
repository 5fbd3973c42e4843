// A response whose answers are all in: what still comes beside them is heard for a while, and a stream that stays open is left then.
import { describe, expect, test } from 'vitest'
import { reopen } from '../../../../../src/bridge/era/hold.ts'
import { createExchange } from '../../../../../src/bridge/http/exchange.ts'
import { createInFlight } from '../../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../../src/bridge/message/message.ts'
import { createModernExchange } from '../../../../../src/bridge/modern/modernExchange.ts'
import { createSession } from '../../../../../src/bridge/session/session.ts'
import { BridgeError } from '../../../../../src/errors.ts'
import type { HttpResponse } from '../../../../../src/ports.ts'
import { createFakeClock, createHurryingClock } from '../../../../fakes/fakeClock.ts'
import { leftOpen, respond, toChunks } from '../../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../../fakes/fakeLogger.ts'
import { createFakeSend, type Sent } from '../../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../../fakes/gate.ts'
import { codeOf } from '../../../../fakes/thrown.ts'

const GRACE_MS = 5_000
const message = (value: unknown) => parseMessage(Buffer.from(JSON.stringify(value))) as Message
const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call' })
const result = (id: number) => ({ jsonrpc: '2.0', id, result: {} })
const failed = (id: number | null, code: number, message: string) => ({ jsonrpc: '2.0', id, error: { code, message } })
const event = (value: unknown) => Buffer.from(`data: ${JSON.stringify(value)}\n\n`)
const stream = (body: AsyncIterable<Uint8Array>) => respond(200, { 'content-type': 'text/event-stream' }, body)

function setUp(answer: (sent: Sent, index: number) => HttpResponse) {
  const { send } = createFakeSend(answer)
  const clock = createFakeClock()
  const inFlight = createInFlight()
  const renew = () => Promise.reject(new Error('no session is made again here'))
  const { exchange } = createExchange({
    ...{ send, session: createSession(), inFlight, clock, limit: 10_000, timeoutMs: 60_000, renew },
  })
  const delivered: unknown[] = []
  const run = (value: unknown) => {
    const state = { isOver: false }
    const over = exchange(inFlight.begin(message(value)), async ({ bytes }) => {
      delivered.push(JSON.parse(Buffer.from(bytes).toString()))
    }).finally(() => {
      state.isOver = true
    })
    over.catch(() => undefined)
    return { over, state }
  }
  const pass = async (ms: number) => {
    await settled()
    clock.advance(ms)
    await settled()
  }
  return { run, pass, clock, delivered }
}

test('a stream that stays open after its answer is left when its grace is over', async () => {
  const response = leftOpen([result(1)])
  const { run, pass } = setUp(() => response)
  const { over, state } = run(call(1))
  await pass(GRACE_MS - 1)
  expect([state.isOver, response.discarded]).toEqual([false, false])
  await pass(1)
  await over
  expect(response.discarded).toBe(true)
})

test('what comes within the grace is heard, and does not make it longer', async () => {
  const note = { jsonrpc: '2.0', method: 'notifications/message', params: {} }
  const gate = createGate()
  async function* body() {
    yield event(result(1))
    await gate.passed
    yield event(note)
    await new Promise(() => undefined)
  }
  const { run, pass, delivered } = setUp(() => stream(body()))
  const { over } = run(call(1))
  await pass(GRACE_MS - 1)
  gate.open()
  await pass(1)
  await over
  expect(delivered).toEqual([result(1), note])
})

test('a batch has its grace after its last answer', async () => {
  const gate = createGate()
  async function* body() {
    yield event(result(1))
    await gate.passed
    yield event(result(2))
    await new Promise(() => undefined)
  }
  const { run, pass, delivered } = setUp(() => stream(body()))
  const { over, state } = run([call(1), call(2)])
  await pass(10 * GRACE_MS)
  expect(state.isOver).toBe(false)
  gate.open()
  await pass(GRACE_MS)
  await over
  expect(delivered).toEqual([result(1), result(2)])
})

test('a stream that was resumed is left too', async () => {
  const resumed = leftOpen([result(1)])
  const first = () => respond(200, { 'content-type': 'text/event-stream' }, 'id: 1\nretry: 10\ndata:\n\n')
  const { run, pass, clock } = setUp(({ method }) => (method === 'GET' ? resumed : first()))
  const { over } = run(call(1))
  await clock.whenSleeping(1)
  await pass(1_000)
  await pass(GRACE_MS)
  await over
  expect(resumed.discarded).toBe(true)
})

describe('a stream that waits for no answer', () => {
  const progress = { jsonrpc: '2.0', method: 'notifications/progress' }

  test('has its grace from its beginning', async () => {
    const response = leftOpen([])
    const { run, pass } = setUp(() => response)
    const { over, state } = run(progress)
    await pass(GRACE_MS - 1)
    expect([state.isOver, response.discarded]).toEqual([false, false])
    await pass(1)
    await over
    expect(response.discarded).toBe(true)
  })

  test('is one of many', async () => {
    const responses = Array.from({ length: 40 }, () => leftOpen([]))
    const { run } = setUp((_, index) => responses[index] as HttpResponse)
    for (const _ of responses) run(progress)
    await settled()
    expect(responses.filter(({ discarded }) => discarded)).toEqual(responses.slice(0, 8))
  })
})

describe('a server that goes on where its session began', () => {
  const note = { jsonrpc: '2.0', method: 'notifications/message', params: {} }
  const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize' }

  test.each([
    [initialize, [result(1)]],
    [{ jsonrpc: '2.0', method: 'notifications/initialized' }, []],
  ])('is heard on that stream (%j)', async (sent, answers) => {
    const gate = createGate()
    async function* body() {
      for (const value of answers) yield event(value)
      await gate.passed
      yield event(note)
      await new Promise(() => undefined)
    }
    const { run, pass, delivered } = setUp(() => stream(body()))
    const { state } = run(sent)
    await pass(10 * GRACE_MS)
    gate.open()
    await settled()
    expect([state.isOver, delivered]).toEqual([false, [...answers, note]])
  })

  test('is left where it has begun none', async () => {
    const response = leftOpen([failed(1, -32600, 'no')])
    const { run, pass } = setUp(() => response)
    const { over } = run(initialize)
    await pass(GRACE_MS)
    await over
    expect(response.discarded).toBe(true)
  })
})

test.each(['server_timeout', 'server_unreachable'] as const)(
  '%s counts before the answer, and not after it',
  async (code) => {
    async function* body(before: readonly unknown[]) {
      for (const value of before) yield event(value)
      throw new BridgeError(code)
    }
    expect(await codeOf(setUp(() => stream(body([]))).run(call(1)).over)).toBe(code)
    await setUp(() => stream(body([result(1)]))).run(call(1)).over
  },
)

test('one timer serves all streams, and each has its own end', async () => {
  const responses = [leftOpen([result(0)]), leftOpen([result(1)]), leftOpen([result(2)])]
  const { run, pass, clock } = setUp((_, index) => responses[index] as HttpResponse)
  const discarded = () => responses.map((response) => response.discarded)
  run(call(0))
  run(call(1))
  await pass(1_000)
  run(call(2))
  await pass(GRACE_MS - 1_000)
  expect(discarded()).toEqual([true, true, false])
  await pass(1_000)
  expect(discarded()).toEqual([true, true, true])
  expect(clock.sleeps).toEqual([GRACE_MS, 1_000])
})

test('of many streams that stay open, the oldest are left at once', async () => {
  const responses = Array.from({ length: 40 }, (_, id) => leftOpen([result(id)]))
  const { run } = setUp((_, index) => responses[index] as HttpResponse)
  for (const id of responses.keys()) run(call(id))
  await settled()
  expect(responses.filter(({ discarded }) => discarded)).toEqual(responses.slice(0, 8))
})

describe('an error without an id on a stream that stays open', () => {
  const nameless = failed(null, -32700, 'Parse error')

  test('is the outcome when nothing has come beside it for a while', async () => {
    const response = leftOpen([nameless])
    const { run, pass, delivered } = setUp(() => response)
    const { over, state } = run(call(1))
    await pass(GRACE_MS - 1)
    expect(state.isOver).toBe(false)
    await pass(1)
    await expect(over).rejects.toMatchObject({ code: 'server_error', message: expect.stringContaining('Parse error') })
    expect([delivered, response.discarded]).toEqual([[nameless], true])
  })

  test('is none where the answer comes beside it', async () => {
    const { run, pass, delivered } = setUp(() => leftOpen([nameless, result(1)]))
    const { over } = run(call(1))
    await pass(GRACE_MS)
    await over
    expect(delivered).toEqual([nameless, result(1)])
  })

  test('ends a stream that was resumed', async () => {
    const first = () => respond(200, { 'content-type': 'text/event-stream' }, 'id: 1\nretry: 10\ndata:\n\n')
    const { run, pass, clock } = setUp(({ method }) =>
      method === 'GET' ? stream(toChunks([event(nameless)])) : first(),
    )
    const { over } = run(call(1))
    await clock.whenSleeping(1)
    await pass(1_000)
    await expect(over).rejects.toMatchObject({ code: 'server_error' })
  })
})

describe('an answer after which the message is sent again ends its stream at once', () => {
  const lost = failed(1, -32600, 'Session not found')

  async function setUpSession(response: () => HttpResponse) {
    const { send } = createFakeSend(response)
    const session = createSession()
    session.establish({ headers: { 'mcp-session-id': 'old' } }, message(result(0)))
    const inFlight = createInFlight()
    const renewed: string[] = []
    const renew = async (id: string) => {
      renewed.push(id)
      throw new BridgeError('session_lost')
    }
    const clock = createFakeClock()
    const { exchange } = createExchange({ send, session, inFlight, clock, limit: 10_000, timeoutMs: 60_000, renew })
    return { over: exchange(inFlight.begin(message(call(1))), async () => undefined), renewed }
  }

  test('a session that is lost', async () => {
    const response = leftOpen([lost])
    const { over, renewed } = await setUpSession(() => response)
    expect(await codeOf(over)).toBe('session_lost')
    expect([renewed, response.discarded]).toEqual([['old'], true])
  })

  test('a session that is lost, on a stream that breaks off', async () => {
    async function* body() {
      yield event(lost)
      throw new BridgeError('server_timeout')
    }
    const { over, renewed } = await setUpSession(() => stream(body()))
    expect([await codeOf(over), renewed]).toEqual(['session_lost', ['old']])
  })

  test('headers that a server of 2026 refuses', async () => {
    const response = leftOpen([failed(1, -32020, 'header mismatch')])
    const { send } = createFakeSend(() => response)
    const inFlight = createInFlight()
    const exchange = createModernExchange({
      ...{ send, inFlight, clock: createFakeClock(), log: createFakeLogger(), limit: 10_000, timeoutMs: 0 },
    })
    const list = { jsonrpc: '2.0', id: 1, method: 'prompts/list' }
    expect(await codeOf(exchange(inFlight.begin(message(list)), async () => undefined))).toBe('headers_stripped')
    expect(response.discarded).toBe(true)
  })
})

test('an answer that is kept back from the host ends the exchange as any other does, and nothing is sent again', async () => {
  const { send, sent } = createFakeSend(() => stream(toChunks([event(result(1))])))
  const inFlight = createInFlight()
  const clock = createFakeClock()
  const exchange = createModernExchange({ send, inFlight, clock, log: createFakeLogger(), limit: 10_000, timeoutMs: 0 })
  const pending = inFlight.begin(message(call(1)))
  await exchange(pending, async () => reopen(pending))
  expect([sent.length, [...pending.open]]).toEqual([1, ['1']])
})

describe('an answer that is kept back from the host is looked at, at once', () => {
  test('on a stream that stays open', async () => {
    const { send } = createFakeSend(() => leftOpen([result(1)]))
    const inFlight = createInFlight()
    const clock = createFakeClock()
    const exchange = createModernExchange({
      ...{ send, inFlight, clock, log: createFakeLogger(), limit: 10_000, timeoutMs: 0 },
    })
    const pending = inFlight.begin(message(call(1)))
    await exchange(pending, async () => reopen(pending))
    expect([...pending.open]).toEqual(['1'])
  })

  test('on a stream that was resumed', async () => {
    const first = () => respond(200, { 'content-type': 'text/event-stream' }, 'id: 1\nretry: 10\ndata:\n\n')
    const resumed = () => stream(toChunks(['id: 2\n', event(result(1))]))
    const { send, sent } = createFakeSend(({ method }) => (method === 'GET' ? resumed() : first()))
    const inFlight = createInFlight()
    const clock = createHurryingClock()
    const renew = () => Promise.reject(new Error('no session is made again here'))
    const { exchange } = createExchange({
      ...{ send, session: createSession(), inFlight, clock, limit: 10_000, timeoutMs: 60_000, renew },
    })
    const pending = inFlight.begin(message(call(1)))
    await exchange(pending, async () => reopen(pending))
    expect([sent.length, [...pending.open]]).toEqual([2, ['1']])
  })
})
