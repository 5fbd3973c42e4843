// Parameters that are headers too: known from the list of this run, from the one before, or from one that is asked for when the server refuses.
import { describe, expect, test } from 'vitest'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createModernExchange } from '../../../../src/bridge/modern/modernExchange.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse, KnownAnswers } from '../../../../src/ports.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { json, leftOpen, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend, type Sent } from '../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'scripted', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
}
const OWN = { traceparent: '00-1-2-3', progressToken: 5 }
const message = (value: unknown) => parseMessage(Buffer.from(JSON.stringify(value))) as Message
const call = (id: number, name = 'query') =>
  message({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: { region: 'eu' }, _meta: { ...META, ...OWN } },
  })
const tool = (name: string, header: string) => ({
  name,
  inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': header } } },
})

interface Rpc {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: { readonly tools?: readonly { readonly name: string }[] }
}

type Answer = (sent: Sent, index: number) => HttpResponse | Promise<HttpResponse>

function setUp(answer: Answer, known?: KnownAnswers) {
  const { send, sent } = createFakeSend(answer)
  const inFlight = createInFlight()
  const log = createFakeLogger()
  const clock = createHurryingClock()
  const exchange = createModernExchange({ send, inFlight, clock, log, limit: 100_000, timeoutMs: 60_000, known })
  const delivered: Rpc[] = []
  const run = async (one: Message) => {
    const pending = inFlight.begin(one)
    try {
      await exchange(
        pending,
        async ({ bytes }) => void delivered.push(JSON.parse(Buffer.from(bytes).toString('utf8')) as Rpc),
      )
    } finally {
      inFlight.end(pending)
    }
  }
  const list = () => run(message({ jsonrpc: '2.0', id: 99, method: 'tools/list', params: { _meta: META } }))
  return { run, list, sent, delivered, log, inFlight, paths: () => sent.map(methodOf) }
}

const parse = ({ body }: Sent) => JSON.parse(body) as Rpc
const methodOf = (sent: Sent) => parse(sent).method
const result = (sent: Sent, value: object) =>
  json({ jsonrpc: '2.0', id: parse(sent).id, result: { resultType: 'complete', ...value } })
const mismatch = (sent: Sent) =>
  json({ jsonrpc: '2.0', id: parse(sent).id, error: { code: -32020, message: 'Mcp-Param-Region is missing' } }, 400)
const knownList = (tools: unknown): KnownAnswers => ({
  load: async (method) => (method === 'tools/list' ? { tools } : undefined),
  save: async () => undefined,
})

