// Answers of 5 MB: one long text as JSON and as SSE, and structured content with many small records.
import { NAMES } from './peers.js'
import { inRounds } from './rounds.js'

const KINDS = [
  { name: '5 MB text, JSON', tool: 'big', sse: false },
  { name: '5 MB text, SSE', tool: 'big', sse: true },
  { name: '5 MB records, JSON', tool: 'records', sse: false },
]

/**
 * @param {Record<import('./peers.js').Name, import('./peers.js').Peer>} peers
 * @param {{ rounds: number, calls: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function bigMessages(peers, { rounds, calls }) {
  const rows = []
  for (const { name, tool, sse } of KINDS) {
    const run = async (/** @type {import('./peers.js').Name} */ peer) => {
      const before = performance.now()
      for (let call = 0; call < calls; call++) await peers[peer].call(tool, sse)
      return (performance.now() - before) / calls
    }
    for (const peer of NAMES) await run(peer)
    const medians = await inRounds(rounds, NAMES, run)
    rows.push({ name, unit: 'ms', values: medians((ms) => ms), target: 1.15 })
  }
  return rows
}
