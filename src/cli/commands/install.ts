// install and uninstall: add a server to a host's config file, and remove it.
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Config, Flags } from '../../config/config.ts'
import { loadConfig, ownConfigFile } from '../../config/load.ts'
import { defaultPaths } from '../../config/paths.ts'
import { BridgeError } from '../../errors.ts'
import { changeFile, difference } from '../../hosts/changeFile.ts'
import { entryFor, mergedEntry, nameFor, ourWords, type Program } from '../../hosts/entry.ts'
import type { JsonObject } from '../../hosts/format/jsonText.ts'
import { projectServers, serversOf, shownAlone, textOf, withServer } from '../../hosts/hostFile.ts'
import { findHost, HOSTS, type Host } from '../../hosts/hosts.ts'
import { heldVariables, type Replacement, remoteEntryOf, withItsVariables } from '../../hosts/itsVariables.ts'
import { thisMachine } from '../../hosts/machine.ts'
import { placementOf } from '../../hosts/placement.ts'
import { knownIfReadable } from '../../hosts/remoteServers.ts'
import { shownEntry } from '../../hosts/shownEntry.ts'
import { ownCommand } from '../../ownCommand.ts'
import { quote, withoutControls } from '../../redaction/text.ts'
import { shellQuote } from '../../shellQuote.ts'
import type { ProcessIO } from '../process.ts'
import { startAsking } from '../terminal/ask.ts'
import { isAtTerminal } from '../terminal/tty.ts'
import type { CommandLine } from '../words/args.ts'
import { identityOf, notesOn, startsOneOf, wordsFor } from '../words/entryWords.ts'
import { removeUnusedCopies } from './unusedCopies.ts'

const usage = (message: string, hint?: string) =>
  new BridgeError('usage', { message, ...(hint === undefined ? {} : { hint }) })

/** The server as config.yaml has it, for an entry of mcp-remote that becomes one of ours. */
function replacementOf(target: string, { flags }: CommandLine, { environment, folder }: ProcessIO): Replacement {
  const path = ownConfigFile(flags.config, environment, folder) ?? join(defaultPaths(environment).config, 'config.yaml')
  return { target, known: knownIfReadable(path), home: thisMachine(environment).home }
}

/** `make`: makes what `script` names, if it is a private copy. */
export interface Installed extends Program {
  readonly make?: () => void
}

/** Whether somebody is signed in to the server of such a config. */
type IsSignedIn = (config: Config, io: ProcessIO, line: CommandLine) => Promise<boolean>

export async function install(
  line: CommandLine,
  io: ProcessIO,
  program: Installed,
  isSignedIn: IsSignedIn,
): Promise<number> {
  const tellNext = async (config: Config, target: string) => {
    // A person who is signed in has nothing more to do.
    if (await isSignedIn(config, io, line)) return void io.stderr.write('You are signed in to this server already.\n')
    const profile = line.flags.profile === undefined ? '' : ` --profile ${shellQuote(line.flags.profile)}`
    io.stderr.write(`Sign in once: ${ownCommand('login', shellQuote(target))}${profile}\n`)
  }
  if (line.has('print')) return print(line, io, program)
  const [hostWord, target] = line.words
  const host = findHost(hostWord, thisMachine(io.environment))
  if (target === undefined) throw usage('No server was given.', ownCommand('install', host.name, '<url | server-name>'))
  const before = textOf(host)
  const servers = serversOf(host, before)
  const replacement = replacementOf(target, line, io)
  const projects = projectServers(host, before)
  const inProjects: JsonObject = Object.fromEntries(projects.flatMap(([, those]) => Object.entries(those)))
  const config = await checkedTarget(target, line.flags, {
    ...io,
    environment: { ...heldVariables({ ...inProjects, ...servers }, replacement), ...io.environment },
  })
  const words = wordsFor(target, line, io)
  const usual = entryName(target, config)
  const asked = askedName(line, usual)

  const wanted = { target, profile: undefined, config: undefined, ...identityOf(words), url: config.server?.url }
  const { name, old } = placementOf(host, servers, wanted, { asked, usual }, identityOf)
  const fresh = entryFor(host, program, words, io.environment)
  const [known, ofProject] = old ? [] : (remoteEntryOf(config.server?.url, inProjects) ?? [])
  const env = known !== undefined && ofProject ? withItsVariables(known, ofProject, replacement).env : undefined
  const entry = mergedEntry(old ? withItsVariables(name, old, replacement) : env ? { env } : undefined, fresh)
  if (isDeepStrictEqual(old, entry)) {
    program.make?.()
    io.stderr.write(`${host.title} already has this server, as ${quote(name)}. Nothing was changed.\n`)
    await tellNext(config, target)
    return 0
  }
  const after = withServer(host, before, name, entry)
  if (line.has('dry-run')) return show(io, host, before, after)
  tellPinned(io, host, entry, ownConfigFile(line.flags.config, io.environment, io.folder))
  if (old) tellDifference(io, old, entry)
  const isThere = host.isThere()
  if (!line.has('yes') && isAtTerminal(io)) await askToAdd(io, host, old !== undefined)
  program.make?.()
  const what = old ? `Replaced ${quote(name)} in ${host.title}` : `Added ${quote(name)} to ${host.title}`
  tellChange(io, what, host, changeFile(host.path, after))
  const notes = notesOn([program.node, program.script, ...words])
  if (!isThere)
    notes.unshift(
      `${host.title} was not found on this computer (no ${host.traces[0]}). It reads this file once it is installed.`,
    )
  const keepers = projects.filter(([, those]) => remoteEntryOf(config.server?.url, those) !== undefined)
  for (const [folder] of keepers)
    notes.push(`${folder} has an entry of its own for this server, which starts mcp-remote there until you remove it.`)
  for (const note of notes) io.stderr.write(`note: ${withoutControls(note)}\n`)
  if (isThere) io.stderr.write(`${host.afterwards}\n`)
  await tellNext(config, target)
  return 0
}

