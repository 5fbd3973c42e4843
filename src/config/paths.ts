// Where files are stored: XDG on Linux, the system's convention on macOS and Windows, one folder with MCP_OAUTH_BRIDGE_HOME.
import { homedir, userInfo } from 'node:os'
import { isAbsolute, join, win32 } from 'node:path'
import { BridgeError } from '../errors.ts'

export interface Paths {
  readonly config: string
  readonly data: string
  readonly state: string
}

const NAME = 'mcp-oauth-bridge'

/**
 * Every one is absolute: a folder inside the working folder would be controlled by its author. The XDG specification says that a relative
 * variable is ignored; our own is an error, because the tokens would seem lost. @throws BridgeError usage
 */
export function defaultPaths(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): Paths {
  const all = environment.MCP_OAUTH_BRIDGE_HOME
  const isWhole = platform === 'win32' ? win32.isAbsolute : isAbsolute
  if (all && !isWhole(all))
    throw new BridgeError('usage', {
      message: 'MCP_OAUTH_BRIDGE_HOME is not an absolute path.',
      hint: 'Use an absolute path. A relative path would depend on the folder in which the bridge starts.',
    })
  if (all) return { config: all, data: all, state: all }
  const whole = (folder: string | undefined, otherwise: string) => (folder && isWhole(folder) ? folder : otherwise)
  const home = whole(homedir(), userInfo().homedir)
  if (platform === 'darwin') {
    const support = join(home, 'Library', 'Application Support', NAME)
    return { config: support, data: support, state: support }
  }
  if (platform === 'win32') {
    const roaming = join(whole(environment.APPDATA, join(home, 'AppData', 'Roaming')), NAME)
    const local = join(whole(environment.LOCALAPPDATA, join(home, 'AppData', 'Local')), NAME)
    return { config: roaming, data: local, state: local }
  }
  const folder = (variable: string, ...fallback: string[]) =>
    join(whole(environment[variable], join(home, ...fallback)), NAME)
  return {
    config: folder('XDG_CONFIG_HOME', '.config'),
    data: folder('XDG_DATA_HOME', '.local', 'share'),
    state: folder('XDG_STATE_HOME', '.local', 'state'),
  }
}
