// One of our processes at a time changes a file: the others wait for the lock file beside it, take over one that was left, and give up in the end.
import { closeSync, lstatSync, openSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { whileInUse } from './replaceFile.ts'

const POLL_MS = 20
/** Longer than any work under it, also on a file that others have open: whoever made it is gone. */
const STALE_MS = 15_000
/** By then, one that was left has been taken over: this one cannot be, or others are never done. */
const TRIES = (2 * STALE_MS) / POLL_MS

export interface Waiting {
  readonly wait: (ms: number) => Promise<unknown>
  readonly now: () => number
}

/** What stands where the lock file should be made does not go away. */
export class LockStays extends Error {
  readonly lock: string

  constructor(lock: string) {
    super(`${lock} does not go away`)
    this.lock = lock
  }
}

/** What `work` read before may be old: another process may just have changed it. @throws LockStays, or what open(2) and `work` throw */
export async function whileLocked<T>(
  path: string,
  work: () => T,
  { wait = pause, now = Date.now }: Partial<Waiting> = {},
): Promise<T> {
  const lock = `${path}.mcp-oauth-bridge-lock`
  for (let count = 0; !isMade(lock); count++) {
    if (count === TRIES) throw new LockStays(lock)
    // Not what a link points to: that may be nowhere, or old.
    const made = lstatSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (made !== undefined && Math.abs(now() - made) > STALE_MS) removeIfPossible(() => removeHere(lock))
    await wait(POLL_MS)
  }
  try {
    return work()
  } finally {
    removeIfPossible(() => whileInUse(() => removeHere(lock)))
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

function removeIfPossible(remove: () => void): void {
  try {
    remove()
  } catch {
    // It is tried again, or taken over when it is old.
  }
}

const removeHere = (lock: string) => rmSync(lock, { force: true })
