// Where files live: XDG on Linux, the system's own convention on macOS and Windows, one folder with MCP_OAUTH_BRIDGE_HOME.
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface Paths {
  readonly config: string
  readonly data: string
  readonly state: string
}

const NAME = 'mcp-oauth-bridge'

export function defaultPaths(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): Paths {
  const all = environment.MCP_OAUTH_BRIDGE_HOME
  if (all) return { config: all, data: all, state: all }
  const home = homedir()
  if (platform === 'darwin') {
    const support = join(home, 'Library', 'Application Support', NAME)
    return { config: support, data: support, state: support }
  }
  if (platform === 'win32') {
    const roaming = join(environment.APPDATA ?? join(home, 'AppData', 'Roaming'), NAME)
    const local = join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), NAME)
    return { config: roaming, data: local, state: local }
  }
  const folder = (variable: string, ...fallback: string[]) =>
    join(environment[variable] || join(home, ...fallback), NAME)
  return {
    config: folder('XDG_CONFIG_HOME', '.config'),
    data: folder('XDG_DATA_HOME', '.local', 'share'),
    state: folder('XDG_STATE_HOME', '.local', 'state'),
  }
}

/** Where a system keeps what can be made again; `cache` under MCP_OAUTH_BRIDGE_HOME. */
export function cacheFolder(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string {
  const all = environment.MCP_OAUTH_BRIDGE_HOME
  if (all) return join(all, 'cache')
  const home = homedir()
  if (platform === 'darwin') return join(home, 'Library', 'Caches', NAME)
  if (platform === 'win32') return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), NAME, 'cache')
  return join(environment.XDG_CACHE_HOME || join(home, '.cache'), NAME)
}
