// A person's wish for a new registration at a server: made by login --force and logout, fulfilled by the next sign-in, whichever process runs it.
import type { Cache } from '../../ports.ts'

/** How long the wish waits for a sign-in, in ms. */
const KEEP_MS = 365 * 24 * 60 * 60 * 1000
/** `server`: URL of the MCP server, as serialized by the URL standard. */
const nameOf = (server: string) => `new-client:${server}`

/** `now`: ms since the epoch. */
export const wantNewClient = (cache: Cache, server: string, now: number): Promise<void> =>
  cache.put(nameOf(server), true, now + KEEP_MS)

export const isNewClientWanted = async (cache: Cache, server: string, now: number): Promise<boolean> =>
  (await cache.get(nameOf(server), now)) === true

export const haveNewClient = (cache: Cache, server: string, now: number): Promise<void> =>
  cache.put(nameOf(server), false, now)
