// Throughput: calls per second with 32 always in flight.
import { inRounds } from './rounds.js'

const IN_FLIGHT = 32

/**
 * @param {Map<import('./peers.js').Name, import('./peers.js').Peer>} peers
 * @param {{ rounds: number, calls: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function throughput(peers, { rounds, calls }) {
  const run = async (/** @type {import('./peers.js').Name} */ name) => {
    let left = calls
    const worker = async () => {
      while (left-- > 0) await peers.get(name)?.call('echo', false)
    }
    const before = performance.now()
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
    return calls / ((performance.now() - before) / 1000)
  }
  const names = [...peers.keys()]
  for (const name of names) await run(name)
  const medians = await inRounds(rounds, names, run)
  const values = medians((rate) => rate)
  return [
    {
      name: `throughput, ${IN_FLIGHT} in flight`,
      unit: 'calls/s',
      values,
      goals: { 2025: 0.85, 2026: 0.83 },
      more: true,
    },
  ]
}
