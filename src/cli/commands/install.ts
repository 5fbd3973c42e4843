// install and uninstall: add a server to a host's config file, and remove it.
import { join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Config, Flags } from '../../config/config.ts'
import { loadConfig, ownConfigFile } from '../../config/load.ts'
import { defaultPaths } from '../../config/paths.ts'
import { BridgeError } from '../../errors.ts'
import { changeFile, difference, readIfThere } from '../../hosts/changeFile.ts'
import { entryFor, mergedEntry, nameFor, ourWords, type Program } from '../../hosts/entry.ts'
import { findHost, type Host, thisMachine } from '../../hosts/hosts.ts'
import { isTwice, type JsonObject, readJson, writeJson } from '../../hosts/jsonText.ts'
import { mcpRemoteServer, OWN_NAME } from '../../hosts/mcpRemote.ts'
import { identityOf, placementOf, sameAddress } from '../../hosts/placement.ts'
import { shownEntry } from '../../hosts/shownEntry.ts'
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

/** An entry of mcp-remote has its secrets in its words: the new entry gets them as the variables that `import` has named. */
function withItsVariables(name: string, old: JsonObject | undefined): JsonObject | undefined {
  const environment = mcpRemoteServer(name, old)?.environment
  return old && environment ? { ...old, env: environment() } : old
}

/** Whether somebody is signed in to the server of such a config. */
type IsSignedIn = (config: Config, io: ProcessIO, line: CommandLine) => Promise<boolean>

export async function install(
  line: CommandLine,
  io: ProcessIO,
  program: Program,
  isSignedIn: IsSignedIn,
): Promise<number> {
  const tellNext = async (config: Config, target: string) => {
    // A person who is signed in has nothing more to do.
    if (await isSignedIn(config, io, line)) return void io.stderr.write('You are signed in to this server already.\n')
    const profile = line.flags.profile === undefined ? '' : ` --profile ${shellQuote(line.flags.profile)}`
    io.stderr.write(`Sign in once: ${ownCommand('login', shellQuote(target))}${profile}\n`)
  }
  const [hostWord, target] = line.words
  const host = findHost(hostWord, thisMachine(io.environment))
  if (target === undefined) throw usage('No server was given.', ownCommand('install', host.name, '<url | server-name>'))
  const config = await checkedTarget(target, line.flags, { ...io, environment: filledEnvironment(host, line, io) })
  const words = wordsFor(target, line, io)
  const asked = line.options.findLast((option) => option.name === 'name')?.value
  const usual = entryName(target, config)
  const chosen = asked ?? usual
  if (!/^[\w-]{1,64}$/.test(chosen)) throw usage(`The name ${quote(chosen)} may contain only A-Z, a-z, 0-9, _ and -.`)

  const before = readIfThere(host.path)
  const { config: file, profile } = identityOf(words)
  const wanted = { target, url: config.server?.url, profile, config: file }
  const { name, old } = placementOf(host, serversOf(host, before), wanted, { asked, usual })
  const entry = mergedEntry(withItsVariables(name, old), entryFor(host, program, words, io.environment))
  if (isDeepStrictEqual(old, entry)) {
    io.stderr.write(`${host.title} already has this server, as ${quote(name)}. Nothing was changed.\n`)
    await tellNext(config, target)
    return 0
  }
  const after = writeJson(before, [host.key, name], entry)
  if (line.has('dry-run')) return show(io, host, before, after)
  tellPinned(io, host, entry, ownConfigFile(line.flags.config, io.environment, io.folder))
  if (old) tellDifference(io, old, entry)
  const isThere = host.isThere()
  if (!line.has('yes') && isAtTerminal(io)) await askToAdd(io, host, old !== undefined)
  const what = old ? `Replaced ${quote(name)} in ${host.title}` : `Added ${quote(name)} to ${host.title}`
  tellChange(io, what, host.path, changeFile(host.path, after))
  const notes = notesOn([program.node, program.script, ...words])
  if (!isThere)
    notes.unshift(
      `${host.title} was not found on this computer (no ${host.traces[0]}). It reads this file once it is installed.`,
    )
  for (const note of notes) io.stderr.write(`note: ${withoutControls(note)}\n`)
  if (isThere) io.stderr.write(`${host.afterwards}\n`)
  await tellNext(config, target)
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
  tellChange(io, `Removed ${names} from ${host.title}`, host.path, changeFile(host.path, after))
  io.stderr.write(`${host.title} stops using it when it is started again. Nobody was signed out.\n`)
  for (const [, entry] of chosen) {
    const { target: server, profile } = identityOf(ourWords(entry) ?? [])
    if (server === undefined) continue
    const more = profile === undefined ? [] : ['--profile', shellQuote(profile)]
    io.stderr.write(`To sign out: ${ownCommand('logout', shellQuote(server), ...more)}\n`)
  }
  return 0
}

