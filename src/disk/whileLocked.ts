// One of our processes at a time changes a file: the others wait for the lock file beside it, and take over one that was left.
import { closeSync, openSync, rmSync, statSync } from 'node:fs'
import { whileInUse } from './replaceFile.ts'

const POLL_MS = 20
/** Longer than any work under it, also on a file that others have open: whoever made it is gone. */
const STALE_MS = 15_000

export interface Waiting {
  readonly wait: (ms: number) => void
  readonly now: () => number
}

/** What `work` read before may be old: another process may just have changed it. */
export function whileLocked<T>(
  path: string,
  work: () => T,
  { wait = waitHere, now = Date.now }: Partial<Waiting> = {},
): T {
  const lock = `${path}.mcp-oauth-bridge-lock`
  while (!isMade(lock)) {
    const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (made !== undefined && Math.abs(now() - made) > STALE_MS) removeIfPossible(lock)
    wait(POLL_MS)
  }
  try {
    return work()
  } finally {
    removeIfPossible(lock)
  }
}

function isMade(lock: string): boolean {
  try {
    closeSync(whileInUse(() => openSync(lock, 'wx', 0o600)))
    return true
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw thrown
  }
}

function removeIfPossible(lock: string): void {
  try {
    whileInUse(() => rmSync(lock, { force: true }))
  } catch {
    // It is taken over when it is old.
  }
}

function waitHere(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
