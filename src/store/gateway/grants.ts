// What persons have given clients (table grants): once a grant has ended, nothing under it is good any more.
import type { GrantStore } from '../../gateway/ports.ts'
import type { Clock } from '../../ports.ts'
import { sha256 } from '../../sha256.ts'
import type { Database, Sql } from '../sql.ts'
import { insertInto, optionalText, optionalTime, textOf, timeOf } from '../values/columns.ts'
import { isKeyText, plainText } from '../values/text.ts'
import { sqlTime } from '../values/time.ts'

export function createGrantStore(database: Database, clock: Clock): GrantStore {
  return {
    async begin(grant) {
      const now = sqlTime(clock.now())
      const row = {
        id: grant.id,
        user_id: grant.personId,
        client_id: grant.clientId,
        client_name: plainText(grant.clientName),
        redirect_host: plainText(grant.redirectHost),
        resource: grant.resource,
        scope: grant.scope,
        created_at: now,
        last_used_at: now,
        expires_at: sqlTime(grant.expiresAt),
      }
      await database.run(`${insertInto('grants', row)} ON CONFLICT (id) DO NOTHING`, row)
    },

    async byId(id) {
      if (!isKeyText(id)) return undefined
      const row = await database.get('SELECT * FROM grants WHERE id = :id', { id })
      return (
        row && {
          id: textOf(row.id),
          personId: textOf(row.user_id),
          clientId: textOf(row.client_id),
          clientName: optionalText(row.client_name),
          redirectHost: optionalText(row.redirect_host),
          resource: textOf(row.resource),
          scope: textOf(row.scope),
          createdAt: timeOf(row.created_at),
          expiresAt: timeOf(row.expires_at),
          endedAt: optionalTime(row.ended_at),
          endedBy: optionalText(row.ended_by),
        }
      )
    },

    async end(id, by) {
      if (!isKeyText(id)) return false
      return await database.transaction(async (sql) => {
        const ended = await sql.run(
          'UPDATE grants SET ended_at = :now, ended_by = :by WHERE id = :id AND ended_at IS NULL',
          { id, by, now: sqlTime(clock.now()) },
        )
        await removeRecords(sql, id)
        return ended === 1
      })
    },
  }
}

/** Deletes every record under a grant, its own too, and the answers that were kept for its refresh tokens. */
export async function removeRecords(sql: Sql, grantId: string): Promise<void> {
  await sql.run(
    'DELETE FROM refresh_answers WHERE id_hash IN (SELECT id_hash FROM oauth_records WHERE grant_id = :grantId)',
    { grantId },
  )
  const own = sha256(grantId)
  await sql.run("DELETE FROM oauth_records WHERE grant_id = :grantId OR (kind = 'Grant' AND id_hash = :own)", {
    grantId,
    own,
  })
}
