// The machine a host runs on: its system, its folders, and what is in them.
import { existsSync, readdirSync } from 'node:fs'
import { posix, win32 } from 'node:path'
import { homeFolder } from '../disk/homeFolder.ts'

/** The machine a host runs on. */
export interface Machine {
  readonly platform: NodeJS.Platform
  readonly home: string
  readonly environment: NodeJS.ProcessEnv
  /** Names of what a folder has; none if it is not there. */
  readonly namesIn?: (folder: string) => readonly string[]
  /** Whether a file is there. */
  readonly has?: (path: string) => boolean
}

/** @throws BridgeError usage: most hosts keep their files in the home folder */
export const thisMachine = (environment: NodeJS.ProcessEnv): Machine => ({
  platform: process.platform,
  home: homeFolder(),
  environment,
})

export const pathOf = ({ platform }: Machine) => (platform === 'win32' ? win32 : posix)

export const hasFile = ({ has }: Machine) => has ?? existsSync
export const namesIn = ({ namesIn: names }: Machine) => names ?? listed

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Where programs of this system keep a person's settings. */
export function settingsFolder({ platform, home, environment }: Machine): string {
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support')
  if (platform === 'win32') return environment.APPDATA || win32.join(home, 'AppData', 'Roaming')
  return environment.XDG_CONFIG_HOME || posix.join(home, '.config')
}
