// The commands a person types: what they print, where, and the exit codes of the contract.
import { execFile } from 'node:child_process'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const here = () => ['--callback-url', stage.callbackUrl]

test('login signs in, status tells who, logout revokes and forgets, and status tells that too', async () => {
  stage = await startStage()
  const { url } = stage.server
  const signedIn = await stage.command(['login', url, ...here()])
  expect(signedIn).toMatchObject({ code: 0, stdout: '' })
  expect(signedIn.stderr).toContain('Signed in to')
  expect(signedIn.stderr).toContain('alice@example.com')

  const { accounts } = JSON.parse((await stage.command(['status', '--json'])).stdout)
  expect(accounts).toHaveLength(1)
  expect(accounts[0]).toMatchObject({
    ...{
      server: url,
      profile: 'default',
      issuer: stage.authorization.issuer,
      subject: 'alice',
      email: 'alice@example.com',
    },
    ...{ state: 'signed_in', refreshable: true, last_error: null },
  })
  expect(Date.parse(accounts[0].expires_at)).toBeGreaterThan(Date.now())
  expect((await stage.command(['status'])).stdout).toContain('signed in as alice@example.com')

  const signedOut = await stage.command(['logout', url, ...here()])
  expect(signedOut.code).toBe(0)
  expect(signedOut.stderr).toContain('the refresh token is revoked')
  expect(stage.authorization.counts.revocations).toBeGreaterThan(0)
  expect(JSON.parse((await stage.command(['status', '--json'])).stdout).accounts[0].state).toBe('signed_out')
})

test('login names the profile, where it is not the default one', async () => {
  stage = await startStage()
  const login = () => stage.command(['login', stage.server.url, '--profile', 'work', ...here()])
  expect((await login()).stderr).toContain(`Signed in to ${stage.server.url} (profile work) as alice@example.com.`)
  expect((await login()).stderr).toContain(`Already signed in to ${stage.server.url} (profile work).`)
})

test('login to a server that asks for no sign-in says so, and leads to doctor', async () => {
  stage = await startStage()
  const { code, stderr } = await stage.command(['login', stage.everything.url, ...here()])
  expect(code).toBe(3)
  expect(stderr).toContain(`${stage.everything.url} does not ask for a sign-in (it answered 400)`)
  expect(stderr).toContain(`mcp-oauth-bridge doctor ${stage.everything.url}`)
  expect(stage.tabs()).toEqual([])
})

test('https to a port without TLS is not called a bad certificate', async () => {
  stage = await startStage()
  const { code, stderr } = await stage.command(['login', stage.server.url.replace('http:', 'https:'), ...here()])
  expect(code).toBe(4)
  expect(stderr).toContain('does not speak TLS on this port')
  expect(stderr).toContain('Check the port')
})

test('login when somebody is signed in opens nothing; --force opens one tab', async () => {
  stage = await startStage()
  await stage.command(['login', stage.server.url, ...here()])
  const again = await stage.command(['login', stage.server.url, ...here()])
  expect(again.stderr).toContain('Already signed in')
  expect(stage.tabs()).toHaveLength(1)
  expect((await stage.command(['login', stage.server.url, '--force', ...here()])).code).toBe(0)
  expect(stage.tabs()).toHaveLength(2)
})

test('login that is denied exits 3 and names the code', async () => {
  stage = await startStage({ person: 'deny' })
  const denied = await stage.command(['login', stage.server.url, ...here()])
  expect(denied.code).toBe(3)
  expect(denied.stderr).toContain('error: ')
  expect(denied.stderr).toContain('hint: ')
  expect(denied.stderr).toContain('access_denied')
})

test('login --no-browser prints the address, and opening it completes the sign-in', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--no-browser', ...here()])
  const address = await login.says(/^http\S+/m)
  await stage.visit(address)
  expect(await login.exited).toBe(0)
  expect(stage.tabs()).toHaveLength(0)
})

test('login against a server that is down exits 4', async () => {
  stage = await startStage()
  await stage.server.close()
  const failed = await stage.command(['login', stage.server.url, ...here()])
  expect(failed.code).toBe(4)
  expect(failed.stderr).toContain('server_unreachable')
})

