// An MCP server whose every answer is written by the test, over real HTTP; what no script says, it does as a plain good server.
import { createServer } from 'node:http'
import { within } from './until.js'

/**
 * @typedef {object} Exchange
 * @property {any} message the JSON of a POST
 * @property {string} text the body as it came
 * @property {string} method POST, GET or DELETE
 * @property {string} path
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {import('node:http').ServerResponse} response
 * @property {(result: unknown, headers?: Record<string, string>) => void} result answers the request's id in JSON
 * @property {(status: number, body?: string | Buffer, headers?: Record<string, string>) => void} reply
 * @property {() => import('node:http').ServerResponse} stream begins an event stream
 * @property {() => void} drop cuts the connection
 */

/** @param {Record<string, (exchange: Exchange) => void>} [scripts] JSON-RPC or HTTP method → what answers it */
export async function startScriptedServer(scripts = {}, port = 0) {
  /** @type {Exchange[]} */
  const seen = []
  /** @type {{ test: (exchange: Exchange) => boolean, resolve: (exchange: Exchange) => void }[]} */
  const watchers = []
  let sessions = 0
  const script = { ...scripts }

  /** @type {Record<'initialize' | 'GET' | 'DELETE', (exchange: Exchange) => void>} */
  const plain = {
    initialize: ({ message, result }) =>
      result(
        {
          protocolVersion: message.params.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: 'scripted', version: '1' },
        },
        { 'mcp-session-id': `session-${++sessions}` },
      ),
    GET: ({ reply }) => reply(405),
    DELETE: ({ reply }) => reply(200),
  }

  const server = createServer(async (request, response) => {
    const chunks = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return
    }
    const text = Buffer.concat(chunks).toString('utf8')
    const message = text === '' ? undefined : JSON.parse(text)
    /** @type {Exchange['reply']} */
    const reply = (status, body = '', headers = {}) => void response.writeHead(status, headers).end(body)
    /** @type {Exchange} */
    const exchange = {
      message,
      text,
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      response,
      reply,
      result: (result, headers = {}) =>
        reply(200, JSON.stringify({ jsonrpc: '2.0', id: message.id, result }), {
          'content-type': 'application/json',
          ...headers,
        }),
      stream: () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        return response
      },
      drop: () => void request.socket.destroy(),
    }
    seen.push(exchange)
    for (const watcher of watchers.splice(0)) {
      if (watcher.test(exchange)) watcher.resolve(exchange)
      else watchers.push(watcher)
    }
    const name = message?.method ?? request.method
    const answer = script[name] ?? (name in plain ? plain[/** @type {keyof typeof plain} */ (name)] : undefined)
    if (answer) answer(exchange)
    else if (message?.id === undefined || message?.method === undefined) reply(202)
    else exchange.result({})
  })
  await new Promise((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(undefined)),
  )
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  const origin = `http://127.0.0.1:${address.port}`

  return {
    url: `${origin}/mcp`,
    origin,
    port: address.port,
    /** What came, in order. */
    seen,
    /** Changes what answers. */
    script,
    plain,
    /** JSON-RPC methods, or HTTP methods where there is none, in order. */
    methods: () => seen.map(({ message, method }) => message?.method ?? (message ? 'answer' : method)),
    count: (/** @type {string} */ name) =>
      seen.filter(({ message, method }) => (message?.method ?? method) === name).length,
    /** The first request that passes, also one that came before. @returns {Promise<Exchange>} */
    async until(/** @type {(exchange: Exchange) => boolean} */ test) {
      /** @returns {Promise<Exchange>} */
      const later = () => new Promise((resolve) => watchers.push({ test, resolve }))
      return seen.find(test) ?? within(`a request that passes ${test}`, later(), this.methods)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** One event of a stream. */
export const event = (/** @type {unknown} */ message, /** @type {string} */ id = '') =>
  `${id === '' ? '' : `id: ${id}\n`}data: ${typeof message === 'string' ? message : JSON.stringify(message)}\n\n`