describe('a call', () => {
  test('carries the headers of the tools that the server listed in this run', async () => {
    const { run, list, sent } = setUp((one) => result(one, { tools: [tool('query', 'Region')] }))
    await list()
    await run(call(1))
    expect(sent[1]?.headers).toMatchObject({ 'mcp-name': 'query', 'mcp-param-region': 'eu' })
  })

  test('carries them also after another call was answered on the stream of the list', async () => {
    const { run, list, sent, inFlight, delivered } = setUp((one) => {
      if (methodOf(one) !== 'tools/list') return result(one, {})
      const texts = [
        { id: 99, result: { resultType: 'complete', tools: [tool('query', 'Region')] } },
        { id: 7, result: { resultType: 'complete', tools: [tool('query', 'Other')] } },
      ].map((answer) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...answer })}\n\n`)
      return respond(200, { 'content-type': 'text/event-stream' }, texts.join(''))
    })
    inFlight.begin(call(7))
    await list()
    expect(delivered.map(({ id }) => id)).toEqual([99, 7])
    await run(call(1))
    expect(sent[1]?.headers).toMatchObject({ 'mcp-param-region': 'eu' })
    expect(sent[1]?.headers).not.toHaveProperty('mcp-param-other')
  })

  test('carries those of the list that is remembered where there was none in this run', async () => {
    const { run, sent } = setUp((one) => result(one, {}), knownList([tool('query', 'Region')]))
    await run(call(1))
    expect(sent).toHaveLength(1)
    expect(sent[0]?.headers).toMatchObject({ 'mcp-param-region': 'eu' })
  })

  test('is made where what is remembered cannot be read', async () => {
    const known = { load: () => Promise.reject(new Error('locked')), save: async () => undefined }
    const { run, delivered } = setUp((one) => result(one, {}), known)
    await run(call(1))
    expect(delivered).toHaveLength(1)
  })

  test('believes the server’s list and not the one that is remembered', async () => {
    const given = createGate<unknown>()
    const known = { load: () => given.passed, save: async () => undefined }
    const { run, list, sent } = setUp((one) => result(one, { tools: [tool('query', 'Region')] }), known)
    const calling = run(call(1))
    await list()
    given.open({ tools: [tool('query', 'Old')] })
    await calling
    expect(Object.keys(sent[1]?.headers ?? {}).filter((name) => name.startsWith('mcp-param'))).toEqual([
      'mcp-param-region',
    ])
  })
})

test('a tool whose annotation is invalid is cut out of the answer to tools/list, whoever asked', async () => {
  const bad = {
    name: 'bad',
    inputSchema: { type: 'object', properties: { w: { type: 'number', 'x-mcp-header': 'W' } } },
  }
  const { list, delivered, log } = setUp((one) => result(one, { tools: [bad, tool('query', 'Region')] }))
  await list()
  expect(delivered[0]?.result?.tools?.map(({ name }) => name)).toEqual(['query'])
  expect(log.entries.filter(({ level }) => level === 'warn')).toHaveLength(1)
})

describe('a call whose headers the server refuses', () => {
  /** Refuses calls without the header, and lists one tool a page. */
  const strict: Answer = (sent) => {
    const { method, params } = parse(sent)
    if (method === 'tools/list')
      return params?.cursor === 'p"2'
        ? result(sent, { tools: [tool('query', 'Region')] })
        : result(sent, { tools: [tool('other', 'Other')], nextCursor: 'p"2' })
    return sent.headers['mcp-param-region'] === undefined ? mismatch(sent) : result(sent, { content: [] })
  }

  test('is made once more, after all tools were listed in the name of the host', async () => {
    const { run, sent, delivered, paths, inFlight } = setUp(strict)
    await run(call(1))
    expect(paths()).toEqual(['tools/call', 'tools/list', 'tools/list', 'tools/call'])
    expect(parse(sent[1] as Sent).id).toMatch(/^mcp-oauth-bridge-/)
    expect(parse(sent[1] as Sent).params).toEqual({ _meta: META })
    expect(parse(sent[2] as Sent).params).toEqual({ cursor: 'p"2', _meta: META })
    expect(sent[1]?.cause).toBe('background')
    expect(sent[3]?.body).toBe(sent[0]?.body)
    expect(delivered).toEqual([{ jsonrpc: '2.0', id: 1, result: { resultType: 'complete', content: [] } }])
    await inFlight.idle()
  })

  test('is made once more though the server leaves open the stream of its list', async () => {
    const { run, delivered, paths } = setUp((sent, index) => {
      if (methodOf(sent) !== 'tools/list') return strict(sent, index)
      const listed = { resultType: 'complete', tools: [tool('query', 'Region')] }
      return leftOpen([{ jsonrpc: '2.0', id: parse(sent).id, result: listed }])
    })
    await run(call(1))
    expect(paths()).toEqual(['tools/call', 'tools/list', 'tools/call'])
    expect(delivered.map(({ id }) => id)).toEqual([1])
  })

  test('is one of ten that have the tools listed once', async () => {
    const { run, delivered, paths } = setUp(strict)
    await Promise.all(Array.from({ length: 10 }, (_, id) => run(call(id))))
    expect(paths().filter((method) => method === 'tools/list')).toHaveLength(2)
    expect(delivered.filter(({ id, result }) => Number(id) < 10 && result)).toHaveLength(10)
  })

  test('is made again without another list if its refusal comes after the list that an earlier refusal led to', async () => {
    const gate = createGate()
    const { run, sent, delivered, paths } = setUp(async (one, index) => {
      // Both go before the tools are listed; the second refusal is on its way for longer.
      if (parse(one).id === 2 && sent.filter((other) => parse(other).id === 2).length === 1) await gate.passed
      return strict(one, index)
    })
    const late = run(call(2))
    await run(call(1))
    gate.open()
    await late
    expect(paths().filter((method) => method === 'tools/list')).toHaveLength(2)
    expect(delivered.filter(({ result }) => result).map(({ id }) => id)).toEqual([1, 2])
  })

  test('again ends in words, and nothing goes round and round', async () => {
    const { run, paths, delivered } = setUp((sent) =>
      methodOf(sent) === 'tools/list' ? result(sent, { tools: [tool('query', 'Region')] }) : mismatch(sent),
    )
    const thrown = await errorOf(run(call(1)))
    expect(thrown).toMatchObject({ code: 'headers_stripped' })
    expect(thrown.message).toContain('Mcp-Param-Region is missing')
    expect(thrown.hint).toMatch(/proxy/)
    expect(paths()).toEqual(['tools/call', 'tools/list', 'tools/call'])
    expect(delivered).toEqual([])
  })

  test('ends in the words of the refusal where the server does not list its tools', async () => {
    const { run, paths } = setUp((sent) => {
      if (methodOf(sent) === 'tools/list') throw new BridgeError('server_unreachable')
      return mismatch(sent)
    })
    expect((await errorOf(run(call(1)))).message).toContain('Mcp-Param-Region is missing')
    expect(paths()).toEqual(['tools/call', 'tools/list'])
  })

  test('is not made again once the host has given it up', async () => {
    const gate = createGate<HttpResponse>()
    const { run, paths, inFlight, sent } = setUp((one) =>
      methodOf(one) === 'tools/list' ? gate.passed : mismatch(one),
    )
    const done = run(call(1))
    await settled()
    const reason = new Error('The host has cancelled the request.')
    inFlight.cancel('1')?.abort(reason)
    gate.open(result(sent[1] as Sent, { tools: [tool('query', 'Region')] }))
    await expect(done).rejects.toBe(reason)
    expect(paths()).toEqual(['tools/call', 'tools/list'])
  })

  test('hands on what the server says there to another call', async () => {
    const { run, delivered, inFlight } = setUp((one) => {
      if (one.headers['mcp-param-region'] !== undefined) return result(one, {})
      if (methodOf(one) !== 'tools/list') return mismatch(one)
      const other = { jsonrpc: '2.0', id: 7, result: { resultType: 'complete' } }
      const own = { jsonrpc: '2.0', id: parse(one).id, result: { tools: [tool('query', 'Region')] } }
      return leftOpen([other, own])
    })
    inFlight.begin(call(7))
    await run(call(1))
    expect(delivered.map(({ id }) => id)).toEqual([7, 1])
  })

  test('ends in words where the server lists pages without an end', async () => {
    const { run, paths } = setUp((sent) =>
      methodOf(sent) === 'tools/list' ? result(sent, { tools: [], nextCursor: 'again' }) : mismatch(sent),
    )
    await errorOf(run(call(1)))
    expect(paths().length).toBeLessThan(200)
  })
})
