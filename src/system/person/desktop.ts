// Detects where the person sits, from the environment and a few files, to choose which sign-in method to offer first.
import { readFileSync } from 'node:fs'

export interface Desktop {
  readonly platform: NodeJS.Platform
  /** Logged in from another machine. */
  readonly ssh: boolean
  /** Linux inside Windows, with Windows programs at hand. */
  readonly wsl: boolean
  readonly container: boolean
  /** A screen on which this process may show a window to the person. */
  readonly display: boolean
  /** What would be opened: the configured program, this system's browser, the browser of the surrounding Windows, or nothing that reaches the person. */
  readonly browser: 'named' | 'system' | 'windows' | 'none'
}

export interface Probe {
  readonly platform: NodeJS.Platform
  readonly environment: NodeJS.ProcessEnv
  /** BROWSER or `browser:` */
  readonly named: string | undefined
  /** The text of a file, '' for an empty one, undefined if there is none. */
  readonly read: (path: string) => string | undefined
}

export function desktopFrom({ platform, environment, named, read }: Probe): Desktop {
  const ssh = ['SSH_CONNECTION', 'SSH_TTY', 'SSH_CLIENT'].some((name) => environment[name])
  const container = platform === 'linux' && isContainer(environment, read)
  const windows = Boolean(environment.WSL_DISTRO_NAME) || /microsoft/i.test(read('/proc/version') ?? '')
  const wsl = platform === 'linux' && !container && windows
  const display = hasDisplay(platform, ssh, environment)
  const browser = named !== undefined ? 'named' : wsl && !ssh ? 'windows' : display ? 'system' : 'none'
  return { platform, ssh, wsl, container, display, browser }
}

/** Over SSH, the machine's own screen belongs to somebody else: only a display that SSH forwards counts. */
function hasDisplay(platform: NodeJS.Platform, ssh: boolean, environment: NodeJS.ProcessEnv): boolean {
  if (platform === 'darwin' || platform === 'win32') return !ssh
  const display = environment.DISPLAY ?? ''
  return ssh ? display !== '' && !display.startsWith(':') : display !== '' || Boolean(environment.WAYLAND_DISPLAY)
}

function isContainer(environment: NodeJS.ProcessEnv, read: Probe['read']): boolean {
  if (environment.container || environment.KUBERNETES_SERVICE_HOST) return true
  if (read('/.dockerenv') !== undefined || read('/run/.containerenv') !== undefined) return true
  return /docker|kubepods|containerd|libpod|\/lxc\//.test(read('/proc/1/cgroup') ?? '')
}

/** This process's own surroundings. */
export function detectDesktop(environment: NodeJS.ProcessEnv, named: string | undefined): Desktop {
  return desktopFrom({ platform: process.platform, environment, named, read: readOrUndefined })
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
