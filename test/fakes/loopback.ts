// HTTP servers and ports on loopback for the tests of the doors to the network.
import { createServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface LoopbackServer {
  readonly origin: string
  readonly port: number
  readonly requests: readonly Seen[]
  close(): Promise<void>
}

/** Answers every request with `answer`, after its body was read; closed when the test ends. */
export async function serve(
  answer: (seen: Seen, ...rest: Parameters<RequestListener>) => void,
): Promise<LoopbackServer> {
  const requests: Seen[] = []
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const { method = '', url = '', headers } = incoming
    const seen = { method, path: url, headers, body: Buffer.concat(chunks).toString('utf8') }
    requests.push(seen)
    answer(seen, incoming, response)
  })
  const port = await listenOn(server, '127.0.0.1')
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  onTestFinished(close)
  return { origin: `http://127.0.0.1:${port}`, port, requests, close }
}

/** A listener that takes connections and never says a word. */
export async function silentListener(
  address = '127.0.0.1',
  port = 0,
): Promise<{ port: number; connected: Promise<void> }> {
  let tell = () => {}
  const connected = new Promise<void>((resolve) => {
    tell = resolve
  })
  const server = createTcpServer((socket) => {
    tell()
    socket.on('error', () => undefined)
    onClose.push(() => socket.destroy())
  })
  const onClose: (() => void)[] = []
  const taken = await listenOn(server, address, port)
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        for (const close of onClose) close()
        server.close(() => resolve())
      }),
  )
  return { port: taken, connected }
}

function listenOn(server: Server, address: string, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => resolve((server.address() as AddressInfo).port))
  })
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** One plain request, with any Host and method, to one address. */
export function ask(
  port: number,
  path: string,
  options: { address?: string; method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { address = '127.0.0.1', method = 'GET', headers = {} } = options
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: address, port, path, method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      )
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
