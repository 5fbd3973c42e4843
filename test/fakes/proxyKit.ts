// The message path of the gateway between real sockets: a server that does what a test scripts and keeps what it got, and raw clients.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { type AddressInfo, createConnection, createServer as createTcpServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { userHeaders } from '../../src/auth/userHeaders.ts'
import { parseMessage } from '../../src/bridge/message/message.ts'
import { rpcError } from '../../src/bridge/message/rpcError.ts'
import { BridgeError } from '../../src/errors.ts'
import type { Caller, GatewaySeal, Handler, Person, SigningKey } from '../../src/gateway/ports.ts'
import { createSigningKeys } from '../../src/gateway/proxy/assertion/signingKeys.ts'
import { createMcpHandler, type McpHandlerOptions } from '../../src/gateway/proxy/mcpHandler.ts'
import type { ServedServer } from '../../src/gateway/settings.ts'
import { sha256 } from '../../src/sha256.ts'
import { createHttp } from '../../src/system/http/client.ts'
import { until } from '../servers/until.ts'
import { createFakeClock, type FakeClock } from './fakeClock.ts'
import { createFakeLeases } from './fakeLeases.ts'
import { createFakeLogger, type FakeLogger } from './fakeLogger.ts'

export const PUBLIC = 'https://gateway.example'
export const HOUR = 3_600_000

export const personOf = (id: string, claims: Person['claims'] = {}): Person => ({
  id,
  issuer: 'https://provider.example',
  subject: `subject-of-${id}`,
  claims: { email: `${id}@example.com`, name: `The ${id}`, ...claims },
  email: `${id}@example.com`,
  blockedAt: undefined,
})

export const servedAt = (url: string, more: Partial<ServedServer> = {}): ServedServer => ({
  name: undefined,
  url,
  path: '/mcp',
  subpaths: true,
  bearer: 'assertion',
  provider: undefined,
  headers: {},
  access: undefined,
  certificates: undefined,
  ...more,
})

/** Opens under the place it was sealed for; never the same text twice. */
export function createFakeSeal(): GatewaySeal {
  let count = 0
  const pack = (text: string, place: readonly string[]) =>
    Buffer.from(JSON.stringify([count++, place, text])).toString('base64url')
  return {
    seal: pack,
    open(sealed, place) {
      try {
        const [, where, text] = JSON.parse(Buffer.from(sealed, 'base64url').toString())
        return JSON.stringify(where) === JSON.stringify(place) ? text : undefined
      } catch {
        return undefined
      }
    },
    mac: (purpose, text) => pack(text, [purpose]),
    isMac: () => false,
  }
}

export function createFakeSigningKeyStore(rows: SigningKey[] = []) {
  return {
    rows,
    all: async () => [...rows],
    add: async (key: SigningKey) => void rows.push(key),
    retire: async (kid: string, at: number) => {
      rows.splice(0, rows.length, ...rows.map((row) => (row.kid === kid ? { ...row, retiredAt: at } : row)))
    },
    remove: async (kid: string) => void rows.splice(0, rows.length, ...rows.filter((row) => row.kid !== kid)),
  }
}

export interface Got {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

type Answer = (response: ServerResponse, got: Got, request: IncomingMessage) => void

export interface Kit {
  readonly port: number
  readonly url: string
  /** What the server got, in order. */
  readonly got: Got[]
  /** What the server does next, and from then on. */
  answer: Answer
  readonly clock: FakeClock
  readonly log: FakeLogger
  readonly keys: ReturnType<typeof createSigningKeys>
  /** By token; a test may remove or change one. */
  readonly callers: Map<string, Caller>
  readonly asked: string[]
  /** The grants of each look at all open streams. */
  readonly looks: (readonly string[])[]
  readonly grants: Map<string, { endedAt: number | undefined; expiresAt: number }>
  readonly persons: Map<string, Person>
  /** By id; none has to be there. */
  readonly clients: Map<string, { blockedAt: number | undefined }>
  /** Requests whose client is gone. */
  readonly gone: number[]
}

export interface KitOptions extends Partial<Omit<McpHandlerOptions, 'settings'>> {
  readonly settings?: Partial<McpHandlerOptions['settings']>
  readonly served?: (upstream: string) => readonly ServedServer[]
  /** Instead of a server: an address that nobody listens at, or a raw one. */
  readonly upstream?: string
}

export const json: Answer = (response, got) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ got: got.body.toString() }))
}

