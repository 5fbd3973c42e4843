// Interleaved rounds, so that noise affects all contenders alike, and the medians of their results.
import { NAMES } from './peers.js'

/** @typedef {import('./peers.js').Name} Name */

/**
 * One line of the table.
 * @typedef {object} Row
 * @property {string} name
 * @property {string} unit
 * @property {Partial<Record<Name, number>>} values
 * @property {number} [target] largest accepted ratio of bridge to bare relay; smallest if `more` is set, where higher is better
 * @property {boolean} [more]
 */

/**
 * Measures each contender once per round. @template T
 * @param {number} rounds
 * @param {readonly Name[]} names
 * @param {(name: Name) => Promise<T>} measure
 * @returns {Promise<(pick: (result: T) => number | undefined) => Partial<Record<Name, number>>>} the median of what `pick` returns for each result
 */
export async function inRounds(rounds, names, measure) {
  /** @type {Record<Name, T[]>} */
  const results = { direct: [], bare: [], bridge: [] }
  for (let round = 0; round < rounds; round++) for (const name of names) results[name].push(await measure(name))
  return (pick) => {
    /** @type {Partial<Record<Name, number>>} */
    const medians = {}
    for (const name of NAMES) {
      const known = results[name].map(pick).filter((value) => value !== undefined)
      if (known.length > 0) medians[name] = quantile(known, 0.5)
    }
    return medians
  }
}

/** @param {readonly number[]} values @param {number} share 0.5 is the median */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}
