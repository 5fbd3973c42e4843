// Parses command lines: one table of commands and options, and errors that suggest the closest word.
import { parseArgs } from 'node:util'
import type { Flags } from '../../config/config.ts'
import { LOG_LEVELS, LOGIN_MODES, PROTOCOLS, TRANSPORTS } from '../../config/file/choices.ts'
import { nearest } from '../../config/file/nearest.ts'
import { BridgeError } from '../../errors.ts'
import { ownCommand } from '../../ownCommand.ts'
import { present } from '../../present.ts'
import { quote } from '../../redaction/text.ts'

export const COMMANDS = [
  'run',
  'login',
  'logout',
  'status',
  'refresh',
  'migrate',
  'doctor',
  'support-bundle',
  'validate-config',
  'check-config',
  'install',
  'uninstall',
  'import',
  'reset',
  'completion',
  'explain',
  'serve',
] as const
export type Command = (typeof COMMANDS)[number]

/** Most words after a command; 1 for all others. */
const MOST_WORDS: Partial<Record<Command, number>> = { install: 2, uninstall: 2, reset: 0, serve: 0 }

/** In front of every other word, for the program that serves if no command is named. */
const GATEWAY = '--gateway'

interface Option {
  readonly value?: string
  /** The allowed values. */
  readonly choices?: readonly string[]
  readonly multiple?: true
  readonly for?: readonly Command[]
  readonly help: string
}

/** `install` writes its options into the host's file, for `run`. */
const CONNECTING = ['run', 'login', 'install'] as const
const TRANSPORTED = [...CONNECTING, 'doctor', 'support-bundle'] as const
const REACHING = ['run', 'login', 'logout', 'refresh', 'doctor', 'support-bundle', 'install'] as const
const REPORTING = ['status', 'doctor', 'validate-config', 'check-config'] as const
const WRITING = ['install', 'uninstall', 'import'] as const

/** Every option; without `for`, for all commands. `value` is the placeholder of its value. */
export const OPTIONS = {
  help: { help: 'show this help' },
  version: { help: 'show the version' },
  config: { value: 'FILE', help: 'config file (or CONFIG_PATH); default: the one in the config folder' },
  profile: { value: 'NAME', help: 'keep several accounts on one server separate' },
  debug: { help: 'log everything to stderr' },
  verbose: { help: 'log the main steps to stderr' },
  'log-level': { value: 'LEVEL', choices: LOG_LEVELS, help: 'debug, info, warn or error' },
  header: { value: 'NAME:VALUE', multiple: true, for: REACHING, help: 'send this header to the server; repeatable' },
  'header-file': { value: 'FILE', for: REACHING, help: 'file with headers, one per line' },
  'client-id': { value: 'ID', for: REACHING, help: 'client registered with the authorization server' },
  'client-secret-file': { value: 'FILE', for: REACHING, help: 'file with the client secret' },
  'client-key-file': { value: 'FILE', for: REACHING, help: 'private key of the client, PEM or JWK' },
  issuer: { value: 'URL', for: REACHING, help: 'authorization server of your own client' },
  'client-metadata-url': { value: 'URL', for: REACHING, help: 'your own client ID metadata document' },
  'client-credentials': { for: REACHING, help: 'sign in as this program itself, without a person' },
  scope: { value: 'SCOPES', for: CONNECTING, help: 'scopes to request, separated by spaces' },
  resource: { value: 'URL|none', for: CONNECTING, help: 'RFC 8707 resource to request tokens for' },
  'authorize-param': {
    value: 'K=V',
    multiple: true,
    for: CONNECTING,
    help: 'extra authorization parameter; repeatable',
  },
  'callback-url': { value: 'URL', for: REACHING, help: 'redirect URI; default http://localhost:8080/auth/callback' },
  'allow-http': { for: [...REACHING, 'serve'], help: 'accept a server without TLS on a network you trust' },
  transport: {
    value: 'HOW',
    choices: TRANSPORTS,
    for: TRANSPORTED,
    help: 'auto, http or sse (the transport of 2024-11-05)',
  },
  protocol: {
    value: 'REVISION',
    choices: PROTOCOLS,
    for: TRANSPORTED,
    help: 'auto, 2025 (initialize) or 2026 (2026-07-28): what the server speaks',
  },
  login: {
    value: 'WHEN',
    choices: LOGIN_MODES,
    for: ['run', 'install'],
    help: 'when the browser may open: auto, on-call or never',
  },
  'no-browser': { for: CONNECTING, help: 'print the sign-in address instead of opening it' },
  paste: { for: ['login'], help: 'do not open a browser; paste the address of the last page instead' },
  device: { for: ['login'], help: 'sign in with a device code, in a browser on any device' },
  'no-qr': { for: ['login'], help: 'do not print a QR code with the device code' },
  account: { value: 'E-MAIL', for: ['login'], help: 'accept only this account' },
  force: { for: ['login'], help: 'sign in again even if already signed in' },
  all: { for: ['logout'], help: 'sign out everywhere' },
  'keep-remote': { for: ['logout'], help: 'delete the tokens here without revoking them' },
  json: { for: REPORTING, help: 'machine-readable output' },
  name: { value: 'NAME', for: ['install'], help: 'name of the entry in the host' },
  'dry-run': { for: WRITING, help: 'show the change without writing it' },
  pin: { for: ['install'], help: 'let the host start a private copy of this program, in the data folder' },
  print: { for: ['install'], help: 'print the entry instead of changing a file; without a host, in the usual form' },
  watch: { for: ['status'], help: 'show every change until Ctrl-C' },
  output: { value: 'FILE', for: ['support-bundle'], help: 'file to write the bundle to' },
  yes: { for: ['reset', 'migrate', 'support-bundle', 'install'], help: 'do not ask for confirmation' },
  // A bridge starts the login process with this option; its job comes through stdin.
  attempt: { for: ['login'], help: '' },
} as const satisfies Record<string, Option>

