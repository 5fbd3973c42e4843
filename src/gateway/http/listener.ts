// The listener: node:http or node:https on the configured address, with the limits that end slow, greedy and malformed clients
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { bareHost } from '../../bareHost.ts'
import { BridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import type { ServeSettings } from '../settings.ts'
import { answerClientError } from './clientError.ts'
import { asListenError, type PortHolder } from './listenError.ts'

export interface ListenerOptions extends Pick<ServeSettings, 'listen' | 'tls'> {
  readonly limits: Pick<ServeSettings['limits'], 'headerBytes' | 'headersMs' | 'bodyMs'>
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  readonly log: Logger
  readonly portHolder?: PortHolder | undefined
  /** How many connections at once; more are closed as they come. */
  readonly mostConnections?: number | undefined
  /** How long a client may read nothing of what waits for it, in ms. */
  readonly stallMs?: number | undefined
}

export interface Listener {
  readonly port: number
  /** Takes no more connections, lets requests finish for `longestMs`, then cuts them; one whose headers do not come in time, earlier. */
  stop(longestMs: number): Promise<void>
  /** For new connections. @throws BridgeError config_invalid; then the former one stays */
  useCertificate(tls: NonNullable<ServeSettings['tls']>): void
}

const KEEP_ALIVE_MS = 75_000
const MOST_CONNECTIONS = 20_000
const STALL_MS = 60_000
/** Requests of one connection that wait for their answers; clients of HTTP/1.1 hardly ever send a second one (RFC 9112 section 9.3.2). */
const MOST_PIPELINED = 32

/** @throws BridgeError listen_failed, config_invalid */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { listen, stallMs = STALL_MS } = options
  const open = new Set<ServerResponse>()
  const stopWatching = watchStalled(open, stallMs)
  const sockets: State['sockets'] = new Map()
  const state: State = { open, sockets, bare: new Set(), stopping: false }
  const servers: Server[] = []
  const end = async () => {
    stopWatching()
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
  try {
    for (const host of listen.host === 'localhost' ? ['127.0.0.1', '::1'] : [bareHost({ hostname: listen.host })]) {
      const port = servers[0] ? portOf(servers[0]) : listen.port
      const server = createOne(options, state)
      if (await opened(server, port, host, listen.host === 'localhost')) servers.push(server)
    }
    if (servers.length === 0) throw Object.assign(new Error('no loopback'), { code: 'EADDRNOTAVAIL' })
  } catch (thrown) {
    await end()
    throw thrown instanceof BridgeError ? thrown : await asListenError(thrown, listen, options.portHolder)
  }
  return {
    port: portOf(servers[0] as Server),
    async stop(longestMs) {
      state.stopping = true
      for (const response of open) if (!response.headersSent) response.shouldKeepAlive = false
      const ended = end()
      for (const [socket, answers] of sockets) if (answers.size === 0 && hasSentNothing(socket)) socket.destroy()
      // Node no longer looks for slow headers when it closes.
      const headers = setTimeout(() => {
        for (const [socket, answers] of sockets) if (answers.size === 0) socket.destroy()
      }, options.limits.headersMs)
      const timer = setTimeout(() => {
        for (const socket of [...sockets.keys(), ...state.bare]) socket.destroy()
      }, longestMs)
      await ended
      clearTimeout(headers)
      clearTimeout(timer)
    },
    useCertificate(tls) {
      for (const server of servers)
        if ('setSecureContext' in server) certified(() => server.setSecureContext(secure(tls)))
    },
  }
}

type Server = HttpServer | HttpsServer

const portOf = (server: Server) => (server.address() as AddressInfo).port

const hasSentNothing = (socket: Duplex) => (socket as Socket).bytesRead === 0

interface State {
  readonly open: Set<ServerResponse>
  /** Every connection, with the answers that it waits for. */
  readonly sockets: Map<Duplex, Set<ServerResponse>>
  readonly bare: Set<Duplex>
  stopping: boolean
}

function createOne(
  { tls, limits, handle, log, mostConnections = MOST_CONNECTIONS }: ListenerOptions,
  state: State,
): Server {
  const { headerBytes, headersMs, bodyMs } = limits
  const settings = {
    maxHeaderSize: headerBytes,
    headersTimeout: headersMs,
    // From the first byte of a request to the last one of its body; an answer may take as long as it likes.
    requestTimeout: headersMs + bodyMs,
    connectionsCheckingInterval: Math.max(20, Math.min(1_000, headersMs / 5, bodyMs / 5)),
    keepAliveTimeout: KEEP_ALIVE_MS,
    // A machine that is gone without a word is noticed under an open stream.
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    insecureHTTPParser: false,
    // Ours says it in words, and lets probes of HTTP/1.0 in.
    requireHostHeader: false,
  }
  const server = tls
    ? certified(() => createSecureServer({ ...settings, ...secure(tls), handshakeTimeout: headersMs }))
    : createServer(settings)
  server.maxConnections = mostConnections
  // Those beyond a number would be left out without a word; their bytes are bounded.
  server.maxHeadersCount = 0
  const take = (request: IncomingMessage, response: ServerResponse) => {
    if (begin(request, response, server, state)) handle(request, response)
  }
  server.on('request', take).on('checkContinue', take)
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => track(socket, state))
  if (tls) server.on('connection', (socket: Socket) => trackBare(socket, state))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    answerClientError(error, socket as Socket, state.sockets.get(socket)),
  )
  server.on('connect', (_request, socket) =>
    answerClientError(Object.assign(new Error('CONNECT'), { code: 'CONNECT' }), socket as Socket, undefined),
  )
  server.on('listening', () =>
    server.on('error', ({ code }: NodeJS.ErrnoException) => log.warn('gateway:connection', { reason: code })),
  )
  return server
}

