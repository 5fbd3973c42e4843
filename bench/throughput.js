// Throughput: calls per second with 32 always in flight.
import { NAMES } from './peers.js'
import { inRounds } from './rounds.js'

const IN_FLIGHT = 32

/**
 * @param {Record<import('./peers.js').Name, import('./peers.js').Peer>} peers
 * @param {{ rounds: number, calls: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function throughput(peers, { rounds, calls }) {
  const run = async (/** @type {import('./peers.js').Name} */ name) => {
    let left = calls
    const worker = async () => {
      while (left-- > 0) await peers[name].call('echo', false)
    }
    const before = performance.now()
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
    return calls / ((performance.now() - before) / 1000)
  }
  for (const name of NAMES) await run(name)
  const medians = await inRounds(rounds, NAMES, run)
  const values = medians((rate) => rate)
  return [{ name: `throughput, ${IN_FLIGHT} in flight`, unit: 'calls/s', values, target: 0.85, more: true }]
}
