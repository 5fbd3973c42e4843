// TLS servers and an HTTP proxy on loopback, with certificates of a private authority.
import { readFileSync } from 'node:fs'
import { createServer as createPlain, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { type AddressInfo, connect, type Server, type Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const fileOf = (name: string) => fileURLToPath(new URL(`../servers/tls/${name}`, import.meta.url))
const read = (name: string) => readFileSync(fileOf(name), 'utf8')

/** The authority that signed them all, as a file and as text. */
export const AUTHORITY_FILE = fileOf('ca.pem')
export const AUTHORITY = read('ca.pem')

/** For localhost and mcp.example.test, or for other.example.test. */
type CertificateFile = 'server.pem' | 'other.pem'

export interface SecureAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** Answers with what `answer` makes of the body, and sets a cookie; `certificate` is for localhost, or for another name. `more` is for TLS. */
export async function serveSecurely(
  certificate: CertificateFile = 'server.pem',
  answer: (body: string, request: IncomingMessage) => string | SecureAnswer = () => 'hello',
  more: TlsOptions = {},
) {
  const requests: IncomingMessage['headers'][] = []
  let connections = 0
  const server = createSecure({ cert: read(certificate), key: read('server.key'), ...more }, (incoming, response) => {
    requests.push(incoming.headers)
    let body = ''
    incoming.on('data', (chunk) => {
      body += chunk
    })
    const headers = { 'content-type': 'application/json', 'set-cookie': 'lb=cookie-canary; Path=/; Secure; HttpOnly' }
    incoming.once('end', () => {
      const given = answer(body, incoming)
      const full = typeof given === 'string' ? { status: 200, body: given } : given
      response.writeHead(full.status, { ...headers, ...full.headers }).end(full.body)
    })
  })
  server.on('connection', () => connections++)
  const port = await open(server)
  return {
    port,
    origin: `https://localhost:${port}`,
    requests,
    get connections() {
      return connections
    },
  }
}

export interface ProxyStage {
  readonly port: number
  /** First line of each request, and its Proxy-Authorization. */
  readonly asked: readonly (readonly [string, string | undefined])[]
}

/**
 * Passes on everything to 127.0.0.1, whatever name was asked for; `status` other than 200 refuses instead. With a `certificate` it
 * is an https proxy.
 */
export async function startProxy(status = 200, certificate?: CertificateFile): Promise<ProxyStage> {
  const asked: (readonly [string, string | undefined])[] = []
  const note = ({ method, url, headers }: IncomingMessage) =>
    asked.push([`${method} ${url}`, headers['proxy-authorization']])
  const handle = (incoming: IncomingMessage, response: ServerResponse) => {
    note(incoming)
    if (status !== 200) {
      response.writeHead(status).end()
      return
    }
    const to = new URL(incoming.url ?? '')
    const { 'proxy-authorization': _, ...headers } = incoming.headers
    const onward = request(
      { host: '127.0.0.1', port: to.port, path: to.pathname + to.search, method: incoming.method, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    incoming.pipe(onward)
  }
  const server = certificate
    ? createSecure({ cert: read(certificate), key: read('server.key') }, handle)
    : createPlain(handle)
  server.on('connect', (incoming, socket: Socket) => {
    note(incoming)
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    const onward = connect(Number(incoming.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    for (const end of [socket, onward]) end.on('error', () => undefined)
    socket.on('close', () => onward.destroy())
  })
  return { port: await open(server), asked }
}

async function open(server: Server & { closeAllConnections?: () => void }): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  )
  return (server.address() as AddressInfo).port
}
