// Who calls: one statement from the hash of an access token to its person, client and grant; every request of a new caller asks it.
import type { CallerStore, Person } from '../../gateway/ports.ts'
import type { Clock } from '../../ports.ts'
import type { Database } from '../sql.ts'
import { optionalText, textOf, timeOf } from '../values/columns.ts'
import { sqlTime } from '../values/time.ts'
import { objectOf } from './columns.ts'
import { PERSON, personOf } from './people.ts'

/** A known client of the configuration has no row in oauth_clients. */
const BY_TOKEN = `
  SELECT token.resource, token.payload, token.expires_at AS token_end,
    grants.id AS grant_id, grants.client_id, grants.client_name, grants.scope, ${PERSON}
  FROM oauth_records AS token
    JOIN grants ON grants.id = token.grant_id
    JOIN users ON users.id = grants.user_id
    LEFT JOIN oauth_clients ON oauth_clients.id = grants.client_id
  WHERE token.kind = 'AccessToken' AND token.id_hash = :hash AND token.expires_at > :now AND token.consumed_at IS NULL
    AND token.resource IS NOT NULL AND grants.ended_at IS NULL AND grants.expires_at > :now
    AND users.blocked_at IS NULL AND users.last_seen_at IS NOT NULL AND oauth_clients.blocked_at IS NULL`

const STANDING = `
  SELECT grants.id AS grant_id, token.id_hash AS token_hash, ${PERSON}
  FROM grants
    JOIN users ON users.id = grants.user_id
    LEFT JOIN oauth_clients ON oauth_clients.id = grants.client_id
    LEFT JOIN oauth_records AS token ON token.grant_id = grants.id AND token.kind = 'AccessToken'
      AND token.expires_at > ? AND token.consumed_at IS NULL
  WHERE grants.ended_at IS NULL AND grants.expires_at > ?
    AND users.blocked_at IS NULL AND users.last_seen_at IS NOT NULL AND oauth_clients.blocked_at IS NULL
    AND grants.id IN`

/** Parameters of one statement; SQLite takes 32,766. */
const MOST_IDS = 16_384

export function createCallerStore(database: Database, clock: Clock): CallerStore {
  return {
    async byTokenHash(hash) {
      const row = await database.get(BY_TOKEN, { hash, now: sqlTime(clock.now()) })
      if (!row) return undefined
      const { scope } = objectOf(row.payload)
      return {
        person: personOf(row),
        clientId: textOf(row.client_id),
        clientName: optionalText(row.client_name),
        grantId: textOf(row.grant_id),
        resource: textOf(row.resource),
        // A token may have less than its grant.
        scope: typeof scope === 'string' ? scope : textOf(row.scope),
        expiresAt: timeOf(row.token_end),
      }
    },

    async standing(grantIds) {
      const found = new Map<string, { person: Person; tokens: Set<string> }>()
      for (let at = 0; at < grantIds.length; at += MOST_IDS) {
        const now = sqlTime(clock.now())
        const ids = filledUp(grantIds.slice(at, at + MOST_IDS))
        const rows = await database.all(`${STANDING} (${ids.map(() => '?').join(', ')})`, now, now, ...ids)
        for (const row of rows) {
          const id = textOf(row.grant_id)
          const grant = found.get(id) ?? { person: personOf(row), tokens: new Set() }
          found.set(id, grant)
          if (row.token_hash !== null) grant.tokens.add(textOf(row.token_hash))
        }
      }
      return found
    },
  }
}

/** To a power of two, by the last one again: both engines keep each text of a statement. */
function filledUp(ids: readonly string[]): string[] {
  const length = 2 ** Math.ceil(Math.log2(ids.length))
  return [...ids, ...new Array<string>(length - ids.length).fill(ids.at(-1) ?? '')]
}
