// The doctor command: runs the checks and prints the findings, as text or as JSON.
import type { App } from '../../compose/app.ts'
import { keyOf } from '../../config/target.ts'
import { examine, type Report, reportOf } from '../../doctor/examine.ts'
import type { CheckContext } from '../../doctor/report/context.ts'
import { type Finding, failed } from '../../doctor/report/finding.ts'
import { type BridgeError, ERRORS } from '../../errors.ts'
import { ownCommand } from '../../ownCommand.ts'
import { withoutControls, withoutQueries, withoutSecrets } from '../../redaction/text.ts'
import { printableJson } from '../../system/log/printable.ts'
import type { ProcessIO } from '../process.ts'
import { createStyle, type Style, wrap } from '../terminal/style.ts'
import type { CommandLine } from '../words/args.ts'

type Parts = Pick<App, 'config' | 'clock' | 'network' | 'storage' | 'oauth' | 'person'>

export async function doctor(app: Parts, line: CommandLine, io: ProcessIO): Promise<number> {
  if (line.has('json')) return tell(io, line, await examination(app, io))
  const paper = createStyle(io.stdout, io.environment)
  const about = app.config.server ? ` · ${withoutQueries(app.config.server.url)}` : ' · this computer'
  const progress = io.stderr.isTTY ? io.stderr : undefined
  const report = await examination(app, io, ({ name }) => progress?.write(`\r\u001b[K${name} …`))
  progress?.write('\r\u001b[K')
  io.stdout.write(`${paper.strong('mcp-oauth-bridge doctor')}${about}\n`)
  return tell(io, line, report)
}

/** What the checks find, safe to show: no secret that a server repeated, no terminal controls. */
export async function examination(
  { config, clock, network, storage, oauth, person }: Parts,
  { version, environment }: Pick<ProcessIO, 'version' | 'environment'>,
  onFinding: (finding: Finding) => void = () => undefined,
): Promise<Report> {
  const context: CheckContext = {
    config,
    server: config.server,
    key: () => keyOf(config),
    version,
    environment,
    clock,
    http: network.http,
    guarded: network.guarded,
    reach: network.reach,
    rules: oauth.rules,
    look: storage.look,
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

export function describe({ checks, likely_cause: cause }: Report, paper: Style): string[] {
  const top = cause
    ? [
        `${paper.bad('Most likely cause')}: ${paper.strong(cause.name)}`,
        ...block(cause.detail, 2, paper),
        ...remedyOf(cause, 2, paper),
        '',
      ]
    : []
  const lines = checks.flatMap((finding) => {
    const indent = paper.width < ROOMY ? 4 : WIDEST + 4
    const lead = paper.width < ROOMY ? `${finding.name}: ` : `${finding.name.padEnd(WIDEST)}  `
    const [first = '', ...more] = wrap(finding.detail, paper.width - indent, paper.width - 2 - lead.length)
    return [
      `${tint(finding, paper)(SYMBOL[finding.status])} ${lead}${first}`,
      ...more.map((part) => ' '.repeat(indent) + part),
      ...remedyOf(finding, indent, paper),
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

function remedyOf({ remedy, code }: Finding, indent: number, paper: Style): string[] {
  if (remedy === null) return []
  const [first = '', ...more] = block(`→ ${remedy}`, indent, paper)
  const link = code === undefined ? [] : block(`(${ownCommand('explain', code)})`, indent + 2, paper)
  return [first, ...more.map((line) => `  ${line}`), ...link.map(paper.dim)]
}

const block = (text: string, indent: number, { width }: Style) =>
  wrap(text, width - indent - 2).map((line) => ' '.repeat(indent) + line)

function sum(checks: readonly Finding[]): string {
  const count = (status: Finding['status']) => checks.filter((finding) => finding.status === status).length
  return `${count('fail')} failed, ${count('warn')} ${count('warn') === 1 ? 'warning' : 'warnings'}, ${count('pass')} passed, ${count('skip')} skipped.`
}
