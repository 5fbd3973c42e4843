// One row of `tokens`, joined with its user: read, opened into a token set, written and sealed; and all of them without their secrets.
import { present } from '../present.ts'
import type { AccountSummary, SignInEnd, TokenKey, TokenSet, User } from '../records.ts'
import { registerAccounts } from '../redaction/register.ts'
import { isSealed, keyOf, type MarkedRow, sealColumn, sealRow } from './sealing/rowSeals.ts'
import { broken, type Seal } from './sealing/seal.ts'
import type { AtOnce, Row, Sql } from './sql.ts'
import { isPersons, removeUnusedUsers, saveUser, userOf } from './users.ts'
import { insertInto, optionalText, optionalTime, shownText, textOf, timeOf } from './values/columns.ts'
import { sqlTime } from './values/time.ts'

/** A row as it stands; of its columns only what needs no seal to be believed is read. */
export interface TokenRow {
  readonly generation: number
  readonly signedIn: boolean
  readonly refusedAt: number | undefined
  readonly lastError: string | undefined
  readonly lastErrorCode: SignInEnd | undefined
  /** The column as it stands, for a compare-and-swap; somebody may have written what is not a count. */
  readonly generationText: string
  /** Only of a sealed row. */
  user(): User | undefined
  /** For the seal, and for what only a sealed row may say. */
  readonly marked: MarkedRow
}

/** All columns, with the row's user. */
const ROW = `SELECT tokens.*, CAST(generation AS TEXT) AS generation_text, users.subject, users.claims, ${sealColumn('tokens')}
  FROM tokens LEFT JOIN users ON users.id = tokens.user_id
  WHERE server = :server AND profile = :profile`

export async function readTokenRow(sql: Sql, key: TokenKey): Promise<TokenRow | undefined> {
  const { server, profile } = key
  const row = await sql.get(ROW, { server, profile, row_key: keyOf('tokens', { server, profile }) })
  if (!row) return undefined
  return {
    generation: generationOf(row),
    generationText: textOf(row.generation_text),
    signedIn: row.access_token !== null,
    refusedAt: typeof row.refused_at === 'string' ? timeOf(row.refused_at) : undefined,
    lastError: shownText(row.last_error),
    lastErrorCode: endOf(row),
    user: () => userOf(row),
    marked: { row: isPersons(key) ? { ...row, ...NOBODY } : row, mark: row.row_seal },
  }
}

/** A person of the gateway has claims of their own, which every sign-in brings up to date: no seal of a token set holds them. */
const NOBODY = { subject: null, claims: null }

const ENDS: readonly SignInEnd[] = ['seal_broken', 'token_expired', 'refresh_token_missing']

/** A code that is not ours, or that an earlier version did not store, counts as none. */
const endOf = ({ last_error_code: code }: Row): SignInEnd | undefined => ENDS.find((known) => known === code)

const GENERATION = 'SELECT generation FROM tokens WHERE server = ? AND profile = ?'

/** The generation alone. undefined: there is no row. */
export async function readGeneration(sql: Sql, { server, profile }: TokenKey): Promise<number | undefined> {
  const row = await sql.get(GENERATION, server, profile)
  return row && generationOf(row)
}

/** The same without a wait: every message may ask for it. */
export function lookUpGeneration(atOnce: AtOnce, { server, profile }: TokenKey): number | undefined {
  const row = atOnce.get(GENERATION, server, profile)
  return row && generationOf(row)
}

/** What is not a count is 0. */
function generationOf(row: Row): number {
  const generation = Number(row.generation ?? 0)
  return Number.isSafeInteger(generation) && generation >= 0 ? generation : 0
}

/** @throws BridgeError seal_broken where the row is not as this program wrote it */
export function openTokenSet(seal: Seal, key: TokenKey, { marked, user: readUser }: TokenRow): TokenSet {
  const { row } = marked
  if (!isSealed(seal, 'tokens', marked)) throw broken(placeOf(key, 'access_token'))
  const opened = (column: string) => {
    const sealed = optionalText(row[column])
    return sealed === undefined ? undefined : seal.open(sealed, placeOf(key, column))
  }
  const user = readUser()
  return {
    issuer: textOf(row.issuer),
    clientId: textOf(row.client_id),
    redirectUri: textOf(row.redirect_uri),
    accessToken: seal.open(textOf(row.access_token), placeOf(key, 'access_token')),
    obtainedAt: timeOf(row.obtained_at),
    ...present({
      refreshToken: opened('refresh_token'),
      dpopKey: opened('dpop_key'),
      grant: row.grant_type === 'client_credentials' ? row.grant_type : undefined,
      scope: optionalText(row.scope),
      requestedScope: optionalText(row.requested_scope),
      resource: optionalText(row.resource),
      expiresAt: optionalTime(row.expires_at),
      user,
    }),
  }
}

