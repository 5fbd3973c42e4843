// The account of a token set (table users): each token set has its own, because what one sign-in was told of a person is not for another.
import type { TokenKey, User } from '../records.ts'
import { registerAccounts } from '../redaction/register.ts'
import type { Row } from './sealing/rowSeals.ts'
import { insertInto, textOf } from './sqlite/columns.ts'
import type { Database } from './sqlite/database.ts'

/** From a row of `tokens` that was joined with its user. */
export function userOf(row: Row): User | undefined {
  if (row.subject === null) return undefined
  const user = { issuer: textOf(row.issuer), subject: textOf(row.subject), claims: JSON.parse(textOf(row.claims)) }
  registerAccounts(namesOf(user))
  return user
}

/** Gives the id of the row. */
export function saveUser(database: Database, { server, profile }: TokenKey, user: User, now: string): string {
  registerAccounts(namesOf(user))
  const text = (claim: unknown) => (typeof claim === 'string' ? claim : null)
  const row = {
    id: `${server} ${profile} ${user.issuer}#${user.subject}`,
    issuer: user.issuer,
    subject: user.subject,
    email: text(user.claims.email),
    name: text(user.claims.name),
    claims: JSON.stringify(user.claims),
    created_at: now,
    updated_at: now,
  }
  database.run(
    `${insertInto('users', row)} ON CONFLICT (id) DO UPDATE
       SET email = excluded.email, name = excluded.name, claims = excluded.claims, updated_at = excluded.updated_at`,
    row,
  )
  return row.id
}

/** Users that no token set names any more. */
export const removeUnusedUsers = (database: Database) =>
  void database.run('DELETE FROM users WHERE id NOT IN (SELECT user_id FROM tokens WHERE user_id IS NOT NULL)')

const namesOf = ({ subject, claims: { email, name, preferred_username, upn } }: User) => [
  subject,
  email,
  name,
  preferred_username,
  upn,
]
