// Event streams through the gateway: every byte as it comes, comments only between events, and an end only where there is one
import type { ServerResponse } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import {
  BEARER,
  CALL,
  callerOf,
  HOUR,
  type Kit,
  PUBLIC,
  personOf,
  post,
  rawClient,
  rawRequest,
  startKit,
  startRawServer,
} from '../../../fakes/proxyKit.ts'
import { until } from '../../../servers/until.ts'

/** The server opens an event stream with each request; a test writes into it. */
function streaming(kit: Kit): ServerResponse[] {
  const streams: ServerResponse[] = []
  kit.answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    streams.push(response)
  }
  return streams
}

/** A stream that stands open, its client, and what of the body has come, without the marks of chunks. */
async function open(kit: Kit, streams: readonly ServerResponse[], headers: readonly string[] = []) {
  const before = streams.length
  const request = rawRequest(['Authorization: Bearer token-ada', ...headers], '', 'GET /mcp HTTP/1.0')
  const client = rawClient(kit.port, request)
  await client.sees('\r\n\r\n')
  await until('the stream', () => streams.length > before)
  const body = () => client.text().slice(client.text().indexOf('\r\n\r\n') + 4)
  return { ...client, body, stream: streams[before] as ServerResponse }
}

const TOKEN_HEADERS = { ...BEARER, accept: 'text/event-stream' }

