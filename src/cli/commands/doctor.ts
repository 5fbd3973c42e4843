// The doctor command: runs the checks and prints the findings, as text or as JSON.
import { existsSync } from 'node:fs'
import type { App } from '../../compose/app.ts'
import type { GatewayDatabase } from '../../compose/database.ts'
import { keyOf } from '../../config/target.ts'
import { examine, type Report, reportOf } from '../../doctor/examine.ts'
import type { CheckContext } from '../../doctor/report/context.ts'
import { type Finding, failed } from '../../doctor/report/finding.ts'
import { asBridgeError, BridgeError, ERRORS } from '../../errors.ts'
import { ownCommand } from '../../ownCommand.ts'
import { withoutControls, withoutQueries, withoutSecrets } from '../../redaction/text.ts'
import { printableJson } from '../../system/log/printable.ts'
import type { ProcessIO } from '../process.ts'
import { createStyle, type Style, wrap } from '../terminal/style.ts'
import type { CommandLine } from '../words/args.ts'

type Parts = Pick<App, 'config' | 'clock' | 'network' | 'storage' | 'oauth' | 'person'>

/** Composes the app for another server, with that one's settings; the caller closes it. */
type ComposeFor = (target: {
  readonly server: string
  readonly profile?: string
}) => Promise<Parts & Pick<App, 'close'>>

export async function doctor(app: Parts, line: CommandLine, io: ProcessIO, composeFor: ComposeFor): Promise<number> {
  const progress = line.has('json') || !io.stderr.isTTY ? undefined : io.stderr
  const onFinding = ({ name }: Finding) => progress?.write(`\r\u001b[K${name} …`)
  const { config } = app
  const others = config.server ? [] : await everyServer(app)
  const report =
    others.length === 0
      ? await examination(app, io, onFinding)
      : await examineAll(app, others, composeFor, (one) => examination(one, io, onFinding))
  progress?.write('\r\u001b[K')
  if (line.has('json')) return tell(io, line, report)
  const about = config.server
    ? withoutQueries(config.server.url)
    : others.length === 0
      ? 'this computer'
      : servers(report)
  io.stdout.write(`${createStyle(io.stdout, io.environment).strong('mcp-oauth-bridge doctor')} · ${about}\n`)
  const exit = tell(io, line, report)
  if (!config.server && others.length === 0)
    io.stdout.write(
      `No server is configured, and nobody is signed in. To check a server: ${ownCommand('doctor', '<url>')}\n`,
    )
  return exit
}

const schemaOf = ({ schema: { version, latest, demandKnown }, close }: GatewayDatabase) => ({
  version,
  latest,
  demandKnown,
  close,
})

const servers = ({ checks }: Report) => [...new Set(checks.flatMap(({ server }) => server ?? []))].join(', ')

type Target = Parameters<ComposeFor>[0]

/** Those of the config file, and those that somebody signed in to. */
async function everyServer({ config, storage }: Parts): Promise<Target[]> {
  const named = config.serverNames.map((server) => ({ server }))
  if (!existsSync(config.database)) return named
  const stores = await storage.look().catch(() => undefined)
  // What is wrong with the database is said by the check of the database.
  const accounts = (await stores?.tokens.list().catch(() => [])) ?? []
  stores?.close()
  return [...named, ...accounts.map(({ server, profile }) => ({ server, profile }))]
}

/** What is true of the machine is said once, before the first server. Settings of one server that cannot be used are a finding about it. */
async function examineAll(
  app: Parts,
  targets: readonly Target[],
  composeFor: ComposeFor,
  look: (app: Parts) => Promise<Report>,
): Promise<Report> {
  const checks: Finding[] = []
  const seen = new Set<string>()
  const told = new Set<string>()
  for (const target of targets) {
    const one = await composeFor(target).catch(asBridgeError)
    if (one instanceof BridgeError) {
      const finding = shown({ name: 'config', server: nameOf(target), ...failed(one) })
      // Somebody may have signed in to a server of the file, whose fault is told of that.
      const isNamed = app.config.serverNames.includes(target.server)
      if (isNamed) told.add(finding.detail)
      if (isNamed || !told.has(finding.detail)) checks.push(finding)
      continue
    }
    try {
      const { server, profile } = keyOf(one.config)
      if (seen.has(`${profile} ${server}`)) continue
      seen.add(`${profile} ${server}`)
      const name = nameOf({ server, profile })
      const known = new Set(checks.filter(({ server: about }) => about === undefined).map((check) => check.name))
      const { checks: found } = await look(one)
      for (const check of found)
        if (!known.has(check.name)) checks.push(ONCE.has(check.name) ? check : { ...check, server: name })
    } finally {
      await one.close()
    }
  }
  if (seen.size === 0) checks.push(...(await look(app)).checks)
  // The machine first: what is wrong there explains more than what is wrong with one server.
  const ofMachine = checks.filter(({ server }) => server === undefined)
  return reportOf([...ofMachine, ...checks.filter(({ server }) => server !== undefined)])
}

