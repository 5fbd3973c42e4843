// Private copies of this program in the data folder: a host starts one by its full path, whatever happens to npx's cache or a global installation.
import { createHash, randomUUID } from 'node:crypto'
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { makeFolder } from '../../disk/makeFolder.ts'
import { whileInUse } from '../../disk/replaceFile.ts'
import { whyRefused } from '../../disk/whyRefused.ts'
import { BridgeError } from '../../errors.ts'
import { ensurePrivateFolder } from './private.ts'

/** What a copy has of the package; the rest is for people. */
const PARTS = ['bin', 'dist', 'docs', 'package.json']
const FOLDER = 'program'
/** A draft that is older was left by a process that was killed, in ms. */
const DRAFT_MS = 10 * 60_000

export interface PinnedCopy {
  readonly folder: string
  readonly version: string
}

/** What Node starts in the copy of the program that `script` belongs to. */
export function pinnedScript(script: string, data: string): string {
  const root = dirname(dirname(script))
  const all = join(data, FOLDER)
  if (dirname(root) === all) return script
  // Two builds of one version differ, and what is installed with them.
  return join(all, `${manifestOf(root).version}-${contentOf(filesOf(root))}`, 'bin', basename(script))
}

/** Makes the copy if it is not there, or not whole; others stay, because processes may run them. @throws BridgeError database_unreachable */
export function pinProgram(script: string, data: string): void {
  const root = dirname(dirname(script))
  const copied = pinnedScript(script, data)
  const folder = dirname(dirname(copied))
  if (copied === script || isWhole(folder)) return
  const all = dirname(folder)
  ensurePrivateFolder(data)
  ensurePrivateFolder(all)
  removeOldDrafts(all)
  const draft = join(all, `.${randomUUID()}`)
  try {
    for (const { place, from } of filesOf(root)) copy(from, join(draft, place))
    whileInUse(() => rmSync(folder, { recursive: true, force: true }))
    whileInUse(() => renameSync(draft, folder))
  } catch (cause) {
    // Another process was faster.
    if (isWhole(folder)) return
    throw new BridgeError('database_unreachable', {
      message: `${folder} cannot be written: ${whyRefused(cause)}.`,
      cause,
    })
  } finally {
    removePinned(draft)
  }
}

/** Not `cpSync`, which on Windows writes to another folder if a path has letters beyond ASCII (seen with Node 22.23). */
function copy(from: string, to: string): void {
  makeFolder(dirname(to))
  copyFileSync(from, to)
}

function removeOldDrafts(all: string): void {
  for (const name of namesIn(all).filter((one) => one.startsWith('.'))) {
    const draft = join(all, name)
    try {
      if (statSync(draft).mtimeMs < Date.now() - DRAFT_MS) rmSync(draft, { recursive: true, force: true })
    } catch {
      // The next copy tries again.
    }
  }
}

/** Sources and leftovers of a compiler are several times as large as the program. */
const isNeeded = (path: string) =>
  !/^(deps|src|node_modules|build[\\/](deps|Release[\\/](\.deps|obj|obj\.target|.*\.a|test_extension\.node)))$/.test(
    path,
  )

export function pinnedCopies(data: string): PinnedCopy[] {
  const all = join(data, FOLDER)
  return namesIn(all)
    .filter((name) => !name.startsWith('.'))
    .map((name) => ({ folder: join(all, name), version: name.replace(/-[\da-f]{12}$/, '') }))
}

/** The folder of all copies, if it is there. */
export const pinnedFolder = (data: string): string | undefined =>
  existsSync(join(data, FOLDER)) ? join(data, FOLDER) : undefined

/** Resolves to whether it is gone: Windows keeps what a process runs. */
export function removePinned(folder: string): boolean {
  try {
    whileInUse(() => rmSync(folder, { recursive: true, force: true }))
    return true
  } catch {
    return false
  }
}

/** What `status` and `doctor` say about copies that are older than `version`; undefined: there are none. */
export function olderCopies(data: string, version: string): string | undefined {
  const older = pinnedCopies(data).filter((copy) => isOlder(copy.version, version))
  if (older.length === 0) return undefined
  return `The private copy ${older.map(({ folder }) => folder).join(', ')} is older than this program (${version}).`
}

function isOlder(one: string, other: string): boolean {
  const [a, b] = [one, other].map((version) => (version.split(/[-+]/)[0] ?? '').split('.').map(Number))
  for (const at of [0, 1, 2]) {
    const [left = 0, right = 0] = [a?.[at], b?.[at]]
    if (left !== right) return left < right
  }
  return false
}

interface Manifest {
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const manifestOf = (root: string): Manifest => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** A file of a copy. */
interface Part {
  /** Relative to the copy. */
  readonly place: string
  readonly from: string
}

/** All that belongs into a copy of the program in `root`. */
function filesOf(root: string): Part[] {
  const { optionalDependencies = {} } = manifestOf(root)
  const packages = [...packagesOf(root, Object.keys(optionalDependencies))]
  return [
    ...PARTS.flatMap((part) => filesIn(join(root, part), part)),
    ...packages.flatMap(([name, from]) =>
      filesIn(from, join('node_modules', name), (path) => isNeeded(relative(from, path))),
    ),
  ]
}

/** Links are followed. */
function filesIn(from: string, place: string, isWanted: (path: string) => boolean = () => true): Part[] {
  if (!isWanted(from) || !existsSync(from)) return []
  if (!statSync(from).isDirectory()) return [{ place, from }]
  return readdirSync(from).flatMap((name) => filesIn(join(from, name), join(place, name), isWanted))
}

function contentOf(files: readonly Part[]): string {
  const hash = createHash('sha256')
  const sorted = [...files].sort((one, other) => (one.place < other.place ? -1 : 1))
  for (const { place, from } of sorted) hash.update(place).update(readFileSync(from))
  return hash.digest('hex').slice(0, 12)
}

/** Whether a copy has all that its name stands for. Packages that lie in a folder above it are not its own. */
function isWhole(folder: string): boolean {
  try {
    const own = filesOf(folder).filter(({ from }) => !relative(folder, from).startsWith('..'))
    return folder.endsWith(`-${contentOf(own)}`)
  } catch {
    // It is not there, or was damaged.
    return false
  }
}

/** Packages with what they need in turn, where Node finds them from `root`; what is not installed is left out. */
function packagesOf(root: string, names: readonly string[], found = new Map<string, string>()): Map<string, string> {
  for (const name of names) {
    // It fetches binaries while npm installs.
    const from = found.has(name) || name === 'prebuild-install' ? undefined : placeOf(root, name)
    if (from === undefined) continue
    found.set(name, from)
    const { dependencies = {}, optionalDependencies = {} } = manifestOf(from)
    packagesOf(from, Object.keys({ ...dependencies, ...optionalDependencies }), found)
  }
  return found
}

function placeOf(from: string, name: string): string | undefined {
  const place = join(from, 'node_modules', name)
  if (existsSync(join(place, 'package.json'))) return place
  return dirname(from) === from ? undefined : placeOf(dirname(from), name)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}
