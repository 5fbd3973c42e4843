// What is remembered of the revisions that a server and its hosts speak (table server_cache), for 30 days.
import type { Era, EraMemory, Opening } from '../eraMemory.ts'
import type { Cache, Clock } from '../ports.ts'
import type { TokenKey } from '../records.ts'
import { sha256 } from '../sha256.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const KEEP_MS = 30 * DAY_MS
/** Bytes of a DiscoverResult; a longer one is not kept, and the server is asked for it. */
const MOST_DISCOVER = 100_000

/**
 * The era belongs to the server, its DiscoverResult to the server and profile: who signs in may decide what it contains. `openCache` needs to
 * give only `get` where nothing is saved. A row that is damaged, or that this program did not write so, counts as nothing known.
 */
export function createEraMemory(openCache: () => Promise<Cache>, key: TokenKey, clock: Clock): EraMemory {
  const names = { era: `era:${key.server}`, discover: `discover:${key.server} ${key.profile}` }
  const nameOfHost = (host: string) => `opening:${key.server} ${shortened(host)}`
  const get = async (name: string) => (await openCache()).get(name, clock.now())
  const put = async (name: string, value: unknown) =>
    (await openCache()).put(name, value ?? null, clock.now() + (value === undefined ? 0 : KEEP_MS))
  const load: EraMemory['load'] = async () => {
    const now = clock.now()
    const known = eraIn(await get(names.era), now)
    if (known?.era !== '2026') return known
    const discover = discoverIn(await get(names.discover))
    return discover === undefined ? known : { ...known, discover }
  }
  return {
    load,
    async save(known) {
      const discover = known?.era === '2026' ? discoverIn(known.discover) : undefined
      const before = await load()
      if (discover !== before?.discover) await put(names.discover, discover)
      // A start that finds out the same writes nothing.
      if (known?.era === before?.era && (before === undefined || clock.now() - before.at < DAY_MS)) return
      await put(names.era, known && { era: known.era, at: clock.now() })
    },
    async loadOpening(host) {
      const opening = await get(nameOfHost(host))
      return isOpening(opening) ? opening : undefined
    },
    async saveOpening(host, opening) {
      await put(nameOfHost(host), opening)
    },
  }
}

/** A time that is still to come was written under another clock: what it says may be of any age. */
function eraIn(value: unknown, now: number): { readonly era: Era; readonly at: number } | undefined {
  const { era, at } = Object(value) as { readonly era?: unknown; readonly at?: unknown }
  return (era === '2025' || era === '2026') && typeof at === 'number' && at <= now ? { era, at } : undefined
}

/** The same text where it is the JSON of an object that may be kept. */
function discoverIn(value: unknown): string | undefined {
  if (typeof value !== 'string' || Buffer.byteLength(value) > MOST_DISCOVER) return undefined
  try {
    const result: unknown = JSON.parse(value)
    return typeof result === 'object' && result !== null && !Array.isArray(result) ? value : undefined
  } catch {
    return undefined
  }
}

const isOpening = (value: unknown): value is Opening => value === 'both' || value === 'refused' || value === 'modern'

/** A host may give itself any name, of any length. */
const shortened = (host: string): string => (/^[\x20-\x7e]{1,80}$/.test(host) ? host : `sha256:${sha256(host)}`)
