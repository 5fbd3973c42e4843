// The log file: private, appended line by line, and rotated when it is large; safe for several processes at once.
import {
  appendFileSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { mayBeInUse } from '../../disk/whyRefused.ts'
import { makePrivate, withPrivateUmask } from '../files/private.ts'

/** A file over this size is rotated, in bytes. */
const LARGEST = 5 * 1024 * 1024
/** How many rotated files are kept. */
const KEPT = 3

export interface LogFileLimits {
  readonly largest: number
  readonly kept: number
}

/**
 * Appends one line, or throws. Every line opens the file by its name, so a process that did not rotate it continues in
 * the new one. Names of rotated files are unique, so two processes that rotate at once lose nothing.
 */
export function createLogFile(file: string, { largest, kept }: LogFileLimits = { largest: LARGEST, kept: KEPT }) {
  let prepared = false
  return (line: string): void =>
    withPrivateUmask(file, () => {
      if (isDevice(file)) return writeAtOnce(file, line)
      if (!prepared) makePrivate(file, 0o600)
      prepared = true
      const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
      if (size > 0 && size + line.length > largest) setAside(file, kept)
      appendFileSync(file, line, { mode: 0o600 })
    })
}

/** A terminal, /dev/null or a named pipe: it is not ours, so its permissions and its name stay as they are. */
function isDevice(file: string): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false })
  return found !== undefined && (found.isCharacterDevice() || found.isFIFO())
}

/** A pipe that nobody reads is an error, and no wait. */
function writeAtOnce(device: string, line: string): void {
  const descriptor = openSync(device, constants.O_WRONLY | constants.O_NONBLOCK)
  try {
    appendFileSync(descriptor, line)
  } finally {
    closeSync(descriptor)
  }
}

let count = 0

function setAside(file: string, kept: number): void {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-')
  try {
    // The counter keeps the order within one millisecond.
    renameSync(
      file,
      `${file}.${stamp}-${String(count++).padStart(6, '0')}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`,
    )
  } catch (thrown) {
    // Another process was faster, or somebody has it open (on Windows): then the log goes on in the large file.
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT' && !mayBeInUse(thrown)) throw thrown
    return
  }
  for (const old of logFilesAside(file).slice(kept)) removeIfNotInUse(old)
}

/** The next rotation tries again. */
function removeIfNotInUse(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch (thrown) {
    if (!mayBeInUse(thrown)) throw thrown
  }
}

/** The last lines, including those of the newest rotated file; none if there is no log. */
export function recentLines(file: string, count: number): string[] {
  try {
    const files = [...logFilesAside(file).slice(0, 1), file]
    const lines = files.flatMap((one) =>
      statSync(one, { throwIfNoEntry: false })?.isFile() ? readFileSync(one, 'utf8').split('\n') : [],
    )
    return lines.filter((line) => line !== '').slice(-count)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw thrown
  }
}

/** Rotated files, the newest first. */
export function logFilesAside(file: string): string[] {
  const begin = `${basename(file)}.`
  const names = readdirSync(dirname(file)).filter((name) => name.startsWith(begin) && /\.\d{4}-\d\d-\d\dT/.test(name))
  return names
    .sort()
    .reverse()
    .map((name) => join(dirname(file), name))
}
