// Arguments → a command → an exit code; also how long a command may take to end after Ctrl-C. The only place that prints errors to a terminal.
import { type App, compose } from '../compose/app.ts'
import { requireSqlite } from '../config/database.ts'
import { type LoadOptions, loadConfig, ownConfigFile, projectConfigFile } from '../config/load.ts'
import { asBridgeError, BridgeError, ERRORS } from '../errors.ts'
import { nameOwnCommand, ownCommand } from '../ownCommand.ts'
import { present } from '../present.ts'
import { withoutQueries } from '../redaction/text.ts'
import { onlyPrintable } from '../system/log/printable.ts'
import { canStartNode } from '../system/process/canStartNode.ts'
import { connect } from './commands/run.ts'
import type { ProcessIO } from './process.ts'
import { runtimeOf } from './runtime.ts'
import { nameTarget, ownScript, startedBy } from './startedBy.ts'
import { createStyle, wrapWords } from './terminal/style.ts'
import { isAtTerminal } from './terminal/tty.ts'
import { tellUnusedConfig } from './unusedConfig.ts'
import { requireWritten } from './wholeOutput.ts'
import { COMMANDS, type Command, type CommandLine, parseCommandLine } from './words/args.ts'

export { pendingKeychainCalls } from '../system/keychain/inProcess.ts'
export { writeWhole } from './wholeOutput.ts'
export { workingFolder } from './workingFolder.ts'

/** Resolves to the exit code; never rejects. */
export async function run(given: ProcessIO): Promise<number> {
  const io = forPeople(given, onlyPrintable(given.stdout))
  const { environment } = io
  const { execPath, platform } = process
  const node = canStartNode() ? execPath : 'node'
  nameOwnCommand({ program: () => startedBy({ script: ownScript(), node, environment, platform }), target: undefined })
  try {
    const code = await runLine(parseCommandLine(io.argv), io, given)
    if (code === 0) requireWritten(given.stdout)
    return code
  } catch (thrown) {
    return fail(io, asBridgeError(thrown))
  }
}

/** `io` is `given` with its output filtered. */
async function runLine(line: CommandLine, io: ProcessIO, given: ProcessIO): Promise<number> {
  if (line.has('version')) return print(io, `${io.version}\n`)
  if (line.has('help')) {
    const { helpText } = await import('./words/help.ts')
    const { width } = createStyle(io.stdout, io.environment)
    return print(io, helpText(line.explicit ? line.command : undefined, width))
  }
  if (line.has('attempt')) return await (await import('./attempt.ts')).runAttempt(io)
  tellUnusedConfig(line, io)
  const work = LOCAL.has(line.command)
    ? import('./local.ts').then(({ runLocal }) => runLocal(line, io))
    : runComposed(line, line.command === 'run' ? forPeople(given, given.stdout) : io)
  return await (LONG.has(line.command) ? work : Promise.race([work, givenUp(io.ending)]))
}

/** All terminal output passes through this filter, except the protocol on stdout: a bridge does not change messages. */
function forPeople(given: ProcessIO, stdout: ProcessIO['stdout']): ProcessIO {
  const { argv, stdin, stderr, environment, folder, ending, onSignal } = given
  return {
    ...present({ onSignal }),
    argv,
    stdin,
    stdout,
    stderr: onlyPrintable(stderr),
    environment,
    folder,
    ending,
    get version() {
      return given.version
    },
  }
}

/** Commands that only work on files, even if the config is invalid. */
const LOCAL: ReadonlySet<Command> = new Set<Command>([
  'validate-config',
  'check-config',
  'install',
  'uninstall',
  'import',
  'completion',
  'explain',
])

/** Commands that see to their own end. */
const LONG: ReadonlySet<Command> = new Set<Command>(['run', 'serve'])

/** Commands that keep their data on this machine only. */
const LOCAL_DATA: ReadonlySet<Command> = new Set<Command>(['run', 'login', 'logout', 'refresh', 'support-bundle'])

/** Commands about a gateway's project, whose config file may be in the working folder. */
const PROJECT: ReadonlySet<Command> = new Set<Command>(['migrate', 'serve'])

/** How long a command may take to end after a signal, in ms. */
const END_MS = 1_500

function givenUp(ending: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const later = () => setTimeout(() => reject(new BridgeError('cancelled')), END_MS).unref()
    if (ending.aborted) later()
    else ending.addEventListener('abort', later, { once: true })
  })
}

