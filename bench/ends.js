// How long an end takes at its worst: stdin closes while a call and then the session's DELETE are not answered.
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
    const child = stage.spawn.bridge()
    const relay = await startRelay(child)
    const sent = relay.call('hang', false)
    sent.catch(() => undefined)
    // What is asked after it is answered after it was sent.
    await relay.call('echo', false)
    const gone = once(child, 'exit')
    const before = performance.now()
    child.stdin.end()
    await gone
    times.push(performance.now() - before)
  }
  return [
    { name: 'end, nothing is answered', unit: 'ms', values: { bridge: quantile(times, 0.5) } },
    { name: 'end, nothing is answered: longest', unit: 'ms', values: { bridge: Math.max(...times) } },
  ]
}
