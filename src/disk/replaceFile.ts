// Writes a file that is whole or as it was before: the text goes into a new file beside it, which then takes its place.
import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mayBeInUse } from './whyRefused.ts'

/** Waits before each further try, in ms: a virus scanner closes a file after milliseconds. */
const WAITS_MS = [10, 20, 40, 80, 160, 320]
/** For a file that a program of somebody else reads as it likes: about 3 s in all. */
export const PATIENT_WAITS_MS = [...WAITS_MS, 500, 800, 1_000]

export interface Replacing {
  readonly rename: (from: string, to: string) => void
  readonly remove: (path: string) => void
  readonly wait: (ms: number) => void
  readonly waitsMs: readonly number[]
}

/** `mode`: of the new file, less the umask. Whatever fails, `path` is as it was and nothing is left beside it. */
export function replaceFile(path: string, text: string | Buffer, mode: number, how: Partial<Replacing> = {}): void {
  const { rename = renameSync, remove = removeHere, wait = waitHere, waitsMs = WAITS_MS } = how
  const draft = `${path}.${randomUUID()}`
  try {
    writeToDisk(draft, text, mode)
    whileInUse(() => rename(draft, path), { wait, waitsMs })
  } catch (thrown) {
    try {
      // What scans the file that was replaced scans the draft too.
      whileInUse(() => remove(draft), { wait, waitsMs: WAITS_MS })
    } catch {
      // The first failure is the one to tell.
    }
    throw thrown
  }
}

/** Calls `work` again while its file may be in use, after each wait; the last call throws what it throws. */
export function whileInUse<T>(
  work: () => T,
  { wait = waitHere, waitsMs = WAITS_MS }: Partial<Pick<Replacing, 'wait' | 'waitsMs'>> = {},
): T {
  for (const ms of waitsMs) {
    try {
      return work()
    } catch (thrown) {
      if (!mayBeInUse(thrown)) throw thrown
      wait(ms)
    }
  }
  return work()
}

/** On the disk before it is renamed: after a power cut there would be the new name without the text. */
function writeToDisk(path: string, text: string | Buffer, mode: number): void {
  const file = openSync(path, 'wx', mode)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function removeHere(path: string): void {
  rmSync(path, { force: true })
}

function waitHere(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
