// The last answers of a server to one profile (table server_cache), for a host that asks while a person signs in.
import type { Cache, Clock, KnownAnswers } from '../ports.ts'
import type { TokenKey } from '../records.ts'

/** Characters of JSON that are cached for one server and profile, 1 MB in total. A longer answer is not cached. */
const MOST: Readonly<Record<string, number>> = { 'tools/list': 600_000 }
const MOST_OTHER = 100_000
/** Deeper values are not meaningful lists. */
const DEEPEST = 100

const KEEP_MS = 90 * 24 * 60 * 60 * 1000

export function createKnownAnswers(openCache: () => Promise<Cache>, key: TokenKey, clock: Clock): KnownAnswers {
  const nameOf = (method: string) => `answer:${method} ${key.server} ${key.profile}`
  return {
    load: async (method) => (await openCache()).get(nameOf(method), clock.now()),
    async save(method, result) {
      const cache = await openCache()
      const before = await cache.get(nameOf(method), clock.now())
      // Every start gets the same answers: only a different one is written to disk.
      const kept = fits(method, result) ? result : undefined
      if (JSON.stringify(before) === JSON.stringify(kept)) return
      // The previous answer is not valid any more either.
      await cache.put(nameOf(method), kept ?? null, clock.now() + (kept === undefined ? 0 : KEEP_MS))
    },
  }
}

function fits(method: string, result: unknown): boolean {
  if (result === undefined || isDeeper(result, DEEPEST)) return false
  return Buffer.byteLength(JSON.stringify(result)) <= (MOST[method] ?? MOST_OTHER)
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)))