export type OptionName = keyof typeof OPTIONS

export interface CommandLine {
  readonly command: Command
  /** False: no command was given, so a word that is not a server may be a misspelled command. */
  readonly explicit: boolean
  /** The command if none was given: which of its two names the program was started by. */
  readonly standard: 'run' | 'serve'
  readonly server: string | undefined
  /** All arguments after the command that are not options. */
  readonly words: readonly string[]
  /** The options as given, with their values. */
  readonly options: readonly TypedOption[]
  readonly flags: Flags
  readonly has: (name: OptionName) => boolean
}

export interface TypedOption {
  readonly name: string
  readonly value: string | undefined
}

/** @throws BridgeError usage */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  return argv[0] === GATEWAY ? parseWords(argv.slice(1), 'serve') : parseWords(argv, 'run')
}

/** `standard`: the command if none is named. */
function parseWords(argv: readonly string[], standard: 'run' | 'serve'): CommandLine {
  // People try it first; it is not a command.
  if (argv[0] === 'help') return parseWords([...argv.slice(1), '--help'], standard)
  const options = Object.fromEntries(
    Object.entries(OPTIONS as Record<string, Option>).map(([name, { value, multiple }]) => [
      name,
      present({ type: value === undefined ? 'boolean' : 'string', multiple }),
    ]),
  )
  const { values, positionals, tokens } = parseArgs({
    args: [...argv],
    options: { ...options, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'V' } },
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const [first, ...rest] = positionals
  const explicit = (COMMANDS as readonly string[]).includes(first ?? '')
  const command = explicit ? (first as Command) : standard
  const words = explicit ? rest : positionals
  for (const token of tokens) if (token.kind === 'option') checkOption(token, command)
  const surplus = words[MOST_WORDS[command] ?? 1]
  if (surplus !== undefined) throw tooMany(surplus, explicit ? command : words[0])
  const text = (name: OptionName) => values[name] as string | undefined
  const list = (name: OptionName) => (values[name] as string[] | undefined) ?? []
  return {
    command,
    explicit,
    standard,
    server: words[0],
    words,
    options: tokens.flatMap((token) => (token.kind === 'option' ? [{ name: token.name, value: token.value }] : [])),
    has: (name) => values[name] === true,
    flags: {
      ...present({
        config: text('config'),
        profile: text('profile'),
        callbackUrl: text('callback-url'),
        headerFile: text('header-file'),
        clientId: text('client-id'),
        clientSecretFile: text('client-secret-file'),
        clientKeyFile: text('client-key-file'),
        clientMetadataUrl: text('client-metadata-url'),
        clientCredentials: values['client-credentials'] === true || undefined,
        issuer: text('issuer'),
        scope: text('scope'),
        resource: text('resource'),
        transport: text('transport'),
        protocol: text('protocol'),
        login: text('login'),
        logLevel: values.debug === true ? 'debug' : text('log-level'),
        account: text('account'),
        output: text('output'),
      }),
      headers: list('header'),
      authorizeParameters: list('authorize-param'),
      allowHttp: values['allow-http'] === true,
      openBrowser: values['no-browser'] !== true,
    },
  }
}

/** `first`: the command, or the word in its place, which may be a misspelled command. */
function tooMany(surplus: string, first = ''): BridgeError {
  const isCommand = (COMMANDS as readonly string[]).includes(first)
  if (!isCommand && !URL.canParse(first)) {
    const near = nearest(first, COMMANDS)
    const guess = near === undefined ? '.' : `; did you mean "${near}"?`
    return new BridgeError('usage', { message: `${quote(first)} is not a command${guess}` })
  }
  const message = `${quote(surplus)} is an unexpected argument.`
  return new BridgeError('usage', isCommand ? { message, hint: helpOf(first) } : { message })
}

const helpOf = (command: string) =>
  command === 'run' ? 'Run mcp-oauth-bridge --help.' : `Run ${ownCommand(command)} --help`

function checkOption(
  token: { name: string; rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
  command: Command,
): void {
  const names = Object.keys(OPTIONS).filter((name) => name !== 'attempt')
  const known = Object.hasOwn(OPTIONS, token.name) ? (OPTIONS as Record<string, Option>)[token.name] : undefined
  if (!known) {
    const near = nearest(token.name, names)
    throw new BridgeError('usage', {
      message: `Unknown option ${quote(token.rawName)}${near === undefined ? '.' : `; did you mean "--${near}"?`}`,
      hint: helpOf(command),
    })
  }
  if (known.for && !known.for.includes(command)) {
    throw new BridgeError('usage', {
      message: `${token.rawName} is not an option of ${command}.`,
      hint: helpOf(command),
    })
  }
  if (known.value !== undefined && (!token.value || (!token.inlineValue && token.value.startsWith('-')))) {
    throw new BridgeError('usage', { message: `${token.rawName} needs a value: ${token.rawName} ${known.value}.` })
  }
  if (known.value === undefined && token.value !== undefined)
    throw new BridgeError('usage', { message: `${token.rawName} takes no value.` })
}
