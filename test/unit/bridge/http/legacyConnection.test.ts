// The stream of HTTP+SSE as older servers write it: its endpoint, what stands before it, and answers in odd places.
import { describe, expect, test } from 'vitest'
import type { Exchange } from '../../../../src/bridge/http/exchange.ts'
import { exchangeOn, openConnection } from '../../../../src/bridge/http/legacyConnection.ts'
import { createHttpSse } from '../../../../src/bridge/http/legacySse.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createSession } from '../../../../src/bridge/session/session.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { Cause, HttpResponse } from '../../../../src/ports.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { respond, toChunks } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend } from '../../../fakes/fakeSend.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const CALL = parseMessage(Buffer.from('{"jsonrpc":"2.0","id":7,"method":"tools/call"}')) as Message
const RESULT = '{"jsonrpc":"2.0","id":7,"result":{}}'
const ENDPOINT = 'event: endpoint\ndata: /messages?session=1\n\n'
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** The stream says `first` at once and `later` when a message was posted, and stays open. */
function start(first: string, later = '', posted: () => HttpResponse = () => respond(202, {}, 'Accepted')) {
  const clock = createFakeClock()
  let tell: () => void = () => undefined
  const asked = new Promise<void>((resolve) => {
    tell = resolve
  })
  async function* body() {
    yield* toChunks(first)
    await asked
    yield* toChunks(later)
    await new Promise(() => undefined)
  }
  const { send, sent } = createFakeSend(({ method }) => {
    if (method === 'GET') return respond(200, { 'content-type': 'text/event-stream' }, body())
    tell()
    return posted()
  })
  const inFlight = createInFlight()
  const options = {
    ...{ send, inFlight, clock, session: createSession(), log: createFakeLogger() },
    ...{ url: new URL('https://mcp.example.com/sse'), limit: 10_000, timeoutMs: 60_000 },
    ...{ ending: new AbortController().signal, deliver: async () => undefined, restore: async () => undefined },
  }
  return { options, sent, clock, inFlight }
}

/** Lets moments of silence pass until `outcome` is there. */
async function silence<T>(outcome: Promise<T>, clock: ReturnType<typeof createFakeClock>): Promise<T> {
  let over = false
  const ended = outcome.finally(() => {
    over = true
  })
  ended.catch(() => undefined)
  for (let moment = 0; !over && moment < 200; moment++) {
    for (let turns = 0; turns < 5; turns++) await turn()
    clock.advance(300)
  }
  return ended
}

