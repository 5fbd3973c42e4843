// The keychain locked, hung or gone: each says what to do, and nothing is lost.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import { has } from '../needs.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const START = fileURLToPath(new URL('../.kit/startAndCall.js', import.meta.url))
const KEYRING = has('gnome-keyring-daemon') && has('dbus-run-session')

/** How the session's keyring daemon is: unlocked, locked without a prompt, or stopped so that it never answers. */
const DAEMON = {
  unlocked: `printf 'pw\\n' | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null 2>&1`,
  locked: 'gnome-keyring-daemon --start --components=secrets --daemonize >/dev/null 2>&1',
  hung: `gnome-keyring-daemon --start --components=secrets --foreground >/dev/null 2>&1 & daemon=$!
    until dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets | grep -q true; do sleep 0.05; done
    kill -STOP $daemon`,
} as const

interface Report {
  readonly code: number | null
  readonly error?: string
  readonly hint?: string
  readonly message?: string
}

function startIn(daemon: keyof typeof DAEMON): Promise<Report> {
  const runtime = join(stage.home, 'run')
  mkdirSync(runtime, { recursive: true, mode: 0o700 })
  const end = daemon === 'hung' ? 'kill -KILL $daemon' : ':'
  const script = `${DAEMON[daemon]}\n"$0" "$@"; code=$?; ${end}; exit $code`
  const env = { ...stage.environment, XDG_RUNTIME_DIR: runtime, XDG_DATA_HOME: join(stage.home, 'share') }
  return new Promise((resolve, reject) => {
    execFile(
      'dbus-run-session',
      ['--', 'sh', '-c', script, process.execPath, START, stage.server.url, stage.callbackUrl],
      { env },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
        else resolve(JSON.parse(stdout).starts[0])
      },
    )
  })
}

test.skipIf(!KEYRING)(
  'a locked keychain is reported as locked, never as empty; once it is unlocked, everything is there',
  async () => {
    stage = await startStage()
    expect((await startIn('unlocked')).error).toBeUndefined()
    const locked = await startIn('locked')
    expect(locked.error).toBe('keychain_locked')
    expect(locked.hint).toContain('Unlock')
    expect((await startIn('unlocked')).error).toBeUndefined()
    expect(stage.tabs()).toHaveLength(1)
  },
)

test.skipIf(!KEYRING)('a keychain that hangs causes an error answer, and the bridge still ends', async () => {
  stage = await startStage()
  expect((await startIn('unlocked')).error).toBeUndefined()
  const hung = await startIn('hung')
  expect(hung.error).toBe('keychain_locked')
  expect(hung.code).toBe(0)
  expect((await startIn('unlocked')).error).toBeUndefined()
  expect(stage.tabs()).toHaveLength(1)
})

test.skipIf(!KEYRING)(
  'a database whose key is in a missing keychain is refused with an explanation, and kept',
  async () => {
    stage = await startStage()
    expect((await startIn('unlocked')).error).toBeUndefined()
    const host = stage.host()
    const error = await host.failure()
    expect(error.data.code).toBe('keychain_locked')
    expect(error.message).toContain('keychain')
    await host.close()
    expect((await startIn('unlocked')).error).toBeUndefined()
    expect(stage.tabs()).toHaveLength(1)
  },
)

test('a key that was removed while tokens are sealed with it is never replaced; once restored, it opens them', async () => {
  stage = await startStage()
  const home = stage.environment.MCP_OAUTH_BRIDGE_HOME
  const first = stage.host()
  await first.initialize()
  await first.close()
  const key = join(home, readdirSync(home).find((name) => name.endsWith('.key')) ?? '')
  const safe = join(stage.home, 'saved.key')
  copyFileSync(key, safe)
  rmSync(key)
  const second = stage.host()
  expect((await second.failure()).data.code).toBe('key_missing')
  await second.close()
  expect(readdirSync(home).filter((name) => name.endsWith('.key'))).toEqual([])
  copyFileSync(safe, key)
  const third = stage.host()
  expect(await third.isMet()).toBe(true)
  expect(stage.tabs()).toHaveLength(1)
})

test('a key that is lost for good is given up with logout --all, and login works again', async () => {
  stage = await startStage()
  const here = ['--callback-url', stage.callbackUrl]
  await stage.command(['login', stage.server.url, ...here])
  const home = stage.environment.MCP_OAUTH_BRIDGE_HOME
  for (const name of readdirSync(home).filter((file) => file.endsWith('.key'))) rmSync(join(home, name))
  expect((await stage.command(['login', stage.server.url, ...here])).stderr).toContain('key_missing')
  expect((await stage.command(['logout', '--all'])).code).toBe(0)
  expect((await stage.command(['login', stage.server.url, ...here])).code).toBe(0)
})

