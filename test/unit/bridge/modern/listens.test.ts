// The listen streams of a host: what it hears when one breaks, and what is done so that it need not know.
import { describe, expect, test } from 'vitest'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createModernConversation } from '../../../../src/bridge/modern/modernConversation.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { json, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend, type Sent } from '../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const META =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
const BIG_ID = '12345678901234567890'
const listen = (id = BIG_ID) =>
  `{"jsonrpc":"2.0","id":${id},"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:\\u00e9"]},${META}}}`
const message = (text: string) => parseMessage(Buffer.from(text)) as Message

/** The id of a request as it was written. */
const idOf = ({ body }: Sent) => /"id":("[^"]*"|[^,]+)/.exec(body)?.[1] ?? ''
const meta = (id: string) => `"_meta":{"io.modelcontextprotocol/subscriptionId":${id}}`
const acknowledged = (id: string) =>
  `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{${meta(id)},"notifications":{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["a:\\u00e9"]}}}`
const changed = (id: string) => `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{${meta(id)}}}`
const complete = (id: string) => `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete",${meta(id)}}}`
const cancelled = (id: string) => `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`

const cut = () => new BridgeError('server_unreachable')
const stream = (body: AsyncIterable<Uint8Array>) => respond(200, { 'content-type': 'text/event-stream' }, body)
async function* events(texts: readonly string[], then: () => unknown = () => Promise.reject(cut())) {
  for (const text of texts) yield Buffer.from(`data: ${text}\n\n`)
  await then()
}
/** A stream that lives until its request is given up. */
const endless = ({ signal }: Sent) => {
  const gate = createGate()
  if (signal?.aborted) gate.fail(signal.reason)
  signal?.addEventListener('abort', () => gate.fail(signal.reason))
  return gate.passed
}

type Answer = (sent: Sent, index: number) => HttpResponse | Promise<HttpResponse>

function setUp(answer: Answer) {
  const { send, sent } = createFakeSend(answer)
  const inFlight = createInFlight()
  const clock = createHurryingClock()
  const log = createFakeLogger()
  const lines: string[] = []
  const deliver = async ({ bytes }: Message) => void lines.push(Buffer.from(bytes).toString('utf8'))
  const options = { send, inFlight, clock, log, answerLimit: 10_000, timeoutMs: 60_000, deliver }
  const conversation = createModernConversation(options)
  const begin = (text: string) => {
    const pending = inFlight.begin(message(text))
    const done = conversation.exchange(pending, Promise.resolve(), deliver).finally(() => inFlight.end(pending))
    return { pending, done }
  }
  return { conversation, begin, run: (text: string) => begin(text).done, sent, lines, inFlight, clock }
}

