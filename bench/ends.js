// The longest time that an exit takes: stdin closes while a call, and then the session's DELETE, get no answer.
import { once } from 'node:events'
import { startRelay } from './peers.js'
import { quantile } from './rounds.js'

/**
 * @param {import('./stage.js').Stage} stage
 * @param {{ rounds: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function ends(stage, { rounds }) {
  const times = []
  for (let round = 0; round < rounds; round++) {
    const child = stage.spawn.bridge('2025')
    const relay = await startRelay(child)
    const sent = relay.call('hang', false)
    sent.catch(() => undefined)
    // A later request is answered only after this one was sent.
    await relay.call('echo', false)
    const gone = once(child, 'exit')
    const before = performance.now()
    child.stdin.end()
    await gone
    times.push(performance.now() - before)
  }
  return [
    { name: 'end, nothing is answered', unit: 'ms', values: { 'bridge 2025-2025': quantile(times, 0.5) } },
    { name: 'end, nothing is answered: longest', unit: 'ms', values: { 'bridge 2025-2025': Math.max(...times) } },
  ]
}
