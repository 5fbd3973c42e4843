// Interleaved rounds, so that noise affects all contenders alike, and the medians of their results.
/** @typedef {import('./peers.js').Name} Name */

/**
 * One line of the table.
 * @typedef {object} Row
 * @property {string} name
 * @property {string} unit
 * @property {Partial<Record<Name, number>>} values
 * @property {Goals} [goals]
 * @property {boolean} [more] higher is better
 */

/**
 * Largest accepted ratios, smallest where higher is better: of the bridge between two peers of an era to the bare relay, and of a
 * translating bridge to the one whose host speaks the server's era.
 * @typedef {{ 2025?: number, 2026?: number, translated?: number }} Goals
 */

/**
 * Measures each contender once per round. @template T
 * @param {number} rounds
 * @param {readonly Name[]} names
 * @param {(name: Name) => Promise<T>} measure
 * @returns {Promise<(pick: (result: T) => number | undefined) => Partial<Record<Name, number>>>} the median of what `pick` returns for each result
 */
export async function inRounds(rounds, names, measure) {
  /** @type {Map<Name, T[]>} */
  const results = new Map(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) for (const name of names) results.get(name)?.push(await measure(name))
  return (pick) => {
    /** @type {Partial<Record<Name, number>>} */
    const medians = {}
    for (const [name, all] of results) {
      const known = all.map(pick).filter((value) => value !== undefined)
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
