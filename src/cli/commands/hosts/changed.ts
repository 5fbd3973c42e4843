// What a person is told of a host's file: the lines that would change, or that it was changed.
import { difference, type Written } from '../../../hosts/changeFile.ts'
import type { Host } from '../../../hosts/hosts.ts'
import type { ProcessIO } from '../../process.ts'

/** Resolves to the exit code of --dry-run. */
export function showDifference(
  { stdout }: ProcessIO,
  { path }: Host,
  { before, after }: { readonly before: string; readonly after: string },
): number {
  stdout.write(`${[path, ...difference(before, after)].join('\n')}\n`)
  return 0
}

export function tellChange({ stderr }: ProcessIO, what: string, { path, note }: Host, { backup }: Written): void {
  stderr.write(`${what}: ${path}\n`)
  if (note !== undefined) stderr.write(`note: ${note}\n`)
  if (backup !== undefined) stderr.write(`Backup: ${backup}\n`)
}
