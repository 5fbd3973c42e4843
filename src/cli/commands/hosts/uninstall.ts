// uninstall: removes a server from a host's config file.
import { BridgeError } from '../../../errors.ts'
import { changeIfSame, untilWritten } from '../../../hosts/changeFile.ts'
import { ourWords } from '../../../hosts/entry.ts'
import { serversOf, textOf, withServer } from '../../../hosts/hostFile.ts'
import { findHost, type Host } from '../../../hosts/hosts.ts'
import { thisMachine } from '../../../hosts/machine.ts'
import { ownCommand } from '../../../ownCommand.ts'
import { quote } from '../../../redaction/text.ts'
import { shellQuote } from '../../../shellQuote.ts'
import type { ProcessIO } from '../../process.ts'
import type { CommandLine } from '../../words/args.ts'
import { identityOf, startsOneOf } from '../../words/entryWords.ts'
import { showDifference, tellChange } from './changed.ts'
import { removeUnusedCopies } from './unusedCopies.ts'

export async function uninstall(line: CommandLine, io: ProcessIO): Promise<number> {
  const [hostWord, target] = line.words
  const host = findHost(hostWord, thisMachine(io.environment))
  if (target === undefined)
    throw new BridgeError('usage', {
      message: 'No server was given.',
      hint: ownCommand('uninstall', host.name, '<url | server-name>'),
    })
  return untilWritten(host.path, async () => {
    const before = textOf(host)
    const chosen = entriesOf(host, before, target, line)
    const after = chosen.reduce((text, [name]) => withServer(host, text, name, undefined), before)
    if (line.has('dry-run')) return showDifference(io, host, { before, after })
    const written = await changeIfSame(host.path, after, () => textOf(host) === before)
    if (!written) return undefined
    const names = chosen.map(([name]) => quote(name)).join(', ')
    tellChange(io, `Removed ${names} from ${host.title}`, host, written)
    io.stderr.write(`${host.title} stops using it when it is started again. Nobody was signed out.\n`)
    removeUnusedCopies(io)
    for (const [, entry] of chosen) tellSignOut(io, entry)
    return 0
  })
}

/** @throws BridgeError usage: there is none */
function entriesOf(host: Host, text: string, target: string, { flags }: CommandLine): [string, unknown][] {
  const servers = serversOf(host, text)
  const ours = Object.entries(servers).filter(([, entry]) => ourWords(entry) !== undefined)
  const named = ours.filter(([name]) => name === target)
  const chosen = named.length > 0 ? named : ours.filter(startsOneOf(target, flags.profile, ours))
  if (chosen.length > 0) return chosen
  const why = Object.hasOwn(servers, target)
    ? `was not added by mcp-oauth-bridge: ${quote(target)}`
    : `does not exist: ${quote(target)}`
  throw new BridgeError('usage', {
    message: `The entry of ${host.title} ${why}.`,
    hint: `Entries of mcp-oauth-bridge: ${ours.map(([name]) => name).join(', ') || 'none'}.`,
  })
}

function tellSignOut({ stderr }: ProcessIO, entry: unknown): void {
  const started = identityOf(ourWords(entry) ?? [])
  if (!started) return
  const more = started.profile === undefined ? [] : ['--profile', shellQuote(started.profile)]
  stderr.write(`To sign out: ${ownCommand('logout', shellQuote(started.target), ...more)}\n`)
}
