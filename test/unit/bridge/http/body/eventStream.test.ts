// Server-sent events, cut at every byte.
import { describe, expect, test } from 'vitest'
import type { StreamPosition } from '../../../../../src/bridge/http/body/eventStream.ts'
import { toChunks } from '../../../../fakes/fakeHttp.ts'
import { readEvents } from '../../../../fakes/readEvents.ts'

interface Read {
  readonly events: { data: string; type: string }[]
  readonly position: StreamPosition
}

async function read(chunks: readonly (string | Uint8Array)[], limit = 1_000): Promise<Read> {
  const position: StreamPosition = {}
  const events: { data: string; type: string }[] = []
  for await (const { data, type } of readEvents(toChunks(chunks), position, limit))
    events.push({ data: Buffer.from(data).toString('utf8'), type })
  return { events, position }
}

const plain = (...data: string[]) => data.map((one) => ({ data: one, type: '' }))

interface Fixture extends Read {
  readonly title: string
  readonly text: string
}

const FIXTURES: readonly Fixture[] = [
  { title: 'lines that end with LF', text: 'data: a\n\ndata: b\n\n', events: plain('a', 'b'), position: {} },
  { title: 'lines that end with CR', text: 'data: a\r\rdata: b\r\r', events: plain('a', 'b'), position: {} },
  { title: 'lines that end with CRLF', text: 'data: a\r\n\r\ndata: b\r\n\r\n', events: plain('a', 'b'), position: {} },
  {
    title: 'line ends of all kinds',
    text: 'data: a\r\n\ndata: b\n\r\ndata: c\r\r\n',
    events: plain('a', 'b', 'c'),
    position: {},
  },
  { title: 'CR LF CR as two line ends', text: 'data: a\r\n\rdata: b\n\n', events: plain('a', 'b'), position: {} },
  {
    title: 'data in several lines',
    text: 'data: {\ndata:\ndata:  "a": 1\ndata\ndata: }\n\n',
    events: plain('{\n\n "a": 1\n\n}'),
    position: {},
  },
  {
    title: 'comments',
    text: ': hello\n\n:\ndata: a\n:data: x\ndata: b\n\n: end\n\n',
    events: plain('a\nb'),
    position: {},
  },
  {
    title: 'one space after the colon only',
    text: 'data:  a\n\ndata:b\n\ndata:\tc\n\n',
    events: plain(' a', 'b', '\tc'),
    position: {},
  },
  { title: 'colons in the data', text: 'data: a: b:c\n\n', events: plain('a: b:c'), position: {} },
  {
    title: 'types',
    text: 'event: ping\ndata: a\n\ndata: b\n\nevent: message\ndata: c\n\n',
    events: [
      { data: 'a', type: 'ping' },
      { data: 'b', type: '' },
      { data: 'c', type: 'message' },
    ],
    position: {},
  },
  { title: 'a type without data', text: 'event: ping\n\ndata: a\n\n', events: plain('a'), position: {} },
  {
    title: 'ids',
    text: 'id: 1\ndata: a\n\nid: zwölf\ndata: b\n\n',
    events: plain('a', 'b'),
    position: { lastId: 'zwölf' },
  },
  {
    title: 'an id that counts on',
    text: 'id: 1\ndata: a\n\ndata: b\n\n',
    events: plain('a', 'b'),
    position: { lastId: '1' },
  },
  {
    title: 'an empty id',
    text: 'id: 1\ndata: a\n\nid\ndata: b\n\n',
    events: plain('a', 'b'),
    position: { lastId: '' },
  },
  {
    title: 'an id with NUL',
    text: 'id: 1\ndata: a\n\nid: 2\u0000\ndata: b\n\n',
    events: plain('a', 'b'),
    position: { lastId: '1' },
  },
  {
    title: 'a priming event without data',
    text: 'id: 0\ndata:\n\ndata: a\n\n',
    events: plain('a'),
    position: { lastId: '0' },
  },
  { title: 'retry', text: 'retry: 1500\ndata: a\n\n', events: plain('a'), position: { retryMs: 1500 } },
  {
    title: 'retry that is no number',
    text: 'retry: 1.5\nretry: -1\nretry:\nretry: 1s\ndata: a\n\n',
    events: plain('a'),
    position: {},
  },
  { title: 'unknown fields', text: 'foo: bar\nDATA: x\ndata : y\ndata: a\n\n', events: plain('a'), position: {} },
  { title: 'a byte order mark', text: '\ufeffdata: a\n\n', events: plain('a'), position: {} },
  {
    title: 'a byte order mark in the middle',
    text: 'data: \ufeffa\n\n\ufeffdata: b\n\n',
    events: plain('\ufeffa'),
    position: {},
  },
  { title: 'characters of several bytes', text: 'data: {"a":"😀 €"}\n\n', events: plain('{"a":"😀 €"}'), position: {} },
  { title: 'an event cut off by the end', text: 'data: a\n\ndata: b\n', events: plain('a'), position: {} },
  { title: 'a line cut off by the end', text: 'data: a\n\ndata: b', events: plain('a'), position: {} },
  { title: 'nothing', text: '', events: [], position: {} },
]

