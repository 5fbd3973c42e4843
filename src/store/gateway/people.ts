// The persons of the gateway (table users): one row an account, which is its issuer and subject.
import { randomUUID } from 'node:crypto'
import { BridgeError } from '../../errors.ts'
import type { Person, PersonStore } from '../../gateway/ports.ts'
import type { Clock } from '../../ports.ts'
import type { User } from '../../records.ts'
import { registerAccounts } from '../../redaction/register.ts'
import type { Database, Row } from '../sql.ts'
import { insertInto, optionalText, optionalTime, textOf } from '../values/columns.ts'
import { isKeyText, plainText } from '../values/text.ts'
import { sqlTime } from '../values/time.ts'
import { objectOf } from './columns.ts'

/** The columns of a person; `last_seen_at` tells one from the accounts of the bridge's token sets. */
export const PERSON = 'users.id, users.issuer, users.subject, users.email, users.claims, users.blocked_at'

export function createPersonStore(database: Database, clock: Clock): PersonStore {
  return {
    async seen(user) {
      const { claims } = user
      if (!isKeyText(user.issuer) || !isKeyText(user.subject)) throw unusableSubject()
      const now = sqlTime(clock.now())
      const row = {
        id: randomUUID(),
        issuer: user.issuer,
        subject: user.subject,
        email: plainText(claims.email),
        name: plainText(claims.name),
        claims: JSON.stringify(claims),
        created_at: now,
        updated_at: now,
        last_seen_at: now,
      }
      const saved = await database.get(
        `${insertInto('users', row)} ON CONFLICT (issuer, subject) WHERE last_seen_at IS NOT NULL DO UPDATE
           SET email = excluded.email, name = excluded.name, claims = excluded.claims, updated_at = excluded.updated_at,
             last_seen_at = excluded.last_seen_at
         RETURNING ${PERSON}`,
        row,
      )
      if (!saved) throw new BridgeError('internal')
      return personOf(saved)
    },

    async byId(id) {
      if (!isKeyText(id)) return undefined
      const row = await database.get(`SELECT ${PERSON} FROM users WHERE id = :id AND last_seen_at IS NOT NULL`, { id })
      return row && personOf(row)
    },

    async forget(unseenSince, limit) {
      const values = { since: sqlTime(unseenSince), limit }
      return await database.transaction(async (sql) => {
        await sql.run(`DELETE FROM tokens WHERE server LIKE 'provider:%' AND profile IN (${UNSEEN})`, values)
        // Asked again, for who signs in meanwhile.
        return sql.run(`DELETE FROM users WHERE id IN (${UNSEEN}) AND last_seen_at < :since`, values)
      })
    },
  }
}

const UNSEEN = `SELECT id FROM users WHERE last_seen_at < :since AND blocked_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.user_id = users.id) ORDER BY last_seen_at, id LIMIT :limit`

/** From the columns {@link PERSON}. */
export function personOf(row: Row): Person {
  const user: User = { issuer: textOf(row.issuer), subject: textOf(row.subject), claims: objectOf(row.claims) }
  const { email, name, preferred_username, upn } = user.claims
  registerAccounts([user.subject, email, name, preferred_username, upn])
  return { ...user, id: textOf(row.id), email: optionalText(row.email), blockedAt: optionalTime(row.blocked_at) }
}

const unusableSubject = () =>
  new BridgeError('login_failed', {
    message: 'The provider names the account by a subject that cannot be kept.',
    hint: 'A subject has at most 255 ASCII characters (OpenID Connect Core section 2). Show this message to the provider’s owner.',
  })
