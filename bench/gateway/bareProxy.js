// The reference: a minimal reverse proxy, node:http → undici pool → pipe, without sign-in, checks, limits or error handling; prints its port.
import { createServer } from 'node:http'
import Pool from 'undici/lib/dispatcher/pool.js'

const target = new URL(process.env.TARGET ?? '')
const pool = new Pool(target.origin)

const server = createServer((request, response) => {
  const { host: _, connection: __, ...headers } = request.headers
  /** @type {Buffer[]} */
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => pass(request, headers, Buffer.concat(chunks), response))
})
server.keepAliveTimeout = 75_000
server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  process.stdout.write(`${port}\n`)
})
process.stdin.resume().once('end', () => process.exit())

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').IncomingHttpHeaders} headers
 * @param {Buffer} body
 * @param {import('node:http').ServerResponse} response
 */
function pass(request, headers, body, response) {
  const method = /** @type {'GET' | 'POST'} */ (request.method)
  /** @type {{ abort: (reason: Error) => void } | undefined} */
  let going
  response.once('close', () => response.writableFinished || going?.abort(new Error('gone')))
  const sent = method === 'POST' ? { body } : {}
  pool.dispatch(
    { path: target.pathname, method, headers, bodyTimeout: 0, ...sent },
    {
      onRequestStart(controller) {
        going = controller
      },
      onResponseStart(controller, status, { connection: ___, ...all }) {
        response.writeHead(status, all)
        if (method === 'GET') response.flushHeaders()
        response.on('drain', () => controller.resume())
      },
      onResponseData(controller, chunk) {
        if (!response.write(chunk)) controller.pause()
      },
      onResponseEnd() {
        response.end()
      },
      onResponseError() {
        response.destroy()
      },
    },
  )
}
