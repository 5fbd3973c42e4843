// The status as a table for a terminal: one block per account, in as many columns as fit.
import type { ServerExceptions } from '../../config/config.ts'
import { ownCommand } from '../../ownCommand.ts'
import { loginCommand } from '../../redaction/shownUrl.ts'
import { quote, withoutControls } from '../../redaction/text.ts'
import type { Account, StatusReport } from '../commands/status.ts'
import { type Style, wrap } from './style.ts'

/** From this width, short facts are on one line. */
const WIDE = 110
const LABEL = 12
const YEAR_H = 365 * 24

export function table(report: StatusReport, now: number, style: Style): string[] {
  const { accounts, exceptions, database, driver } = report
  const body =
    accounts.length === 0
      ? [style.strong('Nobody is signed in.'), '', ...fact('next', ownCommand('login', '<server>'), style)]
      : accounts.flatMap((account, at) => [...(at === 0 ? [] : ['']), ...block(account, now, style)])
  const rule = style.dim('─'.repeat(Math.min(style.width, 120)))
  return [
    ...body,
    rule,
    ...exceptions.flatMap((found) => fact('exceptions', describeException(found), style, style.warning)),
    ...fact('database', `${database} (${driver})`, style),
    ...fact('sealing key', keyPlace(report), style),
  ]
}

/** Where the sealing key is, and why it is not in the keychain. */
export const keyPlace = ({
  secret_store,
  secret_store_reason: why,
}: Pick<StatusReport, 'secret_store' | 'secret_store_reason'>): string =>
  why === null ? secret_store : `${secret_store}, because the keychain cannot be used: ${why}`

const STATE = {
  signed_in: { mark: '●', words: 'signed in' },
  expired: { mark: '○', words: 'expired' },
  signing_in: { mark: '◐', words: 'signing in: finish in the browser' },
  signed_out: { mark: '○', words: 'signed out' },
} as const

function block(account: Account, now: number, style: Style): string[] {
  const { mark, words } = STATE[account.state]
  const tint = { signed_in: style.good, expired: style.bad, signing_in: style.warning, signed_out: style.dim }
  const profile = account.profile === 'default' ? '' : `  (profile ${account.profile})`
  const [first = '', ...more] = wrap(withoutControls(account.server + profile), style.width - 2)
  const facts = [
    [account.state === 'signed_out' ? 'last user' : 'who', account.email ?? account.subject ?? 'unknown'],
    ['state', words],
    ...(account.state === 'signed_in' ? [['expires', until(account, now)]] : []),
    ...(account.state === 'signed_in' ? [['refresh', account.refreshable ? 'automatic' : notPossible(account)]] : []),
  ] as [string, string][]
  const long = [
    ['issuer', account.provider === null ? account.issuer : `${account.issuer} (${account.provider})`],
    ['scopes', account.state === 'signed_out' ? null : account.scope],
    ['protocol', account.protocols.length === 0 ? null : account.protocols.join(', ')],
  ].filter((pair): pair is [string, string] => pair[1] !== null)
  const short =
    style.width >= WIDE && facts.every(([, value]) => value.length < 40)
      ? [facts.map(([name, value]) => `${style.dim(name)} ${withoutControls(value)}`).join(style.dim('   │   '))]
      : undefined
  return [
    `${tint[account.state](mark)} ${style.strong(first)}`,
    ...more.map((line) => `  ${line}`),
    ...(short?.map((line) => `  ${line}`) ?? facts.flatMap(([name, value]) => fact(name, value, style))),
    ...long.flatMap(([name, value]) => fact(name, value, style)),
    ...(account.last_error === null ? [] : fact('last error', account.last_error, style, style.bad)),
    ...(account.last_error === null || account.state === 'signing_in'
      ? []
      : fact('next', loginCommand(account.server, account.profile), style)),
  ]
}

const notPossible = ({ login_due_at }: Account) =>
  login_due_at === null ? 'not possible' : `not possible: sign in again after ${login_due_at}`

function fact(name: string, value: string, style: Style, tint = (text: string) => text): string[] {
  const [first = '', ...more] = wrap(withoutControls(value), style.width - LABEL - 2)
  return [`  ${style.dim(name.padEnd(LABEL))}${tint(first)}`, ...more.map((line) => ' '.repeat(LABEL + 2) + tint(line))]
}

function until({ expires_at }: Account, now: number): string {
  if (expires_at === null) return 'unknown'
  const ms = Date.parse(expires_at) - now
  return ms <= 0 ? 'now; it will be refreshed' : `in ${inWords(ms)}`
}

/** The same for plain text. */
export function remaining({ expires_at }: Account, now: number): string {
  if (expires_at === null) return 'unknown'
  const ms = Date.parse(expires_at) - now
  if (ms <= 0) return 'token due for refresh'
  const minutes = Math.ceil(ms / 60_000)
  const hours = Math.round(minutes / 60)
  if (minutes < 120) return `token valid for ${minutes} min`
  return hours < YEAR_H * 2 ? `token valid for ${hours} h` : `token valid for ${Math.round(hours / YEAR_H)} years`
}

/** In words, beginning with the server. */
export function describeException({ server, ...found }: ServerExceptions): string {
  const pairs = found.trusted_issuers?.map(({ expected, named }) => `issuer ${quote(named)} at ${quote(expected)}`)
  const said = [
    ...(found.allow_http ? ['plain http'] : []),
    ...(found.allow_missing_s256 ? ['S256 not advertised'] : []),
    ...(pairs ?? []),
    ...(found.trusted_resource === undefined ? [] : [`resource ${quote(found.trusted_resource)}`]),
    ...(found.allow_private?.map((origin) => `private address ${origin}`) ?? []),
  ]
  return `${server}: ${said.join(' · ')}`
}

function inWords(ms: number): string {
  const minutes = Math.ceil(ms / 60_000)
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  if (hours >= YEAR_H * 2) return `${Math.round(hours / YEAR_H)} years`
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
