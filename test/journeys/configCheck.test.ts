// validate-config and check-config: the lines of a healthy file, each fault with its place, exit codes, JSON.
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/store/sqlite/database.ts'
import { freePort } from '../servers/freePort.ts'
import { makeHome } from '../servers/home.ts'

const home = makeHome()
afterAll(() => home.remove())

let count = 0
async function check(command: 'validate-config' | 'check-config', yaml: string, extra: NodeJS.ProcessEnv = {}) {
  const file = home.write(`${++count}.yaml`, yaml)
  chmodSync(file, 0o600)
  const { code, stdout, stderr } = await home.command([command, file], extra)
  return { code, lines: stdout.replaceAll(file, 'FILE').trimEnd().split('\n'), stderr }
}

const port = await freePort()
const callback = `callback_url: http://localhost:${port}/auth/callback\n`
const GOOD = `mcp_server_url: https://mcp.example.com/mcp\n${callback}`
const HEALTHY = [
  '✓ Syntax valid',
  '✓ Required fields present',
  '✓ Provider credentials configured',
  '✓ Database connection valid',
]

describe('a healthy file', () => {
  test('is reported in the lines of the guide, and a low timeout is a warning that fails nothing', async () => {
    expect(await check('check-config', GOOD)).toEqual({ code: 0, lines: HEALTHY, stderr: '' })
    expect(await check('check-config', `${GOOD}session_timeout: 120\n`)).toEqual({
      code: 0,
      lines: [...HEALTHY, '⚠ Warning: session_timeout is low (< 300s)'],
      stderr: '',
    })
  })

  test('is valid by its text alone, even if its variables are not set', async () => {
    const yaml = `${GOOD}providers: { g: { client_id: id, client_secret: "\${SECRET}" } }\n`
    expect((await check('validate-config', yaml)).lines).toEqual(HEALTHY.slice(0, 2))
    const checked = await check('check-config', yaml)
    expect(checked.code).toBe(2)
    expect(checked.lines[2]).toBe('✗ FILE:3:49: the environment variable SECRET is not set')
    expect(await check('check-config', yaml, { SECRET: 's' })).toMatchObject({ code: 0, lines: HEALTHY })
  })

  test('is checked without leaving anything behind', async () => {
    expect((await check('check-config', GOOD)).code).toBe(0)
    expect(existsSync(join(home.path, 'bridge', 'oauth.db'))).toBe(false)
  })

  test('is the one that a start would use, if none is named', async () => {
    const empty = makeHome()
    expect(await empty.command(['check-config'])).toMatchObject({ code: 2, stdout: '' })
    const mine = empty.write('config.yaml', GOOD)
    const other = empty.write('other.yaml', 'nonsense: 1\n')
    const report = async (args: string[], extra = {}) =>
      JSON.parse((await empty.command(['validate-config', '--json', ...args], extra)).stdout)
    expect((await report([])).file).toBe(mine)
    expect((await report([], { CONFIG_PATH: other })).file).toBe(other)
    expect((await report(['config.yaml'], { CONFIG_PATH: other })).file).toBe(mine)
    empty.remove()
  })
})

