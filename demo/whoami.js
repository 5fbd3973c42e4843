// An MCP server without any sign-in of its own, to try the gateway with: its one tool says who calls, and so does its log
// `node demo/whoami.js [port]` listens at http://127.0.0.1:3000/mcp; the gateway in front of it tells it the caller in X-User-* headers.
import { createServer } from 'node:http'

/** @type {Map<unknown, (caller: string, parameters: any) => unknown>} */
const METHODS = new Map(
  Object.entries({
    initialize: (_caller, parameters) => ({
      protocolVersion: parameters?.protocolVersion ?? '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'whoami', version: '1.0.0' },
    }),
    ping: () => ({}),
    'tools/list': () => ({
      tools: [{ name: 'whoami', description: 'Says who calls it', inputSchema: { type: 'object', properties: {} } }],
    }),
    'tools/call': (caller) => ({ content: [{ type: 'text', text: `You are ${caller}.` }] }),
  }),
)

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') return void response.writeHead(405, { allow: 'POST' }).end()
  const send = (/** @type {number} */ status, /** @type {object} */ answer) =>
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', ...answer }))
  const message = await messageIn(request)
  if (!message) return void send(400, { error: { code: -32600, message: 'The body is not one JSON-RPC message.' } })
  const { id, method, params } = message
  const caller = String(request.headers['x-user-email'] ?? request.headers['x-user-id'] ?? 'somebody unknown')
  console.log(`${JSON.stringify(method).slice(1, -1)} by ${caller}`)
  if (id === undefined) return void response.writeHead(202).end()
  const work = METHODS.get(method)
  send(200, {
    id,
    ...(work ? { result: work(caller, params) } : { error: { code: -32601, message: `No method ${method}` } }),
  })
})

/** undefined: the body is something else, or did not come whole. @param {import('node:http').IncomingMessage} request */
async function messageIn(request) {
  try {
    const message = JSON.parse(await new Response(/** @type {any} */ (request)).text())
    return typeof message?.method === 'string' ? message : undefined
  } catch {
    return undefined
  }
}

const wanted = Number(process.argv[2] ?? 3000)
server.on('error', ({ message }) => {
  console.error(
    `whoami cannot listen: ${message}. For another port: node demo/whoami.js ${wanted + 1}, and mcp_server_url: http://localhost:${wanted + 1}/mcp`,
  )
  process.exitCode = 1
})
server.listen(wanted, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`whoami listens at http://127.0.0.1:${port}/mcp`)
})
