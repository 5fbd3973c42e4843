// Codes, tokens and interactions of the authorization server (table oauth_records), by the hash of what the client or browser holds.
import type { OAuthRecord, RecordStore } from '../../gateway/ports.ts'
import type { Clock } from '../../ports.ts'
import type { Database, Row } from '../sql.ts'
import { insertInto, optionalText, optionalTime, textOf, timeOf } from '../values/columns.ts'
import { sqlTime } from '../values/time.ts'
import { objectOf } from './columns.ts'
import { removeRecords } from './grants.ts'

/** A grant that has ended is kept this long after it would have expired, for whoever asks what there was. */
const KEEP_GRANTS_MS = 30 * 24 * 60 * 60 * 1000
const DAY_MS = 24 * 60 * 60 * 1000
/** Sign-ins at providers are kept this long, as those of the bridge are. */
const KEEP_ATTEMPTS_MS = DAY_MS

/** What a client holds is good under a living grant only; an interaction has none yet, and a grant's own record may come before its row. */
const IS_GRANTED = `(grant_id IS NULL OR kind NOT IN ('AccessToken', 'AuthorizationCode', 'RefreshToken')
  OR EXISTS (SELECT 1 FROM grants WHERE grants.id = oauth_records.grant_id AND grants.ended_at IS NULL AND grants.expires_at > :now))`

export function createRecordStore(database: Database, clock: Clock): RecordStore {
  const now = () => sqlTime(clock.now())
  return {
    async put(record) {
      const row = {
        kind: record.kind,
        id_hash: record.idHash,
        grant_id: record.grantId ?? null,
        client_id: record.clientId ?? null,
        user_id: record.personId ?? null,
        resource: record.resource ?? null,
        payload: JSON.stringify(record.payload),
        expires_at: sqlTime(record.expiresAt),
      }
      // Without its access token a client refreshes.
      const run = record.kind === 'AccessToken' ? database.runUnsynced : database.run
      // What has been consumed stays so.
      await run(
        `${insertInto('oauth_records', row)} ON CONFLICT (kind, id_hash) DO UPDATE
           SET grant_id = excluded.grant_id, client_id = excluded.client_id, user_id = excluded.user_id,
             resource = excluded.resource, payload = excluded.payload, expires_at = excluded.expires_at`,
        row,
      )
      if (record.kind !== 'AccessToken' || record.grantId === undefined) return
      await database.runUnsynced('UPDATE grants SET last_used_at = :now WHERE id = :grantId', {
        grantId: record.grantId,
        now: now(),
      })
    },

    async find(kind, idHash) {
      const row = await database.get(
        `SELECT * FROM oauth_records WHERE kind = :kind AND id_hash = :idHash AND expires_at > :now AND ${IS_GRANTED}`,
        { kind, idHash, now: now() },
      )
      return row && recordOf(kind, row)
    },

    async consume(kind, idHash) {
      // A refresh token gets its successor after that, and is good again if that is lost too.
      const run = kind === 'RefreshToken' ? database.runUnsynced : database.run
      const consumed = await run(
        `UPDATE oauth_records SET consumed_at = :now
         WHERE kind = :kind AND id_hash = :idHash AND consumed_at IS NULL AND expires_at > :now AND ${IS_GRANTED}`,
        { kind, idHash, now: now() },
      )
      return consumed === 1
    },

    async remove(kind, idHash) {
      await database.run('DELETE FROM oauth_records WHERE kind = :kind AND id_hash = :idHash', { kind, idHash })
    },

    removeGrant: (grantId) => database.transaction((sql) => removeRecords(sql, grantId)),

    async purge(limit) {
      let deleted = 0
      for (const { table, key, keepMs } of EXPIRING)
        deleted += await database.run(
          `DELETE FROM ${table} WHERE (${key}) IN
             (SELECT ${key} FROM ${table} WHERE expires_at <= :end ORDER BY expires_at LIMIT :limit)`,
          { end: sqlTime(clock.now() - keepMs), limit },
        )
      return deleted
    },
  }
}

const EXPIRING = [
  { table: 'oauth_records', key: 'kind, id_hash', keepMs: 0 },
  { table: 'refresh_answers', key: 'id_hash', keepMs: 0 },
  { table: 'web_sessions', key: 'id_hash', keepMs: 0 },
  { table: 'sessions', key: 'id', keepMs: KEEP_ATTEMPTS_MS },
  // Of processes that ended in the middle: each refresh token has a lease of its own.
  { table: 'leases', key: 'name', keepMs: DAY_MS },
  { table: 'grants', key: 'id', keepMs: KEEP_GRANTS_MS },
]

const recordOf = (kind: OAuthRecord['kind'], row: Row): OAuthRecord => ({
  kind,
  idHash: textOf(row.id_hash),
  grantId: optionalText(row.grant_id),
  clientId: optionalText(row.client_id),
  personId: optionalText(row.user_id),
  resource: optionalText(row.resource),
  payload: objectOf(row.payload),
  consumedAt: optionalTime(row.consumed_at),
  expiresAt: timeOf(row.expires_at),
})
