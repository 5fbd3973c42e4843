// Connections: opened ahead, kept, replaced unnoticed where that does no harm, in either address family; and their cookies.
import { createServer, getDefaultAutoSelectFamilyAttemptTimeout, type Server, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HttpRequest, HttpResponse } from '../../../../src/ports.ts'
import { createHttp, type HttpOptions } from '../../../../src/system/http/client.ts'
import { createConnections } from '../../../../src/system/http/connections.ts'
import { createFakeClock, type FakeClock } from '../../../fakes/fakeClock.ts'
import { settled } from '../../../fakes/gate.ts'
import { serve } from '../../../fakes/loopback.ts'
import { errorOf } from '../../../fakes/thrown.ts'
import { freePort } from '../../../servers/freePort.ts'

function client(options: Partial<HttpOptions> = {}) {
  const http = createHttp({ connectTimeoutMs: 10_000, ...options })
  onTestFinished(() => http.close())
  const send = (url: string, request: Partial<HttpRequest> = {}) =>
    http.request({ method: 'GET', headers: {}, idleMs: 10_000, ...request, url: new URL(url) })
  return { http, send }
}

/** Until the pool has its connection back: the next request of a host never comes in the same turn. */
async function text(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body) chunks.push(chunk)
  await settled()
  return Buffer.concat(chunks).toString('utf8')
}

/** A TCP server whose `talk` gets each connection with its number. */
async function listen(talk: (socket: Socket, number: number) => void, address = '127.0.0.1') {
  let count = 0
  const sockets: Socket[] = []
  let tell = () => {}
  const connected = new Promise<void>((resolve) => {
    tell = resolve
  })
  const server: Server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined))
    talk(socket, ++count)
    tell()
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, address, () => resolve((server.address() as { port: number }).port))
  })
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  )
  return { port, origin: `http://127.0.0.1:${port}`, sockets, connected, count: () => count }
}

const closed = (socket: Socket | undefined) =>
  new Promise<void>((resolve) => (socket?.closed ? resolve() : socket?.once('close', () => resolve())))

const answer = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`

describe('a connection opened ahead', () => {
  test('is used by the first request, and the next ones', async () => {
    const server = await listen((socket) => socket.on('data', () => socket.write(answer('yes'))))
    const { http, send } = client()
    http.warm(new URL(server.origin))
    await server.connected
    expect(await text(await send(server.origin))).toBe('yes')
    expect(await text(await send(server.origin))).toBe('yes')
    expect(server.count()).toBe(1)
  })

  test('that the server closes is replaced', async () => {
    const server = await listen((socket, number) => {
      if (number === 1) socket.end()
      else socket.on('data', () => socket.write(answer('second')))
    })
    const { http, send } = client()
    http.warm(new URL(server.origin))
    await server.connected
    await closed(server.sockets[0])
    expect(await text(await send(server.origin))).toBe('second')
  })

  test('on which the server sends something unrequested is discarded: that is not an answer', async () => {
    const server = await listen((socket, number) => {
      if (number === 1) socket.write(answer('forged'))
      else socket.on('data', () => socket.write(answer('real')))
    })
    const { http, send } = client()
    http.warm(new URL(server.origin))
    await server.connected
    await closed(server.sockets[0])
    expect(await text(await send(server.origin))).toBe('real')
  })

  test('to an unreachable server reports nothing; the request does', async () => {
    const { http, send } = client()
    const url = `http://127.0.0.1:${await freePort()}/`
    http.warm(new URL(url))
    expect((await errorOf(send(url))).code).toBe('server_unreachable')
  })

  test('that was never used is closed with the client', async () => {
    const server = await listen(() => undefined)
    const { http } = client()
    http.warm(new URL(server.origin))
    await server.connected
    await http.close()
    await closed(server.sockets[0])
  })
})

