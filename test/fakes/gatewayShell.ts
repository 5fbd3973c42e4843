// The gateway's front on a free port of loopback, with handlers that answer what they were given; and raw sockets to it.
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { createGateway, type GatewayOptions } from '../../src/gateway/gateway.ts'
import { sendJson } from '../../src/gateway/http/answer.ts'
import { readBody } from '../../src/gateway/http/body.ts'
import type { Handler } from '../../src/gateway/ports.ts'
import type { GatewayHandlers } from '../../src/gateway/routes.ts'
import type { ServedServer } from '../../src/gateway/settings.ts'
import { createFakeLogger } from './fakeLogger.ts'

export const PUBLIC_URL = 'https://mcp.example.com'

export const served = (path: string, name?: string, subpaths = name === undefined): ServedServer => ({
  name,
  url: `http://localhost:3000${path}`,
  path,
  subpaths,
  bearer: 'assertion',
  provider: undefined,
  headers: {},
  access: undefined,
  certificates: undefined,
})

/** Says which handler was asked, and what it saw. */
const echo =
  (handler: string): Handler =>
  async (request, response, { url, address, requestId, rest, parameters, served: server }) => {
    const body = request.method === 'POST' ? Buffer.from(await readBody(request, 1_000)).toString() : undefined
    const seen = { url: url.href, target: request.url, address, requestId, rest, parameters, server: server?.name }
    sendJson(response, 200, { handler, method: request.method, ...seen, body })
  }

export interface ShellOptions {
  readonly settings?: Partial<GatewayOptions['settings']>
  readonly handlers?: Partial<GatewayHandlers>
  readonly health?: Partial<GatewayOptions['health']>
  readonly rest?: Partial<GatewayOptions>
}

export async function startShell({ settings, handlers, health, rest }: ShellOptions = {}) {
  const log = createFakeLogger()
  const gateway = createGateway({
    settings: {
      listen: { host: '127.0.0.1', port: 0 },
      publicUrl: PUBLIC_URL,
      tls: undefined,
      trustedProxies: [],
      servers: [served('/mcp')],
      limits: { bodyBytes: 10_000, headerBytes: 16 * 1024, headersMs: 10_000, bodyMs: 60_000 },
      cors: { enabled: false, origins: [], allowCredentials: false, allowedHeaders: [] },
      ...settings,
    },
    handlers: {
      mcp: echo('mcp'),
      authorization: {
        handle: (request, response, address) =>
          sendJson(response, 200, { handler: 'engine', target: request.url, address }),
      },
      jwks: echo('jwks'),
      consent: echo('consent'),
      back: echo('back'),
      login: echo('login'),
      callback: echo('callback'),
      refresh: echo('refresh'),
      ...handlers,
    },
    health: { database: async () => undefined, server: async () => undefined, uptime: () => 12_345_678, ...health },
    drain: { delayMs: 0, longestMs: 0 },
    log,
    ...rest,
  })
  const listening = await gateway.listen()
  onTestFinished(() => listening.cut())
  return { ...listening, gateway, log }
}

export interface RawAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A connection of its own, which stays open. */
export function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => resolve(socket))
    socket.once('error', reject)
    onTestFinished(() => void socket.destroy())
  })
}

/** Everything that comes until the connection ends. */
export function toEnd(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => undefined)
    for (const event of ['end', 'close']) socket.once(event, () => resolve(Buffer.concat(chunks).toString()))
  })
}

/** Sends the bytes as they are, and reads one answer; the connection must end with it. */
export async function raw(port: number, bytes: string): Promise<RawAnswer> {
  const socket = await open(port)
  const answered = toEnd(socket)
  socket.write(bytes, 'latin1')
  const text = await answered
  socket.destroy()
  return parse(text)
}

export function parse(text: string): RawAnswer {
  const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s)
  const [first = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  return { status: Number(first.split(' ')[1] ?? 0), headers, body }
}

/** One request that ends its connection; `lines` besides Host. */
export const rawRequest = (
  port: number,
  target: string,
  lines: readonly string[] = [],
  method = 'GET',
  host = 'mcp.example.com',
) =>
  raw(port, `${[`${method} ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...lines].join('\r\n')}\r\n\r\n`)
