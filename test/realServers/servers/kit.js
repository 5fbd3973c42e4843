// What every real server runs in: its port and the life of its tokens from the environment, requests on stdout, commands on stdin.
import { subscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

export const port = Number(process.env.PORT)
export const origin = `http://127.0.0.1:${port}`
/** Life of an access token. */
export const accessSeconds = Number(process.env.ACCESS_SECONDS ?? 3600)

// Every HTTP server of this process, also one that a package made, says what it answered.
subscribe('http.server.response.finish', ({ request, response, server }) => {
  if (server.address()?.port !== port) return
  const path = (request.originalUrl ?? request.url).split('?')[0]
  process.stdout.write(`${JSON.stringify({ method: request.method, path, status: response.statusCode })}\n`)
})

/**
 * Says that the server listens, and does what it is told: `expire` takes the access tokens back, `revoke` all tokens.
 * It ends with whoever started it.
 */
export function ready(commands) {
  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      await commands[line]()
      process.stdout.write(`${JSON.stringify({ done: line })}\n`)
    })
    .on('close', () => process.exit())
  process.stdout.write(`${JSON.stringify({ done: 'start' })}\n`)
}

/** Listens for a handler of Node; gives its server. */
export function listen(handler, at = port) {
  return new Promise((resolve) => {
    const server = createServer(handler).listen(at, '127.0.0.1', () => resolve(server))
  })
}

export const json = (response, status, value) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))

export async function readBody(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** A handler of the web standard, for a request of Node. */
export async function answerWith(handle, request, response) {
  const body = request.method === 'GET' || request.method === 'HEAD' ? {} : { body: await readBody(request) }
  const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  const answer = await handle(new Request(origin + request.url, { method: request.method, headers, ...body }))
  const { 'set-cookie': _, ...plain } = Object.fromEntries(answer.headers)
  const cookies = answer.headers.getSetCookie()
  response.writeHead(answer.status, { ...plain, ...(cookies.length > 0 ? { 'set-cookie': cookies } : {}) })
  response.end(Buffer.from(await answer.arrayBuffer()))
}
