// The requests in flight: who waits for whom, who is answered what, and how it ends.
import { describe, expect, test } from 'vitest'
import { createRelay } from '../../../src/bridge/relay.ts'
import { BridgeError } from '../../../src/errors.ts'
import type { HttpResponse } from '../../../src/ports.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { json, leftOpen, respond } from '../../fakes/fakeHttp.ts'
import { createFakeLineWriter } from '../../fakes/fakeLineWriter.ts'
import { createFakeLogger } from '../../fakes/fakeLogger.ts'
import { createFakeSend, type Sent } from '../../fakes/fakeSend.ts'
import { createGate, settled } from '../../fakes/gate.ts'

type Rpc = { id?: number | string; method?: string; error?: { code: number; data: { code: string } } }
const parse = (text: string) => JSON.parse(text) as Rpc
const methodOf = (sent: Sent) => (sent.method === 'POST' ? parse(sent.body).method : sent.method)

function setUp(answer: (sent: Sent) => HttpResponse | Promise<HttpResponse>) {
  const { send, sent } = createFakeSend(answer)
  const writer = createFakeLineWriter()
  const clock = createFakeClock()
  const log = createFakeLogger()
  const relay = createRelay({
    send,
    writer,
    clock,
    log,
    answerLimit: 10_000,
    url: new URL('https://mcp.example.com/mcp'),
    timeoutMs: 60_000,
    transport: 'auto',
    protocol: '2025',
  })
  const say = (value: unknown) => relay.line(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
  const request = (id: number, method = 'tools/call') => say({ jsonrpc: '2.0', id, method })
  return { relay, say, request, sent, writer, clock, log, methods: () => sent.map(methodOf) }
}

/** Answers every request, gives a session, offers no stream. */
const ok = ({ method, body }: Sent): HttpResponse => {
  if (method !== 'POST') return respond(405)
  const { id, method: name } = parse(body)
  if (id === undefined) return respond(202)
  return json({ jsonrpc: '2.0', id, result: {} }, 200, name === 'initialize' ? { 'mcp-session-id': 's' } : {})
}

const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }

describe('a request of the host', () => {
  test('gets the server’s answer', async () => {
    const { request, writer } = setUp(ok)
    void request(1)
    await writer.whenWritten(1)
    expect(writer.lines).toEqual(['{"jsonrpc":"2.0","id":1,"result":{}}'])
  })

  test('does not wait for one before it', async () => {
    const gate = createGate<HttpResponse>()
    const { request, writer } = setUp((sent) => (parse(sent.body).id === 1 ? gate.passed : ok(sent)))
    void request(1)
    void request(2)
    await writer.whenWritten(1)
    expect(parse(writer.lines[0] ?? '').id).toBe(2)
    gate.open(json({ jsonrpc: '2.0', id: 1, result: {} }))
    await writer.whenWritten(2)
  })

  test('that follows initialize waits until that is answered', async () => {
    const gate = createGate()
    const { request, say, writer, methods } = setUp(async (sent) => {
      if (methodOf(sent) === 'initialize') await gate.passed
      return ok(sent)
    })
    void request(0, 'initialize')
    void say(initialized)
    void request(1, 'tools/list')
    await settled()
    expect(methods()).toEqual(['initialize'])
    gate.open()
    await writer.whenWritten(2)
    expect(methods().slice(0, 3)).toEqual(['initialize', 'notifications/initialized', expect.anything()])
    expect(methods().indexOf('tools/list')).toBeGreaterThan(methods().indexOf('notifications/initialized'))
  })

  test('answered by a server that first waits for an answer of the host gets there, in the session that has begun', async () => {
    const pong = createGate()
    const body = async function* () {
      yield Buffer.from('data: {"jsonrpc":"2.0","id":"p","method":"ping"}\n\n')
      await pong.passed
      yield Buffer.from('data: {"jsonrpc":"2.0","id":0,"result":{}}\n\n')
    }
    const { request, say, sent, writer } = setUp((one) => {
      if (methodOf(one) === 'initialize')
        return respond(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 's' }, body())
      pong.open()
      return respond(202)
    })
    void request(0, 'initialize')
    void request(1)
    await writer.whenWritten(1)
    await say({ jsonrpc: '2.0', id: 'p', result: {} })
    expect(sent[1]?.body).toBe('{"jsonrpc":"2.0","id":"p","result":{}}')
    expect(sent[1]?.headers['mcp-session-id']).toBe('s')
    await writer.whenWritten(2)
    expect(parse(writer.lines[1] ?? '').id).toBe(0)
  })

  test('that follows initialized waits until the server has accepted it', async () => {
    const gate = createGate()
    const { request, say, sent, writer, methods } = setUp(async (one) => {
      if (methodOf(one) === 'notifications/initialized') await gate.passed
      return ok(one)
    })
    void request(0, 'initialize')
    void say(initialized)
    void request(1)
    await writer.whenWritten(1)
    await settled()
    expect(methods()).toEqual(['initialize', 'notifications/initialized'])
    gate.open()
    await writer.whenWritten(2)
    expect(sent.find((one) => one.body.includes('tools/call'))?.headers['mcp-session-id']).toBe('s')
  })

  test('is still sent when initialize has failed', async () => {
    const { request, writer } = setUp((sent) => (methodOf(sent) === 'initialize' ? respond(500) : ok(sent)))
    void request(0, 'initialize')
    void request(1)
    await writer.whenWritten(2)
    expect(writer.lines.map((line) => parse(line).id)).toEqual([0, 1])
  })
})

