// The MCP server behind every contender: answers with prepared bytes, holds GET streams, and prints its port.
import { createServer } from 'node:http'

const JSON_TYPE = 'application/json'
const EVENTS = 'text/event-stream'
const SMALL = Buffer.from(
  `,"result":{"content":[{"type":"text","text":"${'small answer '.repeat(16)}"}],"isError":false}}`,
)
const BIG = Buffer.from(
  `,"result":{"content":[{"type":"text","text":"${'five megabytes '.repeat((5 * 1024 * 1024) / 15)}"}]}}`,
)
/** Between the headers of an answer to `clock` and its event, in ms. */
const PAUSE_MS = 4

const server = createServer((request, response) => {
  if (request.method !== 'POST') {
    response.writeHead(200, { 'content-type': EVENTS })
    response.write(':\n\n')
    return
  }
  /** @type {Buffer[]} */
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => answer(JSON.parse(Buffer.concat(chunks).toString('utf8')), response))
})
server.keepAliveTimeout = 75_000
server.listen(0, '127.0.0.1', 4096, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  process.stdout.write(`${port}\n`)
})
process.stdin.resume().once('end', () => process.exit())

/** @param {{ id: number, params: { name: string } }} message @param {import('node:http').ServerResponse} response */
function answer({ id, params: { name } }, response) {
  const start = `{"jsonrpc":"2.0","id":${id}`
  if (name === 'clock') {
    response.writeHead(200, { 'content-type': EVENTS }).flushHeaders()
    setTimeout(() => response.end(`data: ${start},"result":"${process.hrtime.bigint()}"}\n\n`), PAUSE_MS)
    return
  }
  if (name === 'sse') {
    response.writeHead(200, { 'content-type': EVENTS })
    response.end(Buffer.concat([Buffer.from(`data: ${start}`), SMALL, Buffer.from('\n\n')]))
    return
  }
  const body = Buffer.concat([Buffer.from(start), name === 'big' ? BIG : SMALL])
  response.writeHead(200, { 'content-type': JSON_TYPE, 'content-length': body.length }).end(body)
}
