// Latency and CPU time of consecutive calls: small answers as JSON and as SSE.
import { inRounds, quantile } from './rounds.js'

/**
 * @param {Map<import('./peers.js').Name, import('./peers.js').Peer>} peers
 * @param {{ rounds: number, calls: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function latency(peers, { rounds, calls }) {
  return [...(await measure(peers, false, rounds, calls)), ...(await measure(peers, true, rounds, calls))]
}

/** @returns {Promise<import('./rounds.js').Row[]>} */
async function measure(
  /** @type {Map<import('./peers.js').Name, import('./peers.js').Peer>} */ peers,
  /** @type {boolean} */ sse,
  /** @type {number} */ rounds,
  /** @type {number} */ calls,
) {
  // The kernel counts in steps of 10 ms: only the sum of all rounds is precise enough.
  /** @type {Partial<Record<import('./peers.js').Name, number>>} */
  let cpu = {}
  const names = [...peers.keys()]
  const series = async (/** @type {import('./peers.js').Name} */ name) => {
    const peer = /** @type {import('./peers.js').Peer} */ (peers.get(name))
    const times = []
    const cpuBefore = peer.cpuMs() ?? Number.NaN
    for (let call = 0; call < calls; call++) {
      const before = performance.now()
      await peer.call('echo', sse)
      times.push(performance.now() - before)
    }
    cpu[name] = (cpu[name] ?? 0) + ((peer.cpuMs() ?? Number.NaN) - cpuBefore) / (rounds * calls)
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
  }
  for (const name of names) await series(name)
  cpu = {}
  const medians = await inRounds(rounds, names, series)
  const answers = sse ? 'SSE' : 'JSON'
  return [
    {
      name: `call, ${answers}: p50`,
      unit: 'ms',
      values: medians(({ p50 }) => p50),
      goals: { 2025: 1.15, 2026: 1.2, translated: 1.5 },
    },
    { name: `call, ${answers}: p99`, unit: 'ms', values: medians(({ p99 }) => p99), goals: { 2026: 1.2 } },
    { name: `call, ${answers}: CPU`, unit: 'ms', values: cpu, goals: { 2025: 1.4, 2026: 1.2, translated: 2 } },
  ]
}
