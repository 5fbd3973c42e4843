// Answers of 5 MB: one long text as JSON and as SSE, and structured content with many small records.
import { inRounds } from './rounds.js'

const KINDS = [
  { name: '5 MB text, JSON', tool: 'big', sse: false },
  { name: '5 MB text, SSE', tool: 'big', sse: true },
  { name: '5 MB records, JSON', tool: 'records', sse: false },
]

/**
 * @param {Map<import('./peers.js').Name, import('./peers.js').Peer>} peers
 * @param {{ rounds: number, calls: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function bigMessages(peers, { rounds, calls }) {
  const rows = []
  const names = [...peers.keys()]
  for (const { name, tool, sse } of KINDS) {
    const run = async (/** @type {import('./peers.js').Name} */ peer) => {
      const before = performance.now()
      for (let call = 0; call < calls; call++) await peers.get(peer)?.call(tool, sse)
      return (performance.now() - before) / calls
    }
    for (const peer of names) await run(peer)
    const medians = await inRounds(rounds, names, run)
    rows.push({ name, unit: 'ms', values: medians((ms) => ms), goals: { 2025: 1.15, 2026: 1.2, translated: 1.3 } })
  }
  return rows
}