describe('the endpoint', () => {
  const OWN = 'https://mcp.example.com'
  test.each([
    ['a path', '/messages', `${OWN}/messages`],
    ['a path with a query', '/messages?session=1', `${OWN}/messages?session=1`],
    ['a relative path', 'messages', `${OWN}/messages`],
    ['a query', '?session=1', `${OWN}/sse?session=1`],
    ['an address', `${OWN}/messages`, `${OWN}/messages`],
    ['an address with the default port', `${OWN}:443/messages`, `${OWN}/messages`],
    ['an address with spaces around it', `  ${OWN}/messages  `, `${OWN}/messages`],
  ])('may be %s', async (_, data, href) => {
    const { options, clock } = start(`event: endpoint\ndata: ${data}\n\n`)
    expect(
      (
        await silence(
          openConnection(options, 'start', () => undefined),
          clock,
        )
      ).endpoint.href,
    ).toBe(href)
  })

  test.each([
    ['comments', ': hello\n\n:\n\n'],
    ['a retry', 'retry: 1000\n\n'],
    ['an empty event', 'id: 0\ndata:\n\n'],
    ['a ping', 'event: ping\ndata: {}\n\n'],
    ['a word', 'data: connected\n\n'],
    ['an event with an id', 'event: open\nid: 1\ndata: {"status":"ok"}\n\n'],
    ['a byte order mark', '\ufeff'],
  ])('may come after %s', async (_, before) => {
    const { options, clock } = start(`${before}${ENDPOINT}`)
    const { endpoint } = await silence(
      openConnection(options, 'start', () => undefined),
      clock,
    )
    expect(endpoint.search).toBe('?session=1')
  })

  test.each([
    ['CRLF', ENDPOINT.replaceAll('\n', '\r\n')],
    ['CR', ENDPOINT.replaceAll('\n', '\r')],
    ['no empty line', ENDPOINT.slice(0, -1)],
    ['its data first', 'data: /messages?session=1\nevent: endpoint\n\n'],
  ])('may be written with %s', async (_, text) => {
    const { options, clock } = start(text)
    const { endpoint } = await silence(
      openConnection(options, 'start', () => undefined),
      clock,
    )
    expect(endpoint.search).toBe('?session=1')
  })

  test('that breaks off in its line is not used', async () => {
    const { options, clock } = start('event: endpoint\ndata: /mess')
    const error = await errorOf(
      silence(
        openConnection(options, 'start', () => undefined),
        clock,
      ),
    )
    expect(error.message).toContain('names no endpoint')
  })

  test.each([
    ['http://mcp.example.com/messages', 'http://mcp.example.com/messages'],
    ['https://mcp.example.com:8443/messages', 'https://mcp.example.com:8443/messages'],
    ['//other.example/messages?key=secret-of-the-session', 'https://other.example/messages?…'],
    ['http://localhost:8000/messages/', 'http://localhost:8000/messages/'],
    ['https://mcp.example.com.evil.example/m', 'https://mcp.example.com.evil.example/m'],
    ['https://mcp.example.com@evil.example/m', 'evil.example/m'],
  ])('%s is refused, and the error names it', async (data, shown) => {
    const { options, clock, sent } = start(`event: endpoint\ndata: ${data}\n\n`)
    const error = await errorOf(
      silence(
        openConnection(options, 'start', () => undefined),
        clock,
      ),
    )
    expect(error).toMatchObject({ code: 'invalid_protocol', details: { reason: 'endpoint_refused' } })
    expect(error.message).toContain(shown)
    expect(error.message).not.toContain('secret-of-the-session')
    expect(error.hint).toContain('https://mcp.example.com')
    expect(sent.map(({ method }) => method)).toEqual(['GET'])
  })

  test('that is not an address is named', async () => {
    const { options, clock } = start('event: endpoint\ndata: http://[\n\n')
    const error = await errorOf(
      silence(
        openConnection(options, 'start', () => undefined),
        clock,
      ),
    )
    expect(error.message).toContain('"http://["')
  })
})

describe('an answer', () => {
  test.each([
    ['in an event named message', `event: message\ndata: ${RESULT}\n\n`],
    ['without a name', `data: ${RESULT}\n\n`],
    ['in an event of another name', `event: response\ndata: ${RESULT}\n\n`],
    ['without its empty line', `event: message\ndata: ${RESULT}\n`],
    ['without its line feed', `data: ${RESULT}`],
    ['after words', `data: ok\n\nevent: ping\ndata: {}\n\ndata: ${RESULT}\n\n`],
    ['after an answer to nobody', `data: {"jsonrpc":"2.0","id":9,"result":{}}\n\ndata: ${RESULT}\n\n`],
    ['twice', `data: ${RESULT}\n\ndata: ${RESULT}\n\n`],
  ])('%s on the stream is delivered once', async (_, later) => {
    const { options, clock, inFlight } = start(ENDPOINT, later)
    const delivered: string[] = []
    const take = async ({ bytes }: Message) => void delivered.push(String(Buffer.from(bytes)))
    await silence(createHttpSse(options).exchange(inFlight.begin(CALL), take), clock)
    expect(delivered).toEqual([RESULT])
  })

  test.each([
    ['with 200', () => respond(200, { 'content-type': 'application/json' }, RESULT)],
    ['with an error status', () => respond(500, { 'content-type': 'application/json' }, RESULT)],
  ])('in the response to its message, %s, is delivered', async (_, posted) => {
    const { options, clock, inFlight } = start(ENDPOINT, '', posted)
    const delivered: string[] = []
    const take = async ({ bytes }: Message) => void delivered.push(String(Buffer.from(bytes)))
    await silence(createHttpSse(options).exchange(inFlight.begin(CALL), take), clock)
    expect(delivered).toEqual([RESULT])
  })

  test('in a response that is a page is not one', async () => {
    const page = () => respond(500, { 'content-type': 'text/html' }, '<h1>Oops</h1>')
    const { options, clock, inFlight } = start(ENDPOINT, '', page)
    const outcome = createHttpSse(options).exchange(inFlight.begin(CALL), async () => undefined)
    expect((await errorOf(silence(outcome, clock))).message).toContain('500: "Oops"')
  })
})

