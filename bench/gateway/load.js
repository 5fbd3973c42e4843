// The load generator, in a process of its own: takes one order at a time from its parent, and sends back what it measured.
import Pool from 'undici/lib/dispatcher/pool.js'
import { quantile } from '../rounds.js'

/**
 * @typedef {{ url: string, bearer: string }} Where
 * @typedef {{ clientId: string, clientSecret?: string, refreshToken: string }} Sitting a sign-in whose refresh token is spent again and again
 * @typedef {Where & { kind: 'calls', tool: 'json' | 'sse' | 'big' | 'clock', calls: number, inFlight: number }} Calls
 * @typedef {Where & { kind: 'streams', streams: number }} Streams
 * @typedef {{ kind: 'refreshes', tokenUrl: string, resource?: string | undefined, sittings: Sitting[], rounds: number }} Refreshes
 * @typedef {Calls | Streams | Refreshes | { kind: 'hangUp' }} Order
 */

/** @type {Map<string, Pool>} */
const pools = new Map()
/** @type {Set<{ abort: (reason: Error) => void }>} */
const held = new Set()

process.on('message', (/** @type {Order} */ order) => {
  carryOut(order).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ error: String(error) }),
  )
})
process.once('disconnect', () => process.exit())

async function carryOut(/** @type {Order} */ order) {
  if (order.kind === 'calls') return await calls(order)
  if (order.kind === 'streams') return await streams(order)
  if (order.kind === 'refreshes') return await refreshes(order)
  for (const controller of held) controller.abort(new Error('over'))
  held.clear()
  await Promise.all([...pools.values()].map((pool) => pool.destroy()))
  pools.clear()
  return {}
}

function poolOf(/** @type {string} */ origin, /** @type {number} */ connections) {
  const key = `${origin} ${connections}`
  const pool = pools.get(key) ?? new Pool(origin, { connections })
  pools.set(key, pool)
  return pool
}

/** Every caller begins its next call when its last one is answered. */
async function inTurns(
  /** @type {number} */ count,
  /** @type {number} */ inFlight,
  /** @type {() => Promise<void>} */ one,
) {
  let left = count
  const caller = async () => {
    while (left-- > 0) await one()
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: inFlight }, caller))
  return (performance.now() - begun) / 1000
}

/** `ms`: of a call; with the tool `clock` from the event at the server to its arrival here. */
async function calls(/** @type {Calls} */ { url, bearer, tool, calls: count, inFlight }) {
  const { origin, pathname } = new URL(url)
  const pool = poolOf(origin, inFlight)
  const headers = headersOf(bearer)
  /** @type {number[]} */
  const times = []
  let id = 0
  const seconds = await inTurns(count, inFlight, async () => {
    const body = `{"jsonrpc":"2.0","id":${++id},"method":"tools/call","params":{"name":"${tool}","arguments":{}}}`
    const begun = performance.now()
    const { text, at } = await exchange(pool, { path: pathname, method: 'POST', headers, body }, tool === 'clock')
    if (tool === 'clock') times.push(Number(at - BigInt(/"result":"(\d+)"/.exec(text)?.[1] ?? 0)) / 1e6)
    else times.push(performance.now() - begun)
  })
  return { perSecond: count / seconds, p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}

/** Resolves when every stream has brought something. */
async function streams(/** @type {Streams} */ { url, bearer, streams: count }) {
  const { origin, pathname } = new URL(url)
  const pool = poolOf(origin, count)
  const headers = headersOf(bearer)
  const open = () =>
    new Promise((resolve, reject) => {
      pool.dispatch(
        { path: pathname, method: 'GET', headers, bodyTimeout: 0 },
        {
          onRequestStart: (controller) => void held.add(controller),
          onResponseStart: (_controller, status) => void (status === 200 || reject(new Error(`a stream: ${status}`))),
          onResponseData: resolve,
          onResponseEnd: () => reject(new Error('a stream ended')),
          onResponseError: (_controller, error) => reject(error),
        },
      )
    })
  for (let left = count; left > 0; left -= 50) await Promise.all(Array.from({ length: Math.min(50, left) }, open))
  return {}
}

/** All at once, each as often as told, with the token of its last answer. */
async function refreshes(/** @type {Refreshes} */ { tokenUrl, resource, sittings, rounds }) {
  const { origin, pathname: path } = new URL(tokenUrl)
  const pool = poolOf(origin, sittings.length)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const begun = performance.now()
  /** @type {number[]} */
  const times = []
  const chain = async (/** @type {Sitting} */ { clientId, clientSecret, refreshToken }) => {
    let token = refreshToken
    for (let round = 0; round < rounds; round++) {
      const form = {
        ...{ grant_type: 'refresh_token', refresh_token: token, client_id: clientId },
        ...(clientSecret && { client_secret: clientSecret }),
        ...(resource && { resource }),
      }
      const before = performance.now()
      const request = { path, method: /** @type {const} */ ('POST'), headers, body: String(new URLSearchParams(form)) }
      const { text } = await exchange(pool, request, true)
      times.push(performance.now() - before)
      token = JSON.parse(text).refresh_token
    }
    return { clientId, ...(clientSecret && { clientSecret }), refreshToken: token }
  }
  const after = await Promise.all(sittings.map(chain))
  const seconds = (performance.now() - begun) / 1000
  return { perSecond: (sittings.length * rounds) / seconds, p50: quantile(times, 0.5), sittings: after }
}

const headersOf = (/** @type {string} */ bearer) => ({
  authorization: `Bearer ${bearer}`,
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
  'mcp-protocol-version': '2025-11-25',
})

/**
 * @param {Pool} pool
 * @param {{ path: string, method: 'POST', headers: Record<string, string>, body: string }} request
 * @param {boolean} [wanted] the text of a whole answer
 * @returns {Promise<{ text: string, at: bigint }>} `at`: when its first bytes came
 */
function exchange(pool, request, wanted = false) {
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const chunks = []
    let at = 0n
    let status = 0
    pool.dispatch(request, {
      onRequestStart() {},
      onResponseStart(_controller, code) {
        status = code
      },
      onResponseData(_controller, chunk) {
        if (chunks.length === 0) at = process.hrtime.bigint()
        if (wanted || status !== 200 || chunks.length === 0) chunks.push(chunk)
      },
      onResponseEnd() {
        const text = wanted || status !== 200 ? Buffer.concat(chunks).toString() : ''
        if (status === 200) resolve({ text, at })
        else reject(new Error(`${request.path} answered ${status}: ${text.slice(0, 300)}`))
      },
      onResponseError: (_controller, error) => reject(error),
    })
  })
}
