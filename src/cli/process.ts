// What bin passes to run.ts: the process's arguments, streams and environment, and the signal that asks it to end.
import type { Readable, Writable } from 'node:stream'

export interface ProcessIO {
  readonly argv: readonly string[]
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  readonly environment: NodeJS.ProcessEnv
  readonly folder: string
  readonly version: string
  /** Aborts when the process is asked to end; the reason is the signal's name. */
  readonly ending: AbortSignal
  /** Hands each later signal to `listener` first; what it answers with true goes no further. Omitted: nobody sends signals. */
  readonly onSignal?: (listener: (signal: string) => boolean) => void
}
