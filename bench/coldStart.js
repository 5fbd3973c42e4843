// Cold start: from spawn to the answer to `initialize` on stdout, with the token already stored.
import { once } from 'node:events'
import { end, NAMES } from './peers.js'
import { inRounds } from './rounds.js'
import { INITIALIZE } from './stage.js'

/**
 * @param {import('./stage.js').Stage} stage
 * @param {{ rounds: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function coldStart(stage, { rounds }) {
  const medians = await inRounds(rounds, NAMES, async (name) => {
    const before = performance.now()
    const child = stage.spawn[name]()
    child.stdin.write(`${INITIALIZE}\n`)
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${name} ended with ${code}`))),
    ])
    const ms = performance.now() - before
    await end(child)
    return ms
  })
  return [{ name: 'cold start', unit: 'ms', values: medians((ms) => ms), target: 1.3 }]
}