describe('events', () => {
  describe.each(FIXTURES)('with $title', ({ text, events, position }) => {
    const bytes = Buffer.from(text)

    test('are read from one chunk', async () => {
      expect(await read([bytes])).toEqual({ events, position })
    })

    test('are the same wherever the bytes are cut', async () => {
      for (let cut = 0; cut <= bytes.length; cut++)
        expect(await read([bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at byte ${cut}`).toEqual({
          events,
          position,
        })
    })

    test('are the same when every byte arrives alone, with empty chunks between', async () => {
      const single = [...bytes].flatMap((byte) => [Uint8Array.of(byte), Uint8Array.of()])
      expect(await read(single)).toEqual({ events, position })
    })
  })
})

describe('the position', () => {
  test('is not moved by an event that was cut off: resuming must return that event again', async () => {
    const { events, position } = await read(['id: 1\ndata: a\n\nid: 2\ndata: {"hal'])
    expect(events).toEqual(plain('a'))
    expect(position.lastId).toBe('1')
  })

  test('is moved before the event is delivered', async () => {
    const position: StreamPosition = {}
    for await (const _ of readEvents(toChunks('id: 7\ndata: a\n\nid: 8\ndata: b\n\n'), position, 100)) {
      expect(position.lastId).toBe('7')
      break
    }
  })
})

describe('the limit', () => {
  test('accepts events of its size, one after the other', async () => {
    const { events } = await read([`data: ${'a'.repeat(50)}\n\ndata: ${'b'.repeat(50)}\n\n`], 50)
    expect(events).toHaveLength(2)
  })

  test('accepts an event of its size wherever it is cut', async () => {
    const bytes = Buffer.from(`data: ${'a'.repeat(20)}\n\n`)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { events } = await read([bytes.subarray(0, cut), bytes.subarray(cut)], 20)
      expect(events, `cut at byte ${cut}`).toEqual(plain('a'.repeat(20)))
    }
  })

  test('ends an event over it with a RangeError', async () => {
    await expect(read([`data: ${'a'.repeat(51)}\n\n`], 50)).rejects.toBeInstanceOf(RangeError)
  })

  test('counts all data lines of an event', async () => {
    await expect(read([`data: ${'a'.repeat(30)}\ndata: ${'b'.repeat(30)}\n\n`], 50)).rejects.toBeInstanceOf(RangeError)
  })

  test('ends an endless line before its end', async () => {
    async function* endless() {
      for (;;) yield Buffer.from('x'.repeat(1_000))
    }
    const reading = (async () => {
      for await (const _ of readEvents(endless(), {}, 10_000)) throw new Error('no event was expected')
    })()
    await expect(reading).rejects.toBeInstanceOf(RangeError)
  })

  test('does not count comments that follow each other', async () => {
    const { events } = await read([`${': keep-alive\n\n'.repeat(100)}data: a\n\n`], 50)
    expect(events).toEqual(plain('a'))
  })
})

describe('what a stream keeps', () => {
  test('an id that fits into no header is not kept, nor is the previous one used for it', async () => {
    for (const id of ['7'.repeat(5000), 'a\tb', 'a\x7f'])
      expect((await read([`id: 1\ndata: a\n\nid: ${id}\ndata: b\n\n`], 20_000)).position).toEqual({})
    expect((await read(['id: 1\ndata: a\n\nid: 2\ndata: b\n\n'])).position).toEqual({ lastId: '2' })
  })

  test('a time is bounded, however many digits it has', async () => {
    expect((await read(['retry: 4294968296\n\n'])).position).toEqual({ retryMs: 600_000 })
    expect((await read([`retry: ${'9'.repeat(500)}\n\n`])).position).toEqual({})
  })

  test('lines without data count towards the size of an event', async () => {
    await expect(read(['data\n'.repeat(1002)])).rejects.toThrow(RangeError)
    expect((await read([`${'data\n'.repeat(500)}data: a\n\n`])).events).toEqual(plain(`${'\n'.repeat(500)}a`))
  })

  test('an event with a long type has no known type', async () => {
    expect((await read([`event: ${'message'.repeat(20)}\ndata: a\n\n`])).events[0]?.type).toBe('?')
  })
})