async function runComposed(line: CommandLine, io: ProcessIO): Promise<number> {
  const { flags, server, explicit } = line
  const { environment, folder } = io
  const isOfProject = PROJECT.has(line.command)
  const options: LoadOptions = {
    flags,
    environment,
    folder,
    find: isOfProject ? projectConfigFile : ownConfigFile,
    server: isOfProject ? undefined : server,
    version: () => io.version,
    alternatives: explicit ? [] : COMMANDS,
    ...callbackOf(line),
  }
  if (line.command === 'serve')
    return (await import('./commands/gateway/serve.ts')).serve(options, io, (config) => runtimeOf(io, config, line))
  const config = await loadConfig(options).catch(async (thrown: unknown) => {
    // If the settings cannot be read, doctor still reports that in its own format.
    if (line.command === 'doctor')
      return (await import('./commands/doctor.ts')).misconfigured(io, line, asBridgeError(thrown))
    throw thrown
  })
  if (typeof config === 'number') return config
  if (config.postgres && LOCAL_DATA.has(line.command)) requireSqlite(config)
  nameTarget(config, flags.config)
  if (line.command === 'run' && config.server === undefined && io.argv.length === 0 && isAtTerminal(io))
    return (await import('./commands/firstRun.ts')).firstRun(io, (argv) => run({ ...io, argv }))
  const app = compose(config, runtimeOf(io, config, line))
  try {
    return await dispatch(line, app, io)
  } finally {
    await app.close()
  }
}

/** Whose callback URL the settings have. A gateway's may be at any address, also where only its URL is checked. */
function callbackOf({ command, standard }: CommandLine): Pick<LoadOptions, 'callback'> {
  if (LOCAL_DATA.has(command)) return {}
  return { callback: command === 'doctor' && standard === 'run' ? 'file' : 'gateway' }
}

/** A URL with its profile, or a name of the config file, where the profile may stand. */
interface OtherServer {
  readonly server: string
  readonly profile?: string
}

/** For a server that the command line does not name: with its own settings from the config file only. */
async function composeFor(target: OtherServer, line: CommandLine, io: ProcessIO): Promise<App> {
  const { server, profile } = target
  const { config: file, allowHttp } = line.flags
  const { flags: bare } = parseCommandLine([])
  const flags = { ...bare, allowHttp, ...present({ config: file, profile }) }
  const { environment, folder, version } = io
  const options = { flags, environment, folder, server, version: () => version, alternatives: [], ...callbackOf(line) }
  const config = await loadConfig(options)
  nameTarget(config, file)
  return compose(config, runtimeOf(io, config, line))
}

async function dispatch(line: CommandLine, app: App, io: ProcessIO): Promise<number> {
  switch (line.command) {
    case 'run':
      return connect(app, io)
    case 'login':
      return (await import('./commands/login.ts')).login(app, line, io)
    case 'logout':
      return (await import('./commands/logout.ts')).logout(app, line, io, (key) => composeFor(key, line, io))
    case 'status':
      return (await import('./commands/status.ts')).status(app, line, io)
    case 'doctor':
      return (await import('./commands/doctor.ts')).doctor(app, line, io, (target) => composeFor(target, line, io))
    case 'support-bundle':
      return (await import('./commands/supportBundle.ts')).supportBundle(app, line, io)
    case 'migrate':
      return (await import('./commands/migrate.ts')).migrate(app, line, io)
    case 'refresh':
      return (await import('./commands/refresh.ts')).refresh(app, io)
    case 'reset':
      return (await import('./commands/reset.ts')).reset(app, line, io)
    default:
      throw new BridgeError('internal', { message: `Nothing runs ${line.command}.` })
  }
}

function print(io: ProcessIO, text: string): number {
  io.stdout.write(text)
  return 0
}

function fail(io: ProcessIO, error: BridgeError): number {
  const text = `error: ${withoutQueries(error.message)}\nhint: ${error.hint}\n`
  const { width } = createStyle(io.stderr, io.environment)
  io.stderr.write(
    `${wrapWords(text, width)}      (${error.code}, see ${ownCommand('explain', linkTo(error.code, io))})\n`,
  )
  return ERRORS[error.code].exit
}

/** A terminal gets the code as a link to the page in this package (OSC 8). */
function linkTo(code: string, { stderr, environment }: ProcessIO): string {
  if (stderr.isTTY !== true || environment.NO_COLOR || environment.TERM === 'dumb') return code
  const page = new URL(`../docs/errors.md#${code}`, import.meta.url).href
  return `\u001b]8;;${page}\u001b\\${code}\u001b]8;;\u001b\\`
}
