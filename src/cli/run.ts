// Arguments → a command → an exit code. The only place that prints errors to a terminal.
import type { Readable, Writable } from 'node:stream'
import { type App, compose, type Overrides } from '../compose/app.ts'
import type { Config } from '../config/config.ts'
import { loadConfig, ownConfigFile, projectConfigFile } from '../config/load.ts'
import { asBridgeError, BridgeError, ERRORS } from '../errors.ts'
import type { LoginLauncher } from '../ports.ts'
import type { TokenKey } from '../records.ts'
import { withoutQueries } from '../redaction/text.ts'
import { clock } from '../system/clock.ts'
import { keychain as keychainApart } from '../system/keychain/childProcess.ts'
import { keychainHere } from '../system/keychain/inProcess.ts'
import { createLog } from '../system/log/log.ts'
import { onlyPrintable } from '../system/log/printable.ts'
import { connect } from './commands/run.ts'
import { tellPassedOver } from './passedOver.ts'
import { createStyle, wrapWords } from './terminal/style.ts'
import { COMMANDS, type Command, type CommandLine, parseCommandLine } from './words/args.ts'

export { pendingKeychainCalls } from '../system/keychain/inProcess.ts'

/** The input from bin: the process's own streams, arguments and end. */
export interface ProcessIO {
  readonly argv: readonly string[]
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  readonly environment: NodeJS.ProcessEnv
  readonly folder: string
  readonly version: string
  /** Aborts when the process is asked to end; the reason is the signal's name. */
  readonly ending: AbortSignal
}

/** Resolves to the exit code; never rejects. */
export async function run(given: ProcessIO): Promise<number> {
  const world = forPeople(given, onlyPrintable(given.stdout))
  try {
    const line = parseCommandLine(world.argv)
    if (line.has('version')) return print(world, `${world.version}\n`)
    if (line.has('help')) {
      const { helpText } = await import('./words/help.ts')
      const { width } = createStyle(world.stdout, world.environment)
      return print(world, helpText(line.explicit ? line.command : undefined, width))
    }
    if (line.has('attempt')) return await runAttempt(world)
    tellPassedOver(line, world)
    const work = LOCAL.has(line.command)
      ? import('./local.ts').then(({ runLocal }) => runLocal(line, world))
      : runComposed(line, line.command === 'run' ? forPeople(given, given.stdout) : world)
    return await (line.command === 'run' ? work : Promise.race([work, givenUp(world.ending)]))
  } catch (thrown) {
    return fail(world, asBridgeError(thrown))
  }
}

/** All terminal output passes through this filter, except the protocol on stdout: a bridge does not change messages. */
function forPeople(given: ProcessIO, stdout: ProcessIO['stdout']): ProcessIO {
  const { argv, stdin, stderr, environment, folder, ending } = given
  return {
    ...{ argv, stdin, stdout, stderr: onlyPrintable(stderr), environment, folder, ending },
    get version() {
      return given.version
    },
  }
}

/** Commands that only work on files, even if the config is invalid. */
const LOCAL: ReadonlySet<Command> = new Set([
  ...(['validate-config', 'check-config', 'install', 'uninstall', 'import', 'completion'] as const),
])

/** How long a command may take to end after a signal, in ms. */
const END_MS = 1_500

function givenUp(ending: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const later = () => setTimeout(() => reject(new BridgeError('cancelled')), END_MS).unref()
    if (ending.aborted) later()
    else ending.addEventListener('abort', later, { once: true })
  })
}

async function runComposed(line: CommandLine, world: ProcessIO): Promise<number> {
  const { flags, server, explicit } = line
  const { environment, folder } = world
  const named = line.command === 'migrate' ? undefined : server
  const config = await loadConfig({
    flags,
    environment,
    folder,
    find: line.command === 'migrate' ? projectConfigFile : ownConfigFile,
    server: named,
    version: () => world.version,
    alternatives: explicit ? [] : COMMANDS,
  }).catch(async (thrown: unknown) => {
    // If the settings cannot be read, doctor still reports that in its own format.
    if (line.command === 'doctor')
      return (await import('./commands/doctor.ts')).misconfigured(world, line, asBridgeError(thrown))
    throw thrown
  })
  if (typeof config === 'number') return config
  if (line.command === 'run' && config.server === undefined && world.argv.length === 0 && isPerson(world))
    return (await import('./commands/firstRun.ts')).firstRun(world, (argv) => run({ ...world, argv }))
  const composed = compose(config, doorsOf(world, config, line))
  try {
    return await dispatch(line, composed, world)
  } finally {
    await composed.close()
  }
}

