// Finds programs of the system, and the PATH for them: never in a folder that the author of the working folder could write.
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { dirname, posix, win32 } from 'node:path'
import { knownHome } from '../../disk/homeFolder.ts'

export interface Machine {
  readonly platform: NodeJS.Platform
  readonly environment: NodeJS.ProcessEnv
  readonly folder: string
  readonly home: string | undefined
  /** A test knows its own programs. */
  readonly isProgram: (path: string) => boolean
  /** The real path of a folder on PATH, because that of the working folder contains no links. */
  readonly real: (folder: string) => string
}

export const thisMachine = (environment: NodeJS.ProcessEnv): Machine => ({
  platform: process.platform,
  environment,
  folder: process.cwd(),
  home: knownHome(),
  isProgram,
  real,
})

/**
 * The full path of `name`, which is already one or is searched in {@link safePath}; undefined: it is not found, or its
 * path is relative. The system's own search would look in the working folder: first on Windows, and elsewhere for an empty or relative
 * element of PATH.
 */
export function findProgram(name: string, machine: Machine): string | undefined {
  const { platform, isProgram } = machine
  const isWindows = platform === 'win32'
  const endings = isWindows && !/\.(exe|com)$/i.test(name) ? ['.com', '.exe'] : []
  if (isWhole(name, platform)) return [name, ...endings.map((end) => name + end)].find(isProgram) ?? name
  if (/[\\/]/.test(name) ? isWindows || name.includes('/') : isWindows && name.includes(':')) return undefined
  const { join } = isWindows ? win32 : posix
  const names = endings.length > 0 ? endings.map((end) => name + end) : [name]
  return safePath(machine)
    .flatMap((place) => names.map((one) => join(place, one)))
    .find(isProgram)
}

/** The elements of PATH that are absolute and neither in the working folder nor put there by npm for a package. */
export function safePath({ platform, environment, folder, home, real }: Machine): string[] {
  const isWindows = platform === 'win32'
  const { delimiter } = isWindows ? win32 : posix
  const value = Object.entries(environment).find(
    ([name]) => name === 'PATH' || (isWindows && /^path$/i.test(name)),
  )?.[1]
  // A host may start us in the home folder or above it; that is nobody's project.
  const isProject = home === undefined || !isWithin(home, folder, platform)
  return (value ?? '')
    .split(delimiter)
    .filter((place) => isWhole(place, platform))
    .filter((place) => !(isProject && [place, real(place)].some((one) => isWithin(one, folder, platform))))
    .filter((place) => !/[\\/]node_modules[\\/]\.bin[\\/]*$/.test(place))
}

/** PATH for another program, so that its own child processes also come from safe folders. */
export function withSafePath(machine: Machine): NodeJS.ProcessEnv {
  const { environment, platform } = machine
  const { delimiter } = platform === 'win32' ? win32 : posix
  const isPath = (name: string) => name === 'PATH' || (platform === 'win32' && /^path$/i.test(name))
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      isPath(name) ? safePath(machine).join(delimiter) : value,
    ]),
  )
}

/** Where Windows keeps its own programs, such as rundll32 and netstat. */
export const system32Of = ({ SystemRoot: root = '' }: NodeJS.ProcessEnv): string =>
  win32.join(/^[a-z]:[\\/]/i.test(root) ? root : 'C:\\Windows', 'System32')

/** The folder in which another program starts: not the working folder, whose files it may read, and which it would keep in use. */
export const quietFolder = ({ home }: Pick<Machine, 'home'>): string =>
  home !== undefined && statSync(home, { throwIfNoEntry: false })?.isDirectory() ? home : dirname(process.execPath)

/** On Windows a path without a drive means that of the working folder. */
const isWhole = (path: string, platform: NodeJS.Platform) =>
  platform === 'win32' ? /^([a-z]:[\\/]|\\\\)/i.test(path) : posix.isAbsolute(path)

function isWithin(path: string, folder: string, platform: NodeJS.Platform): boolean {
  const paths = platform === 'win32' ? win32 : posix
  const way = paths.relative(folder, path)
  return !/^\.\.([\\/]|$)/.test(way) && !paths.isAbsolute(way)
}

function real(folder: string): string {
  try {
    return realpathSync(folder)
  } catch {
    return folder
  }
}

function isProgram(path: string): boolean {
  try {
    if (process.platform !== 'win32') accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