describe('a connection that was kept', () => {
  /** Answers once on the first connection, and drops it when a second request comes. */
  const forgetful = () =>
    listen((socket, number) => {
      let asked = 0
      socket.on('data', () => {
        asked++
        if (number > 1 || asked === 1) socket.write(answer(`connection ${number}`))
        else socket.destroy()
      })
    })

  test('and breaks under a GET is replaced unnoticed', async () => {
    const server = await forgetful()
    const { send } = client()
    expect(await text(await send(server.origin))).toBe('connection 1')
    expect(await text(await send(server.origin))).toBe('connection 2')
  })

  test('and breaks under a POST that must not run twice is reported, and that it may have arrived', async () => {
    const server = await forgetful()
    const { send } = client()
    await text(await send(server.origin, { method: 'POST', body: '{}' }))
    const error = await errorOf(send(server.origin, { method: 'POST', body: '{}' }))
    expect([error.code, error.details.sent]).toEqual(['server_unreachable', true])
    expect(server.count()).toBe(1)
  })

  test('and breaks twice is reported', async () => {
    const server = await listen((socket) => socket.on('data', () => socket.destroy()))
    expect((await errorOf(client().send(server.origin))).code).toBe('server_unreachable')
    expect(server.count()).toBe(2)
  })

  test('but was closed before the next request is replaced, also for a request that must not run twice', async () => {
    const server = await listen((socket) => socket.on('data', () => socket.end(answer('yes'))))
    const { send } = client()
    await text(await send(server.origin, { method: 'POST', body: '{}' }))
    await closed(server.sockets[0])
    expect(await text(await send(server.origin, { method: 'POST', body: '{}' }))).toBe('yes')
  })

  test('that was never established sent nothing', async () => {
    const error = await errorOf(client().send(`http://127.0.0.1:${await freePort()}/`, { method: 'POST', body: '{}' }))
    expect(error.details.sent).toBe(false)
  })
})

