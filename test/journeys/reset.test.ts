// reset without a terminal: what it removes, what it refuses, and what it leaves alone.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { has } from '../needs.ts'
import { PROGRAM } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const signIn = () => stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
const files = () =>
  readdirSync(stage.environment.MCP_OAUTH_BRIDGE_HOME, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'config.yaml')
    .map(({ name }) => name)

test('removes database, key, logs and remembered configs, names them, and keeps the config file', async () => {
  stage = await startStage()
  const config = stage.config(`callback_url: ${stage.callbackUrl}\n`)
  expect((await stage.command(['login', stage.server.url])).code).toBe(0)
  const aside = 'proxy.log.2026-01-01T00-00-00-000Z-1-abcdef'
  writeFileSync(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'logs', aside), '')
  const before = files()
  expect(before).toEqual(expect.arrayContaining(['oauth.db', 'proxy.log', aside]))
  expect(before.filter((name) => name.startsWith('config-cache-') || name.endsWith('.key'))).toHaveLength(2)

  const { code, stdout, stderr } = await stage.command(['reset', '--yes'])
  expect([code, stdout]).toEqual([0, ''])
  for (const name of before.filter((one) => !one.endsWith('-shm') && !one.endsWith('-wal')))
    expect(stderr).toMatch(new RegExp(`^Removed /.*${name}$`, 'm'))
  // The command itself may have read the config once more.
  expect(files().filter((name) => !name.startsWith('config-cache-'))).toEqual([])
  expect(existsSync(config)).toBe(true)
  expect(JSON.parse((await stage.command(['status', '--json'])).stdout).accounts).toEqual([])
  expect((await signIn()).code).toBe(0)
})

test('says if there is nothing to remove', async () => {
  stage = await startStage()
  expect(await stage.command(['reset', '--yes'])).toEqual({
    code: 0,
    stdout: '',
    stderr: 'There is nothing to remove.\n',
  })
})

test('without a terminal and without --yes it deletes nothing', async () => {
  stage = await startStage()
  await signIn()
  const before = files()
  const { code, stderr } = await stage.command(['reset'])
  expect(code).toBe(2)
  expect(stderr).toContain('Add --yes.')
  expect(files()).toEqual(before)
})

test.runIf(process.platform === 'linux')(
  'while a bridge runs it deletes nothing and names the bridge, which goes on',
  async () => {
    stage = await startStage()
    const host = stage.host()
    await host.initialize()
    const { code, stderr } = await stage.command(['reset', '--yes'])
    expect(code).toBe(5)
    expect(stderr).toContain(`(pid ${host.child.pid})`)
    expect(stderr).toContain('database_locked')
    expect((await host.request('tools/list')).result).toBeDefined()
    await host.close()
    expect((await stage.command(['reset', '--yes'])).code).toBe(0)
  },
)

test('a database that is broken is removed nevertheless', async () => {
  stage = await startStage()
  stage.config('this is no database, and long enough to be looked at as one: '.repeat(40), 'broken.db')
  stage.config(`database_url: sqlite:${join(stage.home, 'broken.db')}\n`)
  expect((await stage.command(['reset', '--yes'])).code).toBe(0)
  expect(existsSync(join(stage.home, 'broken.db'))).toBe(false)
})

test('a folder or a pipe that the config file names is not removed', async () => {
  stage = await startStage()
  const folder = join(stage.home, 'folder')
  const pipe = join(stage.home, 'pipe')
  mkdirSync(folder)
  writeFileSync(join(folder, 'thesis.txt'), '')
  execFileSync('mkfifo', [pipe])
  for (const [database, log] of [
    [folder, pipe],
    [pipe, folder],
  ]) {
    stage.config(`database_url: sqlite:${database}\nlog_file: ${log}\n`)
    const { code, stderr } = await stage.command(['reset', '--yes'])
    expect([code, stderr]).toEqual([0, expect.not.stringMatching(/^Removed .*(folder|pipe)$/m)])
    expect([existsSync(join(folder, 'thesis.txt')), existsSync(pipe)]).toEqual([true, true])
  }
})

test.skipIf(!has('gnome-keyring-daemon') || !has('dbus-run-session'))(
  'removes the key from a real keychain',
  async () => {
    stage = await startStage()
    const words = (...args: string[]) => [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(' ')
    const look = `'${process.execPath}' -e "const { Entry } = require('@napi-rs/keyring'); console.log('item:', new Entry('mcp-oauth-bridge', process.argv[1], { linux: { store: 'secret-service' } }).getSecret() ? 'there' : 'gone')" "$item"`
    const script = [
      `printf '\\n' | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null 2>&1`,
      words('login', stage.server.url, '--callback-url', stage.callbackUrl),
      `item=$(sqlite3 "$MCP_OAUTH_BRIDGE_HOME/oauth.db" "SELECT item FROM key_slots WHERE backend = 'keychain'")`,
      look,
      words('reset', '--yes'),
      look,
    ].join('\n')
    const output = await new Promise<string>((resolve) => {
      const env = { ...stage.environment, XDG_RUNTIME_DIR: stage.home, XDG_DATA_HOME: join(stage.home, 'share') }
      execFile('dbus-run-session', ['--', 'sh', '-c', script], { env, cwd: process.cwd() }, (_error, stdout, stderr) =>
        resolve(stdout + stderr),
      )
    })
    expect(output.match(/^item: .*$/gm)).toEqual(['item: there', 'item: gone'])
    expect(output).toMatch(/^Removed the keychain item sealing-key-[\da-f]+$/m)
  },
)
