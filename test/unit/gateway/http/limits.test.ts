// Slow, greedy and malformed clients over raw sockets: each is ended, and others are served meanwhile.
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { readBody } from '../../../../src/gateway/http/body.ts'
import type { Handler } from '../../../../src/gateway/ports.ts'
import { createGate } from '../../../fakes/gate.ts'
import { open, parse, raw, rawRequest, startShell, toEnd } from '../../../fakes/gatewayShell.ts'
import { until, within } from '../../../servers/until.ts'

const HOST = 'Host: mcp.example.com\r\n'
const post = (lines: string, body = '') => `POST /mcp HTTP/1.1\r\n${HOST}${lines}\r\n${body}`
const quick = { bodyBytes: 10_000, headerBytes: 4_096, headersMs: 400, bodyMs: 400 }

const loud = (log: { entries: readonly { level: string }[] }) =>
  log.entries.filter(({ level }) => level === 'error' || level === 'warn')

describe('a malformed request', () => {
  test.each([
    ['Transfer-Encoding and Content-Length', post('Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', '0\r\n\r\n')],
    ['Content-Length and Transfer-Encoding', post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['two lengths', post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd')],
    ['twice the same length', post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc')],
    ['a list of lengths', post('Content-Length: 3, 3\r\n', 'abc')],
    ['a length with a sign', post('Content-Length: +3\r\n', 'abc')],
    ['a negative length', post('Content-Length: -1\r\n', '')],
    ['a length in hexadecimal', post('Content-Length: 0x3\r\n', 'abc')],
    ['a folded header', `GET /mcp HTTP/1.1\r\n${HOST}X-A: 1\r\n folded\r\n\r\n`],
    ['a folded Authorization', `GET /mcp HTTP/1.1\r\n${HOST}Authorization: Bearer\r\n\tsecond\r\n\r\n`],
    ['a space before the colon', `GET /mcp HTTP/1.1\r\n${HOST}Authorization : Bearer x\r\n\r\n`],
    ['a header without a name', `GET /mcp HTTP/1.1\r\n${HOST}: x\r\n\r\n`],
    ['a header without a colon', `GET /mcp HTTP/1.1\r\n${HOST}Authorization\r\n\r\n`],
    ['a NUL in a header', `GET /mcp HTTP/1.1\r\n${HOST}X-A: a\0b\r\n\r\n`],
    ['a bare CR in a header', `GET /mcp HTTP/1.1\r\n${HOST}X-A: a\rX-B: b\r\n\r\n`],
    ['two Authorizations', `GET /mcp HTTP/1.1\r\n${HOST}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n`],
    ['two Hosts', `GET /mcp HTTP/1.1\r\n${HOST}${HOST}\r\n`],
    ['two different Hosts', `GET /mcp HTTP/1.1\r\n${HOST}host: evil.example\r\n\r\n`],
    [
      'two Origins',
      `GET /mcp HTTP/1.1\r\n${HOST}Origin: https://mcp.example.com\r\nOrigin: https://mcp.example.com\r\n\r\n`,
    ],
    ['two types', post('Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n')],
    ['no Host', 'GET /mcp HTTP/1.1\r\n\r\n'],
    ['no Host in HTTP/1.0', 'GET /mcp HTTP/1.0\r\n\r\n'],
    ['a transfer coding in HTTP/1.0', `POST /mcp HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a chunk size that is none', post('Transfer-Encoding: chunked\r\n', 'zz\r\n')],
    ['a chunk that is longer than it says', post('Transfer-Encoding: chunked\r\n', '1\r\nabc\r\n0\r\n\r\n')],
    ['chunked that is not last', post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n')],
    ['an unknown method', `HACK /mcp HTTP/1.1\r\n${HOST}\r\n`],
    ['an unknown version', `GET /mcp HTTP/3.1\r\n${HOST}\r\n`],
    ['HTTP/0.9', 'GET /mcp\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['CONNECT', `CONNECT mcp.example.com:443 HTTP/1.1\r\n${HOST}\r\n`],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['no HTTP at all', 'hello\r\n\r\n'],
  ])('with %s is refused with 400 and reaches no handler', async (_, bytes) => {
    let reached = false
    const mcp: Handler = async (request, response) => {
      await readBody(request, 100)
      reached = true
      response.end('reached')
    }
    const { port, log } = await startShell({ handlers: { mcp } })
    const socket = await open(port)
    const answered = toEnd(socket)
    socket.write(bytes.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'), 'latin1')
    const answer = parse(await answered)
    expect([answer.status, reached]).toEqual([400, false])
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    expect(loud(log)).toEqual([])
  })

  test('with CONNECT, whose connection is reset before the answer, ends nobody else', async () => {
    const { port, log } = await startShell()
    for (let run = 0; run < 50; run++) {
      const socket = await open(port)
      socket.on('error', () => undefined)
      const closed = once(socket, 'close')
      await new Promise((written) => socket.write(`CONNECT x:1 HTTP/1.1\r\n${HOST}\r\n`, written))
      socket.resetAndDestroy()
      await closed
    }
    expect((await rawRequest(port, '/health')).status).toBe(200)
    expect(loud(log)).toEqual([])
  })

  test.each(['gzip, chunked', 'identity', 'xchunked', 'chunked;q=1'])(
    'with the transfer coding %s, which is not understood, is 501 and the end of its connection',
    async (coding) => {
      const { port } = await startShell()
      const socket = await open(port)
      const answered = toEnd(socket)
      const smuggled = `GET /health HTTP/1.1\r\n${HOST}\r\n`
      socket.write(post(`Transfer-Encoding: ${coding}\r\n`, `0\r\n\r\n${smuggled}`))
      expect((await answered).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 501'])
    },
  )

  test.each(['HTTP/2.0', 'HTTP/0.9'])(
    'that calls itself %s is refused, and the end of its connection',
    async (version) => {
      const { port } = await startShell()
      const socket = await open(port)
      const answered = toEnd(socket)
      socket.write(`GET /health ${version}\r\n${HOST}\r\nGET /health HTTP/1.1\r\n${HOST}\r\n`)
      expect((await answered).match(/HTTP\/1\.1 \d+/g)).toEqual([expect.stringMatching(/ (400|505)$/)])
    },
  )

  test('does not leave a second one behind it', async () => {
    const { port } = await startShell()
    const smuggled = `GET /health HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`
    const socket = await open(port)
    const answered = toEnd(socket)
    socket.write(post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `0\r\n\r\n${smuggled}`))
    const text = await answered
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400'])
  })
})

describe('an upgrade', () => {
  test.each(['websocket', 'h2c', 'TLS/1.0'])(
    'to %s is not made: its request is answered, and its connection ended',
    async (to) => {
      const { port } = await startShell()
      const socket = await open(port)
      const answered = toEnd(socket)
      socket.write(post(`Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${to}\r\nContent-Length: 3\r\n`, 'abc'))
      const { status, headers, body } = parse(await within('an answer', answered))
      expect([status, headers.connection, JSON.parse(body).body]).toEqual([200, 'close', 'abc'])
    },
  )
})

describe('the headers of a request', () => {
  test('that are too large are 431', async () => {
    const { port } = await startShell({ settings: { limits: quick } })
    expect((await rawRequest(port, '/mcp', [`X-A: ${'a'.repeat(5_000)}`])).status).toBe(431)
    expect((await rawRequest(port, `/mcp?${'a'.repeat(5_000)}`)).status).toBe(431)
  })

  test('are all looked at, however many they are', async () => {
    const { port } = await startShell({ settings: { limits: { ...quick, headersMs: 10_000, headerBytes: 64 * 1024 } } })
    const lines = ['Authorization: Bearer a', ...Array<string>(3_000).fill('A: b'), 'Authorization: Bearer b']
    expect((await rawRequest(port, '/mcp', lines)).status).toBe(400)
  })

  test('that come byte by byte are ended with 408, and others are served meanwhile', async () => {
    const { port } = await startShell({ settings: { limits: quick } })
    const slow = await Promise.all(Array.from({ length: 20 }, () => open(port)))
    const ends = slow.map(toEnd)
    const stop = new AbortController()
    const drip = (async () => {
      for (const char of `GET /mcp HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(4_000)}`) {
        for (const socket of slow) if (!socket.destroyed) socket.write(char)
        await pause(10, undefined, { signal: stop.signal }).catch(() => undefined)
        if (stop.signal.aborted) return
      }
    })()
    expect((await rawRequest(port, '/mcp')).status).toBe(200)
    const texts = await within('slow senders are ended', Promise.all(ends))
    stop.abort()
    await drip
    expect(texts.map((text) => parse(text).status)).toEqual(Array(20).fill(408))
  })

  test('that never begin end the connection without a word', async () => {
    const { port } = await startShell({ settings: { limits: quick } })
    const socket = await open(port)
    expect(await within('an idle connection is ended', toEnd(socket))).toBe('')
  })
})

describe('the body of a request', () => {
  test('is read whole up to the limit', async () => {
    const { port } = await startShell()
    const answer = await raw(port, post('Content-Length: 1000\r\nConnection: close\r\n', 'x'.repeat(1_000)))
    expect([answer.status, JSON.parse(answer.body).body.length]).toEqual([200, 1_000])
  })

  test.each([
    ['a length over the limit of all', post('Content-Length: 10001\r\n', 'x')],
    ['a length beyond every number', post(`Content-Length: ${'9'.repeat(18)}\r\n`, 'x')],
    ['a length over the limit of its handler', post('Content-Length: 1001\r\n', 'x'.repeat(1_001))],
    [
      'more chunks than that',
      post('Transfer-Encoding: chunked\r\n', `${`c8\r\n${'x'.repeat(200)}\r\n`.repeat(6)}0\r\n\r\n`),
    ],
  ])('with %s is 413', async (_, bytes) => {
    const { port, log } = await startShell()
    const socket = await open(port)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.write(bytes)
    const { status, body } = parse(await until('an answer', () => text.includes('\r\n\r\n') && text))
    expect([status, JSON.parse(body).error.data.code]).toEqual([413, 'message_too_large'])
    expect(loud(log)).toEqual([])
  })

  test('with a GET is no way around the limit', async () => {
    const { port } = await startShell()
    expect((await rawRequest(port, '/health', ['Content-Length: 99999999'])).status).toBe(413)
  })

  test('that is too long is refused before it is sent, where the client asks first', async () => {
    const { port } = await startShell()
    const expects = 'Expect: 100-continue\r\nConnection: close\r\n'
    const refused = await raw(port, post(`Content-Length: 20000\r\n${expects}`))
    expect(refused.status).toBe(413)
    const socket = await open(port)
    const answered = toEnd(socket)
    socket.once('data', (chunk) => {
      expect(String(chunk)).toBe('HTTP/1.1 100 Continue\r\n\r\n')
      socket.write('abc')
    })
    socket.write(post(`Content-Length: 3\r\n${expects}`))
    expect(await answered).toContain('"body":"abc"')
  })

  test('of a request that is refused is not asked for', async () => {
    const { port } = await startShell()
    const lines = ['Expect: 100-continue', 'Content-Length: 3', 'Origin: https://evil.example']
    expect((await rawRequest(port, '/mcp', lines, 'POST')).status).toBe(403)
  })

  test('with another expectation is 417', async () => {
    const { port } = await startShell()
    expect((await rawRequest(port, '/mcp', ['Expect: tea', 'Content-Length: 0'], 'POST')).status).toBe(417)
  })

  test('that never ends is ended with 408', async () => {
    const { port, log } = await startShell({ settings: { limits: quick } })
    const socket = await open(port)
    const ended = toEnd(socket)
    socket.write(post('Content-Length: 100\r\n', 'x'))
    expect(parse(await within('the request is ended', ended)).status).toBe(408)
    expect(loud(log)).toEqual([])
  })

  test('that nobody reads is not read for ever', { timeout: 30_000 }, async () => {
    const mcp: Handler = async (_request, response) => void response.end('done')
    const { port } = await startShell({ handlers: { mcp } })
    const socket = await open(port)
    const ended = toEnd(socket)
    socket.write(post('Transfer-Encoding: chunked\r\n', '1\r\nx\r\n'))
    const drip = setInterval(() => socket.destroyed || socket.write('1\r\nx\r\n'), 20)
    expect(await within('the connection is ended', ended)).toContain('done')
    clearInterval(drip)
  })
})

describe('a client', () => {
  test('that goes away closes its request, without a word in the log', async () => {
    const closed = createGate()
    const begun = createGate()
    const mcp: Handler = async (_request, response) => {
      begun.open()
      await once(response, 'close')
      closed.open()
      throw new Error('gone')
    }
    const { port, log } = await startShell({ handlers: { mcp } })
    const socket = await open(port)
    socket.write(`GET /mcp HTTP/1.1\r\n${HOST}\r\n`)
    await begun.passed
    socket.destroy()
    await within('the request is closed', closed.passed)
    expect(loud(log)).toEqual([])
  })

  test('that goes away in the middle of its body is no error', async () => {
    const seen = createGate<unknown>()
    const mcp: Handler = async (request) => {
      await readBody(request, 100).catch((thrown) => {
        seen.open(thrown.code)
        throw thrown
      })
    }
    const { port, log } = await startShell({ handlers: { mcp } })
    const socket = await open(port)
    socket.write(post('Content-Length: 50\r\n', 'x'))
    socket.end()
    expect(await within('the body is given up', seen.passed)).toBe('cancelled')
    expect(loud(log)).toEqual([])
  })

  test('that closes its half after the request does not keep the connection', async () => {
    const { port } = await startShell()
    const socket = await open(port)
    const ended = toEnd(socket)
    socket.end(`GET /health HTTP/1.1\r\n${HOST}\r\n`)
    await within('the connection is closed', ended)
  })

  test('that reads nothing is ended, and a slow one is not', async () => {
    const cut = createGate()
    const mcp: Handler = async (_request, response) => {
      response.once('close', () => cut.open())
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('x'.repeat(20_000_000))
    }
    const { port } = await startShell({ handlers: { mcp }, rest: { stallMs: 200 } })
    const socket = await open(port)
    socket.pause()
    socket.write(`GET /mcp HTTP/1.1\r\n${HOST}\r\n`)
    await within('the connection is cut', cut.passed)
  })

  test('that opens a stream and is quiet keeps it, whatever the limits are', async () => {
    const mcp: Handler = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      await pause(1_500)
      response.end('data: late\n\n')
    }
    const { port } = await startShell({ handlers: { mcp }, settings: { limits: quick }, rest: { stallMs: 100 } })
    expect((await rawRequest(port, '/mcp')).body).toContain('data: late')
  })

  test('that sends many requests at once down one connection is cut', async () => {
    const never = new Promise<void>(() => undefined)
    let begun = 0
    const mcp: Handler = () => {
      begun++
      return never
    }
    const { port } = await startShell({ handlers: { mcp } })
    const socket = await open(port)
    const ended = toEnd(socket)
    socket.write(`GET /mcp HTTP/1.1\r\n${HOST}\r\n`.repeat(1_000))
    await within('the connection is cut', ended)
    expect(begun).toBeLessThanOrEqual(32)
  })

  test('beyond the number of connections is closed, and is welcome once another one has gone', async () => {
    const { port } = await startShell({ rest: { mostConnections: 2 } })
    const [first] = await Promise.all([open(port), open(port)])
    const third = await open(port)
    expect(await within('the third is closed', toEnd(third))).toBe('')
    first?.destroy()
    await until(
      'a place is free',
      async () => (await rawRequest(port, '/health').catch(() => undefined))?.status === 200,
    )
  })
})