describe('a fault', () => {
  test.each([
    ['a: [1, 2', '✗ FILE:1:', 'syntax'],
    ['log_levle: debug', '✗ FILE:1:1: unknown key "log_levle"; did you mean "log_level"?', 'keys'],
    ['log_level: loud', '✗ FILE:1:12: log_level ', 'keys'],
    ['response_transform: { hide_tools: [*_delete] }', '✗ FILE:1:36: the alias "*_delete" has no anchor', 'syntax'],
    ['servers: &s\n  a: *s', '✗ FILE:2:6: the alias "*s" stands inside its own anchor', 'syntax'],
    ['servers:\n  a: { profile: p }', '✗ FILE:2:6: servers.a.url is missing', 'required'],
    [
      'database_url: postgresql://u:p@h',
      '✗ FILE:1:15: database_url must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE',
      'keys',
    ],
    [
      'providers: { g: { pkce_enabled: false } }',
      '✗ FILE:1:33: providers.g.pkce_enabled cannot be switched off',
      'keys',
    ],
  ])('of the text (%j) is reported with its place by both commands', async (yaml, line, name) => {
    for (const command of ['validate-config', 'check-config'] as const) {
      const { code, lines } = await check(command, yaml)
      expect(code).toBe(2)
      expect(lines.some((text) => text.startsWith(line))).toBe(true)
      expect(lines.some((text) => text.includes('hint: '))).toBe(true)
    }
    const file = home.write('json.yaml', yaml)
    const { ok, checks } = JSON.parse((await home.command(['validate-config', file, '--json'])).stdout)
    expect([ok, checks.find(({ status }: { status: string }) => status === 'fail').name]).toEqual([false, name])
  })

  test.each([
    [
      'servers: { a: { url: https://x.example/, provider: gogle } }\nproviders: { google: {} }',
      'did you mean "google"',
    ],
    [
      'providers: { g: { client_id: i, client_secret_file: nowhere.txt } }\nmcp_server_url: https://x.example/',
      'nowhere.txt',
    ],
    ['providers: { g: { client_secret: s } }', 'has a secret but no client_id'],
    ['providers: { g: { client_id: i, client_type: confidential } }', 'has no client_secret'],
    ['mcp_server_url: http://x.example/', 'is not HTTPS'],
  ])('of the credentials (%j) is reported by check-config', async (yaml, text) => {
    const { code, lines } = await check('check-config', `${callback}${yaml}\n`)
    expect(code).toBe(2)
    expect(lines.find((line) => line.startsWith('✗'))).toContain(text)
    expect(lines).not.toContain('✓ Provider credentials configured')
  })

  test('of the database is reported, with the exit code of storage', async () => {
    const broken = home.write('broken.db', 'this is no database, and long enough to be looked at as one: '.repeat(40))
    const { code, lines } = await check('check-config', `${GOOD}database_url: sqlite:${broken}\n`)
    expect(code).toBe(5)
    expect(lines.join('\n')).toContain('mcp-oauth-bridge.js explain database_unreachable)')

    const newer = join(home.path, 'newer.db')
    const database = openDatabase(newer)
    database.run("INSERT INTO schema_migrations (version, name, applied_at) VALUES (999, 'x', 'x')")
    database.close()
    expect((await check('check-config', `${GOOD}database_url: sqlite:${newer}\n`)).lines.join()).toContain(
      'version 999',
    )

    const locked = join(home.path, 'locked.db')
    const holder = openDatabase(locked)
    holder.exec('BEGIN EXCLUSIVE')
    const busy = await check('check-config', `${GOOD}database_url: sqlite:${locked}\n`)
    holder.exec('ROLLBACK')
    holder.close()
    expect([busy.code, busy.lines.join().includes('database_locked')]).toEqual([5, true])
  })

  test('of a callback URL that cannot be listened on is reported', async () => {
    const { code, lines } = await check('check-config', 'callback_url: https://app.example.com/auth/callback\n')
    expect(code).toBe(2)
    expect(lines.join()).toContain('is not http on localhost')
  })
})

describe('a warning', () => {
  test.each([
    ['connect_timeout: 10', 'connect_timeout is low (< 1000ms)'],
    ['request_timeout: 500', 'request_timeout is low (< 10000ms)'],
    ['cors: { enabled: true }', 'cors has no effect on the bridge: only serve uses it'],
    [
      'providers: { google: { scopes: [openid] } }',
      'providers.google has no client_id, and Google does not support dynamic client registration',
    ],
    [
      'providers: { x: { issuer: "https://github.com/login/oauth" } }',
      'providers.x has no client_id, and GitHub does not support dynamic client registration',
    ],
    ...['http://other.example/mcp', 'https://mcp.example.com/mcp', 'http://mcp.example.com/else'].map((trusted) => [
      `servers: { it: { url: "https://mcp.example.com/mcp", trusted_resource: "${trusted}" } }`,
      'servers.it: trusted_resource has no effect here: it covers the same address with another scheme only.',
    ]),
  ])('for %j fails nothing', async (yaml, text) => {
    const { code, lines } = await check('check-config', `${GOOD}${yaml}\n`)
    expect([code, lines.filter((line) => line.startsWith('⚠'))]).toEqual([0, [`⚠ Warning: ${text}`]])
  })

  test('is not given if 0 means no limit', async () => {
    expect((await check('check-config', `${GOOD}request_timeout: 0\n`)).lines).toEqual(HEALTHY)
  })

  test.runIf(process.platform !== 'win32')('is given for a secret that others may read', async () => {
    const file = home.write('open.yaml', `${GOOD}providers: { g: { client_id: i, client_secret: s } }\n`)
    chmodSync(file, 0o644)
    expect((await home.command(['check-config', file])).stdout).toContain(
      'contains a secret and other users can read it',
    )
    chmodSync(file, 0o600)
    expect((await home.command(['check-config', file])).stdout).not.toContain('Warning')
  })

  test('is given for a callback port that is in use', async () => {
    mkdirSync(join(home.path, 'x'), { recursive: true })
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const { code, lines } = await check('check-config', GOOD)
    await new Promise((resolve) => server.close(resolve))
    expect(code).toBe(0)
    expect(lines.join('\n')).toMatch(/⚠ Warning: The callback address localhost:\d+ is in use by /)
  })

  test('is given for an address of the gateway that is in use, and says that this may be the gateway', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const gateway = 'providers: { github: { client_id: i, client_secret: s } }\nserve: { access: everyone }\n'
    const { code, lines } = await check('check-config', `${GOOD}${gateway}`)
    await new Promise((resolve) => server.close(resolve))
    expect(code).toBe(0)
    expect(lines).toContainEqual(
      expect.stringContaining(`⚠ Warning: The address of the gateway localhost:${port} is in use by`),
    )
    expect(lines).toContainEqual(expect.stringContaining('hint: If that is the gateway itself, all is well.'))
  })
})
