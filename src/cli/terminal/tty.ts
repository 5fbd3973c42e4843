// Whether a person is at the terminal.
import type { ProcessIO } from '../process.ts'

/** Somebody can be asked: words come from a terminal and are shown on one. */
export const isAtTerminal = ({ stdin, stderr }: Pick<ProcessIO, 'stdin' | 'stderr'>): boolean =>
  stdin.isTTY === true && stderr.isTTY === true
