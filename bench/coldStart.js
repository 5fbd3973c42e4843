// Cold start: from spawn to the answer to `initialize` on stdout, with the token already stored.
import { NAMES, timeToAnswer } from './peers.js'
import { inRounds } from './rounds.js'

/**
 * @param {import('./stage.js').Stage} stage
 * @param {{ rounds: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function coldStart(stage, { rounds }) {
  const medians = await inRounds(rounds, NAMES, (name) => timeToAnswer(stage.spawn[name], name))
  return [{ name: 'cold start', unit: 'ms', values: medians((ms) => ms), target: 1.3 }]
}