test('refresh gets a new token now, and exits 3 when nobody is signed in', async () => {
  stage = await startStage()
  expect((await stage.command(['refresh', stage.server.url, ...here()])).code).toBe(3)
  await stage.command(['login', stage.server.url, ...here()])
  expect((await stage.command(['refresh', stage.server.url, ...here()])).code).toBe(0)
  expect(stage.authorization.counts.refreshGrants).toBe(1)
})

test('a callback with an unknown state is answered 400 Invalid state, and the sign-in goes on', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--no-browser', ...here()])
  const address = await login.says(/^http\S+/m)
  const forged = await fetch(`${stage.callbackUrl}?code=test&state=test`)
  expect(forged.status).toBe(400)
  expect(await forged.text()).toContain('Invalid state')
  const missing = await fetch(`${stage.callbackUrl}?error=access_denied`)
  expect(missing.status).toBe(400)
  await stage.visit(address)
  expect(await login.exited).toBe(0)
  expect(stage.authorization.counts.codeGrants).toBe(1)
})

test('a taken port ends the sign-in of a client registered by hand with port_in_use, its holder named, exit code 3', async () => {
  stage = await startStage()
  const taken = ['--callback-url', `http://127.0.0.1:${stage.everything.port}/auth/callback`]
  const failed = await stage.command(['login', stage.server.url, '--client-id', 'by-hand', ...taken])
  expect(failed.code).toBe(3)
  expect(failed.stderr).toContain('port_in_use')
  expect(failed.stderr).toMatch(/is in use by \S+ \(pid \d+\)/)
  expect(stage.tabs()).toHaveLength(0)
})

test('a taken port makes a client that registers itself move to a neighbouring port', async () => {
  stage = await startStage()
  const taken = ['--callback-url', `http://127.0.0.1:${stage.everything.port}/auth/callback`]
  expect((await stage.command(['login', stage.server.url, ...taken])).code).toBe(0)
  const used = new URL(new URL(stage.tabs()[0]?.[0] ?? '').searchParams.get('redirect_uri') ?? '')
  expect(used.hostname).toBe('127.0.0.1')
  expect(Number(used.port)).toBeGreaterThan(stage.everything.port)
})

test('login --account sends login_hint and refuses the tokens of another account', async () => {
  stage = await startStage()
  const other = await stage.command(['login', stage.server.url, '--account', 'bob@example.com', ...here()])
  expect(other.code).toBe(3)
  expect(other.stderr).toContain('account_mismatch')
  expect(new URL(stage.tabs()[0]?.[0] ?? '').searchParams.get('login_hint')).toBe('bob@example.com')
  expect(JSON.parse((await stage.command(['status', '--json'])).stdout).accounts).toEqual([])
  expect((await stage.command(['login', stage.server.url, '--account', 'Alice@Example.com', ...here()])).code).toBe(0)
})

