// An MCP server without any sign-in of its own, to try the gateway with: its one tool says who calls, and so does its log
// `node demo/whoami.js [port]` listens at http://127.0.0.1:3000/mcp; the gateway in front of it tells it the caller in X-User-* headers.
import { createServer } from 'node:http'

/** @type {Record<string, (caller: string, parameters: any) => unknown>} */
const METHODS = {
  initialize: (_caller, { protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'whoami', version: '1.0.0' },
  }),
  ping: () => ({}),
  'tools/list': () => ({
    tools: [{ name: 'whoami', description: 'Says who calls it', inputSchema: { type: 'object', properties: {} } }],
  }),
  'tools/call': (caller) => ({ content: [{ type: 'text', text: `You are ${caller}.` }] }),
}

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') return void response.writeHead(405, { allow: 'POST' }).end()
  const { id, method, params } = JSON.parse(await new Response(request).text())
  const caller = String(request.headers['x-user-email'] ?? request.headers['x-user-id'] ?? 'somebody unknown')
  console.log(`${method} by ${caller}`)
  if (id === undefined) return void response.writeHead(202).end()
  const work = METHODS[method]
  const answer = work ? { result: work(caller, params) } : { error: { code: -32601, message: `No method ${method}` } }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
})
server.listen(Number(process.argv[2] ?? 3000), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`whoami listens at http://127.0.0.1:${port}/mcp`)
})
