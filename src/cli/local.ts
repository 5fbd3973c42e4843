// The commands that only work on files: they need no server and no database, and the config may be invalid.
import type { Config } from '../config/config.ts'
import { BridgeError } from '../errors.ts'
import type { Program } from '../hosts/entry.ts'
import type { ProcessIO } from './process.ts'
import { ownScript } from './startedBy.ts'
import type { CommandLine } from './words/args.ts'

export async function runLocal(line: CommandLine, io: ProcessIO): Promise<number> {
  switch (line.command) {
    case 'validate-config':
    case 'check-config':
      return (await import('./commands/checkConfig.ts')).configCheck(line, io)
    case 'install':
      return (await import('./commands/install.ts')).install(line, io, program(), isSignedIn)
    case 'uninstall':
      return (await import('./commands/install.ts')).uninstall(line, io)
    case 'import':
      return (await import('./commands/importRemote.ts')).importRemote(line, io)
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

/** This Node and this copy of the program, so that a host needs neither npx nor a PATH. */
const program = (): Program => ({
  node: process.execPath,
  script: ownScript(),
})
