// Whether a person is at the terminal.
import type { ProcessIO } from '../process.ts'

/** True if a person can be asked: input and output are terminals. */
export const isAtTerminal = ({ stdin, stderr }: Pick<ProcessIO, 'stdin' | 'stderr'>): boolean =>
  stdin.isTTY === true && stderr.isTTY === true