test.each([
  ['before', []],
  ['after', ['login']],
])(
  'a bridge that runs while its key is given up works again, where it is called %s the new sign-in',
  async (_, then) => {
    stage = await startStage()
    const here = ['--callback-url', stage.callbackUrl]
    const home = stage.environment.MCP_OAUTH_BRIDGE_HOME
    const host = stage.host()
    await host.initialize()
    const call = async () => (await host.request('tools/call', { name: 'echo', arguments: { message: 'x' } })).result
    expect(await call()).toBeDefined()
    for (const name of readdirSync(home).filter((file) => file.endsWith('.key'))) rmSync(join(home, name))
    expect((await stage.command(['logout', '--all'])).code).toBe(0)
    for (const command of then) expect((await stage.command([command, stage.server.url, ...here])).code).toBe(0)
    expect(await call()).toBeDefined()
    const { accounts } = JSON.parse((await stage.command(['status', '--json'])).stdout)
    expect(accounts).toMatchObject([{ state: 'signed_in', last_error: null }])
    expect(stage.tabs()).toHaveLength(2)
  },
)

test('MCP_OAUTH_BRIDGE_KEY provides the key without a file; another key is refused', async () => {
  stage = await startStage()
  const here = ['--callback-url', stage.callbackUrl]
  const given = { MCP_OAUTH_BRIDGE_KEY: Buffer.alloc(32, 7).toString('base64') }
  expect((await stage.command(['login', stage.server.url, ...here], given)).code).toBe(0)
  const home = stage.environment.MCP_OAUTH_BRIDGE_HOME
  expect(readdirSync(home).filter((name) => name.endsWith('.key'))).toEqual([])
  expect(JSON.parse((await stage.command(['status', '--json'], given)).stdout).secret_store).toBe('env')
  const other = { MCP_OAUTH_BRIDGE_KEY: Buffer.alloc(32, 8).toString('base64') }
  const refused = await stage.command(['refresh', stage.server.url, ...here], other)
  expect(refused.code).toBe(5)
  expect(refused.stderr).toContain('key_missing')
  expect((await stage.command(['refresh', stage.server.url, ...here], given)).code).toBe(0)
})

test('a sealed token that is moved to another row does not open there: that row counts as signed out', async () => {
  stage = await startStage()
  const here = ['--callback-url', stage.callbackUrl]
  for (const profile of ['home', 'work'])
    await stage.command(['login', stage.server.url, '--profile', profile, ...here])
  const db = new BetterSqlite3(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'))
  db.exec(
    "UPDATE tokens SET access_token = (SELECT access_token FROM tokens WHERE profile = 'home') WHERE profile = 'work'",
  )
  db.close()
  const before = stage.server.state.passed.length
  const host = stage.host(['--profile', 'work', '--login', 'never'])
  const error = await host.failure()
  expect(error.data.code).toBe('not_signed_in')
  expect(error.message).toContain('altered or moved')
  expect(stage.server.state.passed.length).toBe(before)
  const { code, report } = await stage.doctor([stage.server.url, '--profile', 'work'])
  expect(code).toBe(5)
  expect(report.likely_cause).toMatchObject({ name: 'token', code: 'seal_broken' })
  expect(report.likely_cause.remedy).toContain('mcp-oauth-bridge login')
  expect((await stage.command(['login', stage.server.url, '--profile', 'work', ...here])).code).toBe(0)
})

test('a sign-in whose sealed plan was altered while it waits is seal_broken, and its remedy begins a new one', async () => {
  stage = await startStage()
  const words = ['login', stage.server.url, '--callback-url', stage.callbackUrl]
  const waiting = stage.start([...words, '--no-browser'])
  const first = await waiting.says(/^http\S+/m)
  const alter = () => {
    const db = new BetterSqlite3(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'))
    db.exec("UPDATE sessions SET plan = plan || 'A' WHERE status = 'waiting'")
    db.close()
  }
  alter()
  expect(await waiting.exited).toBe(5)
  expect(await waiting.says(/^hint: .*/m)).toMatch(/mcp-oauth-bridge login http\S+ --force/)
  await waiting.says(/\(seal_broken, see /)

  const killed = stage.start([...words, '--no-browser'])
  expect(await killed.says(/^http\S+/m)).not.toBe(first)
  killed.child.kill('SIGKILL')
  await killed.exited
  alter()
  const again = stage.start([...words, '--force', '--no-browser'])
  const address = await again.says(/^http\S+/m)
  // The port still belongs to the one that was killed, for as long as its lease lasts.
  await stage.untilCallbackPortAnswers()
  await stage.visit(address)
  expect(await again.exited).toBe(0)
  expect(await again.says(/[\s\S]*Signed in to/)).not.toContain('already pending')
})
