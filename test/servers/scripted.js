// An MCP server without sign-in that says what a test tells it to, byte by byte.
import { createServer } from 'node:http'

/** @typedef {{ method: string, headers: import('node:http').IncomingHttpHeaders, bytes: Buffer, message: any }} Asked */

/**
 * `answer` gets every POST but initialize and notifications, which are answered as a plain server does.
 * @param {(asked: Asked, response: import('node:http').ServerResponse) => unknown} answer
 */
export async function startScripted(answer) {
  /** @type {Asked[]} */
  const asked = []
  const server = createServer(async (request, response) => {
    /** @type {Buffer[]} */
    const chunks = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return
    }
    const bytes = Buffer.concat(chunks)
    const { method = '', headers } = request
    if (method !== 'POST') return response.writeHead(method === 'DELETE' ? 200 : 405).end()
    const one = { method, headers, bytes, message: parse(bytes) }
    asked.push(one)
    const { id, method: wanted } = one.message ?? {}
    if (wanted === 'initialize') return answerJson(response, id, INITIALIZED)
    if (one.message && !Array.isArray(one.message) && id === undefined) return response.writeHead(202).end()
    return answer(one, response)
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    asked,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const INITIALIZED = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'scripted', version: '1.0.0' },
}

/** @param {import('node:http').ServerResponse} response */
export function answerJson(response, /** @type {unknown} */ id, /** @type {unknown} */ result) {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

/** undefined: not JSON. */
function parse(/** @type {Buffer} */ bytes) {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
