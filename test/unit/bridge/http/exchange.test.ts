// One message, one POST, and every kind of answer a server may give.
import { describe, expect, test } from 'vitest'
import { createExchange } from '../../../../src/bridge/http/exchange.ts'
import type { Send } from '../../../../src/bridge/http/send.ts'
import { createInFlight, type InFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createSession, type Session } from '../../../../src/bridge/session/session.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { type Body, json, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeSend, type Sent } from '../../../fakes/fakeSend.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const message = (text: string) => parseMessage(Buffer.from(text)) as Message
const CALL = message('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}')
const NOTE = message('{"jsonrpc":"2.0","method":"notifications/cancelled"}')
const RESULT = '{"jsonrpc":"2.0","id":7,"result":{"n":12345678901234567890}}'

function exchangeOf(send: Send, session: Session, inFlight: InFlight, limit = 10_000) {
  const clock = createHurryingClock()
  const renew = () => Promise.reject(new Error('no session is made again here'))
  return createExchange({ send, session, inFlight, clock, limit, timeoutMs: 60_000, renew }).exchange
}

function setUp(answer: (sent: Sent, index: number) => HttpResponse | Promise<HttpResponse>, limit = 10_000) {
  const { send, sent } = createFakeSend(answer)
  const session = createSession()
  const inFlight = createInFlight()
  const exchange = exchangeOf(send, session, inFlight, limit)
  const delivered: string[] = []
  const run = (one: Message, reason?: unknown) => {
    const pending = inFlight.begin(one)
    if (reason !== undefined) pending.abort(reason)
    return exchange(pending, async ({ bytes }) => void delivered.push(Buffer.from(bytes).toString('utf8')))
  }
  return { run, sent, session, delivered }
}

const stream = (body: Body) => respond(200, { 'content-type': 'text/event-stream' }, body)
const jsonText = (text: string, status = 200) => respond(status, { 'content-type': 'application/json' }, text)

describe('the request', () => {
  test('is a POST of the host’s own bytes that accepts both kinds of answer', async () => {
    const { run, sent } = setUp(() => jsonText(RESULT))
    await run(CALL)
    expect(sent).toHaveLength(1)
    expect(sent[0]?.method).toBe('POST')
    expect(sent[0]?.body).toBe(Buffer.from(CALL.bytes).toString('utf8'))
    expect(sent[0]?.headers).toEqual({
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    })
  })

  test.each([
    ['tools/call', 'call'],
    ['prompts/get', 'call'],
    ['resources/read', 'call'],
    ['completion/complete', 'call'],
    ['initialize', 'start'],
    ['tools/list', 'start'],
    ['ping', 'background'],
  ])('%s is sent because of a %s', async (method, cause) => {
    const { run, sent } = setUp(() => jsonText(RESULT))
    await run(message(JSON.stringify({ jsonrpc: '2.0', id: 7, method })))
    expect(sent[0]?.cause).toBe(cause)
  })

  test('carries session id and version once they are known', async () => {
    const first = '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}'
    const { run, sent } = setUp((_, index) =>
      index === 0
        ? respond(200, { 'content-type': 'application/json', 'mcp-session-id': 'abc' }, first)
        : jsonText(RESULT),
    )
    await run(message('{"jsonrpc":"2.0","id":1,"method":"initialize"}'))
    await run(CALL)
    expect(sent[1]?.headers).toMatchObject({ 'mcp-session-id': 'abc', 'mcp-protocol-version': '2025-11-25' })
  })

  test('that resumes the stream of initialize names the session that has begun with it', async () => {
    const headers = { 'content-type': 'text/event-stream', 'mcp-session-id': 'abc' }
    const { run, sent, delivered } = setUp((_, index) =>
      index === 0 ? respond(200, headers, 'id: x\ndata:\n\n') : stream(`data: ${RESULT}\n\n`),
    )
    await run(message('{"jsonrpc":"2.0","id":7,"method":"initialize"}'))
    expect(sent[1]).toMatchObject({ method: 'GET', headers: { 'last-event-id': 'x', 'mcp-session-id': 'abc' } })
    expect(delivered).toEqual([RESULT])
  })

  test('is aborted when the signal aborts', async () => {
    const reason = new BridgeError('server_unreachable')
    const { run } = setUp(({ signal }) => Promise.reject(signal?.reason))
    await expect(run(CALL, reason)).rejects.toBe(reason)
  })
})

