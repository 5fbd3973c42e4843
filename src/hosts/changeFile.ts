// Changes a user's config file: a backup before the first change, symbolic links followed, the file replaced as a whole.
import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { decodeText } from '../disk/decodeText.ts'
import { makeFolder } from '../disk/makeFolder.ts'
import { PATIENT_WAITS_MS, replaceFile, whileInUse } from '../disk/replaceFile.ts'
import { LockStays, type Waiting, whileLocked } from '../disk/whileLocked.ts'
import { mayBeInUse, whyRefused } from '../disk/whyRefused.ts'
import { BridgeError } from '../errors.ts'

const BACKUP = '.before-mcp-oauth-bridge'

/** The text of `path`; empty if there is no file. @throws BridgeError host_config_invalid */
export function readIfThere(path: string): string {
  try {
    const text = utf8Of(whileInUse(() => readFileSync(path), PATIENT))
    if (text !== undefined) return text
    throw new BridgeError('host_config_invalid', {
      message: `${path} is not UTF-8 text.`,
      hint: 'Save it as UTF-8, then run the command again. Nothing was changed.',
    })
  } catch (cause) {
    if (cause instanceof BridgeError) throw cause
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw refused(path, 'read', cause)
  }
}

/** undefined: another encoding, such as the UTF-16 that PowerShell writes. */
function utf8Of(bytes: Buffer): string | undefined {
  try {
    return bytes.includes(0) ? undefined : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The text of a file that an entry names; undefined: it cannot be read, or is not text. */
export function textIfReadable(path: string): string | undefined {
  try {
    return decodeText(readFileSync(path))
  } catch {
    return undefined
  }
}

/** The file is not what the change was planned on. */
class Changed extends Error {}

/**
 * Returns the path of the backup, if one was created. `isSame` is asked last before the file is replaced: its host may have it open,
 * and writes it when it closes it.
 * @throws BridgeError host_config_invalid, or Changed; then nothing was changed
 */
export function changeFile(path: string, text: string, isSame = () => true): string | undefined {
  const rename = (from: string, to: string) => {
    if (!isSame()) throw new Changed()
    renameSync(from, to)
  }
  let made: string | undefined
  try {
    // Whatever the umask: nobody else may control what a host starts.
    makeFolder(dirname(path))
    const target = behindLinks(path)
    const mode = statSync(target, { throwIfNoEntry: false })?.mode
    const backup = `${target}${BACKUP}`
    if (mode !== undefined && !existsSync(backup)) {
      const before = whileInUse(() => readFileSync(target), PATIENT)
      replaceFile(backup, before, mode & 0o777, PATIENT)
      made = backup
    }
    replaceFile(target, text, (mode ?? 0o600) & 0o777, { ...PATIENT, rename })
    return made
  } catch (cause) {
    if (made !== undefined) removeIfPossible(made)
    throw cause instanceof Changed || cause instanceof BridgeError ? cause : refused(path, 'written', cause)
  }
}

/** `backup`: the path of the copy, if one was made. */
export interface Written {
  readonly backup: string | undefined
}

/**
 * Resolves to undefined where `isSame` says that the file is not what it was; nothing was changed then.
 * @throws BridgeError host_config_invalid
 */
export async function changeIfSame(
  path: string,
  text: string,
  isSame: () => boolean,
  waiting: Partial<Waiting> = {},
): Promise<Written | undefined> {
  try {
    makeFolder(dirname(path))
    const change = () => (isSame() ? { backup: changeFile(path, text, isSame) } : undefined)
    return await whileLocked(behindLinks(path), change, waiting)
  } catch (cause) {
    if (cause instanceof Changed) return undefined
    if (cause instanceof LockStays) throw locked(path, cause)
    throw cause instanceof BridgeError ? cause : refused(path, 'written', cause)
  }
}

/** Programs that write it at all times are none. */
const TRIES = 20

/** `attempt` plans its change on what is there, and again as often as that has changed meanwhile. @throws BridgeError host_config_invalid */
export async function untilWritten<T>(path: string, attempt: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let count = 0; count < TRIES; count++) {
    const done = await attempt()
    if (done !== undefined) return done
  }
  throw new BridgeError('host_config_invalid', {
    message: `${path} is changed by another program all the time.`,
    hint: 'Quit the host, then run the command again. Nothing was changed.',
  })
}

/** The host has its file open now and then. */
const PATIENT = { waitsMs: PATIENT_WAITS_MS }

function removeIfPossible(path: string): void {
  try {
    whileInUse(() => rmSync(path, { force: true }))
  } catch {
    // A backup of what is there does no harm.
  }
}

function refused(path: string, what: 'read' | 'written', cause: unknown): BridgeError {
  const first = mayBeInUse(cause) ? 'Quit the host and other programs that have the file open' : 'Remove the cause'
  return new BridgeError('host_config_invalid', {
    message: `${path} cannot be ${what}: ${whyRefused(cause)}.`,
    hint: `${first}, then run the command again. Nothing was changed.`,
    cause,
  })
}

const locked = (path: string, cause: LockStays) =>
  new BridgeError('host_config_invalid', {
    message: `${path} cannot be written: another command has locked it, or left its lock ${cause.lock}.`,
    hint: `If no other command of mcp-oauth-bridge runs, remove ${cause.lock}. Then run the command again. Nothing was changed.`,
    cause,
  })

/** The target of `path`; a symbolic link may point to a file that does not exist yet. */
function behindLinks(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
  return isLink ? behindLinks(resolve(dirname(path), readlinkSync(path))) : path
}

/** The lines that differ, with two lines of context on each side, in the format of `diff -u`. */
export function difference(before: string, after: string): string[] {
  const [old, now] = [linesOf(before), linesOf(after)]
  const same = (a: readonly string[], b: readonly string[]) => {
    const at = a.findIndex((line, index) => line !== b[index])
    return at === -1 ? a.length : at
  }
  const head = same(old, now)
  const tail = Math.min(same([...old].reverse(), [...now].reverse()), old.length - head, now.length - head)
  return [
    ...old.slice(Math.max(0, head - 2), head).map((line) => `  ${line}`),
    ...old.slice(head, old.length - tail).map((line) => `- ${line}`),
    ...now.slice(head, now.length - tail).map((line) => `+ ${line}`),
    ...now.slice(now.length - tail, now.length - tail + 2).map((line) => `  ${line}`),
  ]
}

const linesOf = (text: string) => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/))
