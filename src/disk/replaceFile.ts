// Writes a file that is whole or as it was before: the text goes into a new file beside it, which then takes its place.
import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** What Windows answers to a rename while another program has the file open: a host that reads it, or a virus scanner. */
const BUSY = ['EPERM', 'EBUSY', 'EACCES']
/** Waits before each further try, in ms: such programs close a file after milliseconds. */
const WAITS_MS = [10, 20, 40, 80, 160, 320]

export interface Replacing {
  readonly rename: (from: string, to: string) => void
  readonly wait: (ms: number) => void
}

/** `mode`: of the new file, less the umask. Whatever fails, `path` is as it was and nothing is left beside it. */
export function replaceFile(
  path: string,
  text: string,
  mode: number,
  { rename, wait }: Replacing = { rename: renameSync, wait: waitHere },
): void {
  const draft = `${path}.${randomUUID()}`
  try {
    writeToDisk(draft, text, mode)
    for (const ms of WAITS_MS) {
      if (takesItsPlace(rename, draft, path)) return
      wait(ms)
    }
    rename(draft, path)
  } catch (thrown) {
    rmSync(draft, { force: true })
    throw thrown
  }
}

/** On the disk before it is renamed: after a power cut there would be the new name without the text. */
function writeToDisk(path: string, text: string, mode: number): void {
  const file = openSync(path, 'wx', mode)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function takesItsPlace(rename: Replacing['rename'], draft: string, path: string): boolean {
  try {
    rename(draft, path)
    return true
  } catch (thrown) {
    if (!BUSY.includes((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown
    return false
  }
}

function waitHere(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
