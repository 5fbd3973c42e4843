// The MCP server of the benchmark: a small node:http process that answers with prepared bytes and prints its port. ERA says which revisions
// it speaks; without ISSUER it wants no token. GET /counts tells which POSTs have come.
import { createServer } from 'node:http'

const METADATA = '/.well-known/oauth-protected-resource/mcp'
const RECORD = { id: 4711, name: 'Ada "the first" Lovelace', tags: ['engine', 'notes'], score: 0.25, active: true }
const FIVE_MB = 5 * 1024 * 1024

const isModern = process.env.ERA === '2026'
/** What a result of 2026 has besides. */
const COMPLETE = isModern ? '"resultType":"complete",' : ''
const FRESH = isModern ? `${COMPLETE}"ttlMs":0,"cacheScope":"private",` : ''
const CAPABILITIES = isModern ? '{"tools":{"listChanged":true}}' : '{"tools":{}}'
const TOOLS = ['echo', 'big', 'records', 'hang'].map((name) => ({ name, inputSchema: { type: 'object' } }))

/** The text after the id, for each tool and method. */
const RESULTS = {
  initialize: Buffer.from(
    ',"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1.0.0"}}}',
  ),
  ping: Buffer.from(',"result":{}}'),
  'server/discover': Buffer.from(
    `,"result":{${FRESH}"supportedVersions":["2026-07-28"],"capabilities":${CAPABILITIES},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bench","version":"1.0.0"}}}}`,
  ),
  'tools/list': Buffer.from(`,"result":{${FRESH}"tools":${JSON.stringify(TOOLS)}}}`),
  echo: Buffer.from(
    `,"result":{${COMPLETE}"content":[{"type":"text","text":"${'small answer '.repeat(16)}"}],"isError":false}}`,
  ),
  big: Buffer.from(
    `,"result":{${COMPLETE}"content":[{"type":"text","text":"${'five megabytes '.repeat(FIVE_MB / 15)}"}]}}`,
  ),
  records: Buffer.from(
    `,"result":{${COMPLETE}"content":[],"structuredContent":{"rows":${JSON.stringify(Array(Math.floor(FIVE_MB / 105)).fill(RECORD))}}}}`,
  ),
}

/** Methods of the other era; unknown to this server. */
const FOREIGN = isModern ? ['initialize', 'ping'] : ['server/discover', 'subscriptions/listen']

let hangs = false
/** How often each method has come. @type {Record<string, number>} */
let counts = {}

const server = createServer((request, response) => {
  const origin = `http://${request.headers.host}`
  if (request.url === METADATA) {
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        resource: `${origin}/mcp`,
        authorization_servers: [process.env.ISSUER],
        scopes_supported: ['mcp:tools'],
      }),
    )
  } else if (request.url === '/counts') {
    response.end(JSON.stringify(counts))
    counts = {}
  } else if (process.env.ISSUER && !request.headers.authorization?.startsWith('Bearer ')) {
    response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${origin}${METADATA}"` }).end()
  } else if (request.method !== 'POST') {
    if (hangs) return
    count(`${request.method}`)
    response.writeHead(request.method === 'DELETE' ? 200 : 405).end()
  } else {
    /** @type {Buffer[]} */
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => answer(JSON.parse(Buffer.concat(chunks).toString('utf8')), response))
  }
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  process.stdout.write(`${port}\n`)
})
process.stdin.resume().once('end', () => process.exit())

/**
 * @param {{ id?: number | string, method: string, params?: { name?: string, arguments?: { sse?: boolean } } }} message
 * @param {import('node:http').ServerResponse} response
 */
function answer({ id, method, params }, response) {
  count(method)
  if (id === undefined) {
    response.writeHead(202).end()
    return
  }
  const tool = params?.name ?? method
  // Neither this nor any later request is answered: an exit may have to wait for it.
  if (tool === 'hang') {
    hangs = true
    return
  }
  const start = `{"jsonrpc":"2.0","id":${JSON.stringify(id)}`
  if (FOREIGN.includes(method)) {
    response.writeHead(isModern ? 404 : 200, { 'content-type': 'application/json' })
    response.end(`${start},"error":{"code":-32601,"message":"Method not found"}}`)
    return
  }
  if (method === 'subscriptions/listen') {
    const meta = `"_meta":{"io.modelcontextprotocol/subscriptionId":${JSON.stringify(id)}}`
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(
      `data: {"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true},${meta}}}\n\n`,
    )
    return
  }
  const result = RESULTS[/** @type {keyof typeof RESULTS} */ (tool)]
  if (params?.arguments?.sse) {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`event: message\ndata: ${start}`)
    response.write(result)
    response.end('\n\n')
    return
  }
  const headers = { 'content-type': 'application/json', 'content-length': start.length + result.length }
  response.writeHead(200, method === 'initialize' ? { ...headers, 'mcp-session-id': 'bench' } : headers)
  response.write(start)
  response.end(result)
}

function count(/** @type {string} */ method) {
  counts[method] = (counts[method] ?? 0) + 1
}
