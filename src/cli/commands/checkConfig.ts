// validate-config and check-config: report what is right and wrong in a config file, line by line, without starting anything.
import { dirname, resolve } from 'node:path'
import { readOwnFile } from '../../config/file/ownFile.ts'
import { isPostgres, type PostgresUrl } from '../../config/file/postgresUrl.ts'
import { faultsOf, parseConfigFile } from '../../config/file/read.ts'
import type { ConfigFile } from '../../config/file/schema.ts'
import { parseYaml } from '../../config/file/yamlText.ts'
import { besideConfig, configFrom, projectConfigFile } from '../../config/load.ts'
import { secretsOf } from '../../config/secrets.ts'
import { placesIn } from '../../config/serve/faults.ts'
import { withoutServers } from '../../config/serve/serveSettings.ts'
import { credentialChecks, databaseCheck, failure, portCheck, warnings } from '../../doctor/configChecks.ts'
import { gatewayChecks, keyCheck, listenCheck, postgresCheck } from '../../doctor/gatewayChecks.ts'
import { type Finding, fail, pass } from '../../doctor/report/finding.ts'
import { asBridgeError, BridgeError, ERRORS } from '../../errors.ts'
import { ownCommand } from '../../ownCommand.ts'
import type { Logger } from '../../ports.ts'
import { present } from '../../present.ts'
import { registerSecret } from '../../redaction/register.ts'
import { withoutControls } from '../../redaction/text.ts'
import { printableJson } from '../../system/log/printable.ts'
import type { ProcessIO } from '../process.ts'
import type { CommandLine } from '../words/args.ts'

/** Resolves to the exit code: that of the first check that failed; warnings alone are 0. */
export async function configCheck(line: CommandLine, io: ProcessIO): Promise<number> {
  const path = configPath(line, io)
  const checks = await checksOf(path, line, io)
  const wrong = checks.find(({ status }) => status === 'fail')
  // What there is nothing to do about has no remedy here.
  const told = checks.map((check) => present({ ...check, remedy: check.remedy ?? undefined }))
  const report = { ok: wrong === undefined, file: path, checks: told }
  io.stdout.write(line.has('json') ? `${printableJson(report, 2)}\n` : `${checks.map(forPeople).join('\n')}\n`)
  return wrong === undefined ? 0 : ERRORS[wrong.code ?? 'config_invalid'].exit
}

/** Reads the file, other files and the database, and writes nothing. @throws BridgeError config_not_found */
async function checksOf(path: string, line: CommandLine, io: ProcessIO): Promise<Finding[]> {
  let text: string
  try {
    text = readOwnFile(path).text
  } catch (thrown) {
    if (asBridgeError(thrown).code !== 'config_untrusted') throw thrown
    return [failure('trust', thrown)]
  }
  const written = writtenChecks(text, path, io.environment)
  if (line.command !== 'check-config' || written.some(({ status }) => status !== 'pass')) return written
  return [...written, ...(await liveChecks(text, path, line, io))]
}

function configPath({ words: [named], flags }: CommandLine, { environment, folder }: ProcessIO): string {
  const path = named === undefined ? projectConfigFile(flags.config, environment, folder) : resolve(folder, named)
  if (path !== undefined) return path
  throw new BridgeError('config_not_found', {
    message: 'No config file was found.',
    hint: 'Name a file, or create config.yaml. Without a file, pass the server’s URL on the command line.',
  })
}

/** The checks of the text alone; unset variables are not an error yet. */
function writtenChecks(text: string, path: string, environment: NodeJS.ProcessEnv): Finding[] {
  const yaml = parseYaml(text)
  if (yaml.faults.length > 0)
    return yaml.faults.map(({ place, message }) => fault('syntax', `${path}:${place}: ${message}`))
  const known = (value: string) =>
    value.replace(
      /\$\{(\w+)\}/g,
      (whole, name: string) => (Object.hasOwn(environment, name) && environment[name]) || whole,
    )
  const data = yaml.toData(known)
  const faults = faultsOf(data, yaml, path).filter(({ value }) => !/\$\{\w+\}/.test(String(value)))
  const missing = faults.filter(({ kind }) => kind === 'missing')
  return [
    { name: 'syntax', ...pass('Syntax valid') },
    ...(missing.length === 0
      ? [{ name: 'required', ...pass('Required fields present') }]
      : missing.map(({ text: told }) => fault('required', told))),
    ...faults.filter(({ kind }) => kind !== 'missing').map(({ text: told }) => fault('keys', told)),
  ]
}

/** The checks that need the environment, other files, the database and the network ports. */
async function liveChecks(
  text: string,
  path: string,
  { flags, standard }: CommandLine,
  io: ProcessIO,
): Promise<Finding[]> {
  const { environment, folder } = io
  let file: ConfigFile
  try {
    file = besideConfig(parseConfigFile(text, path, environment).file, dirname(path))
  } catch (thrown) {
    return [failure('environment', thrown)]
  }
  const credentials = credentialChecks(file, flags)
  try {
    const isGateway = file.serve !== undefined || standard === 'serve' || isOnPostgres(file)
    const config = configFrom(isGateway ? withoutServers(file) : file, {
      flags,
      environment,
      folder,
      server: undefined,
      alternatives: [],
      version: () => io.version,
      ...(isGateway ? { callback: 'gateway' } : {}),
    })
    const gateway = isGateway ? gatewayChecks(file, flags, placesIn(parseYaml(text), path)) : undefined
    const ports = await (gateway ? listenCheck(gateway) : portCheck(config.callbackUrls))
    const { postgres } = config
    const database = postgres
      ? await postgresCheck(config, () => lookAtPostgres(postgres))
      : await databaseCheck(config.database)
    return [
      ...credentials,
      ...(gateway?.findings ?? []),
      database,
      ...keyCheck(file, config, environment),
      ...ports,
      ...warnings(file, text, path, gateway?.warnings ?? bridgeWarnings(file)),
    ]
  } catch (thrown) {
    const reported = credentials.some(({ status }) => status === 'fail')
    return [...credentials, ...(reported ? [] : [failure('settings', thrown)])]
  }
}

const isOnPostgres = ({ database_url: url = '', database_url_file: file }: ConfigFile) =>
  file !== undefined || isPostgres(url)

/** What only the gateway uses. */
const bridgeWarnings = (file: ConfigFile) =>
  file.cors?.enabled ? ['cors has no effect on the bridge: only serve uses it'] : []

/** What is wrong is in the report. */
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Loaded where the file names one. */
async function lookAtPostgres(postgres: PostgresUrl) {
  registerSecret(secretsOf({ postgres }))
  const { openGatewayDatabase } = await import('../../compose/database.ts')
  const { schema, close } = await openGatewayDatabase(postgres, SILENT)
  return { version: schema.version, latest: schema.latest, demandKnown: schema.demandKnown, close }
}

const fault = (name: string, detail: string): Finding => ({ name, ...fail('config_invalid', withoutControls(detail)) })

function forPeople({ status, detail, remedy, code }: Finding): string {
  if (status === 'pass') return `✓ ${detail}`
  if (status === 'warn') return [`⚠ Warning: ${detail}`, ...(remedy === null ? [] : [`  hint: ${remedy}`])].join('\n')
  return `✗ ${detail}\n  hint: ${remedy}${code === undefined ? '' : `\n        (${code}, see ${ownCommand('explain', code)})`}`
}
