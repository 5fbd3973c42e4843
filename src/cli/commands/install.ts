// install and uninstall: add a server to a host's config file, and remove it.
import { join, resolve } from 'node:path'
import type { Config, Flags } from '../../config/config.ts'
import { loadConfig, ownConfigFile } from '../../config/load.ts'
import { defaultPaths } from '../../config/paths.ts'
import { BridgeError } from '../../errors.ts'
import { changeFile, difference, readIfThere } from '../../hosts/changeFile.ts'
import { entryFor, nameFor, ourWords, type Program } from '../../hosts/entry.ts'
import { findHost, type Host, thisMachine } from '../../hosts/hosts.ts'
import { type JsonObject, readJson, writeJson } from '../../hosts/jsonText.ts'
import { mcpRemoteServer } from '../../hosts/mcpRemote.ts'
import { ownCommand } from '../../ownCommand.ts'
import { isSecretHeader, isSecretUrl } from '../../redaction/names.ts'
import { quote, withoutControls } from '../../redaction/text.ts'
import { shellQuote } from '../../shellQuote.ts'
import type { ProcessIO } from '../process.ts'
import { startAsking } from '../terminal/ask.ts'
import { isAtTerminal } from '../terminal/tty.ts'
import { type CommandLine, OPTIONS, type TypedOption } from '../words/args.ts'

const usage = (message: string, hint?: string) =>
  new BridgeError('usage', { message, ...(hint === undefined ? {} : { hint }) })

export async function install(line: CommandLine, io: ProcessIO, program: Program): Promise<number> {
  const [hostWord, target] = line.words
  const host = findHost(hostWord, thisMachine(io.environment))
  if (target === undefined) throw usage('No server was given.', ownCommand('install', host.name, '<url | server-name>'))
  const config = await checkedTarget(target, line.flags, io)
  const words = wordsFor(target, line, io)
  const name = line.options.findLast((option) => option.name === 'name')?.value ?? entryName(target, config)
  if (!/^[\w-]{1,64}$/.test(name)) throw usage(`The name ${quote(name)} may contain only A-Z, a-z, 0-9, _ and -.`)

  const before = readIfThere(host.path)
  const servers = serversOf(host, before)
  const known = Object.hasOwn(servers, name) ? servers[name] : undefined
  const replaceable =
    known === undefined || ourWords(known) !== undefined || mcpRemoteServer(name, known)?.url === config.server?.url
  if (!replaceable)
    throw usage(
      `${host.title} already has a different server named ${quote(name)}.`,
      'Choose another name with --name.',
    )
  const entry = entryFor(host, program, words, io.environment)
  if (JSON.stringify(known) === JSON.stringify(entry)) {
    io.stderr.write(`${host.title} already has this server, as ${quote(name)}.\n`)
    return 0
  }
  const after = writeJson(before, [host.key, name], entry)
  if (line.has('dry-run')) return show(io, host, before, after)
  tellPinned(io, host, entry, ownConfigFile(line.flags.config, io.environment, io.folder))
  if (!line.has('yes') && isAtTerminal(io)) await askToAdd(io, host)
  tellChange(io, host, `Added ${quote(name)} to ${host.title}`, changeFile(host.path, after))
  for (const note of notesOn([program.node, program.script, ...words])) io.stderr.write(`note: ${note}\n`)
  const profile = line.flags.profile === undefined ? '' : ` --profile ${shellQuote(line.flags.profile)}`
  io.stderr.write(`Sign in once: ${ownCommand('login', shellQuote(target))}${profile}\n`)
  return 0
}

export async function uninstall(line: CommandLine, io: ProcessIO): Promise<number> {
  const [hostWord, target] = line.words
  const host = findHost(hostWord, thisMachine(io.environment))
  if (target === undefined)
    throw usage('No server was given.', ownCommand('uninstall', host.name, '<url | server-name>'))
  const before = readIfThere(host.path)
  const servers = serversOf(host, before)
  const ours = Object.entries(servers).filter(([, entry]) => ourWords(entry) !== undefined)
  const chosen = ours.filter(([name, entry]) => name === target || (ourWords(entry) ?? []).some(sameAs(target)))
  if (chosen.length === 0) {
    const why = Object.hasOwn(servers, target)
      ? `was not added by mcp-oauth-bridge: ${quote(target)}`
      : `does not exist: ${quote(target)}`
    throw usage(
      `The entry of ${host.title} ${why}.`,
      `Entries of mcp-oauth-bridge: ${ours.map(([name]) => name).join(', ') || 'none'}.`,
    )
  }
  const after = chosen.reduce((text, [name]) => writeJson(text, [host.key, name], undefined), before)
  if (line.has('dry-run')) return show(io, host, before, after)
  const names = chosen.map(([name]) => quote(name)).join(', ')
  tellChange(io, host, `Removed ${names} from ${host.title}`, changeFile(host.path, after))
  return 0
}

