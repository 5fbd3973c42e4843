// One address behind which the server changes: a proxy whose target is another one from a moment on, and that may do what proxies do.
import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http'
import { type Seen, startSeeing } from './webServer.ts'

export interface Passing {
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface ChangingOptions {
  /** What reaches the server of a request. */
  readonly rewrite?: (passing: Passing) => Passing
  /** Answers in place of the server; false: it does not. */
  readonly instead?: (seen: Seen, response: ServerResponse) => boolean
}

export async function startChangingServer(first: string, options: ChangingOptions = {}) {
  const state = { target: first, ...options }
  const open = new Set<ServerResponse>()
  const server = await startSeeing((seen, incoming, outgoing, body) => {
    open.add(outgoing)
    outgoing.once('close', () => open.delete(outgoing))
    if (state.instead?.(seen, outgoing)) return
    const { host: _host, ...headers } = incoming.headers
    const passing = { headers, body }
    const passed = state.rewrite?.(passing) ?? passing
    const onward = httpRequest(
      new URL(incoming.url ?? '/', state.target),
      { method: incoming.method ?? 'GET', headers: { ...passed.headers } as OutgoingHttpHeaders },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders()
        answer.pipe(outgoing)
        answer.once('close', () => answer.complete || outgoing.destroy())
      },
    )
    onward.once('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()))
    outgoing.once('close', () => onward.destroy())
    onward.end(passed.body)
  })
  return {
    ...server,
    state,
    /** Another server is there from now on; with `cut`, what is open to the one before breaks. */
    become(target: string, { cut = false } = {}) {
      state.target = target
      if (cut) for (const response of open) response.destroy()
    },
    /** How often it was asked something, by method. */
    count: (method: string): number => server.seen.filter(({ message }) => message?.method === method).length,
  }
}

export type ChangingServer = Awaited<ReturnType<typeof startChangingServer>>
