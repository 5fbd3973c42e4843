// Creates folders with 0700 and files with 0600 whatever the umask; refuses links and files of other users.
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  readdirSync,
  realpathSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { makeFolder } from '../../disk/makeFolder.ts'
import { whyRefused } from '../../disk/whyRefused.ts'
import { BridgeError } from '../../errors.ts'
import { present } from '../../present.ts'

/** Creates our own folder and its parents if necessary, and removes the permissions of group and others. */
export function ensurePrivateFolder(folder: string): void {
  makeParents(folder)
  makePrivate(folder, 0o700)
}

/** A folder that a person chose keeps its permissions: it may be /tmp. */
function makeParents(folder: string): void {
  try {
    makeFolder(folder)
  } catch (cause) {
    throw unusable(`The folder ${folder} cannot be created`, cause)
  }
}

/** Why `folder` cannot be used, or created; undefined: nothing speaks against it. It only looks. */
export function whyUnusable(folder: string): BridgeError | undefined {
  const existing = nearest(folder)
  if (existing instanceof BridgeError) return existing
  const { path, stat } = existing
  if (!stat.isDirectory()) return unusable(`The folder ${folder} cannot be created`, { code: 'ENOTDIR' })
  // Its own permissions are ours to correct, and Windows has none here.
  const isOwn = path === folder && stat.uid === process.getuid?.()
  try {
    accessSync(path, constants.W_OK)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EACCES' && isOwn) return undefined
    return unusable(`The folder ${folder} cannot be used`, cause)
  }
  // Where nobody may write, as in /proc, the superuser cannot either.
  if (isOwn || process.platform === 'win32' || stat.mode & 0o222) return undefined
  return unusable(`The folder ${folder} cannot be created`, { code: 'ENOENT' })
}

/** The folder itself, or the nearest one above it that exists. */
function nearest(folder: string): { path: string; stat: Stats } | BridgeError {
  try {
    return { path: folder, stat: statSync(folder) }
  } catch (cause) {
    const parent = dirname(folder)
    const isAbsent = ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')
    return isAbsent && parent !== folder ? nearest(parent) : unusable(`The folder ${folder} cannot be used`, cause)
  }
}

function unusable(what: string, cause: unknown): BridgeError {
  const { code = '' } = cause as NodeJS.ErrnoException
  return new BridgeError('database_unreachable', {
    message: `${what}: ${WHY[code] ?? code}.`,
    hint: 'Set MCP_OAUTH_BRIDGE_HOME or database_url to a folder on a disk that you can write to, or free space there and correct its permissions.',
    cause,
  })
}

/** What errno(3) means for a folder. */
const WHY: Readonly<Record<string, string>> = {
  EACCES: 'you may not write there',
  EPERM: 'the system does not allow it there',
  EEXIST: 'there is a file of this name',
  ENOTDIR: 'a file stands where a folder is needed',
  ENOENT: 'the system has no folders there',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your disk quota is used up',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'its symbolic links lead in a circle',
  ESTALE: 'the network drive is gone',
  EIO: 'the disk does not answer',
}

/** Why `path` cannot be a file of ours: it is a folder, a device or a pipe; undefined: nothing speaks against it. */
export function whyNoFile(path: string): BridgeError | undefined {
  const stat = onDisk(path, () => lstatSync(path, { throwIfNoEntry: false }))
  if (!stat || stat.isFile()) return undefined
  return new BridgeError('database_unreachable', { message: `${path} cannot be used: it is not a regular file.` })
}

/**
 * Gives `path` exactly `mode`; nothing happens when it does not exist. Nothing but a file gets that of a file: /dev/null belongs to all.
 * @throws BridgeError permissions_unsafe, database_unreachable where the disk does not allow it
 */
export function makePrivate(path: string, mode: 0o600 | 0o700): void {
  const stat = onDisk(path, () => lstatSync(path, { throwIfNoEntry: false }))
  if (!stat) return
  if (stat.isSymbolicLink()) throw unsafe(path, 'is a symbolic link')
  const noFile = mode === 0o600 ? whyNoFile(path) : undefined
  if (noFile) throw noFile
  // Windows has no owners or mode bits here; the profile folder's ACL protects it.
  if (process.platform === 'win32') return
  if (stat.uid !== process.getuid?.()) throw unsafe(path, 'belongs to another user')
  if ((stat.mode & 0o777) === mode) return
  const shared = mode === 0o700 ? whyShared(path) : undefined
  if (shared) throw shared
  onDisk(path, () => chmodSync(path, mode))
}

/** In such a folder, everybody may make files (chmod(2)). */
const STICKY = 0o1000

/** Folders of the system (hier(7)), also empty: others need them. macOS has some of them below /private. */
const SYSTEMS =
  /^(?:\/private)?\/(?:(?:var\/)?(?:tmp|lock|run|lib|log|cache|spool|mail|opt)|var|(?:dev|run)(?:\/(?:shm|lock|user))?|s?bin|boot|etc|home|Users|media|mnt|proc|srv|sys|usr(?:\/\w+){0,2})?$/

/**
 * Why `folder` is not ours to close to others: /tmp, or one with files of other users, would be of no use to them any more. An empty one
 * is, also where everybody may make files, as a tmpfs of a container is. undefined: it is ours, is private, or is not there.
 */
export function whyShared(folder: string): BridgeError | undefined {
  const stat = onDisk(folder, () => statSync(folder, { throwIfNoEntry: false }))
  if (!stat?.isDirectory() || process.platform === 'win32' || (stat.mode & 0o077) === 0) return undefined
  const place = onDisk(folder, () => realpathSync(folder))
  const isSystems = SYSTEMS.test(place) || place === resolve(tmpdir())
  const names = onDisk(folder, () => readdirSync(folder))
  // Only root owns folders that others work in.
  const isOthers = (name: string) => stat.uid === 0 && (ownerOf(join(folder, name)) ?? 0) !== 0
  const isShared = isSystems || names.some(isOthers) || (stat.mode & STICKY && names.some((name) => !OURS.test(name)))
  return isShared
    ? unsafe(
        folder,
        'is a folder for all users',
        `Name a folder of your own, such as ${join(folder, 'mcp-oauth-bridge')}.`,
      )
    : undefined
}

/** What a home of ours holds from its first start on; the rest is in its folders or comes later. */
const OURS = /^(oauth\.db|config\.yaml|logs?$|cache$)/

const ownerOf = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.uid

function onDisk<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw unusable(`${path} cannot be used`, cause)
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
  makeParents(dirname(path))
  // A thread cannot change it; the bridge has made the files before.
  if (!isMainThread) return work()
  const before = process.umask(0o077)
  try {
    return work()
  } finally {
    process.umask(before)
  }
}

const unsafe = (path: string, why: string, hint?: string) =>
  new BridgeError('permissions_unsafe', { message: `${path} ${why}.`, ...present({ hint }) })
