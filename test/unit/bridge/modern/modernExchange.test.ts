// One request to a server of MCP 2026-07-28: what is posted, what comes back, and what is asked again.
import { describe, expect, test } from 'vitest'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createModernExchange } from '../../../../src/bridge/modern/modernExchange.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { Cause, HttpResponse } from '../../../../src/ports.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { type Body, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend, type Sent } from '../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const META =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
const message = (text: string) => parseMessage(Buffer.from(text)) as Message
const asked = (method: string, params = '', id = '7') =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{${params === '' ? '' : `${params},`}${META}}}`
const CALL = asked('tools/call', '"name":"greet"')
const LISTEN = asked('subscriptions/listen', '"notifications":{"toolsListChanged":true}')
const RESULT = '{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","n":12345678901234567890}}'

type Answer = (sent: Sent, index: number) => HttpResponse | Promise<HttpResponse>

function setUp(answer: Answer, { limit = 10_000 } = {}) {
  const { send, sent } = createFakeSend(answer)
  const inFlight = createInFlight()
  const clock = createHurryingClock()
  const log = createFakeLogger()
  const exchange = createModernExchange({ send, inFlight, clock, log, limit, timeoutMs: 60_000 })
  const delivered: string[] = []
  const begin = (text: string, cause?: Cause) => {
    const pending = inFlight.begin(message(text), cause)
    const done = exchange(pending, async ({ bytes }) => void delivered.push(Buffer.from(bytes).toString('utf8')))
    return { pending, done: done.finally(() => inFlight.end(pending)) }
  }
  return { run: (text: string) => begin(text).done, begin, sent, delivered, inFlight, clock }
}

const stream = (body: Body) => respond(200, { 'content-type': 'text/event-stream' }, body)
const json = (text: string, status = 200, headers = {}) =>
  respond(status, { 'content-type': 'application/json', ...headers }, text)
const idOf = ({ body }: Sent) => (JSON.parse(body) as { id: unknown }).id
const cut = () => new BridgeError('server_unreachable')

describe('the request', () => {
  test('is a POST of the host’s own bytes with the headers of the revision, and none of a session', async () => {
    const { run, sent } = setUp(() => json(RESULT))
    await run(CALL)
    expect(sent).toHaveLength(1)
    expect(sent[0]).toMatchObject({ method: 'POST', body: CALL, cause: 'call', idleMs: undefined })
    expect(sent[0]?.headers).toEqual({
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'greet',
    })
  })

  test('carries no session id, whatever an answer before it has set', async () => {
    const { run, sent } = setUp(() => json(RESULT, 200, { 'mcp-session-id': 'abc' }))
    await run(CALL)
    await run(CALL)
    expect(Object.keys(sent[1]?.headers ?? {})).not.toContain('mcp-session-id')
    expect(sent.map(({ method }) => method)).toEqual(['POST', 'POST'])
  })

  test('waits as long as a busy server asks for', async () => {
    const { run, sent, clock } = setUp((_, index) =>
      index === 0 ? respond(429, { 'retry-after': '2' }) : json(RESULT),
    )
    await run(CALL)
    expect(sent).toHaveLength(2)
    expect(clock.sleeps).toContain(2_000)
  })
})

describe('an answer', () => {
  test('in JSON is delivered unchanged', async () => {
    const { run, delivered } = setUp(() => json(RESULT))
    await run(CALL)
    expect(delivered).toEqual([RESULT])
  })

  test('in a stream follows what the server says before it', async () => {
    const note = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}'
    const { run, delivered } = setUp(() => stream(`data: ${note}\n\ndata: ${RESULT}\n\n`))
    await run(CALL)
    expect(delivered).toEqual([note, RESULT])
  })

  test.each([400, 404, 500])('with status %d and the id of the request is an answer', async (status) => {
    const error = '{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no such method"}}'
    const { run, delivered } = setUp(() => json(error, status))
    await run(CALL)
    expect(delivered).toEqual([error])
  })

  test.each([
    ['no id', ''],
    ['the id null', '"id":null,'],
    ['an id of nobody', '"id":"server-error",'],
  ])('of the protocol with %s gets the id of the request', async (_, id) => {
    const error = `{"jsonrpc":"2.0",${id}"error":{"code":-32022,"message":"no","data":{"supported":["2027-01-01"]}}}`
    const { run, delivered } = setUp(() => json(error, 400))
    await run(CALL)
    expect(delivered.map((text) => JSON.parse(text) as unknown)).toEqual([{ ...JSON.parse(error), id: 7 }])
  })

  test('that is an error of no revision, and of no request, is an error in words', async () => {
    const error = '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: no session"}}'
    const { run, delivered } = setUp(() => json(error, 400))
    const thrown = await errorOf(run(CALL))
    expect(thrown).toMatchObject({ code: 'server_error', details: { status: 400 } })
    expect(thrown.message).toContain('no session')
    expect(delivered).toEqual([])
  })

  test.each([
    ['a request', '{"jsonrpc":"2.0","id":"s","method":"sampling/createMessage"}'],
    ['a ping', '{"jsonrpc":"2.0","id":1,"method":"ping"}'],
    ['a batch', `[${RESULT}]`],
  ])('is invalid where the server sends %s', async (_, odd) => {
    const { run, delivered, sent } = setUp(() => stream(`data: ${odd}\n\ndata: ${RESULT}\n\n`))
    expect(await codeOf(run(CALL))).toBe('invalid_protocol')
    expect(delivered).toEqual([])
    expect(sent).toHaveLength(1)
  })

  test('is not looked for by Last-Event-ID where the stream ended too early', async () => {
    const { run, sent } = setUp(() => stream('id: 5\ndata:\n\n'))
    expect(await codeOf(run(CALL))).toBe('outcome_unknown')
    expect(sent.map(({ method }) => method)).toEqual(['POST'])
  })

  test('is given up with the request', async () => {
    const gate = createGate<HttpResponse>()
    const { begin, sent } = setUp(({ signal }) => {
      signal?.addEventListener('abort', () => gate.fail(signal.reason))
      return gate.passed
    })
    const { pending, done } = begin(CALL)
    await settled()
    expect(sent[0]?.signal?.aborted).toBe(false)
    const reason = new Error('The host has cancelled the request.')
    pending.abort(reason)
    await expect(done).rejects.toBe(reason)
  })
})

describe('after a broken connection', () => {
  test.each(['tools/list', 'prompts/get', 'resources/read', 'completion/complete', 'server/discover'])(
    '%s is asked again under a new id, and the host gets the answer under its own',
    async (method) => {
      const { run, sent, delivered } = setUp((one, index) => {
        if (index === 0) throw cut()
        return json(RESULT.replace('7', JSON.stringify(idOf(one))))
      })
      await run(asked(method))
      expect(sent).toHaveLength(2)
      expect(idOf(sent[1] as Sent)).toMatch(/^mcp-oauth-bridge-/)
      expect(sent[1]?.body.replace(JSON.stringify(idOf(sent[1] as Sent)), '7')).toBe(asked(method))
      expect(delivered).toEqual([RESULT])
    },
  )

  test.each(['12345678901234567890', '"mcp-oauth-bridge-1"', '"\\ud800"', '-0', '1.5e3'])(
    'the id %s comes back as it was',
    async (id) => {
      const { run, delivered } = setUp((one, index) => {
        if (index === 0) throw cut()
        return json(RESULT.replace('7', JSON.stringify(idOf(one))))
      })
      await run(asked('tools/list', '', id))
      expect(delivered).toEqual([RESULT.replace('7', message(asked('tools/list', '', id)).asks[0] ?? '')])
    },
  )

  test('an error, too, comes back under the id of the host', async () => {
    const { run, delivered } = setUp((one, index) => {
      if (index === 0) throw cut()
      return json(`{"jsonrpc":"2.0","id":${JSON.stringify(idOf(one))},"error":{"code":-32602,"message":"no"}}`, 400)
    })
    await run(asked('resources/read', '"uri":"a:b"'))
    expect(delivered).toEqual(['{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no"}}'])
  })

  test('a call is not made again, and the host hears that its outcome is unknown', async () => {
    const { run, sent } = setUp(() => Promise.reject(cut()))
    expect(await codeOf(run(CALL))).toBe('outcome_unknown')
    expect(sent).toHaveLength(1)
  })

  test('a call of a tool that the server lists as read-only is made again', async () => {
    const tools = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"greet","annotations":{"readOnlyHint":true}}]}}'
    const { run, sent, delivered } = setUp((one, index) => {
      if (index === 0) return json(tools)
      if (index === 1) throw cut()
      return json(RESULT.replace('7', JSON.stringify(idOf(one))))
    })
    await run(asked('tools/list', '', '1'))
    await run(CALL)
    expect(sent).toHaveLength(3)
    expect(delivered[1]).toBe(RESULT)
  })

  test('an answer that comes after the host has cancelled is not delivered', async () => {
    const gate = createGate<HttpResponse>()
    const { begin, inFlight, sent, delivered } = setUp((_, index) => {
      if (index === 0) throw cut()
      return gate.passed
    })
    const { done } = begin(asked('tools/list'))
    for (let turns = 0; sent.length < 2 && turns < 100; turns++) await settled()
    inFlight.cancel('7')
    gate.open(json(RESULT.replace('7', JSON.stringify(idOf(sent[1] as Sent)))))
    await done
    expect(delivered).toEqual([])
  })
})

describe('a listen stream', () => {
  const ACK =
    '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7},"notifications":{"toolsListChanged":true}}}'
  const CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

  test('has no bound on silence, and its request is finished once it is acknowledged', async () => {
    const gate = createGate()
    async function* body() {
      yield Buffer.from(`data: ${ACK}\n\n`)
      await gate.passed
      yield Buffer.from(`data: ${CHANGED}\n\n`)
      yield Buffer.from(`data: ${RESULT}\n\n`)
    }
    const { begin, sent, inFlight, delivered } = setUp(() => stream(body()))
    const { pending, done } = begin(LISTEN)
    await pending.done
    await inFlight.idle()
    expect(sent[0]).toMatchObject({ idleMs: 0 })
    expect(delivered).toEqual([ACK])
    gate.open()
    await done
    expect(delivered).toEqual([ACK, CHANGED, RESULT])
  })

  test('that breaks is an error, and is not opened again here', async () => {
    async function* body() {
      yield Buffer.from(`data: ${ACK}\n\n`)
      throw cut()
    }
    const { run, sent } = setUp(() => stream(body()))
    expect(await codeOf(run(LISTEN))).toBe('server_unreachable')
    expect(sent).toHaveLength(1)
  })
})

describe('headers that the server refuses', () => {
  const MISMATCH = '{"jsonrpc":"2.0","id":7,"error":{"code":-32020,"message":"Mcp-Name header is missing"}}'

  test.each([MISMATCH, MISMATCH.replace('7', 'null'), MISMATCH.replace('"id":7,', '')])(
    'are an error in words: %s',
    async (text) => {
      const { run, delivered, sent } = setUp(() => json(text, 400))
      const thrown = await errorOf(run(asked('tools/list')))
      expect(thrown).toMatchObject({ code: 'headers_stripped' })
      expect(thrown.message).toContain('Mcp-Name header is missing')
      expect(delivered).toEqual([])
      expect(sent).toHaveLength(1)
    },
  )
})
