// Cold start: from spawn to the answer to the host's first request on stdout, with the token already stored.
import { CONTENDERS, timeToAnswer } from './peers.js'
import { inRounds } from './rounds.js'

/**
 * @param {import('./stage.js').Stage} stage
 * @param {readonly import('./peers.js').Name[]} names
 * @param {{ rounds: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function coldStart(stage, names, { rounds }) {
  const medians = await inRounds(rounds, names, (name) => {
    const { kind, host, server } = CONTENDERS[name]
    return timeToAnswer(() => stage.spawn[kind](server), name, host)
  })
  return [{ name: 'cold start', unit: 'ms', values: medians((ms) => ms), goals: { 2025: 1.3, 2026: 1.2 } }]
}
