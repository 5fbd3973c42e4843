// Where files are stored: XDG on Linux, Application Support on macOS, the profile on Windows, one folder with MCP_OAUTH_BRIDGE_HOME.
import { isAbsolute, join, win32 } from 'node:path'
import { homeFolder } from '../disk/homeFolder.ts'
import { BridgeError } from '../errors.ts'

export interface Paths {
  readonly config: string
  readonly data: string
  readonly state: string
}

const NAME = 'mcp-oauth-bridge'
export const CONFIG_NAME = 'config.yaml'

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
  if (platform === 'darwin') {
    const support = join(homeFolder(), 'Library', 'Application Support', NAME)
    return { config: support, data: support, state: support }
  }
  if (platform === 'win32') {
    // Not in AppData: what a host from an MSIX package starts sees a copy of that folder, and two copies of a database in WAL mode destroy it.
    const profile = win32.join(homeFolder(), `.${NAME}`)
    return { config: profile, data: profile, state: profile }
  }
  const folder = (variable: string, ...fallback: string[]) => {
    const named = environment[variable]
    return named && isWhole(named) ? join(named, NAME) : join(homeFolder(), ...fallback, NAME)
  }
  return {
    config: folder('XDG_CONFIG_HOME', '.config'),
    data: folder('XDG_DATA_HOME', '.local', 'share'),
    state: folder('XDG_STATE_HOME', '.local', 'state'),
  }
}

/** The file of `sqlite:FILE`; a relative path is relative to the data folder, and one without a drive is on its drive. */
export function databasePath(
  url: string | undefined,
  { data }: Pick<Paths, 'data'>,
  platform: NodeJS.Platform = process.platform,
): string {
  const file = (url ?? 'sqlite:oauth.db').replace(/^sqlite:(\/\/)?/, '')
  if (platform !== 'win32') return isAbsolute(file) ? file : join(data, file)
  // As other programs write it: sqlite:///C:/folder/file.db.
  return win32.resolve(data, file.replace(/^[\\/]+(?=[a-z]:)/i, ''))
}
