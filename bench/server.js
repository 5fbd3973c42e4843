// The MCP server of the benchmark: a small node:http process that answers with prepared bytes and prints its port.
import { createServer } from 'node:http'

const METADATA = '/.well-known/oauth-protected-resource/mcp'
const RECORD = { id: 4711, name: 'Ada "the first" Lovelace', tags: ['engine', 'notes'], score: 0.25, active: true }
const FIVE_MB = 5 * 1024 * 1024

/** The text after the id, for each tool. */
const RESULTS = {
  initialize: Buffer.from(
    ',"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1.0.0"}}}',
  ),
  ping: Buffer.from(',"result":{}}'),
  echo: Buffer.from(`,"result":{"content":[{"type":"text","text":"${'small answer '.repeat(16)}"}],"isError":false}}`),
  big: Buffer.from(`,"result":{"content":[{"type":"text","text":"${'five megabytes '.repeat(FIVE_MB / 15)}"}]}}`),
  records: Buffer.from(
    `,"result":{"content":[],"structuredContent":{"rows":${JSON.stringify(Array(Math.floor(FIVE_MB / 105)).fill(RECORD))}}}}`,
  ),
}

let hangs = false

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
  } else if (!request.headers.authorization?.startsWith('Bearer ')) {
    response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${origin}${METADATA}"` }).end()
  } else if (request.method !== 'POST') {
    if (hangs) return
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
 * @param {{ id?: number, method: string, params?: { name?: string, arguments?: { sse?: boolean } } }} message
 * @param {import('node:http').ServerResponse} response
 */
function answer({ id, method, params }, response) {
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
  const result = RESULTS[/** @type {keyof typeof RESULTS} */ (tool)]
  const start = `{"jsonrpc":"2.0","id":${id}`
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