describe('a failure', () => {
  test('is an error answer to the request’s own id', async () => {
    const { say, writer, log } = setUp(() => Promise.reject(new BridgeError('server_timeout')))
    void say('{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/call"}')
    await writer.whenWritten(1)
    expect(writer.lines[0]).toMatch(/^\{"jsonrpc":"2.0","id":12345678901234567890,"error":\{"code":1402,/)
    expect(log.entries).toMatchObject([{ level: 'warn', fields: { code: 'server_timeout', method: 'tools/call' } }])
  })

  test('of an unexpected kind is an internal error and does not end the bridge', async () => {
    const { request, writer } = setUp(() => Promise.reject(new TypeError('x is not a function')))
    void request(1)
    void request(2)
    await writer.whenWritten(2)
    expect(writer.lines.map((line) => parse(line).error?.data.code)).toEqual(['internal', 'internal'])
  })

  test('of a notification is logged and never answered', async () => {
    const { say, writer, log } = setUp(() => respond(500))
    void say({ jsonrpc: '2.0', method: 'notifications/cancelled' })
    await settled()
    expect(writer.lines).toEqual([])
    expect(log.entries).toHaveLength(1)
  })

  test('in a batch is answered only for the ids that are still open', async () => {
    const { say, writer } = setUp(() =>
      respond(200, { 'content-type': 'text/event-stream' }, 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'),
    )
    void say(
      '[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"},{"jsonrpc":"2.0","method":"c"}]',
    )
    await writer.whenWritten(2)
    await settled()
    expect(writer.lines.map((line) => [parse(line).id, parse(line).error === undefined])).toEqual([
      [1, true],
      [2, false],
    ])
  })
})

describe('a line that is not a message', () => {
  test('is answered with the id at its top level, and nothing is sent', async () => {
    const { say, writer, sent } = setUp(ok)
    void say('{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{')
    await writer.whenWritten(1)
    expect(parse(writer.lines[0] ?? '')).toMatchObject({ id: 'x', error: { data: { code: 'invalid_protocol' } } })
    expect(sent).toEqual([])
  })

  test('without an id is only logged', async () => {
    const { say, writer, log } = setUp(ok)
    void say('hello')
    await settled()
    expect(writer.lines).toEqual([])
    expect(log.entries).toMatchObject([{ fields: { code: 'invalid_protocol' } }])
  })

  test.each(['', ' ', '\r', ' \t\r'])('but blank (%j) is ignored', async (blank) => {
    const { say, writer, log } = setUp(ok)
    void say(blank)
    await settled()
    expect([writer.lines, log.entries]).toEqual([[], []])
  })

  test('because it was too long is answered too', async () => {
    const { relay, writer } = setUp(ok)
    relay.tooLong(Buffer.from('{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"x":"xxxx'))
    await writer.whenWritten(1)
    expect(parse(writer.lines[0] ?? '')).toMatchObject({ id: 3, error: { data: { code: 'message_too_large' } } })
  })
})

describe('a notification whose response is a stream that goes on', () => {
  const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }

  test('holds back no other one, and no cancellation', async () => {
    const { request, say, sent, methods } = setUp((one) => {
      if (methodOf(one)?.startsWith('notifications/')) return leftOpen([])
      if (methodOf(one) !== 'tools/call') return ok(one)
      return new Promise((_, reject) => one.signal?.addEventListener('abort', () => reject(one.signal?.reason)))
    })
    void request(0, 'initialize')
    void say(initialized)
    void say(progress)
    void request(1)
    await settled()
    void say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
    await settled()
    expect(methods().filter((method) => method?.startsWith('notifications/'))).toEqual([
      'notifications/initialized',
      'notifications/progress',
      'notifications/cancelled',
    ])
    expect(sent.find((one) => methodOf(one) === 'tools/call')?.signal?.aborted).toBe(true)
  })

  test('opens the standing stream when the server has taken it, and what it says there is heard', async () => {
    const note = { jsonrpc: '2.0', method: 'notifications/message', params: {} }
    const { request, say, methods, writer } = setUp((one) =>
      methodOf(one) === 'notifications/initialized' ? leftOpen([note]) : ok(one),
    )
    void request(0, 'initialize')
    void say(initialized)
    await writer.whenWritten(2)
    await settled()
    expect(methods()).toEqual(['initialize', 'notifications/initialized', 'GET'])
    expect(parse(writer.lines[1] ?? '')).toEqual(note)
  })
})

describe('the standing stream', () => {
  test('is opened once, after initialized', async () => {
    const { request, say, methods, writer } = setUp(ok)
    void request(0, 'initialize')
    await writer.whenWritten(1)
    await settled()
    expect(methods()).toEqual(['initialize'])
    void say(initialized)
    void say(initialized)
    await settled()
    expect(methods().filter((method) => method === 'GET')).toHaveLength(1)
  })
})

describe('the end', () => {
  test('waits for answers on their way, then deletes the session and flushes', async () => {
    const gate = createGate<HttpResponse>()
    const { relay, request, writer, methods } = setUp((sent) =>
      parse(sent.body || '{}').id === 1 ? gate.passed : ok(sent),
    )
    void request(0, 'initialize')
    await writer.whenWritten(1)
    void request(1)
    const closing = relay.close(1_000)
    await settled()
    expect(methods()).not.toContain('DELETE')
    gate.open(json({ jsonrpc: '2.0', id: 1, result: {} }))
    await closing
    expect(writer.lines).toHaveLength(2)
    expect(methods().at(-1)).toBe('DELETE')
    expect(writer.flushed).toBe(true)
  })

  test('aborts what is not answered within the grace, without an answer of its own', async () => {
    const { relay, request, writer, sent, clock } = setUp(
      ({ signal }) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    )
    void request(1)
    await settled()
    const closing = relay.close(1_000)
    await clock.whenSleeping(1)
    clock.advance(999)
    await settled()
    expect(sent[0]?.signal?.aborted).toBe(false)
    clock.advance(1)
    await closing
    await settled()
    expect(sent[0]?.signal?.aborted).toBe(true)
    expect(writer.lines).toEqual([])
  })

  test('deletes no session if there is none', async () => {
    const { relay, methods } = setUp(ok)
    await relay.close(0)
    expect(methods()).toEqual([])
  })

  test('does not fail if the session cannot be deleted', async () => {
    const { relay, request, writer } = setUp((sent) =>
      sent.method === 'DELETE' ? Promise.reject(new BridgeError('server_unreachable')) : ok(sent),
    )
    void request(0, 'initialize')
    await writer.whenWritten(1)
    await expect(relay.close(1_000)).resolves.toBeUndefined()
    expect(writer.flushed).toBe(true)
  })

  test('ends the standing stream', async () => {
    let streamSignal: AbortSignal | undefined
    const { relay, request, say } = setUp((sent) => {
      if (sent.method !== 'GET') return ok(sent)
      streamSignal = sent.signal
      return new Promise((_, reject) => sent.signal?.addEventListener('abort', () => reject(sent.signal?.reason)))
    })
    void request(0, 'initialize')
    void say(initialized)
    await settled()
    await relay.close(1_000)
    expect(streamSignal?.aborted).toBe(true)
  })
})

describe('a request that the host cancels', () => {
  const cancel = (id: number) => ({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } })

  test('is first reported to the server, then its HTTP request is aborted, and the host gets no answer', async () => {
    const gate = createGate()
    const { request, say, sent, writer, methods } = setUp(async (one) => {
      if (methodOf(one) === 'notifications/cancelled') await gate.passed
      if (methodOf(one) !== 'tools/call') return ok(one)
      return new Promise((_, reject) => one.signal?.addEventListener('abort', () => reject(one.signal?.reason)))
    })
    void request(1)
    await settled()
    void say(cancel(1))
    await settled()
    expect(methods()).toEqual(['tools/call', 'notifications/cancelled'])
    expect(sent[0]?.signal?.aborted).toBe(false)
    gate.open()
    await settled()
    expect(sent[0]?.signal?.aborted).toBe(true)
    expect(writer.lines).toEqual([])
  })

  test('is exactly that one, where JavaScript reads the ids of two as one number', async () => {
    const gates = [createGate<HttpResponse>(), createGate<HttpResponse>()]
    let calls = 0
    const { say, sent, writer } = setUp((one) =>
      methodOf(one) === 'tools/call' ? (gates[calls++]?.passed ?? respond(500)) : ok(one),
    )
    const ids = ['1764235200000000001', '1764235200000000002'] as const
    for (const id of ids) void say(`{"jsonrpc":"2.0","id":${id},"method":"tools/call"}`)
    await settled()
    void say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${ids[1]}}}`)
    await settled()
    expect(sent.slice(0, 2).map(({ signal }) => signal?.aborted)).toEqual([false, true])
    gates[0]?.open(respond(200, { 'content-type': 'application/json' }, `{"jsonrpc":"2.0","id":${ids[0]},"result":{}}`))
    await writer.whenWritten(1)
    expect(writer.lines).toEqual([`{"jsonrpc":"2.0","id":${ids[0]},"result":{}}`])
  })

  test('before it was sent is never sent, and neither is the cancellation', async () => {
    const { request, say, methods } = setUp(ok)
    void request(1)
    void say(cancel(1))
    await settled()
    expect(methods()).toEqual([])
  })

  test('and is answered nevertheless gets no answer to the host', async () => {
    const gate = createGate<HttpResponse>()
    const { request, say, writer, log } = setUp((one) => (methodOf(one) === 'tools/call' ? gate.passed : ok(one)))
    void request(1)
    await settled()
    void say(cancel(1))
    gate.open(json({ jsonrpc: '2.0', id: 1, result: {} }))
    await settled()
    expect([writer.lines, log.entries.filter(({ level }) => level === 'warn')]).toEqual([[], []])
  })

  test('does not delay the end', async () => {
    const { relay, request, say } = setUp((one) =>
      methodOf(one) === 'tools/call' ? new Promise<HttpResponse>(() => undefined) : ok(one),
    )
    void request(1)
    await settled()
    void say(cancel(1))
    await settled()
    await relay.close(1_000)
  })
})

test('an end during the acceptance of initialized opens no stream afterwards', async () => {
  const gate = createGate()
  const { relay, request, say, writer, methods } = setUp(async (one) => {
    if (methodOf(one) === 'notifications/initialized') await gate.passed
    return ok(one)
  })
  void request(0, 'initialize')
  void say(initialized)
  await writer.whenWritten(1)
  await settled()
  const closing = relay.close(1_000)
  gate.open()
  await closing
  await settled()
  expect(methods()).toEqual(['initialize', 'notifications/initialized', 'DELETE'])
})

test('a host that does not read does not delay the end', async () => {
  const { relay, writer, clock } = setUp(ok)
  writer.flush = () => new Promise(() => undefined)
  const closing = relay.close(0)
  await settled()
  clock.advance(500)
  await closing
})
