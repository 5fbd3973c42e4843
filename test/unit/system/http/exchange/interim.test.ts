// Interim responses before an answer (RFC 9110 section 15.2), in every number, order and packet.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HttpRequest } from '../../../../../src/ports.ts'
import { createHttp } from '../../../../../src/system/http/client.ts'
import { openTunnel } from '../../../../../src/system/http/tunnel.ts'
import { codeOf } from '../../../../fakes/thrown.ts'

/** A server of bare bytes: `answer` is called for each request that has come in. */
async function bare(answer: (socket: Socket, request: string) => unknown) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('data', (bytes) => answer(socket, bytes.toString('latin1')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

function client(connections = {}) {
  const http = createHttp({ connectTimeoutMs: 10_000, ...connections })
  onTestFinished(() => http.close())
  return async (origin: string, request: Partial<HttpRequest> = {}) => {
    const url = new URL(`${origin}/mcp`)
    const transmission = { sent: false }
    const response = await http.request({
      method: 'POST',
      url,
      headers: {},
      body: 'x',
      idleMs: 10_000,
      transmission,
      ...request,
    })
    const chunks: Uint8Array[] = []
    for await (const chunk of response.body) chunks.push(chunk)
    return `${response.status} ${Buffer.concat(chunks).toString()}`
  }
}

const FINAL = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone'
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const PROCESSING = 'HTTP/1.1 102 Processing\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nx-some: thing\r\n\r\n'

/** One byte in one packet after the other. */
async function dribble(socket: Socket, text: string) {
  for (const byte of text) {
    socket.write(byte)
    await new Promise(setImmediate)
  }
}

describe('an interim response is not the answer', () => {
  test.each([
    ['100', CONTINUE],
    ['102', PROCESSING],
    ['103 with headers', HINTS],
    ['199, which nobody knows', 'HTTP/1.1 199 Later\r\n\r\n'],
    ['103 that would close', 'HTTP/1.1 103 Early Hints\r\nconnection: close\r\n\r\n'],
    ['103 of HTTP/1.0', 'HTTP/1.0 103 Early Hints\r\n\r\n'],
    ['all of them, several times', (CONTINUE + HINTS + PROCESSING).repeat(50)],
    ['100 with a content length', 'HTTP/1.1 100 Continue\r\ncontent-length: 0\r\n\r\n'],
  ])('%s is skipped, in one packet and in many, and the connection is still usable', async (_, interim) => {
    let connections = 0
    const seen = new Set<Socket>()
    const origin = await bare((socket, text) => {
      if (!seen.has(socket)) connections++
      seen.add(socket)
      if (text.includes('HTTP/1.1')) socket.write(interim + FINAL)
    })
    const send = client()
    for (const method of ['POST', 'GET', 'POST', 'POST'] as const)
      expect(await send(origin, { method, body: method === 'GET' ? undefined : 'x' })).toBe('200 done')
    // The pool may open a second one while the first is just being freed.
    expect(connections).toBeLessThan(3)
    const slow = await bare((socket, text) => text.includes('HTTP/1.1') && void dribble(socket, interim + FINAL))
    expect(await client()(slow)).toBe('200 done')
  })

  test('a large body that is still being sent is sent to its end', async () => {
    let heard = 0
    const body = Buffer.alloc(3 * 1024 * 1024, 120)
    const origin = await bare((socket, text) => {
      if (heard === 0) socket.write(CONTINUE + HINTS)
      heard += text.replace(/^POST[\s\S]*?\r\n\r\n/, '').length
      if (heard === body.byteLength) socket.write(FINAL)
    })
    expect(await client()(origin, { body })).toBe('200 done')
  })

  test.each([
    ['alone', (socket: Socket) => socket.write(HINTS)],
    [
      'again and again',
      (socket: Socket) => {
        const timer = setInterval(() => socket.write(HINTS + CONTINUE), 20)
        socket.once('close', () => clearInterval(timer))
      },
    ],
  ])('%s does not extend the time of the request', async (_, answer) => {
    const origin = await bare(answer)
    expect(await codeOf(client()(origin, { idleMs: 200 }))).toBe('server_timeout')
  })

  test('a flood of them is an error, also if the time has no limit', async () => {
    const origin = await bare((socket) => socket.write(PROCESSING.repeat(20_000)))
    expect(await codeOf(client()(origin, { idleMs: 0 }))).toBe('invalid_protocol')
  })

  test.each([
    ['', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    [' with a protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'],
  ])('101%s, which was not requested, is an error', async (_, answer) => {
    const origin = await bare((socket) => socket.write(answer))
    expect(await codeOf(client()(origin))).toBe('invalid_protocol')
  })

  test('a request that is aborted while they arrive ends', async () => {
    const over = new AbortController()
    const origin = await bare((socket) => {
      socket.write(HINTS)
      setImmediate(() => over.abort(new Error('given up')))
    })
    await expect(client()(origin, { signal: over.signal, transmission: undefined })).rejects.toThrow('given up')
  })
})

describe('a proxy that answers CONNECT with interim responses first', () => {
  const tunnel = (origin: string, timeoutMs = 10_000) =>
    openTunnel(new URL(origin), { authority: 'mcp.example.com:443', headers: {}, timeoutMs, secureContext: undefined })

  test.each([
    ['in one packet', false],
    ['byte by byte', true],
  ])('opens the tunnel, %s', async (_, slowly) => {
    const text = `${CONTINUE}${HINTS}${PROCESSING}HTTP/1.1 200 Connection established\r\n\r\n`
    const origin = await bare((socket, request) => {
      if (!request.startsWith('CONNECT')) return socket.write(`heard ${request}`)
      return slowly ? void dribble(socket, text) : socket.write(text)
    })
    const socket = (await tunnel(origin)) as Socket
    socket.write('hello')
    expect(String((await once(socket, 'data'))[0])).toBe('heard hello')
    socket.destroy()
  })

  test('is an error if it then refuses, closes the connection or never finishes', async () => {
    const refusing = await bare((socket) => socket.end(`${HINTS}HTTP/1.1 407 No\r\n\r\n`))
    expect(await tunnel(refusing)).toBe(407)
    const leaving = await bare((socket) => socket.end(HINTS))
    expect(await tunnel(leaving)).toBe(0)
    const endless = await bare((socket) => socket.write(HINTS.repeat(2_000)))
    expect(await tunnel(endless)).toBe(0)
    const silent = await bare((socket) => socket.write(HINTS))
    await expect(tunnel(silent, 100)).rejects.toMatchObject({ name: 'AbortError' })
  })
})
