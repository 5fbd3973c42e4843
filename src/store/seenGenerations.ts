// Whether a token set is still as it was read: answered at once, because every message asks.
import type { Clock } from '../ports.ts'
import type { TokenKey } from '../records.ts'
import type { AtOnce, Database } from './sql.ts'
import { lookUpGeneration } from './tokenRow.ts'

/** For how long what was read counts as unchanged where a look needs a wait, in ms. */
const SEEN_MS = 5_000
/** As many token sets are remembered there. */
const MOST_SEEN = 10_000

export interface Looks {
  /** The generation that was read or written just now. */
  saw(key: TokenKey, generation: number): void
  /** False where it is not known. */
  isUnchanged(key: TokenKey, generation: number): boolean
}

export const createLooks = ({ atOnce }: Database, clock: Clock): Looks =>
  atOnce ? looksAtOnce(atOnce) : remembered(clock)

function looksAtOnce(atOnce: AtOnce): Looks {
  /** What was found last; good until another process writes, or the file is another one. */
  let lastSeen: { version: number; generation: number; key: TokenKey } | undefined
  return {
    saw() {
      lastSeen = undefined
    },
    isUnchanged(key, generation) {
      const version = atOnce.version()
      if (lastSeen?.version === version && lastSeen.generation === generation && lastSeen.key === key) return true
      if (lookUpGeneration(atOnce, key) !== generation) return false
      lastSeen = { version, generation, key }
      return true
    },
  }
}

function remembered(clock: Clock): Looks {
  const seen = new Map<string, { readonly generation: number; readonly at: number }>()
  const nameOf = ({ server, profile }: TokenKey) => JSON.stringify([server, profile])
  return {
    saw(key, generation) {
      const name = nameOf(key)
      // The one that was not read for longest comes first.
      seen.delete(name)
      seen.set(name, { generation, at: clock.now() })
      const [oldest] = seen.keys()
      if (seen.size > MOST_SEEN && oldest !== undefined) seen.delete(oldest)
    },
    isUnchanged(key, generation) {
      const found = seen.get(nameOf(key))
      return found?.generation === generation && Math.abs(clock.now() - found.at) < SEEN_MS
    },
  }
}