/** For a server that the command line does not name: with its own settings from the config file only. */
async function composeFor({ server, profile }: TokenKey, line: CommandLine, world: ProcessIO): Promise<App> {
  const { config: file, allowHttp } = line.flags
  const { flags: bare } = parseCommandLine([])
  const flags = { ...bare, allowHttp, profile, ...(file === undefined ? {} : { config: file }) }
  const { environment, folder, version } = world
  const config = await loadConfig({ flags, environment, folder, server, version: () => version, alternatives: [] })
  return compose(config, doorsOf(world, config, line))
}

const isPerson = ({ stdin, stderr }: ProcessIO) => stdin.isTTY === true && stderr.isTTY === true

async function dispatch(line: CommandLine, composed: App, world: ProcessIO): Promise<number> {
  switch (line.command) {
    case 'run':
      return connect(composed, world)
    case 'login':
      return (await import('./commands/login.ts')).login(composed, world.ending, {
        when: line.has('force') ? 'again' : 'if-needed',
        how: line.has('paste') ? 'paste' : line.has('device') ? 'device' : 'browser',
        qr: line.has('no-qr') ? 'left out' : 'shown',
      })
    case 'logout':
      return (await import('./commands/logout.ts')).logout(composed, line, (key) => composeFor(key, line, world))
    case 'status':
      return (await import('./commands/status.ts')).status(composed, line, world)
    case 'doctor':
      return (await import('./commands/doctor.ts')).doctor(composed, line, world)
    case 'support-bundle':
      return (await import('./commands/supportBundle.ts')).supportBundle(composed, line, world)
    case 'migrate':
      return (await import('./commands/migrate.ts')).migrate(composed, line.server)
    case 'refresh':
      return (await import('./commands/refresh.ts')).refresh(composed)
    case 'reset':
      return (await import('./commands/reset.ts')).reset(composed, line, world)
    default:
      throw new BridgeError('internal', { message: `Nothing runs ${line.command}.` })
  }
}

/** The login process of a bridge: its settings and attempt come as JSON through stdin. */
async function runAttempt(world: ProcessIO): Promise<number> {
  const chunks: Buffer[] = []
  for await (const chunk of world.stdin) chunks.push(chunk as Buffer)
  const { attemptId, config } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
    attemptId: string
    config: Config
  }
  const composed = compose(config, doorsOf(world, config))
  try {
    return await (await import('./commands/login.ts')).runAttempt(composed, attemptId, world.ending)
  } finally {
    await composed.close()
  }
}

function doorsOf(world: ProcessIO, config: Config, line?: CommandLine): Overrides {
  const { stdin, stdout, stderr, environment } = world
  const wanted = (environment.DEBUG ?? '').split(/[\s,]+/).filter((name) => /^(\*|oauth|proxy)/.test(name))
  const debug = line?.has('debug') ?? false
  const chosen = line?.flags.logLevel === undefined ? 'warn' : config.logLevel
  const log = createLog({
    stderr,
    level: debug ? 'debug' : line?.has('verbose') ? 'info' : chosen,
    namespaces: wanted,
    file: config.logFile,
    fileLevel: debug ? 'debug' : config.logLevel,
  })
  if (config.sessionTimeoutMs < 300_000)
    log.warn('config:session_timeout', { message: 'session_timeout is low (< 300s)' })
  const keychain = line?.command === 'run' ? keychainHere : keychainApart
  const asks = line?.command === 'login' && isPerson(world)
  return {
    ...{ stdin, stdout, stderr, environment, version: () => world.version, clock, log, launcher, keychain },
    ...(asks ? { confirmIssuer: (...of) => askForIssuer(world, ...of) } : {}),
  }
}

const askForIssuer = async (world: ProcessIO, issuer: string, clientId: string) =>
  (await import('./terminal/confirmIssuer.ts')).confirmIssuer(world, issuer, clientId)

/** Loaded when a sign-in is needed, which is rare. */
const launcher: LoginLauncher = {
  launch: async (job) => (await import('../system/process/loginLauncher.ts')).loginLauncher.launch(job),
}

function print(world: ProcessIO, text: string): number {
  world.stdout.write(text)
  return 0
}

function fail(world: ProcessIO, error: BridgeError): number {
  const text = `error: ${withoutQueries(error.message)}\nhint: ${error.hint}\n`
  const { width } = createStyle(world.stderr, world.environment)
  world.stderr.write(`${wrapWords(text, width)}      (${error.code}, see ${linkTo(error.code, world)})\n`)
  return ERRORS[error.code].exit
}

/** A terminal gets a link to the page in this package (OSC 8); others show its text. */
function linkTo(code: string, { stderr, environment }: ProcessIO): string {
  const text = `docs/errors.md#${code}`
  if (stderr.isTTY !== true || environment.NO_COLOR || environment.TERM === 'dumb') return text
  return `\u001b]8;;${new URL(`../${text}`, import.meta.url).href}\u001b\\${text}\u001b]8;;\u001b\\`
}
