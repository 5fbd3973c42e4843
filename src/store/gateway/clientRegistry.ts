// The clients of the authorization server (table oauth_clients): registered ones, and metadata documents as they were read last.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { BridgeError } from '../../errors.ts'
import type { ClientRegistry, OAuthClient } from '../../gateway/ports.ts'
import type { Clock } from '../../ports.ts'
import type { Seal } from '../sealing/seal.ts'
import type { Database, Row, Value } from '../sql.ts'
import { insertInto, optionalTime, textOf, timeOf } from '../values/columns.ts'
import { isKeyText } from '../values/text.ts'
import { sqlTime } from '../values/time.ts'
import { objectOf } from './columns.ts'

/** When a client was used last need not be known better than this; it is not written with each request. */
const USED_EVERY_MS = 60_000
/** Rows that one statement deletes. */
const BATCH = 1_000

export function createClientRegistry(database: Database, seal: Seal, clock: Clock): ClientRegistry {
  const now = () => sqlTime(clock.now())
  const place = (id: string) => ['oauth_clients', id, 'client_secret'] as const
  /** undefined: the secret is not as it was written, so this client is not used any more. */
  const secretOf = (row: Row): string | null | undefined => {
    if (row.client_secret === null) return null
    try {
      return seal.open(textOf(row.client_secret), place(textOf(row.id)))
    } catch (thrown) {
      if (thrown instanceof BridgeError && thrown.code === 'seal_broken') return undefined
      throw thrown
    }
  }
  const { removeAll, removeBeyond } = createRemoval(database)

  return {
    async byId(id) {
      if (!isKeyText(id)) return undefined
      const row = await database.get('SELECT * FROM oauth_clients WHERE id = :id', { id })
      const secret = row && secretOf(row)
      return row && secret !== undefined ? clientOf(row, secret ?? undefined) : undefined
    },

    async save({ id, metadata, secret, source }, address) {
      if (!isKeyText(id)) throw new BridgeError('invalid_client', { message: 'The client id is too long.' })
      const row = {
        id,
        metadata: JSON.stringify(metadata),
        client_secret: secret === undefined ? null : seal.seal(secret, place(id)),
        source,
        address: address ?? null,
        created_at: now(),
      }
      await database.run(
        `${insertInto('oauth_clients', row)} ON CONFLICT (id) DO UPDATE
           SET metadata = excluded.metadata, client_secret = excluded.client_secret
           WHERE oauth_clients.source = excluded.source`,
        row,
      )
    },

    async remove(id) {
      if (isKeyText(id)) await database.run('DELETE FROM oauth_clients WHERE id = :id', { id })
    },

    async countSince(address, since) {
      const row = await database.get(
        `SELECT count(*) AS count FROM oauth_clients
         WHERE source = 'registered' AND address = :address AND created_at BETWEEN :since AND :now`,
        { address, since: sqlTime(since), now: now() },
      )
      return Number(row?.count)
    },

    async used(id) {
      if (!isKeyText(id)) return
      await database.run(
        'UPDATE oauth_clients SET last_used_at = :now WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :before)',
        { id, now: now(), before: sqlTime(clock.now() - USED_EVERY_MS) },
      )
    },

    async tidy({ unusedSince, idleSince, most }) {
      const removed = [
        await removeAll(`source = 'registered' AND ${IS_UNUSED} AND created_at < :since`, 'created_at', unusedSince),
        await removeAll(`last_used_at < :since AND ${HAD_NO_GRANT}`, 'last_used_at', idleSince),
        await removeAll(`last_used_at IS NULL AND created_at < :since AND ${HAD_NO_GRANT}`, 'created_at', idleSince),
        await removeBeyond(most),
      ]
      return removed.reduce((all, some) => all + some, 0)
    },
  }
}

type Order = 'created_at' | 'last_used_at'

function createRemoval(database: Database) {
  /** Deletes the oldest clients that `which` selects, but none that is blocked: it would be let in again. */
  const removeBatch = async (which: string, by: Order, values: Readonly<Record<string, Value>>) => {
    // SQLite answers within the turn: requests come between two batches.
    await nextTurn()
    return database.run(
      `DELETE FROM oauth_clients WHERE id IN
         (SELECT id FROM oauth_clients WHERE blocked_at IS NULL AND ${which} ORDER BY ${by} LIMIT :limit)`,
      values,
    )
  }
  const removeAll = async (which: string, by: Order, since: number) => {
    let deleted = 0
    for (let batch = BATCH; batch === BATCH; deleted += batch)
      batch = await removeBatch(which, by, { since: sqlTime(since), limit: BATCH })
    return deleted
  }
  const removeBeyond = async (most: number) => {
    const row = await database.get("SELECT count(*) AS count FROM oauth_clients WHERE source = 'registered'")
    let deleted = 0
    for (let left = Number(row?.count) - most; left > 0; left -= BATCH) {
      const batch = await removeBatch(`source = 'registered' AND ${IS_UNUSED}`, 'created_at', {
        limit: Math.min(left, BATCH),
      })
      deleted += batch
      if (batch === 0) break
    }
    return deleted
  }
  return { removeAll, removeBeyond }
}

/** Never used, and nobody has given it anything. */
const IS_UNUSED = 'last_used_at IS NULL AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client_id = oauth_clients.id)'
/** No grant of it was alive at `:since` or later. */
const HAD_NO_GRANT = `NOT EXISTS (SELECT 1 FROM grants WHERE grants.client_id = oauth_clients.id
  AND grants.expires_at > :since AND (grants.ended_at IS NULL OR grants.ended_at > :since))`

const clientOf = (row: Row, secret: string | undefined): OAuthClient => ({
  id: textOf(row.id),
  metadata: objectOf(row.metadata),
  secret,
  source: row.source === 'document' ? 'document' : 'registered',
  createdAt: timeOf(row.created_at),
  blockedAt: optionalTime(row.blocked_at),
})