describe('an answer', () => {
  test('in JSON is delivered unchanged', async () => {
    const { run, delivered } = setUp(() => jsonText(RESULT))
    await run(CALL)
    expect(delivered).toEqual([RESULT])
  })

  test('in JSON may arrive in pieces and with parameters in its type', async () => {
    const { run, delivered } = setUp(() =>
      respond(200, { 'content-type': 'Application/JSON; charset=utf-8' }, [RESULT.slice(0, 9), RESULT.slice(9)]),
    )
    await run(CALL)
    expect(delivered).toEqual([RESULT])
  })

  test('in a stream is delivered after the server’s earlier messages', async () => {
    const note = '{"jsonrpc":"2.0","method":"notifications/progress"}'
    const ask = '{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage"}'
    const { run, delivered } = setUp(() =>
      stream(`id: 1\ndata:\n\ndata: ${note}\n\ndata: ${ask}\n\ndata: ${RESULT}\n\n`),
    )
    await run(CALL)
    expect(delivered).toEqual([note, ask, RESULT])
  })

  test('in a stream excludes events of other types', async () => {
    const { run, delivered } = setUp(() => stream(`event: ping\ndata: x\n\nevent: message\ndata: ${RESULT}\n\n`))
    await run(CALL)
    expect(delivered).toEqual([RESULT])
  })

  test('to a batch may arrive one by one', async () => {
    const batch = message('[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":"b","method":"b"}]')
    const one = '{"jsonrpc":"2.0","id":"b","result":{}}'
    const two = '{"jsonrpc":"2.0","id":1,"result":{}}'
    const { run, delivered } = setUp(() => stream(`data: ${one}\n\ndata: ${two}\n\n`))
    await run(batch)
    expect(delivered).toEqual([one, two])
  })

  test('to a batch may arrive as a batch', async () => {
    const batch = message('[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"}]')
    const both = '[{"jsonrpc":"2.0","id":2,"result":{}},{"jsonrpc":"2.0","id":1,"result":{}}]'
    const { run, delivered } = setUp(() => jsonText(both))
    await run(batch)
    expect(delivered).toEqual([both])
  })

  test('that is an error of the server with an error status is delivered', async () => {
    const error = '{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no"}}'
    const { run, delivered } = setUp(() => jsonText(error, 400))
    await run(CALL)
    expect(delivered).toEqual([error])
  })

  test.each([202, 200, 204])('to a notification is empty; its body is discarded with status %i', async (status) => {
    const response = respond(status)
    const { run, delivered } = setUp(() => response)
    await run(NOTE)
    expect(delivered).toEqual([])
    expect(response.discarded).toBe(true)
  })

  test('to the host’s own response is empty', async () => {
    const { run, delivered } = setUp(() => respond(202))
    await run(message('{"jsonrpc":"2.0","id":"s1","result":{}}'))
    expect(delivered).toEqual([])
  })
})

