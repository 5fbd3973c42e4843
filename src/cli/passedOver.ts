// Tells a person at a terminal that the config.yaml of the working folder is not used, and how it would be.
import { ownConfigFile, passedOver } from '../config/load.ts'
import type { ProcessIO } from './process.ts'
import type { Command, CommandLine } from './words/args.ts'

/** Commands that take that file, or no file at all. */
const OTHERS: ReadonlySet<Command> = new Set<Command>([
  'validate-config',
  'check-config',
  'migrate',
  'uninstall',
  'completion',
])

/** A host has no use for it: it starts us wherever it likes. */
export function tellPassedOver({ command, flags }: CommandLine, { stderr, environment, folder }: ProcessIO): void {
  if (stderr.isTTY !== true || OTHERS.has(command)) return
  if (passedOver(ownConfigFile(flags.config, environment, folder), folder) !== undefined)
    stderr.write('note: the config.yaml of this folder is not used. If it is yours, name it: --config ./config.yaml\n')
}
