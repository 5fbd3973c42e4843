// The status command: sign-ins, their expiry and how they are stored, without secrets.
import { isoTime } from '../../bounds.ts'
import type { App } from '../../compose/app.ts'
import type { Config, ServerExceptions } from '../../config/config.ts'
import { presetOf } from '../../config/providerPresets.ts'
import { serverOf } from '../../config/target.ts'
import { whyInFile } from '../../doctor/checks/sealingKey.ts'
import type { Era } from '../../eraMemory.ts'
import { ERRORS } from '../../errors.ts'
import { erasOf } from '../../mcp/eraVerdict.ts'
import type { ProviderRules } from '../../providerRules.ts'
import { type AccountSummary, sameKey, type TokenKey } from '../../records.ts'
import { loginCommand } from '../../redaction/shownUrl.ts'
import { withoutControls, withoutQueries } from '../../redaction/text.ts'
import { createEraMemory } from '../../store/eraMemory.ts'
import { isPersons } from '../../store/users.ts'
import { olderCopies } from '../../system/files/pinnedCopy.ts'
import { printableJson } from '../../system/log/printable.ts'
import type { ProcessIO } from '../process.ts'
import { describeException, keyPlace, remaining, table } from '../terminal/statusTable.ts'
import { createStyle } from '../terminal/style.ts'
import type { CommandLine } from '../words/args.ts'

export interface Account {
  readonly server: string
  readonly profile: string
  readonly issuer: string | null
  readonly subject: string | null
  readonly email: string | null
  readonly scope: string | null
  /** ISO 8601, UTC; null: unknown */
  readonly expires_at: string | null
  readonly refreshable: boolean
  /** The provider's preset; null: it follows the standards. */
  readonly provider: string | null
  /** ISO 8601, UTC: when a person must sign in again; null: not known. */
  readonly login_due_at: string | null
  readonly state: 'signed_in' | 'expired' | 'signing_in' | 'signed_out'
  /** The revisions of MCP that the server speaks, as `protocol` names them; empty: it was not asked yet. */
  readonly protocols: readonly Era[]
  readonly last_error: string | null
}

export interface StatusReport {
  readonly exceptions: readonly ServerExceptions[]
  readonly secret_store: string
  /** Why the key is, or would be, in a file although the keychain is preferred; null: it is where it belongs, or this is not known. */
  readonly secret_store_reason: string | null
  readonly database: string
  readonly driver: string
  readonly accounts: readonly Account[]
}

/** The interval of --watch, in ms. */
const LOOK_MS = 500

type Parts = Pick<App, 'config' | 'clock' | 'storage' | 'oauth'>

export async function status(app: Parts, line: CommandLine, io: ProcessIO): Promise<number> {
  const { clock, config } = app
  const { stdout, environment } = io
  if (config.postgres) return postgresStatus(app, config.postgres.shown, line, io)
  const page = async () => {
    const report = await statusReport(app, line.server !== undefined)
    if (line.has('json')) return `${printableJson(report, 2)}\n`
    const lines = stdout.isTTY
      ? table(report, clock.now(), createStyle(stdout, environment))
      : plain(report, clock.now())
    return `${lines.join('\n')}\n`
  }
  const older = olderCopies(config.dataFolder, io.version)
  if (older !== undefined) io.stderr.write(`note: ${older} Run install --pin again for the hosts that start it.\n`)
  let shown = await page()
  if (!line.has('watch')) {
    stdout.write(shown)
    return 0
  }
  // A terminal shows one page; elsewhere each change is appended.
  const begin = stdout.isTTY ? '\u001b[H\u001b[2J' : ''
  stdout.write(begin + shown)
  for (;;) {
    await clock.sleep(LOOK_MS, io.ending).catch(() => undefined)
    if (io.ending.aborted) return ERRORS.cancelled.exit
    const next = await page()
    if (next !== shown) stdout.write(begin + next)
    shown = next
  }
}

/** A gateway's sign-ins are those of its users: they are in no list of this command. */
async function postgresStatus({ storage }: Parts, database: string, line: CommandLine, io: ProcessIO): Promise<number> {
  const { schema, close } = await storage.openPostgres()
  try {
    const [version, latest] = [await schema.version(), schema.latest]
    // PostgreSQL keeps no key: serve is given one, as a database with a key of the environment has it.
    const report = { secret_store: 'env', database, driver: 'pg', schema: { version, latest }, accounts: [] }
    const text = `Database: ${database} (PostgreSQL, schema version ${version}, this program: ${latest})`
    io.stdout.write(line.has('json') ? `${printableJson(report, 2)}\n` : `${text}\n`)
    return 0
  } finally {
    await close()
  }
}