describe('after a sleep of the machine', () => {
  const asleep = (clock: FakeClock) => clock.doze(60_000)
  const unused = (clock: FakeClock) => clock.advance(6 * 60_000)

  test.each([
    ['a sleep', asleep],
    ['more time without a request than connections are kept', unused],
  ])('or %s, an idle connection is not used again', async (_, pass) => {
    const server = await listen((socket) => socket.on('data', () => socket.write(answer('yes'))))
    const clock = createFakeClock()
    const { send } = client({ clock })
    await text(await send(server.origin, { method: 'POST', body: '1' }))
    clock.advance(4 * 60_000)
    await text(await send(server.origin, { method: 'POST', body: '2' }))
    expect(server.count()).toBe(1)
    pass(clock)
    await text(await send(server.origin, { method: 'POST', body: '3' }))
    await closed(server.sockets[0])
    await text(await send(server.origin, { method: 'POST', body: '4' }))
    expect(server.count()).toBe(2)
  })

  test('what is in flight ends where it began, and its connection with it', async () => {
    const server = await listen((socket, number) =>
      socket.on('data', () =>
        socket.write(number === 1 ? 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nol' : answer('new')),
      ),
    )
    const clock = createFakeClock()
    const { send } = client({ clock })
    const old = await send(server.origin)
    asleep(clock)
    expect(await text(await send(server.origin))).toBe('new')
    server.sockets[0]?.write('d!')
    expect(await text(old)).toBe('old!')
    await closed(server.sockets[0])
    expect(server.count()).toBe(2)
  })

  test('the client closes those that it does not use any more too', async () => {
    const server = await listen((socket) =>
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nol')),
    )
    const clock = createFakeClock()
    const { http, send } = client({ clock })
    const old = await send(server.origin)
    asleep(clock)
    await send(server.origin)
    await http.close()
    expect((await errorOf(text(old))).code).toBe('server_unreachable')
    await Promise.all(server.sockets.map(closed))
  })

  test('one that was opened ahead before it is not used', async () => {
    const server = await listen((socket, number) => socket.on('data', () => socket.write(answer(`${number}`))))
    const clock = createFakeClock()
    const { http, send } = client({ clock })
    http.warm(new URL(server.origin))
    await server.connected
    asleep(clock)
    expect(await text(await send(server.origin))).toBe('2')
  })
})

test('a name with addresses in both families is reached on the one that answers', async () => {
  const server = await listen((socket) => socket.on('data', () => socket.write(answer('four'))))
  expect(await text(await client().send(`http://localhost:${server.port}/`))).toBe('four')
})

test.each([
  [10_000, 1_250],
  [60_000, 1_250],
  [0, 1_250],
  [4_000, 1_000],
  [500, 250],
])('a name with several addresses, with %i ms to connect: each but the last gets %i ms', (connectTimeoutMs, each) => {
  client({ connectTimeoutMs })
  expect(getDefaultAutoSelectFamilyAttemptTimeout()).toBe(each)
})

test('an IPv6 address is reached, also ahead of the request', async (context) => {
  const server = await listen((socket) => socket.on('data', () => socket.write(answer('six'))), '::1').catch(
    () => undefined,
  )
  // A machine without IPv6 has no ::1.
  if (!server) return context.skip()
  const { http, send } = client()
  http.warm(new URL(`http://[::1]:${server.port}/`))
  await server.connected
  expect(await text(await send(`http://[::1]:${server.port}/`))).toBe('six')
  expect(server.count()).toBe(1)
})

describe('of origins that anybody names', () => {
  const bounded = (environment: NodeJS.ProcessEnv = {}) => {
    const connections = createConnections({ connectTimeoutMs: 10_000, environment })
    onTestFinished(() => connections.close())
    return (number: number) => connections.bounded(new URL(`https://203.0.113.${number}/`), 'public')
  }
  const first = (count: number) => Array.from({ length: count }, (_, number) => number)

  test.each([
    ['directly', {}],
    ['through a proxy', { HTTPS_PROXY: 'http://127.0.0.1:9' }],
  ])('a hundred are kept %s, those that were used last', async (_title, environment) => {
    const route = bounded(environment)
    const routes = []
    for (const number of first(100)) routes.push(await route(number))
    expect((await route(0)).pool).toBe(routes[0]?.pool)
    for (const number of [100, 101]) routes.push(await route(number))
    expect(routes.flatMap(({ pool }, number) => (pool.destroyed ? [number] : []))).toEqual([1, 2])
    expect((await route(1)).pool).not.toBe(routes[1]?.pool)
  })

  test('one that has a request is kept, however many others come', async () => {
    const proxy = await listen(() => undefined)
    const route = bounded({ HTTPS_PROXY: proxy.origin })
    const { pool, origin } = await route(0)
    const nothing = () => undefined
    const handler = {
      onRequestStart: nothing,
      onResponseStart: nothing,
      onResponseData: nothing,
      onResponseEnd: nothing,
    }
    pool.dispatch({ origin, path: '/', method: 'GET' }, { ...handler, onResponseError: nothing })
    await proxy.connected
    for (const number of first(150)) await route(number + 1)
    expect((await route(0)).pool).toBe(pool)
    expect(pool.destroyed).toBe(false)
  })
})

describe('cookies', () => {
  test('of the same origin are sent back, after those that a person configured, also over a redirect', async () => {
    const server = await serve(({ path }, _, response) => {
      if (path === '/start') response.writeHead(307, { location: '/mcp', 'set-cookie': 'lb=node-1; Path=/' }).end()
      else response.end('yes')
    })
    const { send } = client({ cookieOrigin: server.origin })
    await text(await send(`${server.origin}/start`, { headers: { cookie: 'mine=1' } }))
    await text(await send(`${server.origin}/mcp`))
    expect(server.requests.map(({ headers }) => headers.cookie)).toEqual(['mine=1', 'mine=1; lb=node-1', 'lb=node-1'])
  })

  test('of any other origin are not kept, and none is sent there', async () => {
    const other = await serve((_, __, response) => response.setHeader('set-cookie', 'their=1; Path=/').end())
    const server = await serve((_, __, response) => response.setHeader('set-cookie', 'our=1; Path=/').end())
    const { send } = client({ cookieOrigin: server.origin })
    for (const origin of [server.origin, other.origin, server.origin, other.origin]) await text(await send(origin))
    expect(other.requests.map(({ headers }) => headers.cookie)).toEqual([undefined, undefined])
    expect(server.requests.map(({ headers }) => headers.cookie)).toEqual([undefined, 'our=1'])
  })

  test.each(['GET', 'POST'] as const)(
    'of the MCP server do not reach an authorization server on the same origin by %s, whose own are not kept',
    async (method) => {
      const server = await serve(({ path }, _, response) =>
        response.setHeader('set-cookie', path === '/mcp' ? 'mcp=1; Path=/' : 'login=1; Path=/').end(),
      )
      const { send } = client({ cookieOrigin: server.origin })
      await text(await send(`${server.origin}/mcp`))
      await text(await send(`${server.origin}/token`, { method, cookies: 'none' }))
      await text(await send(`${server.origin}/mcp`))
      expect(server.requests.map(({ headers }) => headers.cookie)).toEqual([undefined, undefined, 'mcp=1'])
    },
  )
})

test('a large body is taken when it has been sent, before the answer arrives', async () => {
  const body = Buffer.alloc(3_000_000, 'x')
  const arrived = { bytes: 0 }
  let finish = () => {}
  const server = await listen((socket) => {
    socket.on('data', (chunk) => {
      arrived.bytes += chunk.byteLength
    })
    finish = () => socket.write(answer('late'))
  })
  let tell = () => {}
  const gone = new Promise<void>((resolve) => {
    tell = resolve
  })
  const { send } = client()
  const sending = send(server.origin, { method: 'POST', body, transmission: { sent: false, taken: tell } })
  await gone
  finish()
  expect(await text(await sending)).toBe('late')
})
