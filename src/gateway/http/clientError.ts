// What a client is told whose bytes are not HTTP, are too many, or come too slowly: Node has no request for a handler then
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { securityHeaders } from './answer.ts'

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}
const WORDS: Readonly<Record<number, string>> = {
  400: 'The request is malformed.',
  408: 'The request was not sent in time.',
  413: 'The body of the request is too large.',
  431: 'The headers of the request are too large.',
}
/** How long a client may take to read this, in ms. */
const LINGER_MS = 1_000

const answered = new WeakSet<Socket>()

/** `answers`: what this connection waits for. An answer that has begun is cut, because nothing may be added to it. */
export function answerClientError(
  { code = '' }: NodeJS.ErrnoException,
  socket: Socket,
  answers: ReadonlySet<ServerResponse> | undefined,
): void {
  // The bytes after a fault are faults too.
  if (answered.has(socket)) return
  answered.add(socket)
  const isHopeless = !socket.writable || code === 'ECONNRESET' || socket.bytesRead === 0
  if (isHopeless || [...(answers ?? [])].some(({ headersSent }) => headersSent)) {
    socket.destroy()
    return
  }
  const status = STATUS[code] ?? 400
  const body = JSON.stringify({ error: 'invalid_request', error_description: WORDS[status] })
  const headers = {
    ...securityHeaders,
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  }
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}
