// Reads a config file that only its owner or root could have written; checked and read through one descriptor.
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { dirname, parse, resolve, sep } from 'node:path'
import { decodeText, ENCODINGS } from '../../disk/decodeText.ts'
import { BridgeError } from '../../errors.ts'

export interface OwnFile {
  readonly text: string
  readonly stat: BigIntStats
}

/** A config file has some kilobytes. */
const LARGEST = 1024 * 1024
const MOST_LINKS = 40

const GROUP_OR_OTHERS_WRITE = 0o022n
const OTHERS_WRITE = 0o002n
const STICKY = 0o1000n

/** Trusted owners: the user who runs this, and root, who could do anything anyway. */
const isOurs = ({ uid }: BigIntStats) => uid === 0n || uid === BigInt(process.geteuid?.() ?? 0)

/**
 * Checked at every start, even if a cached config is used: the owner may have changed.
 * @throws BridgeError config_not_found, config_untrusted, config_invalid
 */
export function readOwnFile(path: string): OwnFile {
  const file = open(path)
  try {
    const stat = fstatSync(file, { bigint: true })
    if (!stat.isFile()) throw untrusted(path, 'is not a regular file', 'Use a file that you wrote.')
    // Windows has neither owners nor mode bits here; the profile folder's ACL protects its files.
    if (process.platform !== 'win32') requireOurs(path, stat)
    if (stat.size > LARGEST)
      throw new BridgeError('config_invalid', { message: `The config file ${path} is larger than 1 MB.` })
    const text = decodeText(readFileSync(file))
    if (text === undefined)
      throw new BridgeError('config_invalid', {
        message: `The config file ${path} is not ${ENCODINGS}.`,
        hint: 'Save it as UTF-8.',
      })
    return { text, stat }
  } finally {
    closeSync(file)
  }
}

/** Neither waits for the writer of a named pipe nor becomes the owner of a terminal. */
function open(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const isThere = code === 'EACCES' || code === 'EPERM'
    throw new BridgeError('config_not_found', {
      message: `The config file ${path} cannot be read${isThere ? `: permission denied (${code})` : ''}.`,
      ...(isThere ? { hint: 'Let the user who runs this read the file and its folders.' } : {}),
      cause,
    })
  }
}

function requireOurs(path: string, stat: BigIntStats): void {
  if (!isOurs(stat))
    throw untrusted(
      path,
      `belongs to ${ownerOf(stat)}`,
      'Read it. If you trust it, make your own copy with cp, then run chmod go-w on the copy.',
    )
  if (stat.mode & GROUP_OR_OTHERS_WRITE)
    throw untrusted(path, `can be written by other users (${ownerOf(stat)})`, `Read it, then run: chmod go-w ${path}`)
  for (const link of linksOn(path)) {
    const found = lstatSync(link, { bigint: true })
    if (!isOurs(found))
      throw untrusted(
        path,
        `is reached through the symbolic link ${link} of ${ownerOf(found)}`,
        'Use the path of the file itself.',
      )
  }
  // The file that we check by name must be the one that was opened.
  const real = realpathSync(path)
  const now = statSync(real, { bigint: true })
  if (now.ino !== stat.ino || now.dev !== stat.dev)
    throw untrusted(path, 'was replaced while it was being read', 'Run the command again.')
  requireQuietFolders(path, real)
}

/** Anyone who can rename files in a folder can replace the config file. In a sticky folder, only each file's owner can. */
function requireQuietFolders(path: string, real: string): void {
  for (let folder = dirname(real); ; folder = dirname(folder)) {
    const found = statSync(folder, { bigint: true })
    const nearest = folder === dirname(real)
    if (nearest && !isOurs(found))
      throw untrusted(path, `is in ${folder}, which belongs to ${ownerOf(found)}`, 'Move it to a folder that you own.')
    if (found.mode & OTHERS_WRITE && !(found.mode & STICKY))
      throw untrusted(
        path,
        `is in ${folder}, which every user can write to (${ownerOf(found)})`,
        `Move it to a folder that you own, or run: chmod o-w ${folder}`,
      )
    if (folder === dirname(folder)) return
  }
}

/** Every symbolic link that leads from `path` to its file, those of folders included. */
function linksOn(path: string): string[] {
  const links: string[] = []
  const { root } = parse(path)
  let at = root
  let rest = path.slice(root.length).split(sep)
  for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
    const step = resolve(at, next)
    if (lstatSync(step).isSymbolicLink() && links.length < MOST_LINKS) {
      links.push(step)
      const target = resolve(at, readlinkSync(step))
      at = root
      rest = [...target.slice(root.length).split(sep), ...rest]
    } else at = step
  }
  return links
}

/** Owner and mode in the format of `ls -n` and `chmod`. */
const ownerOf = ({ uid, mode }: BigIntStats) => `uid ${uid}, mode ${(mode & 0o7777n).toString(8).padStart(4, '0')}`

const untrusted = (path: string, why: string, hint: string) =>
  new BridgeError('config_untrusted', { message: `The config file ${path} is not used: it ${why}.`, hint })