/** Finds the server as a start would; headers and secrets are not needed yet. */
function checkedTarget(target: string, { config, profile, allowHttp }: Flags, io: ProcessIO): Promise<Config> {
  const { environment, folder } = io
  const flags: Flags = {
    headers: [],
    authorizeParameters: [],
    allowHttp,
    openBrowser: true,
    ...(config === undefined ? {} : { config }),
    ...(profile === undefined ? {} : { profile }),
  }
  return loadConfig({ flags, environment, folder, server: target, version: () => io.version, alternatives: [] })
}

/** The arguments for the host: the server, then options with absolute paths and without secrets. */
function wordsFor(target: string, { options, flags }: CommandLine, { environment, folder }: ProcessIO): string[] {
  if (URL.canParse(target) && isSecretUrl(target)) throw exposed('The URL')
  const file = ownConfigFile(flags.config, environment, folder)
  const isDefault = file === undefined || file === join(defaultPaths(environment).config, 'config.yaml')
  const passed = options.filter(({ name }) => !['name', 'dry-run', 'yes', 'config'].includes(name))
  return [target, ...passed.flatMap((option) => wordsOf(option, folder)), ...(isDefault ? [] : ['--config', file])]
}

function wordsOf({ name, value }: TypedOption, folder: string): string[] {
  if (value === undefined) return [`--${name}`]
  const [, header = '', content = ''] = /^([^:=]+)[:=]\s*(.*)$/s.exec(value) ?? []
  if ((name === 'header' || name === 'authorize-param') && isSecretHeader(header, content))
    throw exposed(`--${name} ${quote(header)}`)
  // Without the space, hosts that join words with spaces keep it whole.
  if (name === 'header') return ['--header', `${header.trim()}:${content}`]
  const { value: kind } = OPTIONS[name as keyof typeof OPTIONS] as { value?: string }
  return [`--${name}`, kind === 'FILE' ? resolve(folder, value) : value]
}

const exposed = (what: string) =>
  usage(
    `${what} looks like a secret. Do not store secrets in the host’s file.`,
    'Add the server to config.yaml, with the secret as a variable, headers_file or client_secret_file. Then install it by its name there.',
  )

const entryName = (target: string, config: Config) =>
  config.server?.name ?? (URL.canParse(target) ? nameFor(target) : target)

/** @throws BridgeError host_config_invalid */
function serversOf(host: Host, text: string): JsonObject {
  const read = readJson(text)
  const wrong = (why: string) => new BridgeError('host_config_invalid', { message: `${host.path}: ${why}.` })
  if ('fault' in read) throw wrong(read.fault)
  const servers = read.value[host.key] ?? {}
  if (typeof servers !== 'object' || Array.isArray(servers)) throw wrong(`${host.key} is not an object`)
  return servers as JsonObject
}

const sameAs = (target: string) => (word: string) =>
  word === target || (URL.canParse(word) && URL.canParse(target) && new URL(word).href === new URL(target).href)

function show(io: ProcessIO, host: Host, before: string, after: string): number {
  io.stdout.write(`${[host.path, ...difference(before, after)].join('\n')}\n`)
  return 0
}

/** Shows everything that the host will do from now on without asking. */
function tellPinned({ stderr }: ProcessIO, { title }: Host, entry: JsonObject, config: string | undefined): void {
  const { command, args, env } = entry as { command: string; args: string[]; env?: Record<string, string> }
  const lines = [
    `${title} will run this command, in any folder:`,
    `  ${[command, ...args].map((word) => shellQuote(word)).join(' ')}`,
    ...Object.entries(env ?? {}).map(([name, value]) => `  with ${name}=${shellQuote(value)}`),
    ...(config === undefined
      ? []
      : [`Each start reads ${config}. Anyone who can write that file controls what happens.`]),
  ]
  stderr.write(`${lines.map(withoutControls).join('\n')}\n`)
}

/** @throws BridgeError cancelled */
async function askToAdd(io: ProcessIO, { title }: Host): Promise<void> {
  const asking = startAsking(io)
  try {
    if ((await asking.yes(`Add it to ${title}?`, 'yes')) === 'yes') return
  } finally {
    asking.close()
  }
  throw new BridgeError('declined', { hint: 'Nothing was written.' })
}

function tellChange({ stderr }: ProcessIO, host: Host, what: string, backup: string | undefined): void {
  stderr.write(`${what}: ${host.path}\n`)
  if (backup !== undefined) stderr.write(`Backup: ${backup}\n`)
  stderr.write(`${host.afterwards}\n`)
}

function notesOn(words: readonly string[]): string[] {
  const cached = words.some((word) => /[\\/]_npx[\\/]/.test(word))
  const special = process.platform === 'win32' && words.slice(2).some((word) => /[\s"%&|<>^!]/.test(word))
  return [
    ...(cached
      ? ['this copy is in the npx cache and may be deleted. Install it permanently and run this command again.']
      : []),
    ...(special
      ? [
          'a host that starts servers through cmd.exe may split these arguments. Add the server to config.yaml and use its name.',
        ]
      : []),
  ]
}
