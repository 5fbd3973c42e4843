// install: adds a server to a host's config file, or prints the entry for it.
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Config, Flags } from '../../../config/config.ts'
import { loadConfig, ownConfigFile } from '../../../config/load.ts'
import { defaultPaths } from '../../../config/paths.ts'
import { BridgeError } from '../../../errors.ts'
import { changeIfSame, difference, untilWritten } from '../../../hosts/changeFile.ts'
import { entryFor, mergedEntry, nameFor, type Program } from '../../../hosts/entry.ts'
import type { JsonObject } from '../../../hosts/format/jsonText.ts'
import { projectServers, serversOf, shownAlone, textOf, withServer } from '../../../hosts/hostFile.ts'
import { findHost, HOSTS, type Host } from '../../../hosts/hosts.ts'
import { heldVariables, type Replacement, remoteEntryOf, withItsVariables } from '../../../hosts/itsVariables.ts'
import { thisMachine } from '../../../hosts/machine.ts'
import { type Placement, placementOf } from '../../../hosts/placement.ts'
import { knownIfReadable } from '../../../hosts/remoteServers.ts'
import { shownEntry } from '../../../hosts/shownEntry.ts'
import { ownCommand } from '../../../ownCommand.ts'
import { quote, withoutControls } from '../../../redaction/text.ts'
import { shellQuote } from '../../../shellQuote.ts'
import type { ProcessIO } from '../../process.ts'
import { startAsking } from '../../terminal/ask.ts'
import { isAtTerminal } from '../../terminal/tty.ts'
import type { CommandLine } from '../../words/args.ts'
import { identityOf, judgeable, notesOn, wordsFor } from '../../words/entryWords.ts'
import { showDifference, tellChange } from './changed.ts'

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
  let agreed: Plan | undefined
  return untilWritten(host.path, async () => {
    const plan = await planFor(host, target, line, io, program)
    const { name, old, entry, config } = plan
    if (isDeepStrictEqual(old, entry)) {
      program.make?.()
      io.stderr.write(`${host.title} already has this server, as ${quote(name)}. Nothing was changed.\n`)
      await tellNext(config, target)
      return 0
    }
    if (line.has('dry-run')) return showDifference(io, host, plan)
    if (!isSamePlan(agreed, plan)) {
      tellPinned(io, host, entry, ownConfigFile(line.flags.config, io.environment, io.folder))
      if (old) tellDifference(io, old, entry)
      if (!line.has('yes') && isAtTerminal(io)) await askToAdd(io, host, old !== undefined)
    }
    agreed = plan
    program.make?.()
    const isThere = host.isThere()
    const written = await changeIfSame(host.path, plan.after, () => textOf(host) === plan.before)
    if (!written) return undefined
    tellChange(
      io,
      old ? `Replaced ${quote(name)} in ${host.title}` : `Added ${quote(name)} to ${host.title}`,
      host,
      written,
    )
    for (const note of notesFor(plan, host, isThere, [program.node, program.script, ...plan.words]))
      io.stderr.write(`note: ${withoutControls(note)}\n`)
    if (isThere) io.stderr.write(`${host.afterwards}\n`)
    await tellNext(config, target)
    return 0
  })
}

/** What is to be written, seen from the host's file as it is. */
interface Plan extends Placement {
  readonly before: string
  readonly after: string
  readonly entry: JsonObject
  readonly words: readonly string[]
  readonly config: Config
  /** Folders whose project has an entry of mcp-remote for this server. */
  readonly keepers: readonly string[]
}

/** What a person was shown, whatever else is in the file by now. */
const isSamePlan = (one: Plan | undefined, { name, old, entry }: Plan) =>
  one !== undefined && isDeepStrictEqual([one.name, one.old, one.entry], [name, old, entry])

async function planFor(host: Host, target: string, line: CommandLine, io: ProcessIO, program: Program): Promise<Plan> {
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

  const url = config.server?.url
  const wanted = { target, profile: undefined, config: undefined, ...identityOf(words), url }
  const { name, old } = placementOf(host, servers, wanted, { asked, usual }, identityOf)
  const fresh = entryFor(host, program, words, io.environment)
  const [known, ofProject] = old ? [] : (remoteEntryOf(url, inProjects) ?? [])
  const env = known !== undefined && ofProject ? withItsVariables(known, ofProject, replacement).env : undefined
  const entry = mergedEntry(old ? withItsVariables(name, old, replacement) : env ? { env } : undefined, fresh)
  const keepers = projects.flatMap(([folder, those]) => (remoteEntryOf(url, those) === undefined ? [] : [folder]))
  return { before, after: withServer(host, before, name, entry), name, old, entry, words, config, keepers }
}

function notesFor({ keepers }: Plan, { title, traces }: Host, isThere: boolean, command: readonly string[]): string[] {
  const missing = `${title} was not found on this computer (no ${traces[0]}). It reads this file once it is installed.`
  return [
    ...(isThere ? [] : [missing]),
    ...notesOn(command),
    ...keepers.map(
      (folder) =>
        `${folder} has an entry of its own for this server, which starts mcp-remote there until you remove it.`,
    ),
  ]
}

/** Writes nothing: the entry of a host, or with a server alone the one that most hosts have. */
async function print(line: CommandLine, io: ProcessIO, program: Installed): Promise<number> {
  if (line.has('pin')) throw usage('--print changes no file, and --pin makes one.')
  // The copy that the entry would start is not there, and uninstall could not see who uses it.
  if (program.make !== undefined)
    throw usage(
      'This program runs from a cache that may be emptied, and an entry for it would stop working.',
      'Install it: npm install -g, then what you gave npx. Then run the command again.',
    )
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

/** Finds the server as a start would, with the options of the entry. @throws BridgeError what that start would end in */
function checkedTarget(target: string, typed: Flags, { environment, folder, version }: ProcessIO): Promise<Config> {
  const flags = judgeable(typed)
  return loadConfig({ flags, environment, folder, server: target, version: () => version, alternatives: [] })
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

/** What stood there before, without what may be a secret. */
function tellDifference({ stderr }: ProcessIO, old: JsonObject, entry: JsonObject): void {
  const lines = difference(shownEntry(old), shownEntry(entry)).filter((text) => /^[-+]/.test(text))
  stderr.write(
    `It replaces the entry of this server:\n${lines.map((text) => `  ${withoutControls(text)}`).join('\n')}\n`,
  )
}