describe('the headers of a message', () => {
  const says = (protocolVersion: string) =>
    parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 0, result: { protocolVersion } }))) as Message
  const INITIALIZE = parseMessage(Buffer.from('{"jsonrpc":"2.0","id":7,"method":"initialize"}')) as Message

  test.each([
    ['2024-11-05', CALL, undefined],
    ['2025-03-26', CALL, undefined],
    ['2025-06-18', CALL, '2025-06-18'],
    ['2025-11-25', CALL, '2025-11-25'],
    ['2025-11-25', INITIALIZE, undefined],
  ])('in revision %s name it where that knows the header, but for initialize: %#', async (version, message, named) => {
    const { options, clock, inFlight, sent } = start(ENDPOINT, `data: ${RESULT}\n\n`)
    options.session.establish({ headers: {} }, says(version))
    const connection = await silence(
      openConnection(options, 'start', () => undefined),
      clock,
    )
    await silence(
      exchangeOn(connection, inFlight.begin(message), async () => undefined, options),
      clock,
    )
    expect(sent.map(({ headers }) => headers['mcp-protocol-version'])).toEqual([undefined, named])
  })
})

const VERSION = parseMessage(Buffer.from('{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2024-11-05"}}'))

describe('a stream', () => {
  /** Each stream names its endpoint and stays open until it is ended. */
  function streams() {
    const ends: (() => void)[] = []
    const discarded: number[] = []
    const { options } = start('')
    const { send, sent } = createFakeSend(({ method }) => {
      if (method !== 'GET') return respond(202)
      const index = ends.length
      const over = new Promise<void>((resolve) => ends.push(resolve))
      async function* body() {
        yield* toChunks(`event: endpoint\ndata: /messages?session=${index}\n\n`)
        await over
      }
      const response = respond(200, { 'content-type': 'text/event-stream' }, body())
      return { ...response, discard: () => void discarded.push(index) }
    })
    options.session.establish({ headers: {} }, VERSION as Message)
    return { options: { ...options, send }, sent, discarded, end: (index: number) => ends[index]?.() }
  }
  const note = () => parseMessage(Buffer.from('{"jsonrpc":"2.0","method":"notifications/x"}')) as Message

  test('on which the session cannot be restored is given up each time', async () => {
    const { options, sent, discarded } = streams()
    const restore = () => Promise.reject(new BridgeError('session_lost'))
    const { exchange } = createHttpSse({ ...options, restore })
    for (const index of [0, 1, 2]) {
      expect(await codeOf(exchange(options.inFlight.begin(note()), async () => undefined))).toBe('session_lost')
      expect(discarded).toEqual(Array.from({ length: index + 1 }, (_, i) => i))
    }
    expect(sent.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET'])
  })

  test('that ends late does not take the place of the one that is used', async () => {
    const { options, sent, end } = streams()
    let tries = 0
    const restore = async () => {
      if (++tries === 1) throw new BridgeError('session_lost')
    }
    const { exchange } = createHttpSse({ ...options, restore })
    const say = () => exchange(options.inFlight.begin(note()), async () => undefined)
    expect(await codeOf(say())).toBe('session_lost')
    await say()
    end(0)
    for (let turns = 0; turns < 5; turns++) await turn()
    await say()
    expect(sent.map(({ method, url }) => url ?? method)).toEqual([
      'GET',
      'GET',
      'https://mcp.example.com/messages?session=1',
      'https://mcp.example.com/messages?session=1',
    ])
  })
})

describe('a session on a new stream is restored', () => {
  test.each(['call', 'background'] as const)('for the cause that the stream is opened for: %s', async (cause) => {
    const { options, clock, inFlight } = start(ENDPOINT)
    options.session.establish({ headers: {} }, VERSION as Message)
    const over = new AbortController()
    const restored = new Promise<Cause>((resolve) => {
      const restore = async (_: Exchange, why: Cause) => resolve(why)
      const { exchange, listen } = createHttpSse({ ...options, restore })
      if (cause === 'background') void listen(over.signal)
      else exchange(inFlight.begin(CALL), async () => undefined).catch(() => undefined)
    })
    expect(await silence(restored, clock)).toBe(cause)
    over.abort()
  })
})
