// Opens one http(s) URL in the person's browser: passed as the last argument of a program, without a shell and without our secrets.
import { type ChildProcess, spawn } from 'node:child_process'
import { posix, win32 } from 'node:path'
import { BridgeError } from '../../errors.ts'
import type { Browser } from '../../ports.ts'
import { childEnvironment } from '../process/childEnvironment.ts'
import { findProgram, type Machine, quietFolder, system32Of, thisMachine, withSafePath } from '../process/programs.ts'
import type { Desktop } from './desktop.ts'

/** An opener that fails does so soon; one that keeps running is a browser. */
const FAILS_WITHIN_MS = 2_000

export interface Opener {
  readonly program: string
  /** Arguments before the URL. */
  readonly words: readonly string[]
}

export interface BrowserOptions {
  /** What BROWSER or `browser:` names: programs without arguments, tried in turn; undefined: the system's. */
  readonly program: string | undefined
  readonly environment: NodeJS.ProcessEnv
  readonly surroundings: Pick<Desktop, 'platform' | 'wsl'>
  /** A test records here. */
  readonly start?: typeof spawn
  readonly find?: typeof findProgram
}

export function createBrowser({
  program,
  environment,
  surroundings,
  start = spawn,
  find = findProgram,
}: BrowserOptions): Browser {
  const openers =
    program === undefined
      ? systemOpeners(surroundings, environment)
      : namedPrograms(program, surroundings.platform).map((name) => ({ program: name, words: [] }))
  return {
    async open(url) {
      requireWeb(url)
      const machine = { ...thisMachine(environment), platform: surroundings.platform }
      let failure: unknown
      for (const opener of openers) {
        try {
          const path = openerPath(opener.program, machine, find)
          const open = () =>
            start(path, [...opener.words, url.href], {
              stdio: 'ignore',
              detached: true,
              env: childEnvironment(withSafePath(machine)),
              shell: false,
              // Windows passes it on as the first window's state: a browser that is not running yet would start invisible.
              windowsHide: false,
              cwd: folderFor(path, machine, surroundings),
            })
          return await awaitStart(open, opener.program)
        } catch (thrown) {
          failure = thrown
        }
      }
      throw failure ?? new BridgeError('browser_failed')
    },
  }
}

/** Windows programs do not start in every Linux folder; no program starts in the working folder, which may not be trusted. */
const folderFor = (program: string, machine: Machine, { wsl }: Pick<Desktop, 'wsl'>) =>
  wsl && program.startsWith('/mnt/') ? posix.dirname(program) : quietFolder(machine)

const notFound = (name: string) =>
  new BridgeError('browser_failed', {
    message: /[\\/]/.test(name)
      ? `${name} is not started: its path is relative, and the working folder may not be trusted.`
      : `${name} could not be started: it is not on PATH. Relative folders and folders of a project are ignored.`,
    hint: 'Set BROWSER or browser to the full path, or run login --no-browser and open the printed address yourself.',
  })

/**
 * Each starts the browser by the system's own table of programs. On Windows never `cmd /c start`, which reads & and %
 * in an address; FileProtocolHandler takes the rest of its command line unchanged.
 */
export function systemOpeners(
  { platform, wsl }: Pick<Desktop, 'platform' | 'wsl'>,
  environment: NodeJS.ProcessEnv,
): Opener[] {
  const handler = (program: string) => ({ program, words: ['url.dll,FileProtocolHandler'] })
  if (platform === 'win32') return [handler(win32.join(system32Of(environment), 'rundll32.exe'))]
  if (platform === 'darwin') return [{ program: '/usr/bin/open', words: [] }]
  const windows = ['/mnt/c/Windows/System32/rundll32.exe', 'rundll32.exe'].map(handler)
  return [...(wsl ? windows : []), { program: 'xdg-open', words: [] }]
}

/** What BROWSER or `browser:` names, in order. On Windows one program; cmd's `set BROWSER="…"` keeps the quotes. */
export function namedPrograms(names: string, platform: NodeJS.Platform): string[] {
  if (platform === 'win32') return [names.replace(/^"(.*)"$/, '$1')]
  return names.split(':').filter((name) => name !== '')
}

/** What Windows runs by another program, so that the address would be read as a command. */
const SCRIPT = /\.(bat|cmd|js|jse|lnk|msc|ps1|py|url|vbe|vbs|wsf|wsh)$/i

/** The full path of a program that is started without a shell. @throws BridgeError browser_failed in words */
export function openerPath(name: string, machine: Machine, find = findProgram): string {
  if (machine.platform === 'win32' && SCRIPT.test(name))
    throw new BridgeError('browser_failed', {
      message: `${name} is not started: it is a script or a link, for which Windows needs a shell, and a shell reads & and % in an address.`,
      hint: 'Set BROWSER or browser to a program (.exe), or remove it: the system’s browser is opened then.',
    })
  const path = find(name, machine)
  if (path === undefined) throw notFound(name)
  return path
}

function requireWeb(url: URL): void {
  const where = `${url.protocol}//${url.host}`
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new BridgeError('browser_failed', { message: `Addresses with the scheme ${url.protocol} are not opened.` })
  if (url.username !== '' || url.password !== '')
    throw new BridgeError('browser_failed', { message: `Addresses with a user name are not opened: ${where}.` })
}

/** Resolves once the program runs, rejects when it cannot start or soon ends with a failure. */
async function awaitStart(start: () => ChildProcess, name: string): Promise<void> {
  const failed = (why: string, cause?: unknown) =>
    new BridgeError('browser_failed', {
      message: `${name} could not be started: ${why}.${/\s/.test(name) ? ' The whole value is used as the name of one program, without arguments.' : ''}`,
      cause,
    })
  let child: ChildProcess
  try {
    child = start()
  } catch (thrown) {
    // Node tells some failures by an event, and throws the others.
    throw failed((thrown as Error).message, thrown)
  }
  child.unref()
  return new Promise((resolve, reject) => {
    const settled = setTimeout(resolve, FAILS_WITHIN_MS)
    settled.unref()
    child.once('error', (error) => reject(failed(error.message, error)))
    child.once('exit', (code) =>
      code === 0 || code === null || isExplorer(name) ? resolve() : reject(failed(`it exited with code ${code}`)),
    )
  })
}

/** It hands the address to the browser and ends with 1, whatever came of it. */
const isExplorer = (name: string) => /(^|[\\/])explorer(\.exe)?$/i.test(name)
