// Latency and CPU time of consecutive calls: small answers as JSON and as SSE.
import { NAMES } from './peers.js'
import { inRounds, quantile } from './rounds.js'

/**
 * @param {Record<import('./peers.js').Name, import('./peers.js').Peer>} peers
 * @param {{ rounds: number, calls: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function latency(peers, { rounds, calls }) {
  return [...(await measure(peers, false, rounds, calls)), ...(await measure(peers, true, rounds, calls))]
}

/** @returns {Promise<import('./rounds.js').Row[]>} */
async function measure(
  /** @type {Record<import('./peers.js').Name, import('./peers.js').Peer>} */ peers,
  /** @type {boolean} */ sse,
  /** @type {number} */ rounds,
  /** @type {number} */ calls,
) {
  // The kernel counts in steps of 10 ms: only the sum of all rounds is precise enough.
  const cpu = { direct: 0, bare: 0, bridge: 0 }
  const series = async (/** @type {import('./peers.js').Name} */ name) => {
    const peer = peers[name]
    const times = []
    const cpuBefore = peer.cpuMs() ?? Number.NaN
    for (let call = 0; call < calls; call++) {
      const before = performance.now()
      await peer.call('echo', sse)
      times.push(performance.now() - before)
    }
    cpu[name] += (peer.cpuMs() ?? Number.NaN) - cpuBefore
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
  }
  for (const name of NAMES) {
    await series(name)
    cpu[name] = 0
  }
  const medians = await inRounds(rounds, NAMES, series)
  for (const name of NAMES) cpu[name] /= rounds * calls
  const answers = sse ? 'SSE' : 'JSON'
  return [
    { name: `call, ${answers}: p50`, unit: 'ms', values: medians(({ p50 }) => p50), target: 1.15 },
    { name: `call, ${answers}: p99`, unit: 'ms', values: medians(({ p99 }) => p99) },
    { name: `call, ${answers}: CPU`, unit: 'ms', values: cpu, target: 1.4 },
  ]
}
