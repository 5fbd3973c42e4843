// The commands that only work on files: they need no server and no database, and the config may be invalid.
import { realpathSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { defaultPaths } from '../config/paths.ts'
import { BridgeError } from '../errors.ts'
import { pinnedScript, pinProgram } from '../system/files/pinnedCopy.ts'
import type { Installed } from './commands/hosts/install.ts'
import type { ProcessIO } from './process.ts'
import { isCached, ownScript } from './startedBy.ts'
import type { CommandLine } from './words/args.ts'

export async function runLocal(line: CommandLine, io: ProcessIO): Promise<number> {
  switch (line.command) {
    case 'validate-config':
    case 'check-config':
      return (await import('./commands/checkConfig.ts')).configCheck(line, io)
    case 'install':
      return (await import('./commands/hosts/install.ts')).install(line, io, program(line, io), isSignedIn)
    case 'uninstall':
      return (await import('./commands/hosts/uninstall.ts')).uninstall(line, io)
    case 'import':
      return (await import('./commands/hosts/importRemote.ts')).importRemote(line, io)
    case 'explain':
      return (await import('./words/explain.ts')).explain(line.words[0], io)
    case 'completion':
      return (await import('./words/completion.ts')).completion(line.words[0], io)
    default:
      throw new BridgeError('internal', { message: `Nothing runs ${line.command}.` })
  }
}

/** Loaded when the entry is written. */
const isSignedIn = async (config: Config, io: ProcessIO, line: CommandLine) =>
  (await import('./signedIn.ts')).isSignedIn(config, io, line)

/** This Node and this copy of the program, so that a host needs neither npx nor a PATH; or a private copy, which outlives the cache of npx. */
function program(line: CommandLine, { environment }: ProcessIO): Installed {
  const script = ownScript()
  // fnm and nvm start Node on Windows through a link of one shell.
  const node = realpathSync(process.execPath)
  if (!line.has('pin') && !isCached(script)) return { node, script }
  const { data } = defaultPaths(environment)
  return { node, script: pinnedScript(script, data), make: () => pinProgram(script, data) }
}
