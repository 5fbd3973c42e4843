// Creates folders with 0700 and files with 0600 whatever the umask; refuses links and files of other users.
import { chmodSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { BridgeError } from '../../errors.ts'
import { whyRefused } from '../../files/whyRefused.ts'

/** Creates our own folder and its parents if necessary, and removes the permissions of group and others. */
export function ensurePrivateFolder(folder: string): void {
  makeFolder(folder)
  makePrivate(folder, 0o700)
}

/** A folder that a person chose keeps its permissions: it may be /tmp. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new BridgeError('database_unreachable', {
      message: `The folder ${folder} cannot be created: ${whyRefused(cause)}.`,
      cause,
    })
  }
}

/** Gives `path` exactly `mode`; nothing happens when it does not exist. @throws BridgeError permissions_unsafe */
export function makePrivate(path: string, mode: 0o600 | 0o700): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  if (stat.isSymbolicLink()) throw unsafe(path, 'is a symbolic link')
  // Windows has no owners or mode bits here; the profile folder's ACL protects it.
  if (process.platform === 'win32') return
  if (stat.uid !== process.getuid?.()) throw unsafe(path, 'belongs to another user')
  if ((stat.mode & 0o777) === mode) return
  try {
    chmodSync(path, mode)
  } catch (cause) {
    throw unsafe(path, `cannot be made private: ${whyRefused(cause)}`, cause)
  }
}

/** A new file of 0600; an existing file is not changed. @throws BridgeError usage */
export function writePrivate(path: string, text: string): void {
  try {
    withPrivateUmask(path, () => writeFileSync(path, text, { mode: 0o600, flag: 'wx' }))
  } catch (cause) {
    if (cause instanceof BridgeError) throw cause
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'EEXIST') removePart(path)
    const why = code === 'EEXIST' ? 'already exists' : `cannot be written: ${whyRefused(cause)}`
    throw new BridgeError('usage', { message: `${path} ${why}.`, hint: 'Choose another file with --output.', cause })
  }
}

/** It would look like the whole. */
function removePart(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // The error that is thrown says that the file was not written.
  }
}

/** Runs `work` so that every file it makes is 0600, SQLite's -wal and -shm included; creates the folder of `path` first. */
export function withPrivateUmask<T>(path: string, work: () => T): T {
  makeFolder(dirname(path))
  const before = process.umask(0o077)
  try {
    return work()
  } finally {
    process.umask(before)
  }
}

const unsafe = (path: string, why: string, cause?: unknown) =>
  new BridgeError('permissions_unsafe', { message: `${path} ${why}.`, cause })
