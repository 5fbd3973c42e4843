// What a server answered last to one profile (table server_cache), for a host that asks while a person signs in.
import type { Cache, Clock, KnownAnswers } from '../ports.ts'
import type { TokenKey } from '../records.ts'

const KEEP_MS = 90 * 24 * 60 * 60 * 1000

export function createKnownAnswers(openCache: () => Promise<Cache>, key: TokenKey, clock: Clock): KnownAnswers {
  const nameOf = (method: string) => `answer:${method} ${key.server} ${key.profile}`
  return {
    load: async (method) => (await openCache()).get(nameOf(method), clock.now()),
    async save(method, result) {
      const cache = await openCache()
      const before = await cache.get(nameOf(method), clock.now())
      // Every start hears the same answers: only another one is worth a write to the disk.
      if (JSON.stringify(before) !== JSON.stringify(result))
        await cache.put(nameOf(method), result, clock.now() + KEEP_MS)
    },
  }
}
