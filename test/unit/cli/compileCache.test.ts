// Compiled code is kept in a private folder or not at all.
import { chmodSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keepCompiled } from '../../../src/cli/compileCache.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()

function kept(environment: NodeJS.ProcessEnv): string[] {
  const enabled: string[] = []
  keepCompiled(environment, (place: string) => void enabled.push(place))
  return enabled
}

test.skipIf(process.platform === 'win32')('the folder is created for its user alone', () => {
  const home = folder.fresh('home')
  const before = process.umask(0)
  try {
    expect(kept({ MCP_OAUTH_BRIDGE_HOME: home })).toEqual([join(home, 'cache')])
  } finally {
    process.umask(before)
  }
  expect(statSync(join(home, 'cache')).mode & 0o777).toBe(0o700)
})

test('its parents are created too: a new machine has none', () => {
  const cache = join(folder.fresh('new'), 'machine', '.cache')
  expect(kept({ MCP_OAUTH_BRIDGE_HOME: cache })).toEqual([join(cache, 'cache')])
})

test.skipIf(process.platform !== 'linux')('a place that takes no folder is not used, and not tried without end', () => {
  expect(kept({ MCP_OAUTH_BRIDGE_HOME: '/proc/nowhere/at/all' })).toEqual([])
})

test.skipIf(process.platform !== 'linux')('it is in the user’s cache folder', () => {
  const cache = folder.fresh('caches')
  expect(kept({ XDG_CACHE_HOME: cache })).toEqual([join(cache, 'mcp-oauth-bridge')])
})

test.skipIf(process.platform === 'win32').each([
  ['others may write to', (path: string) => mkdirSync(path) ?? chmodSync(path, 0o777)],
  ['is a link', (path: string) => symlinkSync(folder.path, path)],
])('a folder that %s is not used', (_, make) => {
  const home = folder.fresh('home')
  mkdirSync(home)
  make(join(home, 'cache'))
  expect(kept({ MCP_OAUTH_BRIDGE_HOME: home })).toEqual([])
})

test('NODE_COMPILE_CACHE is left to Node', () => {
  expect(kept({ MCP_OAUTH_BRIDGE_HOME: folder.fresh('home'), NODE_COMPILE_CACHE: folder.path })).toEqual([])
})