/**
 * The variables of the config file may be set in the host's entry only: those of its mcp-remote entries have their values, others a
 * stand-in, because nothing is started here.
 */
function filledEnvironment(host: Host, { flags }: CommandLine, { environment, folder }: ProcessIO): NodeJS.ProcessEnv {
  const file = ownConfigFile(flags.config, environment, folder)
  const text = file === undefined ? '' : readIfThere(file)
  const used = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, 'https://variable.invalid/'] as const)
  const read = readJson(readIfThere(host.path))
  const entries = 'fault' in read ? {} : (read.value[host.key] ?? {})
  const held = Object.entries(entries).map(([name, entry]) => mcpRemoteServer(name, entry)?.environment?.() ?? {})
  const made = Object.fromEntries(held.flatMap((one) => Object.entries(one)).filter(([name]) => OWN_NAME.test(name)))
  return { ...Object.fromEntries(used), ...made, ...environment }
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
  if (Object.hasOwn(read.value, host.key) && isTwice(text, host.key)) throw wrong(`${host.key} stands there twice`)
  const servers = read.value[host.key] ?? {}
  if (typeof servers !== 'object' || Array.isArray(servers)) throw wrong(`${host.key} is not an object`)
  return servers as JsonObject
}

const sameAs = (target: string) => (word: string) => sameAddress(word, target)

function show(io: ProcessIO, host: Host, before: string, after: string): number {
  io.stdout.write(`${[host.path, ...difference(before, after)].join('\n')}\n`)
  return 0
}

/** Shows everything that the host will do from now on without asking. */
function tellPinned({ stderr }: ProcessIO, { title }: Host, entry: JsonObject, config: string | undefined): void {
  const { command, args, env } = JSON.parse(shownEntry(entry)) as {
    command: string
    args: string[]
    env?: Record<string, string>
  }
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
async function askToAdd(io: ProcessIO, { title }: Host, isReplaced: boolean): Promise<void> {
  const asking = startAsking(io)
  try {
    if ((await asking.yes(isReplaced ? `Replace it in ${title}?` : `Add it to ${title}?`, 'yes')) === 'yes') return
  } finally {
    asking.close()
  }
  throw new BridgeError('declined', { hint: 'Nothing was written.' })
}

function tellChange({ stderr }: ProcessIO, what: string, path: string, backup: string | undefined): void {
  stderr.write(`${what}: ${path}\n`)
  if (backup !== undefined) stderr.write(`Backup: ${backup}\n`)
}

/** What stood there before, without what may be a secret. */
function tellDifference({ stderr }: ProcessIO, old: JsonObject, entry: JsonObject): void {
  const lines = difference(shownEntry(old), shownEntry(entry)).filter((text) => /^[-+]/.test(text))
  stderr.write(
    `It replaces the entry of this server:\n${lines.map((text) => `  ${withoutControls(text)}`).join('\n')}\n`,
  )
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