export interface ProxyOptions extends KitOptions {
  readonly publicUrl?: string
}

/** The handler, with two callers, and what it stands on. */
export function createProxy({
  settings = {},
  served = (url) => [servedAt(url)],
  upstream = '',
  publicUrl = PUBLIC,
  ...more
}: ProxyOptions) {
  const clock = createFakeClock()
  const log = createFakeLogger()
  const callers = new Map<string, Caller>()
  const asked: string[] = []
  const looks: Kit['looks'] = []
  const grants: Kit['grants'] = new Map()
  const persons: Kit['persons'] = new Map()
  const clients: Kit['clients'] = new Map()
  const servers = served(upstream)
  const http = createHttp({ connectTimeoutMs: 5_000 })
  const keys = createSigningKeys({ store: createFakeSigningKeyStore(), leases: createFakeLeases(), clock, log })
  const resourceOf = ({ path }: ServedServer) => publicUrl + path
  const handler = createMcpHandler({
    settings: {
      publicUrl,
      forwardHeaders: ['Authorization', 'X-User-*'],
      blockedHeaders: [],
      userHeaders: { 'X-User-Id': 'sub', 'X-User-Email': 'email' },
      requestTimeoutMs: 10_000,
      limits: { bodyBytes: 8 * 1024 * 1024 },
      ...settings,
    },
    callers: {
      byTokenHash: async (hash) => {
        asked.push(hash)
        return [...callers].find(([token]) => sha256(token) === hash)?.[1]
      },
      async standing(ids) {
        looks.push(ids)
        const found = [...new Set(ids)].flatMap((id) => {
          const [grant, person] = [grants.get(id), persons.get(id.replace('grant-', ''))]
          if (!grant || grant.endedAt !== undefined || grant.expiresAt <= clock.now()) return []
          if (!person || person.blockedAt !== undefined || clients.get('client-1')?.blockedAt !== undefined) return []
          const living = [...callers].filter(([, one]) => one.grantId === id && one.expiresAt > clock.now())
          return [[id, { person, tokens: new Set(living.map(([token]) => sha256(token))) }] as const]
        })
        return new Map(found)
      },
    },
    seal: createFakeSeal(),
    tokens: { current: async () => undefined },
    emailOf: ({ email }) => email,
    checkAccess: () => undefined,
    signingKeys: keys,
    http: () => http,
    readBody: bytesOf,
    look: parseMessage,
    rpcError,
    userHeaders,
    resourceOf,
    challenge: ({ path }, error) => `Bearer resource_metadata="${path}"${error ? `, error="${error}"` : ''}`,
    clock,
    log,
    ...more,
  })
  for (const name of ['ada', 'bob']) {
    const person = personOf(name)
    persons.set(name, person)
    grants.set(`grant-${name}`, { endedAt: undefined, expiresAt: clock.now() + 100 * HOUR })
    const [first] = servers
    callers.set(`token-${name}`, callerOf(person, first ? resourceOf(first) : '', clock.now() + HOUR))
  }
  return {
    handler,
    servers,
    clock,
    log,
    keys,
    callers,
    asked,
    looks,
    grants,
    persons,
    clients,
    close: () => http.close(),
  }
}

