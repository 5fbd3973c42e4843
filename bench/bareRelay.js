// The reference: a minimal relay from stdio to Streamable HTTP, without sign-in, checks, limits or error handling. For MCP 2026-07-28 it adds the headers.
import Pool from 'undici/lib/dispatcher/pool.js'
import { modernHeaders } from './messages.js'

const url = new URL(process.env.SERVER_URL ?? '')
const pool = new Pool(url.origin)
const isModern = process.env.ERA === '2026'
const headers = {
  authorization: `Bearer ${process.env.BEARER}`,
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
}

let rest = Buffer.alloc(0)
process.stdin.on('data', (chunk) => {
  rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
  for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
    post(rest.subarray(0, end))
    rest = rest.subarray(end + 1)
  }
})
process.stdin.once('end', () => process.exit())

/** @param {Buffer} body */
function post(body) {
  let sse = false
  const all = isModern ? { ...headers, ...modernHeaders(body.toString('utf8')) } : headers
  /** @type {Buffer[]} */
  const chunks = []
  pool.dispatch(
    { path: url.pathname, method: 'POST', headers: all, body },
    {
      onRequestStart() {},
      onResponseStart(_controller, _status, { 'content-type': type }) {
        sse = type === 'text/event-stream'
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk)
      },
      onResponseEnd() {
        write(sse ? dataOf(Buffer.concat(chunks)) : chunks)
      },
      onResponseError(_controller, error) {
        throw error
      },
    },
  )
}

/** @param {Buffer[]} message */
function write(message) {
  if (message.length > 0) process.stdout.write(Buffer.concat([...message, Buffer.of(10)]))
}

/** One event, one data line. @param {Buffer} stream */
function dataOf(stream) {
  const start = stream.indexOf('data: ') + 6
  return [stream.subarray(start, stream.indexOf(10, start))]
}
