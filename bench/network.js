// What a TLS connection costs: HTTP/1.1 against HTTP/2 with undici, and the certificate authorities that a connection is checked against.
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { createSecureContext, rootCertificates } from 'node:tls'
import { fileURLToPath } from 'node:url'
import Pool from 'undici/lib/dispatcher/pool.js'
import { quantile } from './rounds.js'

const pem = (/** @type {string} */ name) =>
  readFileSync(fileURLToPath(new URL(`../test/servers/tls/${name}`, import.meta.url)))
const ANSWER = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"${'small answer '.repeat(16)}"}]}}`
const ROUNDS = 9
const CALLS = 300
const IN_FLIGHT = 32
/** The delay that a network adds to every round trip, for the second half of the table. */
const FAR_MS = 20

/** @returns {Promise<string>} a table */
export async function network() {
  const lines = ['| | HTTP/1.1 | HTTP/2 |', '|:--|--:|--:|']
  for (const delayMs of [0, FAR_MS]) {
    const server = await serve(delayMs)
    /** @type {Record<string, number[][]>} */
    const results = { first: [[], []], one: [[], []], many: [[], []] }
    for (let round = 0; round < ROUNDS; round++) {
      for (const [at, allowH2] of [false, true].entries()) {
        const found = await measure(server.origin, allowH2, delayMs === 0 ? CALLS : 20)
        for (const [name, value] of Object.entries(found)) results[name]?.[at]?.push(value)
      }
    }
    server.close()
    const cells = (/** @type {string} */ name) =>
      results[name]?.map((values) => quantile(values, 0.5).toFixed(2)).join(' | ')
    const where = delayMs === 0 ? 'loopback' : `answers after ${delayMs} ms`
    lines.push(`| ${where}: first call with its connection, ms | ${cells('first')} |`)
    lines.push(`| ${where}: one call at a time, ms a call | ${cells('one')} |`)
    lines.push(`| ${where}: ${IN_FLIGHT} in flight from a cold start, ms for all | ${cells('many')} |`)
  }
  const bundle = '/etc/ssl/certs/ca-certificates.crt'
  const time = (/** @type {() => unknown} */ run) => {
    const before = performance.now()
    run()
    return (performance.now() - before).toFixed(1)
  }
  lines.push('', '| authorities of a connection | ms, once a process |', '|:--|--:|')
  lines.push(`| Node’s own | ${time(() => createSecureContext())} |`)
  lines.push(
    `| and the system’s bundle | ${time(() => createSecureContext({ ca: [...rootCertificates, readFileSync(bundle, 'utf8')] }))} |`,
  )
  return lines.join('\n')
}

async function serve(/** @type {number} */ delayMs) {
  const server = createSecureServer(
    { key: pem('server.key'), cert: pem('server.pem'), allowHTTP1: true },
    (request, response) => {
      request.resume()
      request.on('end', () =>
        setTimeout(() => {
          response.setHeader('content-type', 'application/json')
          response.end(ANSWER)
        }, delayMs),
      )
    },
  )
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { origin: `https://localhost:${port}`, close: () => server.close() }
}

async function measure(/** @type {string} */ origin, /** @type {boolean} */ allowH2, /** @type {number} */ calls) {
  const make = () => new Pool(origin, { allowH2, connect: { ca: pem('ca.pem') } })
  const pool = make()
  const first = await timed(() => call(pool))
  const one =
    (await timed(async () => {
      for (let at = 0; at < calls; at++) await call(pool)
    })) / calls
  await pool.destroy()
  const cold = make()
  const many = await timed(() => Promise.all(Array.from({ length: IN_FLIGHT }, () => call(cold))))
  await cold.destroy()
  return { first, one, many }
}

async function timed(/** @type {() => Promise<unknown>} */ run) {
  const before = performance.now()
  await run()
  return performance.now() - before
}

/** @returns {Promise<void>} */
function call(/** @type {InstanceType<typeof Pool>} */ pool) {
  return new Promise((resolve, reject) => {
    pool.dispatch(
      {
        path: '/mcp',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      },
      {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData() {},
        onResponseEnd: () => resolve(),
        onResponseError: (_, error) => reject(error),
      },
    )
  })
}
