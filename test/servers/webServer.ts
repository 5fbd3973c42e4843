// Real SDK servers behind node:http: a request becomes a web Request whose end aborts it, everything that came is kept, and so are their sessions.
import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { startLoopbackServer } from './loopbackServer.ts'

/** One HTTP request as it came. */
export interface Seen {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** The JSON of a POST. */
  readonly message: any
}

export type Handler = (seen: Seen, request: IncomingMessage, response: ServerResponse, body: Buffer) => unknown

/** Keeps every request and hands it on. */
export async function startSeeing(answer: Handler) {
  const seen: Seen[] = []
  const server = await startLoopbackServer((request, response, body) => {
    const one = { method: request.method ?? '', headers: request.headers, message: parse(body) }
    seen.push(one)
    return answer(one, request, response, body)
  })
  return { ...server, url: `${server.origin}/mcp`, seen }
}

/** The sessions of an SDK server: the transport of each, and what it offers. */
export function createSessions<Transport, Offer>() {
  const sessions = new Map<string, { readonly transport: Transport; readonly offered: Offer }>()
  return {
    get size() {
      return sessions.size
    },
    transport: (id: string) => sessions.get(id)?.transport,
    offers: () => [...sessions.values()].map(({ offered }) => offered),
    begin: (id: string, transport: Transport, offered: Offer) => void sessions.set(id, { transport, offered }),
    end: (id: string) => void sessions.delete(id),
    clear: () => sessions.clear(),
    /** Options of a transport that begins one with the first `initialize`. */
    options(offered: Offer, transport: () => Transport) {
      return {
        sessionIdGenerator: () => randomUUID() as string,
        onsessioninitialized: (id: string) => this.begin(id, transport(), offered),
        onsessionclosed: (id: string) => this.end(id),
      }
    },
  }
}

export function toRequest(request: IncomingMessage, response: ServerResponse, body: Buffer): Request {
  const stop = new AbortController()
  response.once('close', () => stop.abort())
  return new Request(`http://${request.headers.host}${request.url}`, {
    method: request.method ?? 'GET',
    headers: Object.entries(request.headers).flatMap(([name, value]) =>
      [value].flat().map((one): [string, string] => [name, String(one)]),
    ),
    signal: stop.signal,
    ...(request.method === 'POST' ? { body: new Uint8Array(body) } : {}),
  })
}

export function sendResponse(answer: Response, response: ServerResponse): void {
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).flushHeaders()
  if (!answer.body) {
    response.end()
    return
  }
  const body = Readable.fromWeb(answer.body as any)
  body.on('error', () => response.destroy())
  response.once('close', () => body.destroy())
  body.pipe(response)
}

function parse(body: Buffer): any {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