export interface NewTokenRow {
  readonly key: TokenKey
  readonly tokens: TokenSet
  /** The generation that it follows; 0 where there is no row. */
  readonly expected: number
  readonly now: Date
}

/** Writes the token set and its user, and seals both. False: the row is not at the expected generation. Call it in a transaction. */
export async function writeTokenSet(
  sql: Sql,
  seal: Seal,
  { key, tokens, expected, now }: NewTokenRow,
): Promise<boolean> {
  const before = await readTokenRow(sql, key)
  if ((before?.generation ?? 0) !== expected) return false
  const closed = (secret: string | undefined, column: string) =>
    secret === undefined ? null : seal.seal(secret, placeOf(key, column))
  const bound = {
    server: key.server,
    profile: key.profile,
    generation: expected + 1,
    issuer: tokens.issuer,
    client_id: tokens.clientId,
    redirect_uri: tokens.redirectUri,
    access_token: closed(tokens.accessToken, 'access_token'),
    refresh_token: closed(tokens.refreshToken, 'refresh_token'),
    dpop_key: closed(tokens.dpopKey, 'dpop_key'),
    grant_type: tokens.grant ?? null,
    scope: tokens.scope ?? null,
    requested_scope: tokens.requestedScope ?? null,
    resource: tokens.resource ?? null,
    obtained_at: sqlTime(tokens.obtainedAt),
  }
  const row = {
    ...bound,
    user_id: null,
    expires_at: tokens.expiresAt === undefined ? null : sqlTime(tokens.expiresAt),
    spent_at: null,
    refused_at: null,
    last_error: null,
    last_error_code: null,
    updated_at: now,
  }
  const updates = Object.keys(row).map((name) => `${name} = excluded.${name}`)
  const inserted = { created_at: now, ...row }
  const written = await sql.run(
    `${insertInto('tokens', inserted)} ON CONFLICT (server, profile) DO UPDATE SET ${updates.join(', ')}
     WHERE CAST(tokens.generation AS TEXT) = :before`,
    { ...inserted, before: before?.generationText ?? null },
  )
  if (written !== 1) return false
  const user = await writeUser(sql, key, tokens.user, now)
  await sealRow(sql, seal, 'tokens', { ...bound, ...user })
  return true
}

/** The columns of the user that the seal of the token set holds. */
async function writeUser(sql: Sql, key: TokenKey, user: User | undefined, now: Date) {
  const { server, profile } = key
  const id = user && (await saveUser(sql, key, user, now))
  if (id !== undefined)
    await sql.run('UPDATE tokens SET user_id = :id WHERE server = :server AND profile = :profile', {
      id,
      server,
      profile,
    })
  if (isPersons(key)) return NOBODY
  await removeUnusedUsers(sql)
  return user ? { subject: user.subject, claims: JSON.stringify(user.claims) } : NOBODY
}

/** Every row, without its secrets; also of an earlier schema, which has no `last_error_code`. */
export async function readSummaries(sql: Sql): Promise<AccountSummary[]> {
  const rows = await sql.all(
    `SELECT tokens.*, CASE WHEN access_token IS NOT NULL THEN 1 ELSE 0 END AS signed_in,
       CASE WHEN refresh_token IS NOT NULL OR grant_type = 'client_credentials' THEN 1 ELSE 0 END AS refreshable,
       users.subject, users.email, users.name
     FROM tokens LEFT JOIN users ON users.id = tokens.user_id ORDER BY server, profile`,
  )
  // Those of the gateway's persons are not sign-ins of who uses this bridge.
  return rows.filter((row) => !isPersons({ server: textOf(row.server) })).map(toSummary)
}

/** The tokens are there, and only the refresh was refused. */
export const isUnrenewable = ({ lastErrorCode }: { readonly lastErrorCode?: SignInEnd | undefined }) =>
  lastErrorCode === 'token_expired' || lastErrorCode === 'refresh_token_missing'

function toSummary(row: Row): AccountSummary {
  registerAccounts([row.subject, row.email, row.name])
  const lastErrorCode = endOf(row)
  return {
    server: textOf(row.server),
    profile: textOf(row.profile),
    generation: generationOf(row),
    signedIn: row.signed_in === 1,
    refreshable: row.refreshable === 1 && !isUnrenewable({ lastErrorCode }),
    ...present({
      issuer: optionalText(row.issuer),
      subject: optionalText(row.subject),
      email: optionalText(row.email),
      scope: optionalText(row.scope),
      expiresAt: optionalTime(row.expires_at),
      lastError: shownText(row.last_error),
      lastErrorCode,
    }),
  }
}

const placeOf = (key: TokenKey, column: string) => ['tokens', key.server, key.profile, column] as const
