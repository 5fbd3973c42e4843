// Keeps the code that Node has compiled for the next start, in a folder that nobody else can write, and not in the
// shared temporary folder that Node would use (nodejs.org/api/module.html, enableCompileCache).
import { existsSync, lstatSync, mkdirSync, type Stats } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'

/** Before Node 22.1 there is none; with NODE_COMPILE_CACHE Node turns it on without us. */
export function keepCompiled(
  environment: NodeJS.ProcessEnv = process.env,
  enable: ((folder: string) => unknown) | undefined = (module as { enableCompileCache?: (folder: string) => unknown })
    .enableCompileCache,
): void {
  if (!enable || environment.NODE_COMPILE_CACHE) return
  try {
    const folder = cacheFolder(environment)
    // Inside the working folder, it would be code of the author of that folder.
    if (!isAbsolute(folder)) return
    makeAll(folder)
    if (isOurs(lstatSync(folder))) enable(folder)
  } catch {
    // Without it, the start only takes longer.
  }
}

/** With its parents. Not `recursive`, which never returns where a folder takes no other, as in /proc. */
function makeAll(folder: string): void {
  const parent = dirname(folder)
  if (existsSync(folder) || parent === folder) return
  makeAll(parent)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
  }
}

/** On Windows, a user's profile folder is private. */
const isOurs = (found: Stats) =>
  found.isDirectory() &&
  (process.getuid === undefined || (found.uid === process.getuid() && (found.mode & 0o022) === 0))

/** Imports none of our files: code that is loaded before the cache is compiled at every start. */
function cacheFolder({
  MCP_OAUTH_BRIDGE_HOME: all,
  XDG_CACHE_HOME: cache,
  LOCALAPPDATA: local,
}: NodeJS.ProcessEnv): string {
  if (all) return join(all, 'cache')
  const home = homedir()
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches', 'mcp-oauth-bridge')
  if (process.platform === 'win32')
    return join(local && isAbsolute(local) ? local : join(home, 'AppData', 'Local'), 'mcp-oauth-bridge', 'cache')
  return join(cache && isAbsolute(cache) ? cache : join(home, '.cache'), 'mcp-oauth-bridge')
}