describe('a listen stream that breaks', () => {
  test('is opened again under a new id, and the host goes on hearing under its own', async () => {
    const { run, sent, lines } = setUp((one, index) => {
      const id = idOf(one)
      if (index === 0) return stream(events([acknowledged(id), changed(id)]))
      return stream(events([acknowledged(id), changed(id), complete(id)], () => undefined))
    })
    await run(listen())
    expect(sent).toHaveLength(2)
    expect(idOf(sent[1] as Sent)).toMatch(/^"mcp-oauth-bridge-/)
    expect(sent[1]?.cause).toBe('background')
    expect(lines).toEqual([
      acknowledged(BIG_ID),
      changed(BIG_ID),
      // What may have been missed.
      changed(BIG_ID),
      `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:\\u00e9",${meta(BIG_ID)}}}`,
      changed(BIG_ID),
      complete(BIG_ID),
    ])
  })

  test('is opened again also after a call was answered on it, which the host gets as it is', async () => {
    const answered = (id: number) => `{"jsonrpc":"2.0","id":${id},"result":{}}`
    const { run, inFlight, lines } = setUp((one, index) => {
      const id = idOf(one)
      if (index === 0) return stream(events([acknowledged(id), answered(1)]))
      return stream(events([acknowledged(id), answered(2), complete(id)], () => undefined))
    })
    for (const id of [1, 2]) inFlight.begin(message(`{"jsonrpc":"2.0","id":${id},"method":"tools/call"}`))
    await run(listen())
    expect(lines.filter((line) => line.includes('"result"'))).toEqual([answered(1), answered(2), complete(BIG_ID)])
  })

  test('is not opened again each second where the server ends it at once', async () => {
    const { run, sent, clock } = setUp((one, index) => {
      const id = idOf(one)
      return stream(index < 9 ? events([acknowledged(id)]) : events([complete(id)], () => undefined))
    })
    await run(listen())
    expect(sent).toHaveLength(10)
    const waits = clock.sleeps.filter((ms) => ms >= 1_000)
    expect(waits).toHaveLength(9)
    expect(waits.at(-1)).toBeGreaterThanOrEqual(60_000)
  })

  test.each([
    ['is down', () => respond(503)],
    ['cannot be reached', () => Promise.reject(cut())],
    ['wants a sign-in', () => Promise.reject(new BridgeError('unauthorized'))],
  ])('is opened again once the server is back that %s', async (_, failing) => {
    const { run, sent, lines } = setUp((one, index) => {
      const id = idOf(one)
      if (index === 0) return stream(events([acknowledged(id)]))
      return index < 4 ? failing() : stream(events([complete(id)], () => undefined))
    })
    await run(listen())
    expect(sent.length).toBeGreaterThanOrEqual(5)
    expect(lines).toEqual([acknowledged(BIG_ID), complete(BIG_ID)])
  })

  test.each([
    ['an error', (id: string) => json({ jsonrpc: '2.0', id: JSON.parse(id), error: { code: -32602, message: 'no' } })],
    ['a page', () => respond(404, { 'content-type': 'text/html' }, '<html>')],
  ])('and is answered with %s when it is opened again has ended for the host', async (_, refusing) => {
    const { run, lines } = setUp((one, index) =>
      index === 0 ? stream(events([acknowledged(idOf(one))])) : refusing(idOf(one)),
    )
    await run(listen())
    expect(lines).toEqual([acknowledged(BIG_ID), cancelled(BIG_ID)])
  })

  test('after the server has cancelled it is over, and the host hears of that under its own id', async () => {
    const { run, sent, lines } = setUp((one, index) => {
      const id = idOf(one)
      return stream(events(index === 0 ? [acknowledged(id)] : [acknowledged(id), cancelled(id)]))
    })
    await run(listen())
    expect(sent).toHaveLength(2)
    expect(lines.at(-1)).toBe(cancelled(BIG_ID))
  })

  test('before it was acknowledged is a request that failed', async () => {
    const { run, lines, sent } = setUp(() => stream(events([])))
    expect(await codeOf(run(listen()))).toBe('server_unreachable')
    expect(lines).toEqual([])
    expect(sent).toHaveLength(1)
  })

  test('after the host has cancelled is not opened again', async () => {
    const { begin, sent, lines } = setUp((one, index) =>
      stream(index === 0 ? events([acknowledged(idOf(one))]) : events([acknowledged(idOf(one))], () => endless(one))),
    )
    const { pending, done } = begin(listen())
    for (let turns = 0; sent.length < 2 && turns < 100; turns++) await settled()
    const reason = new Error('The host has cancelled the request.')
    pending.abort(reason)
    await expect(done).rejects.toBe(reason)
    expect(sent).toHaveLength(2)
    expect(lines.filter((line) => line.includes('cancelled'))).toEqual([])
  })
})

test('a host whose bridge ends hears that its streams have ended as they should', async () => {
  const { begin, conversation, inFlight, lines } = setUp((one) =>
    stream(events([acknowledged(idOf(one))], () => endless(one))),
  )
  const { pending, done } = begin(listen('"listen:0"'))
  await pending.done
  const reason = new BridgeError('server_unreachable')
  inFlight.abort(reason)
  await conversation.end(reason)
  await expect(done).rejects.toBe(reason)
  expect(lines).toEqual([acknowledged('"listen:0"'), complete('"listen:0"')])
})

test('a host that has heard of the end of its stream is not told again when the bridge ends', async () => {
  const { begin, conversation, inFlight, lines } = setUp((one) =>
    stream(events([acknowledged(idOf(one)), complete(idOf(one))], () => endless(one))),
  )
  const { pending, done } = begin(listen())
  await pending.done
  await settled()
  const reason = new BridgeError('server_unreachable')
  inFlight.abort(reason)
  await conversation.end(reason)
  await done.catch(() => undefined)
  expect(lines).toEqual([acknowledged(BIG_ID), complete(BIG_ID)])
})

describe('a host’s message that is no request', () => {
  test.each([
    ['notifications/cancelled', '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'],
    ['an answer', '{"jsonrpc":"2.0","id":1,"result":{}}'],
  ])('is not sent to the server where it is %s', async (_, text) => {
    const { run, sent } = setUp(() => respond(202))
    await run(text)
    expect(sent).toEqual([])
  })

  test('is posted with its method and revision where an extension has it', async () => {
    const { run, sent } = setUp(() => respond(202))
    await run('{"jsonrpc":"2.0","method":"notifications/com.example/seen"}')
    expect(sent[0]?.headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28' })
  })

  test('is refused in words where it is a batch', async () => {
    const { run, sent } = setUp(() => respond(202))
    expect(await codeOf(run(`[${listen()}]`))).toBe('invalid_protocol')
    expect(sent).toEqual([])
  })
})

test('a request of our own is answered to us, and what else comes for it is not for the host', async () => {
  const answer = { jsonrpc: '2.0', id: 'own', result: { resultType: 'complete' } }
  const { conversation, lines, inFlight } = setUp(() =>
    respond(
      200,
      { 'content-type': 'text/event-stream' },
      `data: {"jsonrpc":"2.0","method":"notifications/message"}\n\ndata: ${JSON.stringify(answer)}\n\n`,
    ),
  )
  const given = await conversation.ask(
    message(`{"jsonrpc":"2.0","id":"own","method":"tools/list","params":{${META}}}`),
    'background',
  )
  expect(JSON.parse(Buffer.from(given?.bytes ?? '').toString('utf8'))).toEqual(answer)
  expect(lines).toEqual([])
  await inFlight.idle()
})
