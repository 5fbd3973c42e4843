// An MCP server whose every answer a test can write, over real HTTP; what no script says, it does as a plain good server.
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { startLoopbackServer } from './loopbackServer.ts'
import { within } from './until.ts'

/** What a host says is whatever the test looks for in it. */
export type Message = any

export interface Exchange {
  /** The JSON of a POST; undefined: there is none, or it is broken. */
  readonly message: Message
  /** The body as it came. */
  readonly bytes: Buffer
  readonly text: string
  /** POST, GET or DELETE. */
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse
  /** Answers the request's id in JSON. */
  result(result: unknown, headers?: Record<string, string>): void
  reply(status: number, body?: string | Buffer, headers?: Record<string, string>): void
  /** Begins an event stream. */
  stream(): ServerResponse
  /** Cuts the connection. */
  drop(): void
}

/** JSON-RPC or HTTP method → what answers it. `*`: every POST that is not a notification and has no script of its own. */
export type Script = Record<string, (exchange: Exchange) => unknown>

export async function startMcpServer(scripts: Script = {}, port = 0) {
  const seen: Exchange[] = []
  let watchers: { test: (exchange: Exchange) => boolean; resolve: (exchange: Exchange) => void }[] = []
  let sessions = 0
  const script: Script = { ...scripts }

  const plain = {
    initialize: ({ message, result }: Exchange) =>
      result(
        {
          protocolVersion: message.params?.protocolVersion ?? '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'scripted', version: '1' },
        },
        { 'mcp-session-id': `session-${++sessions}` },
      ),
    GET: ({ reply }: Exchange) => reply(405),
    DELETE: ({ reply }: Exchange) => reply(200),
  }

  function answererOf({ message, method }: Exchange): Script[string] | undefined {
    const name = message?.method ?? method
    // A method may be called `constructor`.
    for (const known of [script, plain as Script]) if (Object.hasOwn(known, name)) return known[name]
    const isNotification = message && !Array.isArray(message) && message.id === undefined
    if (!isNotification && script['*']) return script['*']
    const isRequest = message?.id !== undefined && message.method !== undefined
    return isRequest ? ({ result }) => result({}) : ({ reply }) => reply(202)
  }

  const server = await startLoopbackServer((request, response, bytes) => {
    const message = parse(bytes)
    const reply: Exchange['reply'] = (status, body = '', headers = {}) =>
      void response.writeHead(status, headers).end(body)
    const exchange: Exchange = {
      message,
      bytes,
      text: bytes.toString('utf8'),
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      response,
      reply,
      result(result, headers = {}) {
        const text = JSON.stringify({ jsonrpc: '2.0', id: message?.id, result })
        reply(200, text, { 'content-type': 'application/json', ...headers })
      },
      stream() {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        return response
      },
      drop: () => void request.socket.destroy(),
    }
    seen.push(exchange)
    const [now, later] = [watchers.filter(({ test }) => test(exchange)), watchers.filter(({ test }) => !test(exchange))]
    watchers = later
    for (const { resolve } of now) resolve(exchange)
    return answererOf(exchange)?.(exchange)
  }, port)

  // The first start with a server asks it which revisions it speaks; tests of that look at `seen`.
  const isQuestion = ({ message }: Exchange) => message?.method === 'server/discover'
  const methods = () =>
    seen
      .filter((one) => !isQuestion(one))
      .map(({ message, method }) => message?.method ?? (message ? 'answer' : method))
  return {
    ...server,
    url: `${server.origin}/mcp`,
    /** What came, in order. */
    seen,
    /** Changes what answers. */
    script,
    plain,
    /** JSON-RPC methods, or HTTP methods where there is none, in order, without server/discover. */
    methods,
    count: (name: string) => seen.filter(({ message, method }) => (message?.method ?? method) === name).length,
    /** The first request that passes, also one that came before. */
    async until(test: (exchange: Exchange) => boolean): Promise<Exchange> {
      const later = () => new Promise<Exchange>((resolve) => watchers.push({ test, resolve }))
      return seen.find(test) ?? within(`a request that passes ${test}`, later(), methods)
    },
  }
}

/** One event of a stream. */
export const event = (message: unknown, id = '') =>
  `${id === '' ? '' : `id: ${id}\n`}data: ${typeof message === 'string' ? message : JSON.stringify(message)}\n\n`

function parse(bytes: Buffer): Message {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