describe('a stream', () => {
  test('begins before its first event, and each event comes when it is sent', async () => {
    const kit = await startKit({ quietMs: 0 })
    const streams = streaming(kit)
    const { stream, sees, body } = await open(kit, streams)
    expect(body()).toBe('')
    stream.write('id: 1\nevent: message\ndata: {"a":1}\n\n')
    await sees('{"a":1}\n\n')
    stream.write('data: {"b"')
    await until('the half of an event', () => body().endsWith('{"b"'), body)
    stream.end(':2}\n\n: bye')
    await sees(': bye')
    expect(body()).toBe('id: 1\nevent: message\ndata: {"a":1}\n\ndata: {"b":2}\n\n: bye')
  })

  test('keeps Last-Event-ID, and answers of both eras', async () => {
    const kit = await startKit()
    kit.answer = (response, { headers }) =>
      response
        .writeHead(200, { 'content-type': 'text/event-stream;charset=utf-8' })
        .end(`data: ${headers['last-event-id']}\r\n\r\n`)
    const answer = await fetch(`${kit.url}/mcp`, { headers: { ...TOKEN_HEADERS, 'Last-Event-ID': 'x:9' } })
    expect([answer.headers.get('content-type'), await answer.text()]).toEqual([
      'text/event-stream;charset=utf-8',
      'data: x:9\r\n\r\n',
    ])
  })

  test('that is quiet gets comments, at its start and between events, and none inside an event', async () => {
    const kit = await startKit({ quietMs: 10 })
    const streams = streaming(kit)
    const { stream, sees, body } = await open(kit, streams)
    await sees(':\n\n:\n\n')
    stream.write('data: 1\r\n')
    stream.write('data: 2')
    // The first event is held back until its type is known: quiet passes by its end.
    const other = await open(kit, streams)
    await other.sees(':\n\n:\n\n:\n\n')
    stream.write('\r\n\r')
    await sees('data: 2')
    stream.write('\ndata: 3\r\n')
    await sees('data: 3')
    await other.sees(':\n\n:\n\n:\n\n:\n\n:\n\n:\n\n')
    stream.write('\r\n')
    await until('comments after the event', () => /data: 3\r\n\r\n(:\n\n)+$/.test(body()), body)
    stream.end()
    const uncommented = body().replace(/(?<=^|\n\n|\r\n\r|\r\n\r\n):\n\n/g, '')
    expect(uncommented.replaceAll(':\n\n', '')).toBe('data: 1\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n')
    expect(body()).not.toMatch(/data: \d\r?\n:/)
  })

  test('with a byte order mark after a comment loses the mark, which nobody would read as one', async () => {
    const kit = await startKit({ quietMs: 10 })
    const streams = streaming(kit)
    const { stream, sees, body } = await open(kit, streams)
    await sees(':\n\n')
    stream.end('\ufeffdata: 1\n\n')
    await sees('data: 1')
    expect(Buffer.from(body(), 'latin1').toString()).not.toContain('\ufeff')
  })

  test.each([
    'event: endpoint\ndata: /messages?sessionId=1\n\n',
    ': hello\n\nevent:endpoint\r\ndata:/messages\r\n\r\n',
    'retry: 1000\n\ndata: /m\nevent: endpoint\n\n',
  ])('of HTTP+SSE (2024-11-05) ends, and none of it is passed on: %j', async (bytes) => {
    const kit = await startKit()
    kit.answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const byte of bytes) response.write(byte)
    }
    const text = await (await fetch(`${kit.url}/mcp`, { headers: TOKEN_HEADERS })).text()
    expect(text).toContain('2024-11-05')
    expect(text).not.toContain('/m')
    await until('the end of the request to the server', () => kit.gone.length === 1)
    expect(kit.log.entries.map(({ event }) => event)).toContain('proxy:legacy')
  })

  test('that the server cuts in an event is cut, without an end', async () => {
    const kit = await startKit()
    const streams = streaming(kit)
    const answer = post(kit, CALL)
    await until('the stream', () => streams.length === 1)
    streams[0]?.write('data: 1\n\ndata: 2')
    const reading = (await answer).text()
    setImmediate(() => streams[0]?.destroy())
    await expect(reading).rejects.toThrow()
  })

  test('whose client goes ends at the server', async () => {
    const kit = await startKit()
    const streams = streaming(kit)
    const { socket } = await open(kit, streams)
    socket.destroy()
    await until('the end at the server', () => kit.gone.length === 1)
  })

  test('ends soon after its sign-in has, and those of others go on', async () => {
    const kit = await startKit({ standingMs: 10 })
    const streams = streaming(kit)
    const ada = await open(kit, streams)
    const bob = rawClient(kit.port, rawRequest(['Authorization: Bearer token-bob'], '', 'GET /mcp HTTP/1.1'))
    await until('both streams', () => streams.length === 2)
    kit.callers.delete('token-ada')
    await ada.end
    streams[1]?.write('data: still here\n\n')
    await bob.sees('still here')
    bob.socket.destroy()
  })

  test('is looked at together with all others, in one statement', async () => {
    const kit = await startKit({ standingMs: 10 })
    const streams = streaming(kit)
    const adas = [await open(kit, streams), await open(kit, streams)]
    adas.push(await open(kit, streams, ['X-Other: 1']))
    const bob = rawClient(kit.port, rawRequest(['Authorization: Bearer token-bob'], '', 'GET /mcp HTTP/1.0'))
    await until('all streams', () => streams.length === 4)
    const before = kit.looks.length
    await until('two looks at all of them', () => kit.looks.length > before + 2)
    expect(kit.looks.at(-1)).toEqual(['grant-ada', 'grant-bob'])
    expect(kit.asked).toHaveLength(2)
    for (const { socket } of [...adas, bob]) socket.destroy()
    await until('the end of all', () => kit.gone.length === 4)
    const last = kit.looks.length
    await (await open(kit, streams)).sees('\r\n\r\n')
    await until('a look again', () => kit.looks.length > last)
    expect(kit.looks.at(-1)).toEqual(['grant-ada'])
  })

  test('goes on while the database does not answer', async () => {
    let asked = 0
    const kit = await startKit({
      standingMs: 10,
      callers: {
        byTokenHash: async () => callerOf(personOf('ada'), `${PUBLIC}/mcp`, Number.MAX_SAFE_INTEGER),
        async standing() {
          asked += 1
          throw new BridgeError('database_unreachable')
        },
      },
    })
    const streams = streaming(kit)
    const ada = await open(kit, streams)
    await until('looks', () => asked > 3)
    streams[0]?.write('data: still here\n\n')
    await ada.sees('still here')
  })

  test('outlives its access token, and ends with its grant, or when its person is blocked', async () => {
    const kit = await startKit({ standingMs: 10 })
    const streams = streaming(kit)
    const ada = await open(kit, streams)
    kit.clock.advance(2 * HOUR)
    const before = kit.looks.length
    await until('more looks', () => kit.looks.length > before + 3)
    streams[0]?.write('data: still here\n\n')
    await ada.sees('still here')
    kit.grants.set('grant-ada', { endedAt: 1, expiresAt: Number.MAX_SAFE_INTEGER })
    await ada.end
  })

  test.each([
    ['whose client is blocked', (kit: Kit) => kit.clients.set('client-1', { blockedAt: 1 })],
    [
      'of a person whom the access rules no longer let in',
      (kit: Kit) => kit.persons.set('ada', personOf('ada', { email_verified: false })),
    ],
  ])('%s ends, also long after its access token', async (_whose, change) => {
    const kit = await startKit({
      standingMs: 10,
      checkAccess({ claims }) {
        if (claims.email_verified === false) throw new BridgeError('access_not_granted')
      },
    })
    const ada = await open(kit, streaming(kit))
    kit.clock.advance(2 * HOUR)
    change(kit)
    await ada.end
  })

  test('of a person who is blocked ends', async () => {
    const kit = await startKit({ standingMs: 10 })
    const streams = streaming(kit)
    const ada = await open(kit, streams)
    kit.clock.advance(2 * HOUR)
    const person = kit.persons.get('ada')
    if (person) kit.persons.set('ada', { ...person, blockedAt: 1 })
    await ada.end
  })

  test('ends at the end of an event when the gateway stops, and a call’s goes on', async () => {
    const draining = new AbortController()
    const kit = await startKit({ draining: draining.signal })
    const streams = streaming(kit)
    const [idle, busy] = [await open(kit, streams), await open(kit, streams)]
    const call = post(kit, CALL)
    await until('the call', () => streams.length === 3)
    busy.stream.write('data: 1\n\ndata: 2')
    await busy.sees('data: 1')
    draining.abort()
    await idle.end
    busy.stream.write('\n\n')
    expect(await busy.end).toMatch(/data: 1\n\ndata: 2\n\n$/)
    streams[2]?.end('data: answer\n\n')
    expect(await (await call).text()).toBe('data: answer\n\n')
  })
})

