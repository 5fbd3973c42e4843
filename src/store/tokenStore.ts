// Token sets by server and profile; every change is a compare-and-swap on the row's generation.
import { BridgeError } from '../errors.ts'
import type { Clock, TokenStore } from '../ports.ts'
import type { AccountSummary, TokenKey, TokenSet, User } from '../records.ts'
import { registerAccounts } from '../redaction/register.ts'
import { withoutControls } from '../redaction/text.ts'
import { isSealed, type Row, sealRow } from './sealing/rowSeals.ts'
import { broken, type OpenSeal, type Seal } from './sealing/seal.ts'
import type { Database, Value } from './sqlite/database.ts'
import { fromSqlTime, toSqlTime } from './sqlite/time.ts'

export function createTokenStore(database: Database, openSeal: OpenSeal, clock: Clock): TokenStore {
  const readRow = (key: TokenKey) =>
    database.get(
      `SELECT tokens.*, users.subject, users.claims FROM tokens LEFT JOIN users ON users.id = tokens.user_id
       WHERE server = ? AND profile = ?`,
      key.server,
      key.profile,
    )

  /** The result of the last read of one row; valid until another process writes, or the file is replaced. */
  let quiet: { version: number; generation: number; key: TokenKey } | undefined

  /** The scope that a sign-in which has ended had asked for, where it is as this program wrote it. */
  const sealedScope = async (row: Row): Promise<string | undefined> => {
    if (row.requested_scope === null) return undefined
    const seal = await openSeal().catch(() => undefined)
    return seal && isSealed(database, seal, 'tokens', row) ? String(row.requested_scope) : undefined
  }

  return {
    async load(key) {
      const row = readRow(key)
      if (!row) return { generation: 0 }
      const generation = generationOf(row)
      const refused = typeof row.refused_at === 'string' ? { refusedAt: fromSqlTime(row.refused_at) } : {}
      if (row.access_token === null) {
        const scope = await sealedScope(row)
        return { generation, ...refused, ...(scope === undefined ? {} : { requestedScope: scope }), ...lastError(row) }
      }
      const seal = await openSeal()
      try {
        if (!isSealed(database, seal, 'tokens', row)) throw broken(place(key, 'access_token'))
        return { generation, ...refused, tokens: toTokenSet(row, key, seal) }
      } catch (thrown) {
        // A row that was altered or moved counts as signed out; it is kept until the next sign-in replaces it.
        if (!(thrown instanceof BridgeError) || thrown.code !== 'seal_broken') throw thrown
        database.run(
          'UPDATE tokens SET last_error = ? WHERE server = ? AND profile = ?',
          thrown.message,
          key.server,
          key.profile,
        )
        return { generation, lastError: thrown.message }
      }
    },

    unchanged(key, generation) {
      const version = database.version()
      if (quiet?.version === version && quiet.generation === generation && quiet.key === key) return true
      const row = database.get(GENERATION, key.server, key.profile)
      if (!row || generationOf(row) !== generation) return false
      quiet = { version, generation, key }
      return true
    },

    async refuse(key, generation) {
      database.run(
        'UPDATE tokens SET refused_at = ? WHERE server = ? AND profile = ? AND generation = ?',
        ...[toSqlTime(clock.now()), key.server, key.profile, generation],
      )
    },

    async replace(key, next, expected) {
      const seal = await openSeal()
      const now = toSqlTime(clock.now())
      const access = seal.seal(next.accessToken, place(key, 'access_token'))
      const refresh = next.refreshToken === undefined ? null : seal.seal(next.refreshToken, place(key, 'refresh_token'))
      const dpopKey = next.dpopKey === undefined ? null : seal.seal(next.dpopKey, place(key, 'dpop_key'))
      return database.transaction(() => {
        if (generationOf(readRow(key)) !== expected) return false
        const userId = next.user ? saveUser(database, key, next.user, now) : null
        const written = {
          ...{ server: key.server, profile: key.profile, generation: expected + 1, issuer: next.issuer },
          ...{ client_id: next.clientId, redirect_uri: next.redirectUri, access_token: access, refresh_token: refresh },
          ...{ dpop_key: dpopKey, grant_type: next.grant ?? null, scope: next.scope ?? null },
          ...{ requested_scope: next.requestedScope ?? null, resource: next.resource ?? null },
          obtained_at: toSqlTime(next.obtainedAt),
        }
        const others = {
          ...{ user_id: userId, expires_at: next.expiresAt === undefined ? null : toSqlTime(next.expiresAt) },
          ...{ spent_at: null, refused_at: null, last_error: null, updated_at: now },
        }
        const columns = Object.entries<Value>({ ...written, ...others })
        database.run(
          `INSERT INTO tokens (created_at, ${columns.map(([name]) => name).join(', ')}) VALUES (?${', ?'.repeat(columns.length)})
           ON CONFLICT (server, profile) DO UPDATE SET ${columns.map(([name]) => `${name} = excluded.${name}`).join(', ')}`,
          ...[now, ...columns.map(([, value]) => value)],
        )
        database.run('DELETE FROM users WHERE id NOT IN (SELECT user_id FROM tokens WHERE user_id IS NOT NULL)')
        const user = {
          subject: next.user?.subject ?? null,
          claims: next.user ? JSON.stringify(next.user.claims) : null,
        }
        sealRow(database, seal, 'tokens', { ...written, ...user })
        return true
      })
    },

    async spend(key, generation) {
      return database.transaction(() => {
        const before = database.get(
          'SELECT spent_at FROM tokens WHERE server = ? AND profile = ? AND generation = ?',
          key.server,
          key.profile,
          generation,
        )
        database.run(
          'UPDATE tokens SET spent_at = ? WHERE server = ? AND profile = ? AND generation = ?',
          ...[toSqlTime(clock.now()), key.server, key.profile, generation],
        )
        return before !== undefined && before.spent_at !== null
      })
    },

    async remove(key, expected, reason) {
      // A sign-out clears everything, even without the key; after a refused sign-in, the previous scopes are kept.
      const seal = reason === undefined ? undefined : await openSeal()
      return database.transaction(() => {
        const row = readRow(key)
        if (!row || generationOf(row) !== expected) return false
        const scope = seal && isSealed(database, seal, 'tokens', row) ? (row.requested_scope ?? null) : null
        const refusedAt = seal ? (row.refused_at ?? null) : null
        database.run(
          `UPDATE tokens SET access_token = NULL, refresh_token = NULL, dpop_key = NULL, expires_at = NULL, spent_at = NULL,
             generation = ?, requested_scope = ?, refused_at = ?, last_error = ?, updated_at = ? WHERE server = ? AND profile = ?`,
          ...[expected + 1, scope, refusedAt, reason ?? null, toSqlTime(clock.now()), key.server, key.profile],
        )
        const none = { access_token: null, refresh_token: null, dpop_key: null }
        if (seal)
          sealRow(database, seal, 'tokens', { ...row, ...none, generation: expected + 1, requested_scope: scope })
        return true
      })
    },

    async list() {
      const rows = database.all(
        `SELECT server, profile, tokens.issuer, access_token IS NOT NULL AS signed_in, refresh_token IS NOT NULL OR grant_type = 'client_credentials' AS refreshable,
           generation, scope, expires_at, last_error, users.subject, users.email, users.name
         FROM tokens LEFT JOIN users ON users.id = tokens.user_id ORDER BY server, profile`,
      )
      return rows.map(toSummary)
    },
  }
}

