// Tells a person at a terminal that the config.yaml of the working folder is not used, and how to use it.
import { ownConfigFile, passedOver } from '../config/load.ts'
import type { ProcessIO } from './process.ts'
import type { Command, CommandLine } from './words/args.ts'

/** Commands that use that file, or none. */
const OTHERS: ReadonlySet<Command> = new Set<Command>([
  'validate-config',
  'check-config',
  'migrate',
  'serve',
  'uninstall',
  'completion',
])

/** Not for a host, which starts us in any folder. */
export function tellUnusedConfig({ command, flags }: CommandLine, { stderr, environment, folder }: ProcessIO): void {
  if (stderr.isTTY !== true || OTHERS.has(command)) return
  if (passedOver(ownConfigFile(flags.config, environment, folder), folder) !== undefined)
    stderr.write('note: the config.yaml in this folder is not used. If you trust it, pass --config ./config.yaml\n')
}