export async function statusReport(
  { config, clock, storage, oauth }: Parts,
  oneServer: boolean,
): Promise<StatusReport> {
  const { tokens, attempts, answers, keyBackends, driver } = await storage.open()
  const now = clock.now()
  const wanted = (key: TokenKey) => !oneServer || key.server === serverOf(config).url
  // A gateway's users sign in for themselves: what is pending of them is nobody's here, as their token sets are.
  const pending = (await attempts.open(now)).filter((key) => wanted(key) && !isPersons(key))
  const rows = (await tokens.list()).filter(wanted)
  const rules = await oauth.rules()
  const named = (key: TokenKey) => config.server?.url === key.server && config.profile === key.profile
  const preset = (row: AccountSummary) =>
    row.issuer === undefined ? {} : named(row) ? rules(row.issuer) : (presetOf({ issuer: row.issuer }) ?? {})
  const known = rows.map(
    (row) => [row, toAccount(row, preset(row), pending.some(sameKey(row)) ? 'signing_in' : 'idle', now)] as const,
  )
  const blank = (key: TokenKey, busy: 'signing_in' | 'idle') =>
    [key, toAccount({ ...key, generation: 0, signedIn: false, refreshable: false }, {}, busy, now)] as const
  const fresh = pending.filter((key) => !rows.some(sameKey(key))).map((key) => blank(key, 'signing_in'))
  const idle = config.configured
    .filter((key) => wanted(key) && ![...rows, ...pending].some(sameKey(key)))
    .map((key) => blank(key, 'idle'))
  const speaks = async (key: TokenKey): Promise<readonly Era[]> => {
    const entry = config.server?.url === key.server ? config.server : config.configured.find(sameKey(key))
    const protocol = entry?.protocol ?? 'auto'
    return protocol === 'auto' ? erasOf(await createEraMemory(async () => answers, key, clock).load()) : [protocol]
  }
  const accounts = await Promise.all(
    [...known, ...fresh, ...idle].map(async ([key, account]) => ({ ...account, protocols: await speaks(key) })),
  )
  const keyPlaces = await keyBackends()
  const secret_store = keyPlaces.join('+') || `${config.secretStore} (no key yet)`
  const secret_store_reason = (await whyInFile(config.secretStore, keyPlaces)) ?? null
  const exceptions = exceptionsShown(config, oneServer)
  return { exceptions, secret_store, secret_store_reason, database: config.database, driver, accounts }
}

/** Checks that are off for a server, because of config.yaml or this command's flags. */
function exceptionsShown(config: Config, oneServer: boolean): readonly ServerExceptions[] {
  const { exceptions } = config.server ?? {}
  const ofServer = exceptions && Object.keys(exceptions).length > 1 ? [exceptions] : []
  return (oneServer ? ofServer : config.exceptions).map((found) => ({ ...found, server: withoutQueries(found.server) }))
}

function toAccount(
  row: AccountSummary,
  preset: ProviderRules,
  busy: 'signing_in' | 'idle',
  now: number,
): Omit<Account, 'protocols'> {
  const isOver = row.expiresAt !== undefined && row.expiresAt <= now && !row.refreshable
  const expired = isOver || row.lastErrorCode === 'token_expired'
  const due = row.signedIn && !row.refreshable ? row.expiresAt : undefined
  const state = busy === 'signing_in' ? 'signing_in' : !row.signedIn ? 'signed_out' : expired ? 'expired' : 'signed_in'
  return {
    server: withoutQueries(row.server),
    profile: row.profile,
    issuer: row.issuer ?? null,
    subject: row.subject ?? null,
    email: row.email ?? null,
    scope: row.scope ?? null,
    expires_at: row.expiresAt === undefined ? null : isoTime(row.expiresAt),
    refreshable: row.refreshable,
    provider: preset.name ?? null,
    login_due_at: due === undefined ? null : isoTime(due),
    state,
    last_error: row.lastError ?? null,
  }
}

/** A person has to do something. */
export const needsLogin = ({ state }: Account) => state === 'signed_out' || state === 'expired'

const WORDS = {
  signed_in: 'signed in',
  expired: 'expired',
  signing_in: 'signing in',
  signed_out: 'signed out',
} as const

const hintOf = (provider: string | null) =>
  presetOf({ name: provider ?? undefined })?.withoutRefreshToken ?? 'The authorization server gave no refresh token.'

/** Why it is not refreshed automatically. */
const whyNoRefresh = ({ last_error }: Account) =>
  last_error === null ? 'no refresh token' : 'the refresh token was refused'

function plain(report: StatusReport, now: number): string[] {
  const { accounts, exceptions, database } = report
  const lines =
    accounts.length === 0
      ? ['Nobody is signed in.']
      : accounts.flatMap((account) => describe(account, now)).map(withoutControls)
  const excepted = exceptions.map((found) => `Exceptions for ${describeException(found)}`)
  return [
    ...lines,
    '',
    ...[...excepted, `Sealing key: ${keyPlace(report)}`, `Database: ${database}`].map(withoutControls),
  ]
}

function describe(account: Account, now: number): string[] {
  const who = account.email ?? account.subject
  const hint = hintOf(account.provider)
  const until = remaining(account, now)
  const kept = account.refreshable ? `${until}, refreshed automatically` : until
  return [
    `${account.server}${account.profile === 'default' ? '' : `  (profile ${account.profile})`}`,
    `  ${WORDS[account.state]}${who === null ? '' : account.state === 'signed_out' ? ` (last as ${who})` : ` as ${who}`}${account.state === 'signed_in' ? ` · ${kept}` : ''}`,
    ...(account.provider === null || account.state === 'signed_out' ? [] : [`  provider: ${account.provider}`]),
    ...(account.login_due_at === null
      ? []
      : [
          `  ${whyNoRefresh(account)}: sign in again after ${account.login_due_at}.${account.last_error === null ? ` ${hint}` : ''}`,
        ]),
    ...(account.scope === null || account.state === 'signed_out' ? [] : [`  scopes: ${account.scope}`]),
    ...(account.protocols.length === 0 ? [] : [`  protocol: ${account.protocols.join(', ')}`]),
    ...(account.last_error === null ? [] : [`  last error: ${account.last_error}`]),
    ...(needsLogin(account) || (account.last_error !== null && account.state !== 'signing_in')
      ? [`  to sign in: ${loginCommand(account.server, account.profile)}`]
      : []),
  ]
}