test.each(['logout --all', 'reset --yes'])(
  '%s refuses --profile, because it would delete the sign-ins of every profile',
  async (command) => {
    stage = await startStage()
    for (const profile of [[], ['--profile', 'work']])
      expect((await stage.command(['login', stage.server.url, ...profile, ...here()])).code).toBe(0)
    const signedIn = async () => JSON.parse((await stage.command(['status', '--json'])).stdout).accounts
    const before = await signedIn()
    const { code, stderr } = await stage.command([...command.split(' '), '--profile', 'work'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/is for every profile, not only for "work".*Nothing was deleted/s)
    expect(before).toHaveLength(2)
    expect(await signedIn()).toEqual(before)
  },
)

test('migrate version, down and up change the schema and say so', async () => {
  stage = await startStage()
  expect((await stage.command(['migrate', 'version'])).stdout).toMatch(/^0 /)
  expect((await stage.command(['migrate', 'up'])).code).toBe(0)
  expect((await stage.command(['migrate', 'version'])).stdout).toMatch(/^5 /)
  for (const version of [4, 3, 2, 1, 0])
    expect((await stage.command(['migrate', 'down'])).stderr).toContain(`schema version ${version}`)
  expect((await stage.command(['migrate', 'sideways'])).code).toBe(2)
})

test.each([
  [['--headr', 'x: y', 'https://mcp.example.com/'], 'usage', 'did you mean "--header"?'],
  [['logn'], 'usage', 'did you mean "login"?'],
  [['login', 'https://mcp.example.com/', '--login', 'never'], 'usage', '--login is not an option of login'],
  [['https://mcp.example.com/', '--login', 'nevr'], 'usage', 'did you mean "never"?'],
  [['https://mcp.example.com/', 'https://mcp.example.org/'], 'usage', 'unexpected argument'],
  [['http://mcp.example.com/mcp'], 'insecure_url', 'is not HTTPS'],
  [['https://ada:secret@mcp.example.com/mcp'], 'insecure_url', 'password'],
  [['https://mcp.example.com/', '--header', 'no colon'], 'usage', 'is not of the form'],
  [['https://mcp.example.com/', '--scope'], 'usage', 'needs a value'],
  [['status', '--config', 'nowhere.yaml'], 'config_not_found', 'nowhere.yaml'],
  [['logout', 'https://mcp.example.com/', '--all'], 'usage', 'Nobody was signed out'],
  [['logn', 'https://mcp.example.com/'], 'usage', 'did you mean "login"?'],
  [['mcp.example.com/mcp'], 'usage', 'https://mcp.example.com/mcp'],
  [[], 'usage', 'No server was given'],
])('%j is %s, an error with exit code 2', async (args, name, said) => {
  stage = await startStage()
  const { code, stdout, stderr } = await stage.command(args)
  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain(said)
  expect(stderr).toContain('hint: ')
  expect(stderr).toContain(`(${name}, see `)
})

test('an install that lost a file is internal, exit code 1, and what it was about stands in the message', async () => {
  stage = await startStage()
  const install = join(stage.home, 'install')
  for (const part of ['bin', 'dist', 'package.json']) cpSync(join(ROOT, part), join(install, part), { recursive: true })
  for (const name of readdirSync(join(install, 'dist'))) if (/^status-/.test(name)) rmSync(join(install, 'dist', name))
  const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const words = [join(install, 'bin/mcp-oauth-bridge.js'), 'status']
    execFile(process.execPath, words, { env: stage.environment }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), stdout: out, stderr: err }),
    )
  })
  expect(code).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toMatch(
    /^error: A file of mcp-oauth-bridge is gone: "status-\S+\.js"\. .* or its installation is incomplete\.$/m,
  )
  expect(/^hint: (.*)$/m.exec(stderr)?.[1]).toContain('install mcp-oauth-bridge again')
  expect(stderr).toMatch(/mcp-oauth-bridge\.js explain internal\)$/m)
})

test('an unknown config key is an error with its line, column and the nearest key', async () => {
  stage = await startStage()
  const config = stage.config('mcp_server_url: https://mcp.example.com/mcp\nlogin:\n  mod: auto\n')
  const { code, stderr } = await stage.command(['status', '--config', config])
  expect(code).toBe(2)
  expect(stderr).toContain(`${config}:3:3: unknown key "login.mod"; did you mean "mode"?`)
  expect(stderr).toContain('(config_invalid, see ')
})

test('config.yaml is found by --config, by CONFIG_PATH and in the config folder', async () => {
  stage = await startStage()
  stage.config(`servers:\n  work: { url: "${stage.server.url}" }\ncallback_url: ${stage.callbackUrl}\n`)
  const other = stage.config('nonsense: 1\n', 'other.yaml')
  expect((await stage.command(['login', 'work'])).code).toBe(0)
  expect((await stage.command(['login', 'work'], { CONFIG_PATH: other })).code).toBe(2)
  const named = ['login', 'work', '--config', 'bridge/config.yaml']
  expect((await stage.command(named, { CONFIG_PATH: other })).stderr).toContain('Already signed in')
  expect((await stage.command(['login'])).stderr).toContain('Already signed in')
})

test('--help and --version print to stdout and exit 0', async () => {
  stage = await startStage()
  const help = await stage.command(['--help'])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toContain('mcp-oauth-bridge login')
  expect((await stage.command(['login', '--help'])).stdout).toContain('--force')
  expect((await stage.command(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})
