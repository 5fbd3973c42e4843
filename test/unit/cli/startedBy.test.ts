// How a person starts this program again: by its name where that is ours, through npx with what they asked for, else by its path.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { startedBy } from '../../../src/cli/startedBy.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
const NODE = '/usr/bin/node'

/** A copy of the program in such a folder. */
function copy(...path: string[]): string {
  const script = join(folder.fresh('root'), ...path, 'node_modules/mcp-oauth-bridge/bin/mcp-oauth-bridge.js')
  mkdirSync(dirname(script), { recursive: true })
  writeFileSync(script, '')
  return script
}

function onPath(target: string): string {
  const bin = folder.fresh('bin')
  mkdirSync(bin)
  symlinkSync(target, join(bin, 'mcp-oauth-bridge'))
  return bin
}

const started = (script: string, ...path: string[]) =>
  startedBy({ script, node: NODE, environment: { PATH: path.join(delimiter) }, platform: 'linux' })

test('by its name, where the first of that name on the PATH is this copy', () => {
  const script = copy('lib')
  expect(started(script, '/nowhere', onPath(script), onPath(copy('other')))).toBe('mcp-oauth-bridge')
  expect(started(script, onPath(copy('other')), onPath(script))).toBe(`${NODE} ${script}`)
  expect(started(script)).toBe(`${NODE} ${script}`)
})

test.each([
  ['mcp-oauth-bridge', 'npx mcp-oauth-bridge'],
  ['@me/mcp-oauth-bridge@1.2.3', 'npx @me/mcp-oauth-bridge@1.2.3'],
  ['/home/ann/a b/x.tgz', "npx -p '/home/ann/a b/x.tgz' mcp-oauth-bridge"],
  ['git+https://forge.example/x.git', "npx -p 'git+https://forge.example/x.git' mcp-oauth-bridge"],
])('through npx, which was asked for %s', (asked, wanted) => {
  const script = copy('_npx', '0123abcd')
  const cache = join(dirname(script), '../../..')
  writeFileSync(join(cache, 'package.json'), JSON.stringify({ _npx: { packages: [asked] } }))
  // npx puts the folder on the PATH of what it starts, not on that of the person.
  expect(started(script, onPath(script))).toBe(wanted)
})

test.each([['_npx', '0123abcd'], ['dlx-123'], ['bunx-0-x']])(
  'by its path from a cache %s that does not say what was asked for',
  (...path) => {
    const script = copy(...path)
    expect(started(script, onPath(script))).toBe(`${NODE} ${script}`)
  },
)

test('a path with a space is quoted, also for PowerShell', () => {
  const script = String.raw`C:\Users\J M\x\mcp-oauth-bridge.js`
  const on = (node: string) => startedBy({ script, node, environment: {}, platform: 'win32' })
  expect(on(String.raw`C:\Program Files\nodejs\node.exe`)).toBe(
    String.raw`& "C:\Program Files\nodejs\node.exe" "C:\Users\J M\x\mcp-oauth-bridge.js"`,
  )
})