/** Closed when the test is over. */
export async function startKit({ upstream: given, ...options }: KitOptions = {}): Promise<Kit> {
  const got: Got[] = []
  const gone: number[] = []
  const state: { answer: Answer } = { answer: json }
  const upstream = await listen(async (request, response) => {
    const body = await bytesOf(request)
    const { method = '', url = '', headers, rawHeaders } = request
    const one = { method, url, headers, rawHeaders, body }
    const index = got.push(one) - 1
    response.on('close', () => response.writableFinished || gone.push(index))
    state.answer(response, one, request)
  })
  const { handler, servers, close, ...proxy } = createProxy({ ...options, upstream: given ?? upstream.url })
  const front = await listen((request, response) => serve(handler, servers, request, response))
  onTestFinished(async () => {
    await close()
    await front.close()
    await upstream.close()
  })
  return {
    ...proxy,
    port: front.port,
    url: front.url,
    got,
    gone,
    get answer() {
      return state.answer
    },
    set answer(answer) {
      state.answer = answer
    },
  }
}

export const callerOf = (person: Person, resource: string, expiresAt: number): Caller => ({
  person,
  clientId: 'client-1',
  clientName: 'A client',
  grantId: `grant-${person.id}`,
  resource,
  scope: 'mcp',
  expiresAt,
})

/** As the HTTP shell calls a handler. */
function serve(
  handler: Handler,
  servers: readonly ServedServer[],
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = new URL(request.url ?? '/', PUBLIC)
  const served = [...servers]
    .sort((a, b) => b.path.length - a.path.length)
    .find(({ path }) => url.pathname === path || url.pathname.startsWith(`${path}/`))
  const signal = new AbortController()
  response.on('close', () => response.writableFinished || signal.abort(new BridgeError('cancelled')))
  const rest = decodeURIComponent(url.pathname.slice(served?.path.length ?? 0))
  const context = {
    url,
    requestId: 'request-1',
    address: '192.0.2.7',
    served,
    rest,
    parameters: {},
    signal: signal.signal,
  }
  handler(request, response, context).catch((thrown: unknown) => {
    if (response.headersSent) return void response.destroy()
    response.statusCode = thrown instanceof BridgeError && thrown.code === 'database_unreachable' ? 503 : 500
    response.end(String(thrown))
  })
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function listen(listener: RequestListener) {
  const server = createServer({ maxHeaderSize: 64 * 1024 }, listener)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise((done) => server.close(done))
    },
  }
}

/** A server of bytes: `on` gets each connection when its first bytes have come. Closed when the test is over. */
export async function startRawServer(on: (socket: Socket, connections: number) => void) {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => on(socket, ++connections))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((done) => server.close(done))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
  }
}

export interface RawClient {
  readonly socket: Socket
  /** All that has come. */
  text(): string
  /** Everything, once the other side has ended; 'cut' where it was reset. */
  readonly end: Promise<string>
  /** Waits until it has come. */
  sees(part: string): Promise<string>
}

export function rawClient(port: number, bytes: string): RawClient {
  const chunks: Buffer[] = []
  const socket = createConnection(port, '127.0.0.1')
  const text = () => Buffer.concat(chunks).toString('latin1')
  const end = new Promise<string>((done) => socket.on('close', () => done(text())))
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => undefined)
  socket.write(bytes)
  return { socket, text, end, sees: (part) => until(part, () => text().includes(part) && text(), text) }
}

/** The bytes of one request, which asks to close the connection. */
export const rawRequest = (headers: readonly string[], body = '', first = 'POST /mcp HTTP/1.1') =>
  [
    first,
    'Host: gateway.example',
    ...(headers.some((header) => /^connection:/i.test(header)) ? [] : ['Connection: close']),
    ...(first.startsWith('POST') ? [`Content-Length: ${Buffer.byteLength(body)}`] : []),
    ...headers,
    '',
    body,
  ].join('\r\n')

export const BEARER = { authorization: 'Bearer token-ada' }
export const post = (kit: Pick<Kit, 'url'>, body: string, headers: Record<string, string> = {}, path = '/mcp') =>
  fetch(`${kit.url}${path}`, {
    method: 'POST',
    body,
    headers: {
      ...BEARER,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
  })
export const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo"}}'
