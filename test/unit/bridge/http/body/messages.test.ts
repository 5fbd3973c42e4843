// Answers as servers write them: whatever stands beside an answer, however its bytes are cut, and whether or not it ends.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StreamPosition } from '../../../../../src/bridge/http/body/eventStream.ts'
import { readBody } from '../../../../../src/bridge/http/body/messages.ts'
import { ForeignBody } from '../../../../../src/bridge/http/body/reader.ts'
import { createFakeClock } from '../../../../fakes/fakeClock.ts'
import { respond, toChunks } from '../../../../fakes/fakeHttp.ts'

const A = '{"jsonrpc":"2.0","id":7,"result":{"text":"a: b\\n"}}'
const B = '{"jsonrpc":"2.0","id":"b","error":{"code":-32000,"message":"no"}}'
const NOTE = '{"jsonrpc":"2.0","method":"notifications/progress"}'
const ASK = '{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage"}'
const STREAM = 'text/event-stream'

interface Written {
  readonly title: string
  readonly text: string
  /** The messages in it; left out: the answer A alone. */
  readonly messages?: readonly string[]
  readonly type?: string
}

const PRETTY = JSON.stringify(JSON.parse(A), null, 2)
const asData = (text: string, end = '\n') => text.replace(/^/gm, 'data: ').replaceAll('\n', end)

/** Each stays open, or ends: the messages are the same. */
const WRITTEN: readonly Written[] = [
  { title: 'an event', text: `data: ${A}\n\n` },
  { title: 'an event named message', text: `event: message\ndata: ${A}\n\n` },
  { title: 'no empty line', text: `event: message\ndata: ${A}\n` },
  { title: 'no line feed', text: `event: message\ndata: ${A}` },
  { title: 'no line feed and no space', text: `data:${A}` },
  { title: 'no empty line, with CRLF', text: `event: message\r\ndata: ${A}\r\n` },
  { title: 'no empty line, with CR', text: `event: message\rdata: ${A}\r` },
  { title: 'an id after the data and no empty line', text: `data: ${A}\nid: 9\n` },
  { title: 'a comment after the data and no empty line', text: `data: ${A}\n: done\n` },
  { title: 'a name after the data and no empty line', text: `data: ${A}\nevent: message\n` },
  { title: 'several data lines', text: `${asData(PRETTY)}\n\n` },
  { title: 'several data lines and no empty line', text: asData(PRETTY) },
  { title: 'several data lines with CRLF', text: `${asData(PRETTY, '\r\n')}\r\n\r\n` },
  { title: 'line ends of all kinds', text: `event: message\r\ndata: ${A}\n\r\n` },
  { title: 'spaces before and after the data', text: `data:   ${A}  \n\n` },
  { title: 'a tab before the data', text: `data:\t${A}\n\n` },
  { title: 'a byte order mark', text: `\ufeffdata: ${A}\n\n` },
  { title: 'a byte order mark in the data', text: `data: \ufeff${A}\n\n` },
  { title: '[DONE] after it', text: `data: ${A}\n\ndata: [DONE]\n\n` },
  { title: '[DONE] before it', text: `data: [DONE]\n\ndata: ${A}\n\n` },
  { title: '[DONE] without an empty line', text: `data: ${A}\n\ndata: [DONE]` },
  { title: '[DONE] in the same event', text: `data: ${A}\ndata: [DONE]\n\n` },
  { title: 'ok before it', text: `data: ok\n\ndata: ${A}\n\n` },
  { title: '{} before it', text: `data: {}\n\ndata: ${A}\n\n` },
  { title: '{} in the same event', text: `data: {}\ndata: ${A}\n\n` },
  { title: '[] and null beside it', text: `data: []\n\ndata: null\n\ndata: ${A}\n\n` },
  { title: 'another JSON object before it', text: `data: {"status":"connected"}\n\ndata: ${A}\n\n` },
  { title: 'JSON without its end before it', text: `data: {"jsonrpc":"2.0"\n\ndata: ${A}\n\n` },
  { title: 'heartbeats', text: `: hi\n\n:\n\ndata: ${A}\n\n: bye\n\n` },
  { title: 'a priming event', text: `id: 0\nretry: 1000\ndata:\n\ndata: ${A}\n\n` },
  { title: 'a priming event with a space', text: `id: 0\ndata: \n\nid: 1\ndata: ${A}\n\n` },
  { title: 'a priming event with many spaces', text: `id: 0\ndata:    \n\nid: 1\ndata: ${A}\n\n` },
  { title: 'retry alone', text: `retry: 1000\n\ndata: ${A}\n\n` },
  { title: 'empty lines first', text: `\n\n\r\n\ndata: ${A}\n\n` },
  { title: 'an event named response', text: `event: response\ndata: ${A}\n\n` },
  { title: 'an event named completion', text: `event: completion\ndata: ${A}\n\n` },
  { title: 'an event named Message', text: `event: Message\ndata: ${A}\n\n` },
  { title: 'an event named error', text: `event: error\ndata: ${B}\n\n`, messages: [B] },
  { title: 'an event with a long name', text: `event: ${'x'.repeat(100)}\ndata: ${A}\n\n` },
  { title: 'a ping without JSON', text: `event: ping\ndata: 2026-01-15T12:00:00Z\n\ndata: ${A}\n\n` },
  { title: 'a ping with JSON', text: `event: ping\ndata: {"t":1}\n\ndata: ${A}\n\n` },
  { title: 'an event named done', text: `data: ${A}\n\nevent: done\ndata: {}\n\n` },
  { title: 'unknown fields', text: `version: 1\nfoo\ndata: ${A}\n\n` },
  {
    title: 'other messages before it',
    text: `data: ${NOTE}\n\ndata: ${ASK}\n\ndata: ${A}\n\n`,
    messages: [NOTE, ASK, A],
  },
  { title: 'a message on each line', text: `data: ${NOTE}\ndata: ${A}\n\n`, messages: [NOTE, A] },
  {
    title: 'two answers in one event, without an end',
    text: `data: ${A}\ndata: ${B}`,
    messages: [A, B],
  },
  {
    title: 'events without empty lines between them',
    text: `event: message\ndata: ${NOTE}\nevent: message\ndata: ${A}\n`,
    messages: [NOTE, A],
  },
  { title: 'JSON that is called a stream', text: A },
  { title: 'JSON over several lines that is called a stream', text: `\n${PRETTY}\n` },
  { title: 'JSON', text: A, type: 'application/json' },
  { title: 'JSON with white space around it', text: `\r\n ${PRETTY} \r\n`, type: 'application/json' },
  { title: 'JSON after a byte order mark', text: `\ufeff${A}`, type: 'application/json' },
  { title: 'a stream that is called JSON', text: `event: message\ndata: ${A}\n\n`, type: 'application/json' },
  { title: 'a stream without a type', text: `id: 1\ndata: ${A}\n\n`, type: '' },
  { title: 'a stream that begins with a comment and is called text', text: `: x\n\ndata: ${A}`, type: 'text/plain' },
  { title: 'JSON lines', text: `${NOTE}\n${A}\n`, type: 'application/x-ndjson', messages: [NOTE, A] },
  { title: 'JSON lines with CRLF', text: `${NOTE}\r\n${A}\r\n`, type: 'application/jsonl', messages: [NOTE, A] },
  { title: 'JSON without a type', text: A, type: '' },
]

