// The account of a token set (table users): each token set has its own, because what one sign-in was told of a person is not for another.
import type { TokenKey, User } from '../records.ts'
import { registerAccounts } from '../redaction/register.ts'
import type { Row, Sql } from './sql.ts'
import { insertInto, textOf } from './values/columns.ts'
import { plainText } from './values/text.ts'

/** Whose the token set is: of somebody who uses this bridge, or of a person of the gateway, whose id is its profile. */
export const isPersons = ({ server }: Pick<TokenKey, 'server'>) => server.startsWith('provider:')

/** From a row of `tokens` that was joined with its user. */
export function userOf(row: Row): User | undefined {
  if (row.subject === null) return undefined
  const user = { issuer: textOf(row.issuer), subject: textOf(row.subject), claims: claimsIn(textOf(row.claims)) }
  registerAccounts(namesOf(user))
  return user
}

/** The row of a person of the gateway has no seal. */
function claimsIn(text: string): User['claims'] {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

/** Gives the id of the row. Undefined: the person whose row it would be is no longer there. */
export async function saveUser(sql: Sql, key: TokenKey, user: User, now: Date): Promise<string | undefined> {
  registerAccounts(namesOf(user))
  const text = (claim: unknown) => (isPersons(key) ? plainText(claim) : typeof claim === 'string' ? claim : null)
  const told = {
    email: text(user.claims.email),
    name: text(user.claims.name),
    claims: JSON.stringify(user.claims),
    updated_at: now,
  }
  const { issuer, subject } = user
  if (isPersons(key)) {
    const changed = await sql.run(
      `UPDATE users SET email = :email, name = :name, claims = :claims, updated_at = :updated_at
       WHERE id = :id AND issuer = :issuer AND subject = :subject`,
      { ...told, id: key.profile, issuer, subject },
    )
    return changed === 1 ? key.profile : undefined
  }
  const row = { id: `${key.server} ${key.profile} ${issuer}#${subject}`, issuer, subject, created_at: now, ...told }
  await sql.run(
    `${insertInto('users', row)} ON CONFLICT (id) DO UPDATE
       SET email = excluded.email, name = excluded.name, claims = excluded.claims, updated_at = excluded.updated_at`,
    row,
  )
  return row.id
}

/** Users of token sets that no token set names any more. The id of a person of the gateway is a UUID; theirs has spaces. */
export const removeUnusedUsers = async (sql: Sql): Promise<void> =>
  void (await sql.run(
    "DELETE FROM users WHERE id LIKE '% %' AND id NOT IN (SELECT user_id FROM tokens WHERE user_id IS NOT NULL)",
  ))

const namesOf = ({ subject, claims: { email, name, preferred_username, upn } }: User) => [
  subject,
  email,
  name,
  preferred_username,
  upn,
]