const GENERATION = 'SELECT generation FROM tokens WHERE server = ? AND profile = ?'

/** Somebody may have written anything there; an invalid value is 0. */
function generationOf(row: Row | undefined): number {
  const generation = Number(row?.generation ?? 0)
  return Number.isSafeInteger(generation) && generation >= 0 ? generation : 0
}

/** Anyone who can write to the file may have written it: plain text only, of limited length. */
const lastError = ({ last_error: text }: Row) =>
  text === null ? {} : { lastError: withoutControls(String(text)).slice(0, 2_000) }

const place = (key: TokenKey, column: string) => ['tokens', key.server, key.profile, column] as const

function toTokenSet(row: Record<string, Value>, key: TokenKey, seal: Seal): TokenSet {
  const issuer = String(row.issuer)
  const user: User | undefined =
    row.subject === null ? undefined : { issuer, subject: String(row.subject), claims: JSON.parse(String(row.claims)) }
  if (user) registerAccounts(namesOf(user))
  return {
    issuer,
    clientId: String(row.client_id),
    redirectUri: String(row.redirect_uri),
    accessToken: seal.open(String(row.access_token), place(key, 'access_token')),
    obtainedAt: fromSqlTime(String(row.obtained_at)),
    ...(row.refresh_token === null
      ? {}
      : { refreshToken: seal.open(String(row.refresh_token), place(key, 'refresh_token')) }),
    ...(row.dpop_key === null ? {} : { dpopKey: seal.open(String(row.dpop_key), place(key, 'dpop_key')) }),
    ...(row.grant_type === 'client_credentials' ? { grant: row.grant_type } : {}),
    ...(row.scope === null ? {} : { scope: String(row.scope) }),
    ...(row.requested_scope === null ? {} : { requestedScope: String(row.requested_scope) }),
    ...(row.resource === null ? {} : { resource: String(row.resource) }),
    ...(row.expires_at === null ? {} : { expiresAt: fromSqlTime(String(row.expires_at)) }),
    ...(user ? { user } : {}),
  }
}

const namesOf = ({ subject, claims }: User) => [
  ...[subject, claims.email, claims.name, claims.preferred_username, claims.upn],
]

/** Each token set has its own: claims of one sign-in are not used for another. */
function saveUser(database: Database, key: TokenKey, user: User, now: string): string {
  registerAccounts(namesOf(user))
  const id = `${key.server} ${key.profile} ${user.issuer}#${user.subject}`
  const text = (claim: unknown) => (typeof claim === 'string' ? claim : null)
  database.run(
    `INSERT INTO users (id, issuer, subject, email, name, claims, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET email = excluded.email, name = excluded.name, claims = excluded.claims, updated_at = excluded.updated_at`,
    ...[
      id,
      user.issuer,
      user.subject,
      text(user.claims.email),
      text(user.claims.name),
      JSON.stringify(user.claims),
      now,
      now,
    ],
  )
  return id
}

function toSummary(row: Record<string, Value>): AccountSummary {
  registerAccounts([row.subject, row.email, row.name])
  return {
    server: String(row.server),
    profile: String(row.profile),
    generation: generationOf(row),
    signedIn: row.signed_in === 1,
    refreshable: row.refreshable === 1,
    ...(row.issuer === null ? {} : { issuer: String(row.issuer) }),
    ...(row.subject === null ? {} : { subject: String(row.subject) }),
    ...(row.email === null ? {} : { email: String(row.email) }),
    ...(row.scope === null ? {} : { scope: String(row.scope) }),
    ...(row.expires_at === null ? {} : { expiresAt: fromSqlTime(String(row.expires_at)) }),
    ...lastError(row),
  }
}