const AWAITED = ['7', '"b"']

async function read(chunks: readonly Uint8Array[], type: string, isOpen: 'ends' | 'stays open' | 'is there') {
  const clock = createFakeClock()
  const messages: string[] = []
  const odd: string[] = []
  const position: StreamPosition = {}
  const end = new AbortController()
  async function* body() {
    yield* toChunks(chunks)
    if (isOpen === 'stays open')
      await new Promise<void>((resolve) => end.signal.addEventListener('abort', () => resolve()))
  }
  const answered = new Set<string>()
  const reading = readBody(
    { ...respond(200, {}, body()), ...(isOpen === 'is there' && { body: allOf(chunks) }) },
    type,
    { limit: 10_000, position, clock, awaits: (ids) => ids.every((id) => AWAITED.includes(id) && !answered.has(id)) },
    {
      take: async ({ bytes, answers }) => {
        for (const id of answers) answered.add(id)
        messages.push(JSON.stringify(JSON.parse(Buffer.from(bytes).toString())))
      },
      odd: (bytes) => void odd.push(Buffer.from(bytes).toString()),
    },
  )
  if (isOpen === 'stays open') {
    // More turns than there are steps from the last chunk to the look at what is unfinished.
    for (let turn = 0; turn < 10; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(1_000)
    }
    const before = [...messages]
    end.abort()
    await reading
    expect(messages).toEqual(before)
  }
  await reading
  return { messages, odd, position }
}

/** A body that has come with the headers. */
const allOf = (chunks: readonly Uint8Array[]) => ({
  [Symbol.asyncIterator]: () => expect.unreachable('all of it is there'),
  whole: () => Buffer.concat(chunks),
})

const plain = (messages: readonly string[]) => messages.map((text) => JSON.stringify(JSON.parse(text)))