test('a dozen streams and more make no warning of a leak, and all of them end when the gateway stops', async () => {
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const draining = new AbortController()
  const kit = await startKit({ draining: draining.signal })
  const streams = streaming(kit)
  const clients = []
  for (let count = 0; count < 15; count++) clients.push(await open(kit, streams))
  draining.abort()
  await Promise.all(clients.map(({ end }) => end))
  // Also one that comes now.
  await (await open(kit, streams)).end
  expect(warnings).toEqual([])
})

describe('an answer', () => {
  test('of 5 MB arrives whole, as JSON and as one event', async () => {
    const kit = await startKit()
    const big = 'x'.repeat(5 * 1024 * 1024)
    for (const [type, text] of [
      ['application/json', `"${big}"`],
      ['text/event-stream', `data: "${big}"\n\n`],
    ] as const) {
      kit.answer = (response) => response.writeHead(200, { 'content-type': type }).end(text)
      expect((await (await post(kit, CALL)).text()) === text).toBe(true)
    }
  })

  test('that breaks off is cut, and does not look whole', async () => {
    const server = await startRawServer((socket) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n')
    })
    const kit = await startKit({ upstream: server.url })
    const text = await rawClient(kit.port, rawRequest(['Authorization: Bearer token-ada'], CALL)).end
    expect(text).toContain('{"a"')
    expect(text).not.toMatch(/0\r\n\r\n$/)
    expect(server.connections()).toBe(1)
  })

  test.each(['application/json', 'text/event-stream'])(
    'in %s stops at the server while its reader does not read',
    async (type) => {
      const kit = await startKit()
      let sent = 0
      const [piece, most] = [Buffer.from(`data: ${'x'.repeat(64 * 1024)}\n\n`), 128 * 1024 * 1024]
      let isHeld = false
      kit.answer = (response) => {
        response.writeHead(200, { 'content-type': type })
        const more = () => {
          while (sent < most) {
            sent += piece.byteLength
            if (response.write(piece)) continue
            isHeld = true
            response.once('drain', more)
            return
          }
          response.end()
        }
        more()
      }
      const client = rawClient(kit.port, rawRequest(['Authorization: Bearer token-ada'], CALL))
      client.socket.pause()
      await until('the server waits', () => isHeld)
      let last = -1
      await until('nothing more is sent', () => {
        const same = sent === last
        last = sent
        return same
      })
      expect(sent).toBeLessThan(most / 2)
      client.socket.destroy()
    },
  )
})
