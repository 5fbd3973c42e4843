// Who is signed in where, until when, kept how; never a secret.
import type { Composed } from '../compose.ts'
import type { ServerExceptions } from '../config/config.ts'
import { presetOf } from '../config/presets.ts'
import { quote, withoutControls } from '../errors.ts'
import type { ProviderRules } from '../providerRules.ts'
import type { AccountSummary, TokenKey } from '../records.ts'

interface Account {
  readonly server: string
  readonly profile: string
  readonly issuer: string | null
  readonly subject: string | null
  readonly email: string | null
  readonly scope: string | null
  /** ISO 8601, UTC; null: unknown */
  readonly expires_at: string | null
  readonly refreshable: boolean
  /** The provider's preset; null: it keeps to the standards. */
  readonly provider: string | null
  /** ISO 8601, UTC: when a person must sign in again; null: not foreseen. */
  readonly login_due_at: string | null
  readonly state: 'signed_in' | 'expired' | 'signing_in' | 'signed_out'
  readonly last_error: string | null
}

export async function status(composed: Composed, oneServer: boolean, format: 'json' | 'text'): Promise<number> {
  const { tokens, attempts, keyBackends, database } = await composed.store()
  const { clock, config } = composed
  const now = clock.now()
  const wanted = (key: TokenKey) => !oneServer || key.server === composed.key().server
  const pending = (await attempts.open(now)).filter(wanted)
  const rows = (await tokens.list()).filter(wanted)
  const rules = await composed.rules()
  const named = (key: TokenKey) => config.server?.url === key.server && config.profile === key.profile
  const preset = (row: AccountSummary) =>
    row.issuer === undefined ? {} : named(row) ? rules(row.issuer) : (presetOf({ issuer: row.issuer }) ?? {})
  const known = rows.map((row) => toAccount(row, preset(row), pending.some(same(row)) ? 'signing_in' : 'idle', now))
  const fresh = pending
    .filter((key) => !rows.some(same(key)))
    .map((key) => toAccount({ ...key, generation: 0, signedIn: false, refreshable: false }, {}, 'signing_in', now))
  const accounts = [...known, ...fresh]
  const secretStore = keyBackends().join('+') || `${config.secretStore} (nothing stored yet)`
  const exceptions = exceptionsShown(composed, oneServer)
  if (format === 'json') {
    const report = {
      exceptions,
      secret_store: secretStore,
      database: config.database,
      driver: database.driver,
      accounts,
    }
    composed.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    return 0
  }
  const lines =
    accounts.length === 0
      ? ['Nobody is signed in.']
      : accounts.flatMap((account) => describe(account, now, hintOf(account.provider))).map(withoutControls)
  const excepted = exceptions.map(describeException).map(withoutControls)
  composed.stdout.write(
    `${[...lines, '', ...excepted, `Sealing key: ${secretStore}`, `Database: ${config.database}`].join('\n')}\n`,
  )
  return 0
}

/** Rules that a person has switched off for a server, by config.yaml or by this command's flags. */
function exceptionsShown({ config }: Composed, oneServer: boolean): readonly ServerExceptions[] {
  if (!oneServer) return config.exceptions
  const { exceptions } = config.server ?? {}
  return exceptions && Object.keys(exceptions).length > 1 ? [exceptions] : []
}

function describeException({ server, ...found }: ServerExceptions): string {
  const pairs = found.trusted_issuers?.map(({ expected, named }) => `issuer ${quote(named)} at ${quote(expected)}`)
  const said = [
    ...(found.allow_http ? ['plain http'] : []),
    ...(found.allow_missing_s256 ? ['no S256 in its metadata'] : []),
    ...(pairs ?? []),
    ...(found.allow_private?.map((origin) => `private address ${origin}`) ?? []),
  ]
  return `Exceptions for ${server}: ${said.join(' · ')}`
}

function toAccount(row: AccountSummary, preset: ProviderRules, busy: 'signing_in' | 'idle', now: number): Account {
  const expired = row.expiresAt !== undefined && row.expiresAt <= now && !row.refreshable
  const due = row.signedIn && !row.refreshable ? row.expiresAt : undefined
  const state = busy === 'signing_in' ? 'signing_in' : !row.signedIn ? 'signed_out' : expired ? 'expired' : 'signed_in'
  return {
    server: row.server,
    profile: row.profile,
    issuer: row.issuer ?? null,
    subject: row.subject ?? null,
    email: row.email ?? null,
    scope: row.scope ?? null,
    expires_at: row.expiresAt === undefined ? null : new Date(row.expiresAt).toISOString(),
    refreshable: row.refreshable,
    provider: preset.name ?? null,
    login_due_at: due === undefined ? null : new Date(due).toISOString(),
    state,
    last_error: row.lastError ?? null,
  }
}

const WORDS = {
  signed_in: 'signed in',
  expired: 'expired',
  signing_in: 'signing in …',
  signed_out: 'signed out',
} as const

const hintOf = (provider: string | null) =>
  presetOf({ name: provider ?? undefined })?.withoutRefreshToken ?? 'The authorization server gave no refresh token.'

function describe(account: Account, now: number, hint: string): string[] {
  const who = account.email ?? account.subject
  const until = account.expires_at === null ? 'no known expiry' : remaining(Date.parse(account.expires_at) - now)
  const kept = account.refreshable ? `${until}, refreshed by itself` : until
  return [
    `${account.server}${account.profile === 'default' ? '' : `  (profile ${account.profile})`}`,
    `  ${WORDS[account.state]}${who === null ? '' : ` as ${who}`}${account.state === 'signed_in' ? ` · ${kept}` : ''}`,
    ...(account.provider === null || account.state === 'signed_out' ? [] : [`  provider: ${account.provider}`]),
    ...(account.login_due_at === null
      ? []
      : [`  no refresh token: sign in again after ${account.login_due_at}. ${hint}`]),
    ...(account.scope === null || account.state === 'signed_out' ? [] : [`  scopes: ${account.scope}`]),
    ...(account.last_error === null ? [] : [`  last error: ${account.last_error}`]),
  ]
}

function remaining(ms: number): string {
  if (ms <= 0) return 'token due for refresh'
  const minutes = Math.ceil(ms / 60_000)
  return minutes < 120 ? `token good for ${minutes} min` : `token good for ${Math.round(minutes / 60)} h`
}

const same = (key: TokenKey) => (other: TokenKey) => other.server === key.server && other.profile === key.profile
