// The bundle for Claude Desktop: valid for the format's own tool, and what is in it signs in and answers.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { spawnHost } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'
import { entryOf, installBundle } from './bundle.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-mcpb-test-'))
let bundle: Awaited<ReturnType<typeof installBundle>>
let node: string
let stage: Awaited<ReturnType<typeof startStage>>

beforeAll(async () => {
  bundle = await installBundle(folder)
  // Claude Desktop has its own Node, 22 or later; npm puts one on the PATH of what it starts.
  const words = ['exec', '--yes', '--package=node@22', '--', 'node', '-p', 'process.execPath']
  node = execFileSync('npm', words, { cwd: folder, encoding: 'utf8' }).trim()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(async () => {
  stage = await startStage()
})
afterEach(() => stage.close())

const hosts: ReturnType<typeof spawnHost>[] = []
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close()
})

function start(given: Readonly<Record<string, string>>, leftOut: 'stays' | 'is empty' = 'stays') {
  const { args, env } = entryOf(bundle.manifest, bundle.unpacked, { url: stage.server.url, ...given }, leftOut)
  const config = stage.config(`callback_url: ${stage.callbackUrl}\nlogin: { hold_initialize_ms: 60000 }\n`)
  const host = spawnHost(node, args, { ...stage.environment, CONFIG_PATH: config, ...env })
  hosts.push(host)
  return host
}
const echo = async (host: ReturnType<typeof start>) =>
  (await host.request('tools/call', { name: 'echo', arguments: { message: 'bundled' } })).result?.content[0].text

test('it has the version of the package, asks for the URL, and marks what may be a secret', async () => {
  const { manifest } = bundle
  expect(manifest.user_config.url).toMatchObject({ type: 'string', required: true })
  const optional = Object.entries(manifest.user_config).filter(([, { required }]) => !required)
  expect(optional.map(([name]) => name)).toEqual(['header', 'client_id', 'client_secret_file', 'issuer'])
  expect(manifest.user_config.header).toMatchObject({ sensitive: true })
  // No secret in the arguments of a process.
  expect(manifest.server.mcp_config.args.join(' ')).not.toMatch(/header|secret/)
  expect(await bundle.info()).toContain(manifest.version)
})

test('it has the keychain for each system that Claude Desktop runs on, the docs, and the licenses', () => {
  const server = join(bundle.unpacked, 'server')
  expect(readdirSync(join(server, 'node_modules/@napi-rs')).sort()).toEqual([
    'keyring',
    'keyring-darwin-arm64',
    'keyring-darwin-x64',
    'keyring-linux-x64-gnu',
    'keyring-win32-arm64-msvc',
    'keyring-win32-x64-msvc',
  ])
  for (const name of ['dist/THIRD-PARTY-NOTICES.txt', 'LICENSE', 'docs/errors.md'])
    expect(existsSync(join(server, name)), name).toBe(true)
})

test.each(['stays', 'is empty'] as const)(
  'with the URL alone, where what was left out %s, the first call signs in and is answered',
  async (leftOut) => {
    const host = start({}, leftOut)
    await host.initialize()
    expect(await echo(host)).toBe('Echo: bundled')
    expect(stage.tabs()).toHaveLength(1)
    expect(host.rubbish).toEqual([])
  },
)

test('a header reaches the server, and stands neither in the arguments nor in the log', async () => {
  const host = start({ header: 'X-Api-Key: not-for-everybody' })
  await host.initialize()
  expect(await echo(host)).toBe('Echo: bundled')
  expect(stage.server.state.passed.at(-1)?.headers['x-api-key']).toBe('not-for-everybody')
  expect(JSON.stringify(stage.logged())).not.toContain('not-for-everybody')
})

test('in Electron’s Node, as Claude Desktop starts it, the first call signs in too', async () => {
  const electron = join(import.meta.dirname, '../servers/electron.cjs')
  const { args, env } = entryOf(bundle.manifest, bundle.unpacked, { url: stage.server.url }, 'stays')
  const config = stage.config(`callback_url: ${stage.callbackUrl}\nlogin: { hold_initialize_ms: 60000 }\n`)
  const host = spawnHost(node, ['--require', electron, ...args], { ...stage.environment, CONFIG_PATH: config, ...env })
  hosts.push(host)
  await host.initialize()
  expect(await echo(host)).toBe('Echo: bundled')
})