describe.each(WRITTEN)('$title', ({ text, messages = [A], type = STREAM }) => {
  const bytes = Buffer.from(text)
  const isText = /^\ufeff?\s*\{/.test(text)

  test('gives its messages when the body ends', async () => {
    expect((await read([bytes], type, 'ends')).messages).toEqual(plain(messages))
  })

  test('gives its messages when the body has come with the headers', async () => {
    expect((await read([bytes], type, 'is there')).messages).toEqual(plain(messages))
  })

  test('gives its messages when the body stays open', async () => {
    expect((await read([bytes], type, 'stays open')).messages).toEqual(plain(messages))
  })

  test('gives the same wherever it is cut', async () => {
    for (let cut = 0; cut <= bytes.length; cut++)
      expect((await read([bytes.subarray(0, cut), bytes.subarray(cut)], type, 'ends')).messages, `at ${cut}`).toEqual(
        plain(messages),
      )
  })

  test('gives the same in any pieces, with any silences between them', async () => {
    const cuts = fc.array(fc.nat({ max: bytes.length }), { maxLength: 12 })
    const ends = fc.constantFrom('ends' as const, 'stays open' as const)
    await fc.assert(
      fc.asyncProperty(cuts, ends, async (places, end) => {
        const at = [0, ...places.sort((one, other) => one - other), bytes.length]
        const pieces = at.slice(1).map((to, index) => bytes.subarray(at[index], to))
        expect((await read(pieces, type, end)).messages).toEqual(plain(messages))
      }),
      { numRuns: isText ? 10 : 25 },
    )
  })
})

describe('an answer without an end', () => {
  const NOBODY = '{"jsonrpc":"2.0","id":8,"result":{}}'
  test.each([
    ['is not delivered if its JSON is not whole', `data: ${A.slice(0, -1)}`],
    ['is not delivered if its JSON is whole only without its last line', `data: ${A}\ndata: {"x":`],
    ['is not delivered if nobody waits for it', `data: ${NOBODY}\n`],
    ['is not delivered if it is no answer: resuming returns it', `data: ${NOTE}\n`],
    ['is not delivered if it is a request of the server', `data: ${ASK}\n`],
  ])('%s', async (_, text) => {
    for (const end of ['ends', 'stays open', 'is there'] as const)
      expect((await read([Buffer.from(text)], STREAM, end)).messages).toEqual([])
  })

  test('moves the position with it, so that it is not asked for again', async () => {
    const { messages, position } = await read([Buffer.from(`id: 4\ndata: ${A}\n`)], STREAM, 'ends')
    expect(messages).toEqual(plain([A]))
    expect(position.lastId).toBe('4')
  })

  test('leaves the position where it is if it is not delivered', async () => {
    const { position } = await read([Buffer.from(`id: 3\ndata:\n\nid: 4\ndata: ${NOTE}\n`)], STREAM, 'ends')
    expect(position.lastId).toBe('3')
  })

  test('is delivered once, though its end comes later', async () => {
    const clock = createFakeClock()
    const messages: string[] = []
    let goOn: () => void = () => undefined
    const delivered = new Promise<void>((resolve) => {
      goOn = resolve
    })
    async function* body() {
      yield Buffer.from(`id: 1\ndata: ${A}`)
      await delivered
      yield Buffer.from(' \n')
      yield Buffer.from(`\ndata: ${NOTE}\n\n`)
    }
    const reading = readBody(
      respond(200, {}, body()),
      STREAM,
      { limit: 10_000, position: {}, clock, awaits: () => true },
      {
        take: async ({ bytes }) => {
          messages.push(Buffer.from(bytes).toString())
          goOn()
        },
        odd: (bytes) => expect.unreachable(String(bytes)),
      },
    )
    await clock.whenSleeping(1)
    clock.advance(1_000)
    await reading
    expect(messages).toEqual([A, NOTE])
  })
})

test.each([
  ['another line of data', `id: 1\ndata: ${A}\ndata: ${NOTE}\n\n`, [A, NOTE]],
  ['a comment', `data: ${A}\n: still here\n\ndata: ${NOTE}\n\n`, [A, NOTE]],
  ['its name and its id', `data: ${A}\nevent: message\nid: 7\n\ndata: ${NOTE}\n\n`, [A, NOTE]],
  ['another event', `data: ${A}\n\ndata: ${NOTE}\n\n`, [A, NOTE]],
])('a silence anywhere in %s after an answer loses and adds nothing', async (_, text, expected) => {
  const bytes = Buffer.from(text)
  for (let cut = 1; cut < bytes.length; cut++) {
    const clock = createFakeClock()
    const messages: string[] = []
    const answered = new Set<string>()
    let goOn: () => void = () => undefined
    const silence = new Promise<void>((resolve) => {
      goOn = resolve
    })
    async function* body() {
      yield bytes.subarray(0, cut)
      await silence
      yield bytes.subarray(cut)
    }
    const reading = readBody(
      respond(200, {}, body()),
      STREAM,
      { limit: 10_000, position: {}, clock, awaits: (ids) => ids.every((id) => !answered.has(id)) },
      {
        take: async ({ bytes, answers }) => {
          for (const id of answers) answered.add(id)
          messages.push(Buffer.from(bytes).toString().trim())
        },
        odd: (odd) => expect.unreachable(`at ${cut}: ${odd}`),
      },
    )
    for (let turn = 0; turn < 4; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(1_000)
    }
    goOn()
    await reading
    expect(messages, `at ${cut}`).toEqual(expected)
  }
})

test('a look that takes long is not repeated for every byte that comes after a silence', async () => {
  const clock = createFakeClock()
  const LOOK_MS = 1_000
  let looks = 0
  let send: (byte: string | undefined) => void = () => undefined
  async function* body() {
    yield Buffer.from(`data: ${A}`)
    for (;;) {
      const byte = await new Promise<string | undefined>((resolve) => {
        send = resolve
      })
      if (byte === undefined) return
      yield Buffer.from(byte)
    }
  }
  const awaits = () => {
    looks++
    clock.advance(LOOK_MS)
    return false
  }
  const reading = readBody(
    respond(200, {}, body()),
    STREAM,
    { limit: 10_000, position: {}, clock, awaits },
    { take: async () => undefined, odd: () => undefined },
  )
  const turns = async () => {
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  await turns()
  clock.advance(300)
  await turns()
  expect(looks).toBe(1)
  for (let time = 0; time < 20; time++) {
    send(' ')
    await turns()
    clock.advance(300)
    await turns()
  }
  expect(looks).toBe(1)
  clock.advance(20 * LOOK_MS)
  await turns()
  expect(looks).toBe(2)
  send(undefined)
  await reading
})

test('a body of many pieces is waited for with one timer at a time', async () => {
  const clock = createFakeClock()
  let send: (piece: Uint8Array | undefined) => void = () => undefined
  async function* body() {
    for (;;) {
      const piece = await new Promise<Uint8Array | undefined>((resolve) => {
        send = resolve
      })
      if (!piece) return
      yield piece
    }
  }
  const messages: string[] = []
  const reading = readBody(
    respond(200, {}, body()),
    STREAM,
    { limit: 100_000, position: {}, clock, awaits: () => true },
    { take: async ({ bytes }) => void messages.push(Buffer.from(bytes).toString()), odd: () => undefined },
  )
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const say = async (text: string) => {
    await turn()
    send(Buffer.from(text))
    await turn()
  }
  await say('data: {"jsonrpc":"2.0","id":7,"result":{"text":"')
  for (let piece = 0; piece < 50; piece++) await say('a piece ends with a space ')
  expect(clock.sleeps).toEqual([250])
  clock.advance(100)
  await say(`"}}`)
  for (const ms of [150, 99]) {
    clock.advance(ms)
    await turn()
    expect(messages).toEqual([])
  }
  clock.advance(1)
  await turn()
  expect(messages).toHaveLength(1)
  send(undefined)
  await reading
})

describe('what is not a message', () => {
  test.each([
    ['a word', 'data: hello\n\n', ['hello']],
    ['an event named error', 'event: error\ndata: quota is used up\n\n', ['quota is used up']],
    ['JSON over several lines', 'data: {\ndata: "a": 1\ndata: }\n\n', ['{\n"a": 1\n}']],
    ['nothing but spaces', 'data:   \n\n', []],
    ['an empty event', 'event: ping\ndata:\n\n', []],
  ])('%s is told as a whole', async (_, text, odd) => {
    for (const end of ['ends', 'is there'] as const)
      expect(await read([Buffer.from(text)], STREAM, end)).toMatchObject({ messages: [], odd })
  })

  test.each(['ends', 'is there'] as const)(
    'a page, nothing, and what is over the limit are errors where the body %s',
    async (end) => {
      const json = 'application/json'
      await expect(read([Buffer.from('<p>no</p>')], json, end)).rejects.toThrow(ForeignBody)
      await expect(read([], json, end)).rejects.toThrow(ForeignBody)
      await expect(read([Buffer.from(A), Buffer.alloc(10_000, ' ')], json, end)).rejects.toThrow(RangeError)
    },
  )
})
