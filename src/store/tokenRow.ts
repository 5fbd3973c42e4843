// One row of `tokens`, joined with its user: read, opened into a token set, written and sealed; and all of them without their secrets.
import { present } from '../present.ts'
import type { AccountSummary, SignInEnd, TokenKey, TokenSet } from '../records.ts'
import { registerAccounts } from '../redaction/register.ts'
import { isSealed, type MarkedRow, type Row, readMarked, sealRow } from './sealing/rowSeals.ts'
import { broken, type Seal } from './sealing/seal.ts'
import { insertInto, optionalText, optionalTime, shownText, textOf, timeOf } from './sqlite/columns.ts'
import type { Database } from './sqlite/database.ts'
import { toSqlTime } from './sqlite/time.ts'
import { removeUnusedUsers, saveUser, userOf } from './users.ts'

/** A row as it stands; of its columns only what needs no seal to be believed is read. */
export interface TokenRow {
  readonly generation: number
  readonly signedIn: boolean
  readonly refusedAt: number | undefined
  readonly lastError: string | undefined
  readonly lastErrorCode: SignInEnd | undefined
  /** For the seal, and for what only a sealed row may say. */
  readonly marked: MarkedRow
}

export function readTokenRow(database: Database, { server, profile }: TokenKey): TokenRow | undefined {
  const marked = readMarked(database, 'tokens', () =>
    database.get(
      `SELECT tokens.*, users.subject, users.claims FROM tokens LEFT JOIN users ON users.id = tokens.user_id
       WHERE server = :server AND profile = :profile`,
      { server, profile },
    ),
  )
  if (!marked) return undefined
  const { row } = marked
  return {
    generation: generationOf(row),
    signedIn: row.access_token !== null,
    refusedAt: typeof row.refused_at === 'string' ? timeOf(row.refused_at) : undefined,
    lastError: shownText(row.last_error),
    lastErrorCode: endOf(row),
    marked,
  }
}

const ENDS: readonly SignInEnd[] = ['seal_broken', 'token_expired', 'refresh_token_missing']

/** A code that is not ours, or that an earlier version did not store, counts as none. */
const endOf = ({ last_error_code: code }: Row): SignInEnd | undefined => ENDS.find((known) => known === code)

/** The generation alone. undefined: there is no row. Every message may ask for it. */
export function readGeneration(database: Database, { server, profile }: TokenKey): number | undefined {
  const row = database.get('SELECT generation FROM tokens WHERE server = ? AND profile = ?', server, profile)
  return row && generationOf(row)
}

/** What is not a count is 0. */
function generationOf(row: Row): number {
  const generation = Number(row.generation ?? 0)
  return Number.isSafeInteger(generation) && generation >= 0 ? generation : 0
}

/** @throws BridgeError seal_broken where the row is not as this program wrote it */
export function openTokenSet(seal: Seal, key: TokenKey, { marked }: TokenRow): TokenSet {
  const { row } = marked
  if (!isSealed(seal, 'tokens', marked)) throw broken(placeOf(key, 'access_token'))
  const opened = (column: string) => {
    const sealed = optionalText(row[column])
    return sealed === undefined ? undefined : seal.open(sealed, placeOf(key, column))
  }
  const user = userOf(row)
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
  readonly generation: number
  readonly now: string
}

/** Writes the token set and its user, and seals both. Call it in a transaction. */
export function writeTokenSet(database: Database, seal: Seal, { key, tokens, generation, now }: NewTokenRow): void {
  const closed = (secret: string | undefined, column: string) =>
    secret === undefined ? null : seal.seal(secret, placeOf(key, column))
  const bound = {
    server: key.server,
    profile: key.profile,
    generation,
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
    obtained_at: toSqlTime(tokens.obtainedAt),
  }
  const row = {
    ...bound,
    user_id: tokens.user ? saveUser(database, key, tokens.user, now) : null,
    expires_at: tokens.expiresAt === undefined ? null : toSqlTime(tokens.expiresAt),
    spent_at: null,
    refused_at: null,
    last_error: null,
    last_error_code: null,
    updated_at: now,
  }
  const updates = Object.keys(row).map((name) => `${name} = excluded.${name}`)
  const inserted = { created_at: now, ...row }
  database.run(
    `${insertInto('tokens', inserted)} ON CONFLICT (server, profile) DO UPDATE SET ${updates.join(', ')}`,
    inserted,
  )
  removeUnusedUsers(database)
  const { subject = null, claims } = tokens.user ?? {}
  sealRow(database, seal, 'tokens', { ...bound, subject, claims: claims ? JSON.stringify(claims) : null })
}

/** Every row, without its secrets; also of an earlier schema, which has no `last_error_code`. */
export function readSummaries(database: Database): AccountSummary[] {
  const rows = database.all(
    `SELECT tokens.*, access_token IS NOT NULL AS signed_in,
       refresh_token IS NOT NULL OR grant_type = 'client_credentials' AS refreshable,
       users.subject, users.email, users.name
     FROM tokens LEFT JOIN users ON users.id = tokens.user_id ORDER BY server, profile`,
  )
  return rows.map(toSummary)
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