describe('something that is not an answer', () => {
  test.each([
    ['a web page', respond(200, { 'content-type': 'text/html' }, '<html>'), 'invalid_protocol'],
    ['no content type', respond(200, {}, '{}'), 'invalid_protocol'],
    ['202 without a body', respond(202), 'invalid_protocol'],
    ['broken JSON', jsonText('{"jsonrpc"'), 'invalid_protocol'],
    ['JSON that is no message', jsonText('{"ok":true}'), 'invalid_protocol'],
    ['the answer to another id', jsonText('{"jsonrpc":"2.0","id":8,"result":{}}'), 'invalid_protocol'],
    ['the same id as text', jsonText('{"jsonrpc":"2.0","id":"7","result":{}}'), 'invalid_protocol'],
    ['a stream that ends too soon', stream('data: {"jsonrpc":"2.0","method":"a"}\n\n'), 'server_unreachable'],
    ['a stream cut in the answer', stream(`data: ${RESULT.slice(0, -1)}`), 'server_unreachable'],
    ['an event that is no message', stream('data: hello\n\n'), 'invalid_protocol'],
    ['500', respond(500, {}, 'oops'), 'server_error'],
    ['404', respond(404), 'server_error'],
    ['403', respond(403, {}, 'no'), 'forbidden'],
    ['429', respond(429), 'server_error'],
    [
      'an error for no id',
      jsonText('{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}', 400),
      'server_error',
    ],
  ])('%s is an error', async (_, response, code) => {
    const { run, delivered } = setUp(() => response)
    expect((await errorOf(run(CALL))).code).toBe(code)
    expect(delivered.filter((line) => line.includes('"result"'))).toEqual([])
  })

  test('a second answer to the same id is not delivered, and does no harm', async () => {
    const { run, delivered } = setUp(() => stream(`data: ${RESULT}\n\ndata: ${RESULT}\n\n`))
    await run(CALL)
    expect(delivered).toEqual([RESULT])
  })

  test('is reported with what the server said, quoted and without terminal controls', async () => {
    const { run } = setUp(() => respond(502, {}, '\u001b[31mbad\u202egateway\n'))
    const error = await errorOf(run(CALL))
    expect(error.message).toContain('502')
    expect(error.message).toContain('bad gateway')
    expect(error.details).toEqual({ status: 502 })
  })

  test.each([
    ['JSON', () => jsonText(`{"jsonrpc":"2.0","id":7,"result":"${'x'.repeat(200)}"}`)],
    ['a stream', () => stream(`data: {"jsonrpc":"2.0","id":7,"result":"${'x'.repeat(200)}"}\n\n`)],
  ])('%s over the limit is too large', async (_, answer) => {
    const { run } = setUp(answer, 100)
    expect((await errorOf(run(CALL))).code).toBe('message_too_large')
  })

  test('a body that breaks off passes its error on', async () => {
    const error = new BridgeError('server_unreachable')
    async function* broken() {
      yield Buffer.from('{"jsonrpc":')
      throw error
    }
    const { run } = setUp(() => respond(200, { 'content-type': 'application/json' }, broken()))
    await expect(run(CALL)).rejects.toBe(error)
  })

  test('of a failed notification is thrown for the log', async () => {
    const { run } = setUp(() => respond(500))
    expect((await errorOf(run(NOTE))).code).toBe('server_error')
  })
})

test('a slow host pauses the stream: the next event is read after delivery', async () => {
  const order: string[] = []
  async function* events() {
    for (const name of ['a', 'b']) {
      order.push(`read ${name}`)
      yield Buffer.from(`data: {"jsonrpc":"2.0","method":"${name}"}\n\n`)
    }
    yield Buffer.from(`data: ${RESULT}\n\n`)
  }
  const { send } = createFakeSend(() => stream(events()))
  const inFlight = createInFlight()
  const exchange = exchangeOf(send, createSession(), inFlight)
  await exchange(inFlight.begin(CALL), async ({ method }) => {
    await new Promise((resolve) => setImmediate(resolve))
    order.push(`delivered ${method ?? 'result'}`)
  })
  expect(order).toEqual(['read a', 'delivered a', 'read b', 'delivered b', 'delivered result'])
})

test('an answer with status 200 and an error object is delivered like any other', async () => {
  const { run, delivered } = setUp(() => json({ jsonrpc: '2.0', id: 7, error: { code: 1, message: 'x' } }))
  await run(CALL)
  expect(delivered).toHaveLength(1)
})

test('an answer on the stream of another request changes nothing of what that asked for', async () => {
  const { send } = createFakeSend(({ body }) =>
    body.includes('setLevel')
      ? stream(
          'data: {"jsonrpc":"2.0","id":7,"result":{}}\n\ndata: {"jsonrpc":"2.0","id":8,"error":{"code":1,"message":"no"}}\n\n',
        )
      : stream(unending()),
  )
  const session = createSession()
  const inFlight = createInFlight()
  const exchange = exchangeOf(send, session, inFlight)
  const call = inFlight.begin(CALL)
  const calling = exchange(call, async () => undefined).catch(() => undefined)
  const setLevel = message('{"jsonrpc":"2.0","id":8,"method":"logging/setLevel","params":{"level":"info"}}')
  await exchange(inFlight.begin(setLevel), async () => undefined)
  expect(session.kept).toEqual([])
  await calling
})

async function* unending(): AsyncGenerator<Uint8Array> {
  await Promise.reject(new BridgeError('server_unreachable'))
  yield Buffer.alloc(0)
}
