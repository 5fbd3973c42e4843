// The sealing key: in a real gnome-keyring where there is one, in a 0600 file where there is none.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { has } from '../needs.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const CHILD = fileURLToPath(new URL('../.kit/startAndCall.js', import.meta.url))

/** Runs the journey of startAndCall.js in a D-Bus session with an unlocked gnome-keyring. */
function inKeyringSession(): Promise<{ output: string; error: string }> {
  const script = `printf '\\n' | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null 2>&1; exec "$0" "$@"`
  return new Promise((resolve, reject) => {
    const args = [
      '--',
      'sh',
      '-c',
      script,
      process.execPath,
      CHILD,
      stage.server.url,
      stage.callbackUrl,
      'first',
      'second',
    ]
    const env = { ...stage.environment, XDG_RUNTIME_DIR: stage.home, XDG_DATA_HOME: join(stage.home, 'share') }
    execFile('dbus-run-session', args, { env }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
      else resolve({ output: stdout, error: stderr })
    })
  })
}

test.skipIf(!has('gnome-keyring-daemon') || !has('dbus-run-session'))(
  'with a keychain the key is in the keychain, no key file exists, and the second start needs no sign-in',
  async () => {
    stage = await startStage()
    const { output } = await inKeyringSession()
    const report = JSON.parse(output)
    expect(report.answers).toEqual(['Echo: first', 'Echo: second'])
    expect(report.status.secret_store).toBe('keychain')
    expect(report.status.accounts[0].state).toBe('signed_in')
    expect(readdirSync(stage.environment.MCP_OAUTH_BRIDGE_HOME).filter((name) => name.endsWith('.key'))).toEqual([])
    expect(stage.tabs()).toHaveLength(1)
  },
)

test('without D-Bus the key is in a 0600 file, and status says so', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  await host.close()
  const home = stage.environment.MCP_OAUTH_BRIDGE_HOME
  const status = JSON.parse((await stage.command(['status', '--json'])).stdout)
  expect(status.secret_store).toBe('file')
  const [key] = readdirSync(home).filter((name) => name.endsWith('.key'))
  expect(statSync(join(home, key ?? '')).mode & 0o777).toBe(0o600)
  expect(statSync(home).mode & 0o777).toBe(0o700)
  expect(statSync(join(home, 'oauth.db')).mode & 0o777).toBe(0o600)
})

test('secret_store: keychain without a keychain is keychain_unavailable, exit code 5, and no key is stored elsewhere', async () => {
  stage = await startStage()
  const words = ['--config', stage.config('secret_store: keychain\n'), '--callback-url', stage.callbackUrl]
  const { code, stderr } = await stage.command(['login', stage.server.url, ...words])
  expect(stderr).toContain('(keychain_unavailable, see ')
  expect(/^hint: (.*)$/m.exec(stderr)?.[1]).toContain('secret_store: file')
  expect(code).toBe(5)
  expect(readdirSync(stage.environment.MCP_OAUTH_BRIDGE_HOME).filter((name) => name.endsWith('.key'))).toEqual([])
  expect(stage.tabs()).toEqual([])
})

test('a program that NODE_OPTIONS loads into every process may print: the keychain’s answer is still read', async () => {
  stage = await startStage()
  const chatty = stage.config('process.stdout.write("[dotenv] injecting env (0) from .env\\n")\n', 'chatty.cjs')
  const environment = { NODE_OPTIONS: `--require ${chatty}` }
  const words = ['login', stage.server.url, '--callback-url', stage.callbackUrl]
  const only = ['--config', stage.config('secret_store: keychain\n', 'only.yaml')]
  const refused = await stage.command([...words, ...only], environment)
  expect(refused.stderr).toContain('(keychain_unavailable, see ')
  expect(refused.stderr).not.toContain('without a result')
  expect((await stage.command(words, environment)).code).toBe(0)
})

test('no token is in any file in plain text', async () => {
  stage = await startStage()
  const host = stage.host(['--debug'], { DEBUG: '*' })
  await host.initialize()
  await host.close()
  const bearer = stage.server.state.passed[0]?.headers.authorization?.slice('Bearer '.length) ?? ''
  const home = stage.environment.MCP_OAUTH_BRIDGE_HOME
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['oauth.db', 'proxy.log']))
  for (const file of files) {
    const text = readFileSync(join(file.parentPath, file.name), 'latin1')
    expect(text.includes(bearer), `${file.name} has the access token`).toBe(false)
    expect(text.includes(bearer.split('.')[2] ?? ''), `${file.name} has the token's signature`).toBe(false)
  }
  expect(host.stderr).not.toContain(bearer)
})