/** Writes nothing: the entry of a host, or with a server alone the one that most hosts have. */
async function print(line: CommandLine, io: ProcessIO, program: Program): Promise<number> {
  if (line.has('pin')) throw usage('--print changes no file, and --pin makes one.')
  const machine = thisMachine(io.environment)
  const [first, second] = line.words
  const isHost = HOSTS.some((name) => name === first)
  if (second === undefined && (first === undefined || isHost))
    throw usage('No server was given.', ownCommand('install', '--print', '<url | server-name>'))
  const target = second ?? first ?? ''
  const host = findHost(second === undefined ? 'cursor' : first, machine)
  const words = wordsFor(target, line, io)
  const usual = entryName(target, await checkedTarget(target, line.flags, io))
  const entry = entryFor(host, program, words, io.environment)
  io.stdout.write(`${shownAlone(host, askedName(line, usual) ?? usual, entry).trimEnd()}\n`)
  return 0
}

/** @throws BridgeError usage: no host would take the name */
function askedName(line: CommandLine, usual: string): string | undefined {
  const asked = line.options.findLast((option) => option.name === 'name')?.value
  const chosen = asked ?? usual
  if (!/^[\w-]{1,64}$/.test(chosen)) throw usage(`The name ${quote(chosen)} may contain only A-Z, a-z, 0-9, _ and -.`)
  return asked
}

export async function uninstall(line: CommandLine, io: ProcessIO): Promise<number> {
  const [hostWord, target] = line.words
  const host = findHost(hostWord, thisMachine(io.environment))
  if (target === undefined)
    throw usage('No server was given.', ownCommand('uninstall', host.name, '<url | server-name>'))
  const before = textOf(host)
  const servers = serversOf(host, before)
  const ours = Object.entries(servers).filter(([, entry]) => ourWords(entry) !== undefined)
  const named = ours.filter(([name]) => name === target)
  const chosen = named.length > 0 ? named : ours.filter(startsOneOf(target, line.flags.profile, ours))
  if (chosen.length === 0) {
    const why = Object.hasOwn(servers, target)
      ? `was not added by mcp-oauth-bridge: ${quote(target)}`
      : `does not exist: ${quote(target)}`
    throw usage(
      `The entry of ${host.title} ${why}.`,
      `Entries of mcp-oauth-bridge: ${ours.map(([name]) => name).join(', ') || 'none'}.`,
    )
  }
  const after = chosen.reduce((text, [name]) => withServer(host, text, name, undefined), before)
  if (line.has('dry-run')) return show(io, host, before, after)
  const names = chosen.map(([name]) => quote(name)).join(', ')
  tellChange(io, `Removed ${names} from ${host.title}`, host, changeFile(host.path, after))
  io.stderr.write(`${host.title} stops using it when it is started again. Nobody was signed out.\n`)
  removeUnusedCopies(io)
  for (const [, entry] of chosen) {
    const started = identityOf(ourWords(entry) ?? [])
    if (!started) continue
    const more = started.profile === undefined ? [] : ['--profile', shellQuote(started.profile)]
    io.stderr.write(`To sign out: ${ownCommand('logout', shellQuote(started.target), ...more)}\n`)
  }
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

/** A name that every host takes. */
const entryName = (target: string, config: Config) => {
  const name = config.server?.name ?? (URL.canParse(target) ? nameFor(target) : target)
  return (
    name
      .replace(/[^\w-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 64) || 'server'
  )
}

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

function tellChange({ stderr }: ProcessIO, what: string, { path, note }: Host, backup: string | undefined): void {
  stderr.write(`${what}: ${path}\n`)
  if (note !== undefined) stderr.write(`note: ${note}\n`)
  if (backup !== undefined) stderr.write(`Backup: ${backup}\n`)
}

/** What stood there before, without what may be a secret. */
function tellDifference({ stderr }: ProcessIO, old: JsonObject, entry: JsonObject): void {
  const lines = difference(shownEntry(old), shownEntry(entry)).filter((text) => /^[-+]/.test(text))
  stderr.write(
    `It replaces the entry of this server:\n${lines.map((text) => `  ${withoutControls(text)}`).join('\n')}\n`,
  )
}
