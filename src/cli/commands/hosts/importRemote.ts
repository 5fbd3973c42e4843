// import mcp-remote: imports servers of mcp-remote from the hosts' files into config.yaml, but never tokens.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { addServers } from '../../../config/addServers.ts'
import { readOwnFile } from '../../../config/file/ownFile.ts'
import { ownConfigFile } from '../../../config/load.ts'
import { defaultPaths } from '../../../config/paths.ts'
import { asBridgeError, BridgeError } from '../../../errors.ts'
import { changeIfSame, difference, textIfReadable, untilWritten } from '../../../hosts/changeFile.ts'
import type { JsonObject } from '../../../hosts/format/jsonText.ts'
import { dataOf, projectServers, textOf, usualEntries } from '../../../hosts/hostFile.ts'
import { allHosts, type Host } from '../../../hosts/hosts.ts'
import { type Machine, thisMachine } from '../../../hosts/machine.ts'
import { mcpRemoteServer, type NameVariable, ownName, type ReadOptions } from '../../../hosts/mcpRemote.ts'
import { remoteCommand } from '../../../hosts/remoteCommand.ts'
import { type FoundServer, type FreshServer, freshServers, knownConfig } from '../../../hosts/remoteServers.ts'
import { ownCommand } from '../../../ownCommand.ts'
import { quote, withoutControls } from '../../../redaction/text.ts'
import { shellQuote } from '../../../shellQuote.ts'
import type { ProcessIO } from '../../process.ts'
import type { CommandLine } from '../../words/args.ts'

export async function importRemote(line: CommandLine, io: ProcessIO): Promise<number> {
  const [what] = line.words
  if (what !== 'mcp-remote')
    throw new BridgeError('usage', {
      message: `import supports only mcp-remote${what === undefined ? '' : `, not ${quote(what)}`}.`,
      hint: ownCommand('import', 'mcp-remote'),
    })
  const { environment, folder, stderr, stdout } = io
  const machine = thisMachine(environment)
  const path =
    ownConfigFile(line.flags.config, environment, folder) ?? join(defaultPaths(environment).config, 'config.yaml')
  return untilWritten(path, async () => {
    const before = textAt(path)
    const known = knownConfig(before, path)
    const nameVariable = freeNames(environment, before)
    const found = allHosts(machine).flatMap((host) => serversIn(host, { nameVariable, home: machine.home }, io))
    const fresh = freshServers(found, known)
    if (fresh.length === 0) {
      stderr.write(found.length === 0 ? 'No host uses mcp-remote.\n' : `${path} already has all of these servers.\n`)
      return 0
    }
    const after = withEntries(before, fresh)
    if (line.has('dry-run')) {
      stdout.write(`${[path, ...difference(before, after)].join('\n')}\n`)
      for (const server of fresh)
        for (const advice of adviceFor(server)) stderr.write(`${withoutControls(`${server.name}: ${advice}`)}\n`)
      return 0
    }
    const written = await changeIfSame(path, after, () => textAt(path) === before)
    if (!written) return undefined
    const { backup } = written
    stderr.write(`Wrote ${path}${backup === undefined ? '' : `; backup: ${backup}`}\n`)
    const signedIn = signedInWith(machine)
    for (const server of fresh)
      stderr.write(`${describe(server, signedIn(server.url)).map(withoutControls).join('\n')}\n`)
    if (known.only !== undefined)
      stderr.write(
        `note: ${quote(known.only)} is no longer the only server of this file. Commands need a server now.\n`,
      )
    return 0
  })
}

const textAt = (path: string) => (existsSync(path) ? readOwnFile(path).text : '')

/** Names that are neither set nor used, nor given twice: a variable that is something else already would be sent to the server. */
function freeNames(environment: NodeJS.ProcessEnv, config: string): NameVariable {
  // Windows ignores the case of variable names.
  const taken = new Set(Object.keys(environment).map((name) => name.toUpperCase()))
  for (const [, name = ''] of config.matchAll(/\$\{(\w+)\}/g)) taken.add(name.toUpperCase())
  return (server, what) => {
    const wanted = ownName(server, what)
    let name = wanted
    for (let count = 2; taken.has(name); count++) name = `${wanted}_${count}`
    taken.add(name)
    return name
  }
}

function serversIn(host: Host, given: ReadOptions, { stderr }: ProcessIO): FoundServer[] {
  try {
    const text = textOf(host)
    const servers = dataOf(host, text)[host.key]
    const isMap = typeof servers === 'object' && servers !== null && !Array.isArray(servers)
    const own = isMap ? usualEntries(host, servers as JsonObject) : {}
    const entries = [own, ...projectServers(host, text).map(([, those]) => those)].flatMap(Object.entries)
    return entries.flatMap(([name, entry]) => {
      const server = mcpRemoteServer(name, entry, { ...given, readFile: textIfReadable })
      if (server) return [{ ...server, host }]
      const command = remoteCommand(entry)
      if (command !== undefined) tellUnclear(stderr, host, name, command === 'unclear')
      return []
    })
  } catch (thrown) {
    stderr.write(`note: skipped: ${asBridgeError(thrown).message}\n`)
    return []
  }
}

/** Its host starts it all the same, as before. */
function tellUnclear(stderr: ProcessIO['stderr'], host: Host, name: string, isShell: boolean): void {
  const how = isShell ? 'through a shell that does more than that' : 'without a URL that can be read'
  const what = `${quote(name)} of ${host.title} starts mcp-remote ${how}`
  stderr.write(`note: ${what}. It was not imported: write its server into config.yaml by hand.\n`)
}

function withEntries(text: string, servers: readonly FreshServer[]): string {
  const providers = servers.flatMap(({ server, provider }) => (provider ? [[String(server.provider), provider]] : []))
  return addServers(text, {
    servers: Object.fromEntries(servers.map(({ name, server }) => [name, server])),
    providers: Object.fromEntries(providers),
  })
}

/** mcp-remote names its token files after a hash of the URL; only the names are read. */
function signedInWith({ home, environment }: Machine): (url: string) => boolean {
  let names: string[] = []
  try {
    const folder = environment.MCP_REMOTE_CONFIG_DIR || join(home, '.mcp-auth')
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    // It was never used to sign in.
  }
  return (url) => {
    const hash = createHash('md5').update(url).digest('hex')
    return names.some((name) => name.includes(`${hash}_tokens`))
  }
}

/** What is not carried over, and what to write instead. */
const adviceFor = ({ leftOut, advice = [] }: FreshServer): string[] => [
  ...(leftOut.length === 0 ? [] : [`not imported: ${leftOut.join(', ')}`]),
  ...advice,
]

function describe(found: FreshServer, wasSignedIn: boolean): string[] {
  const { name, hosts, variables, references, environment } = found
  const kept = Object.keys(environment?.() ?? {})
  const titles = hosts.map(({ title }) => title).join(', ')
  return [
    `${name}  (from ${titles})`,
    ...(variables.length === 0
      ? []
      : [`  first set these, to the values in the file of ${titles}: ${variables.join(', ')}`]),
    ...(kept.length === 0 ? [] : [`  the entry that install writes gets: ${kept.join(', ')}`]),
    ...(references.length === 0 ? [] : [`  uses these variables of your environment: ${references.join(', ')}`]),
    ...adviceFor(found).map((advice) => `  ${advice}`),
    `  sign in${wasSignedIn ? ' again, because the tokens of mcp-remote are not imported' : ''}: ${ownCommand('login', shellQuote(name))}`,
    ...hosts.map((host) => `  add it to the host: ${ownCommand('install', host.name, shellQuote(name))}`),
  ]
}
