// stdout that leads to a file: all of it gets there, or the command fails. Node's stream takes a first part for the whole, as a disk that fills up answers.
import { fstatSync, writeFileSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { whyRefused } from '../disk/whyRefused.ts'
import { BridgeError } from '../errors.ts'

/** From now on, what `stdout` cannot write to its file is an error of the stream. Pipes and terminals stay as they are. */
export function writeWhole(stdout: Writable & { readonly fd?: number }): void {
  const { fd } = stdout
  if (fd === undefined || !isFile(fd)) return
  stdout._write = (chunk: Uint8Array, _encoding, done) => {
    try {
      writeFileSync(fd, chunk)
    } catch (thrown) {
      return done(thrown as Error)
    }
    done()
  }
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile()
  } catch {
    // It was closed before this process began.
    return false
  }
}

/** What the system answers where a file takes no more. Whoever stopped reading has what they wanted, such as `head`. */
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** @throws BridgeError usage: a file to which stdout was sent is not whole */
export function requireWritten({ errored: cause }: Writable): void {
  if (!FULL.has((cause as NodeJS.ErrnoException | null)?.code)) return
  throw new BridgeError('usage', {
    message: `The output could not be written: ${whyRefused(cause)}.`,
    hint: 'Free space on that disk, or write the output to another place.',
    cause,
  })
}
