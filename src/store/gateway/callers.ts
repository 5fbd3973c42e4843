// Who calls: one statement from the hash of an access token to its person, client and grant; every request of a new caller asks it.
import type { CallerStore } from '../../gateway/ports.ts'
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
  }
}