/** Those under TLS, which may never finish their handshake. */
function trackBare(socket: Socket, { bare }: State): void {
  bare.add(socket)
  socket.once('close', () => bare.delete(socket))
}

function track(socket: Socket, { sockets }: State): void {
  sockets.set(socket, new Set())
  // Node takes its own listener away with CONNECT; the end of a connection is no error of the gateway's.
  socket.on('error', () => undefined)
  socket.once('close', () => sockets.delete(socket))
}

/** False: the connection has too many requests already, and is closed. */
function begin({ socket }: IncomingMessage, response: ServerResponse, server: Server, state: State): boolean {
  const answers = state.sockets.get(socket) ?? new Set()
  if (answers.size >= MOST_PIPELINED) {
    socket.destroy()
    return false
  }
  answers.add(response)
  state.open.add(response)
  if (state.stopping) response.shouldKeepAlive = false
  response.once('close', () => {
    answers.delete(response)
    state.open.delete(response)
    if (state.stopping) server.closeIdleConnections()
  })
  return true
}

/** Ends connections whose client reads nothing of what waits for it: their buffers would stay for ever. Gives what ends the watch. */
function watchStalled(open: ReadonlySet<ServerResponse>, stallMs: number): () => void {
  const last = new WeakMap<ServerResponse, { readonly taken: number; readonly since: number }>()
  const look = () => {
    const now = performance.now()
    for (const response of open) {
      const { socket } = response
      if (!socket || socket.writableLength === 0) {
        last.delete(response)
        continue
      }
      const taken = socket.bytesWritten - socket.writableLength
      const before = last.get(response)
      if (before?.taken !== taken) last.set(response, { taken, since: now })
      else if (now - before.since >= stallMs) socket.destroy()
    }
  }
  const timer = setInterval(look, Math.max(10, stallMs / 4))
  timer.unref()
  return () => clearInterval(timer)
}

const secure = ({ cert, key }: NonNullable<ServeSettings['tls']>) => ({ cert, key, minVersion: 'TLSv1.2' as const })

function certified<T>(make: () => T): T {
  try {
    return make()
  } catch (cause) {
    const message = 'serve.tls: the certificate and the key cannot be used, or do not belong together.'
    const hint =
      'Set serve.tls.cert_file to the certificate with its chain, and key_file to the key that it was issued for.'
    throw new BridgeError('config_invalid', { message, hint, cause })
  }
}

/** False: this machine has no such address family, where `isOptional`. */
function opened(server: Server, port: number, host: string, isOptional: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      if (isOptional && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT')) resolve(false)
      else reject(error)
    }
    server.once('error', failed)
    server.listen({ port, host }, () => {
      server.off('error', failed)
      resolve(true)
    })
  })
}