const nameOf = ({ server, profile = 'default' }: Target) =>
  withoutQueries(server) + (profile === 'default' ? '' : ` (profile ${profile})`)

/** Checks whose result is the same whatever the server. */
const ONCE: ReadonlySet<string> = new Set(['versions', 'database', 'keychain', 'callback_port', 'browser'])

/** What the checks find, safe to show: no secret that a server repeated, no terminal controls. */
export async function examination(
  { config, clock, network, storage, oauth, person }: Parts,
  { version, environment, folder }: Pick<ProcessIO, 'version' | 'environment' | 'folder'>,
  onFinding: (finding: Finding) => void = () => undefined,
): Promise<Report> {
  const context: CheckContext = {
    config,
    server: config.server,
    key: () => keyOf(config),
    version,
    environment,
    folder,
    clock,
    http: network.http,
    guarded: network.guarded,
    reach: network.reach,
    rules: oauth.rules,
    look: storage.look,
    lookAtPostgres: async () => schemaOf(await storage.openPostgres()),
    surroundings: person.desktop,
  }
  const report = await examine(context, onFinding)
  return reportOf(report.checks.map(shown))
}

/** The settings cannot be read, so nothing else can be checked. */
export function misconfigured(io: ProcessIO, line: CommandLine, error: BridgeError): number {
  return tell(io, line, reportOf([shown({ name: 'config', ...failed(error) })]))
}

function tell(io: ProcessIO, line: CommandLine, report: Report): number {
  const { stdout, environment } = io
  if (line.has('json')) stdout.write(`${printableJson(report, 2)}\n`)
  else stdout.write(`${describe(report, createStyle(stdout, environment)).join('\n')}\n`)
  return exitOf(report)
}

/** The exit code of the most likely cause. */
const exitOf = ({ likely_cause: cause }: Report) => (cause ? (cause.code ? ERRORS[cause.code].exit : 1) : 0)

function shown(finding: Finding): Finding {
  const clean = (text: string) => withoutQueries(withoutControls(withoutSecrets(text)))
  return {
    ...finding,
    detail: clean(finding.detail),
    remedy: finding.remedy === null ? null : clean(finding.remedy),
  }
}

const SYMBOL = { pass: '✓', warn: '⚠', fail: '✗', skip: '–' } as const

export function describe({ checks, likely_cause: cause }: Report, style: Style): string[] {
  const top = cause
    ? [
        `${style.bad('Most likely cause')}: ${style.strong(cause.name)}${cause.server === undefined ? '' : ` of ${cause.server}`}`,
        ...block(cause.detail, 2, style),
        ...remedyOf(cause, 2, style),
        '',
      ]
    : []
  const several = new Set(checks.flatMap(({ server }) => server ?? [])).size > 1
  let about: string | undefined
  const lines = checks.flatMap((finding) => {
    const heading =
      several && finding.server !== about && finding.server !== undefined ? ['', style.strong(finding.server)] : []
    about = finding.server ?? about
    const indent = style.width < ROOMY ? 4 : WIDEST + 4
    const lead = style.width < ROOMY ? `${finding.name}: ` : `${finding.name.padEnd(WIDEST)}  `
    const [first = '', ...more] = wrap(finding.detail, style.width - indent, style.width - 2 - lead.length)
    return [
      ...heading,
      `${tint(finding, style)(SYMBOL[finding.status])} ${lead}${first}`,
      ...more.map((part) => ' '.repeat(indent) + part),
      ...remedyOf(finding, indent, style),
    ]
  })
  return ['', ...top, ...lines, '', sum(checks)]
}

/** From this width, names and findings are in two columns. */
const ROOMY = 120
const WIDEST = 'authorization_server_metadata'.length

function tint({ status }: Finding, { good, warning, bad, dim }: Style) {
  return { pass: good, warn: warning, fail: bad, skip: dim }[status]
}

function remedyOf({ remedy, code }: Finding, indent: number, style: Style): string[] {
  if (remedy === null) return []
  const [first = '', ...more] = block(`→ ${remedy}`, indent, style)
  const link = code === undefined ? [] : block(`(${code}, see ${ownCommand('explain', code)})`, indent + 2, style)
  return [first, ...more.map((line) => `  ${line}`), ...link.map(style.dim)]
}

const block = (text: string, indent: number, { width }: Style) =>
  wrap(text, width - indent - 2).map((line) => ' '.repeat(indent) + line)

function sum(checks: readonly Finding[]): string {
  const count = (status: Finding['status']) => checks.filter((finding) => finding.status === status).length
  return `${count('fail')} failed, ${count('warn')} ${count('warn') === 1 ? 'warning' : 'warnings'}, ${count('pass')} passed, ${count('skip')} skipped.`
}
