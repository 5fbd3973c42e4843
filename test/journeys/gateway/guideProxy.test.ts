// The guide's commands by the name that it has for the program, on SQLite: config, migrations, a fresh start, a locked file, debug logging.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { has } from '../../needs.ts'
import { freePort } from '../../servers/freePort.ts'
import { type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { guideShell, type Typed } from '../../servers/guideShell.ts'
import { until } from '../../servers/until.ts'

let stage: GatewayStage
let type: ReturnType<typeof guideShell>
let running: GatewayStage['first']
beforeAll(async () => {
  stage = await startGatewayStage({ asInGuide: true, target: 'http://127.0.0.1:1/mcp' })
  type = guideShell(stage, 'http://localhost:3000')
  running = stage.first
})
afterEach(() => stage.configure())
afterAll(() => stage?.close())

const log = () => readFileSync(join(stage.home, 'logs/proxy.log'), 'utf8')
const words = ({ err }: Typed) => err.replace(/\s+/g, ' ')
/** What `pkill -f mcp-oauth-proxy` does to this one. */
const stop = async () => expect(await running.kill('SIGTERM')).toBe(0)
const start = async (environment: Readonly<Record<string, string>> = {}) => {
  running = await stage.serve([], environment)
}
const sqlite = (statement: string) => type(`sqlite3 oauth.db "${statement}"`)

describe('Configuration Validation', () => {
  test('validate-config and check-config print the lines of the guide, its warning too, and leave the file as it is', async () => {
    stage.configure({ session_timeout: 120 })
    const before = readFileSync(stage.config, 'utf8')
    const valid = await type('./mcp-oauth-proxy validate-config config.yaml')
    expect([valid.code, valid.out.split('\n').slice(0, 2)]).toEqual([
      0,
      ['✓ Syntax valid', '✓ Required fields present'],
    ])
    const { code, out } = await type('./mcp-oauth-proxy check-config config.yaml')
    expect([code, out.split('\n')]).toEqual([
      0,
      expect.arrayContaining([
        '✓ Syntax valid',
        '✓ Required fields present',
        '✓ Provider credentials configured',
        '✓ Database connection valid',
        '⚠ Warning: session_timeout is low (< 300s)',
      ]),
    ])
    expect(readFileSync(stage.config, 'utf8')).toBe(before)
  })

  test.each([
    ['/callback', /must be http:\/\/localhost:\d+\/auth\/callback/],
    ['/auth/callback/', /must be http:\/\/localhost:\d+\/auth\/callback/],
  ])(
    'Issue: "OAuth redirect URI mismatch": a callback_url that ends with %s is a fault with the right one',
    async (path, says) => {
      stage.configure({ callback_url: `${stage.origin}${path}` })
      const checked = await type('./mcp-oauth-proxy check-config config.yaml')
      expect([checked.code, checked.out]).toEqual([2, expect.stringMatching(says)])
      const started = await type('./mcp-oauth-proxy')
      expect([started.code, words(started)]).toEqual([2, expect.stringMatching(says)])
    },
  )

  test('Issue: "OAuth redirect URI mismatch": https in place of http on this machine is a warning, for nothing answers there', async () => {
    stage.configure({ callback_url: `${stage.origin.replace('http:', 'https:')}/auth/callback` })
    const { code, out } = await type('./mcp-oauth-proxy check-config config.yaml')
    expect([code, out]).toEqual([0, expect.stringMatching(/⚠ Warning: callback_url is https.*serve\.tls/)])
  })

  test('Issue: "PKCE required but not provided" and "Code challenge method not supported": the guide\'s config is taken as written, and without PKCE refused with its line', async () => {
    writeFileSync(
      stage.config,
      `providers:
  google:
    pkce_enabled: true
    code_challenge_method: S256  # SHA-256 hashing
`,
    )
    expect(await type('./mcp-oauth-proxy validate-config config.yaml')).toMatchObject({ code: 0 })
    // That is all it says, so what a gateway needs beside it is named.
    const alone = await type('./mcp-oauth-proxy')
    expect([alone.code, words(alone)]).toEqual([2, expect.stringMatching(/client_id.*mcp_server_url/)])
    for (const [from, to, says] of [
      ['true', 'false', /config\.yaml:3:\d+: .*pkce_enabled cannot be switched off/],
      ['S256', 'plain', /config\.yaml:4:\d+: .*code_challenge_method must be S256/],
    ] as const) {
      const { code, out } = await type(
        `sed 's/${from}/${to}/' config.yaml > other.yaml; ./mcp-oauth-proxy validate-config other.yaml`,
      )
      expect([code, out.replace('other', 'config')]).toEqual([2, expect.stringMatching(says)])
    }
    expect((await type('cat config.yaml | grep code_challenge_method')).out).toContain('S256')
    expect((await type('cat config.yaml | grep pkce_enabled')).out).toContain('true')
  })
})

test('every key that the guide looks for in config.yaml is found by its line, and taken', async () => {
  stage.configure({
    ...{ session_timeout: 300, connect_timeout: 10_000, request_timeout: 60_000, log_level: 'debug' },
    database_url: 'sqlite:oauth.db',
    response_transform: { hide_tools: [] },
    header_forwarding: {
      forward_headers: ['Authorization', 'X-User-*', 'X-Custom-Header'],
      blocked_headers: ['X-Other'],
    },
    cors: { enabled: true, origins: ['http://localhost:3000'], allow_credentials: true, allowed_headers: ['X-A'] },
    providers: {
      test: {
        ...{ ...stage.providerEntry, pkce_enabled: true, code_challenge_method: 'S256', client_type: 'confidential' },
        ...{ prompt: 'select_account', refresh_strategy: 'reauthorize' },
      },
      google: { client_id: 'g', client_secret: 'g', scopes: ['openid', 'email', 'profile'] },
      microsoft: { client_id: 'm', client_secret: 'm', tenant_id: 'common', audience: 'api://m' },
      github: { client_id: 'h', client_secret: 'h', refresh_strategy: 'none' },
    },
  })
  for (const line of [
    ...[
      'callback_url',
      'session_timeout',
      'issuer',
      'database_url',
      'mcp_server_url',
      'timeout',
      'tenant_id',
      'prompt',
    ],
    ...['refresh_strategy', 'pkce_enabled', 'code_challenge_method', 'client_type', 'log_level'],
    ...['-A 5 response_transform', '-A 5 google', '-A 10 header_forwarding', '-A 10 blocked_headers', '-A 10 cors'],
  ])
    expect([line, (await type(`cat config.yaml | grep ${line}`)).code]).toEqual([line, 0])
  expect(await type('./mcp-oauth-proxy validate-config config.yaml')).toMatchObject({ code: 0 })
  expect((await type('./mcp-oauth-proxy check-config config.yaml')).out).not.toContain('✗')
})

describe('Common Environment Issues', () => {
  test('Issue: "Config file not found": --config and CONFIG_PATH name it, and one that is not there is named', async () => {
    const port = await freePort()
    stage.configure({ callback_url: `http://localhost:${port}/auth/callback` })
    for (const [options, environment] of [
      [['--config', './config.yaml'], {}],
      [[], { CONFIG_PATH: './config.yaml' }],
      [['--debug', '--verbose'], {}],
    ] as const) {
      const one = await stage.serve(options, environment)
      expect(one.said()).toContain(`Listening on http://localhost:${port}`)
      expect(await one.kill('SIGTERM')).toBe(0)
    }
    for (const line of [
      './mcp-oauth-proxy --config ./nowhere.yaml',
      'CONFIG_PATH=./nowhere.yaml ./mcp-oauth-proxy',
      'mkdir -p empty && cd empty && MCP_OAUTH_BRIDGE_HOME=$PWD ../mcp-oauth-proxy',
    ]) {
      const refused = await type(line)
      expect([line, refused.code, words(refused)]).toEqual([line, 2, expect.stringContaining('config_not_found')])
    }
    expect((await type('ls -la config.yaml')).out).toMatch(/^-rw-------/)
  })

  test('Issue: "Permission denied" when starting proxy: the program is executable, and a port in use is named with who has it', async () => {
    expect((await type('ls -laL mcp-oauth-proxy')).out).toMatch(/^-rwx/)
    expect(await type('chmod +x mcp-oauth-proxy')).toMatchObject({ code: 0 })
    const taken = await type('./mcp-oauth-proxy')
    expect([taken.code, words(taken)]).toEqual([2, expect.stringContaining(`localhost:${stage.port} is in use by`)])
    expect(taken.err).toContain('listen_failed')
    expect(words(taken)).toContain('serve.listen')
  })
})

describe.skipIf(!has('sqlite3'))('Database Connection Issues', () => {
  test('Issue: SQLite "database locked" errors: requests and commands say database_locked, check-config names who has it, and the gateway goes on', async () => {
    const lock = createRequire(import.meta.url).resolve('better-sqlite3')
    const hold = `const D = require(${JSON.stringify(lock)}); const db = new D('oauth.db')
      db.exec('BEGIN IMMEDIATE'); process.stdout.write('locked'); setInterval(() => {}, 1000)`
    const holder = spawn(process.execPath, ['-e', hold], { cwd: stage.home, stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = new Promise((resolve) => holder.once('exit', resolve))
    await new Promise((resolve) => holder.stdout.once('data', resolve))
    const login = () => fetch(`${stage.origin}/auth/login`, { redirect: 'manual' })
    try {
      const page = await login()
      expect([page.status, await page.text()]).toEqual([503, expect.stringContaining('database_locked')])
      expect((await type('tail -n 20 logs/proxy.log | grep -i error')).out).toContain('database_locked')
      const checked = await type('./mcp-oauth-proxy check-config config.yaml')
      expect([checked.code, checked.out]).toEqual([5, expect.stringContaining('SQLite "database locked"')])
      expect(checked.out).toContain(`(pid ${holder.pid})`)
    } finally {
      holder.kill('SIGKILL')
    }
    await gone
    expect((await login()).status).toBe(303)
    // Both are on already.
    expect((await sqlite('PRAGMA journal_mode=WAL;')).out).toBe('wal\n')
    expect((await sqlite('PRAGMA busy_timeout=5000;')).out).toBe('5000\n')
  })

  test('Issue: SQLite "database locked" errors: what the guide deletes after a crash, -shm and -wal, costs no sign-in that is a minute old, and a file of 644 is made private again', async () => {
    const { access_token: bearer } = await stage.signIn()
    // As after a minute: a start writes them into the file too.
    await stop()
    await start()
    expect(await running.kill('SIGKILL')).toBe(null)
    expect(existsSync(join(stage.home, 'oauth.db-wal'))).toBe(true)
    expect(await type('rm -f oauth.db-shm oauth.db-wal; chmod 644 oauth.db')).toMatchObject({ code: 0 })
    await start()
    expect(statSync(join(stage.home, 'oauth.db')).mode & 0o777).toBe(0o600)
    const called = await type(
      `curl -s -o /dev/null -w '%{http_code}' -X POST http://localhost:8080/mcp -H "Authorization: Bearer ${bearer}" -d '{}'`,
    )
    // The server is not there; the sign-in is.
    expect(called.out).toBe('502')
  })

  test('Issue: "Table does not exist" errors: migrate up and a start name the tables, and migrate down and up make an empty database', async () => {
    const { out } = await sqlite('.tables')
    for (const name of ['sessions', 'tokens', 'users', 'schema_migrations']) expect(out).toContain(name)
    await stop()
    await sqlite('ALTER TABLE tokens RENAME TO kept_tokens')
    for (const line of ['./mcp-oauth-proxy migrate up', './mcp-oauth-proxy', './mcp-oauth-proxy migrate down']) {
      const refused = await type(line)
      expect([line, refused.code, words(refused)]).toEqual([line, 5, expect.stringContaining('no such table: tokens')])
      expect(refused.err).toContain('schema_missing')
    }
    const checked = await type('./mcp-oauth-proxy check-config config.yaml')
    expect(checked.out).toContain('Table does not exist: tokens')
    await sqlite('ALTER TABLE kept_tokens RENAME TO tokens')

    expect(await type('./mcp-oauth-proxy migrate up')).toMatchObject({ code: 0 })
    const latest = Number(
      /^(\d+) \(this program: \1\)$/m.exec((await type('./mcp-oauth-proxy migrate version')).out)?.[1],
    )
    // One version at a time; the last one stays at 0.
    for (let version = latest; version >= 0; version--) {
      const { code, err } = await type('./mcp-oauth-proxy migrate down')
      expect([code, err]).toEqual([0, expect.stringContaining(`version ${Math.max(0, version - 1)}.`)])
    }
    expect((await sqlite('.tables')).out.trim()).toBe('schema_migrations')
    expect(await type('./mcp-oauth-proxy migrate up')).toMatchObject({ code: 0 })
    expect((await type('./mcp-oauth-proxy migrate version')).out).toBe(`${latest} (this program: ${latest})\n`)
    await start()
    await expect(stage.signIn()).resolves.toMatchObject({ status: 200 })
  })

  test('Clear All State (Fresh Start): file, logs and key are made anew, and a person signs in again', async () => {
    const { access_token: bearer } = await stage.signIn()
    await stop()
    await type('rm oauth.db oauth.db-shm oauth.db-wal')
    expect(existsSync(join(stage.home, 'oauth.db'))).toBe(false)
    expect(await type('./mcp-oauth-proxy migrate up')).toMatchObject({ code: 0 })
    expect(await type('rm -rf logs/*.log')).toMatchObject({ code: 0 })
    await start()
    const refused = await type(`curl -s http://localhost:8080/mcp -H "Authorization: Bearer ${bearer}"`)
    expect(refused.out).toContain('invalid_token')
    await expect(stage.signIn()).resolves.toMatchObject({ status: 200 })
    expect(log()).toContain('gateway:signed-in')
  })
})

describe('Enable Debug Logging', () => {
  test.each([
    ['oauth:*', 'oauth:pkce'],
    ['oauth:pkce', 'oauth:pkce'],
    ['*', 'store:gateway'],
  ])('DEBUG=%s shows %s on stderr and in the log, and grep -i error finds what fails', async (DEBUG, event) => {
    await stop()
    await type('rm -rf logs/*.log')
    await start({ DEBUG })
    await stage.signIn()
    for (const text of [running.said(), log()]) expect(text).toContain(`"${event}"`)
    await type('curl -s "http://localhost:8080/auth/callback?code=test&state=test"')
    await until('the log to have it', async () =>
      (await type('tail -n 50 logs/proxy.log | grep -i error')).out.includes('invalid_state'),
    )
  })

  test('log_level: debug in the config file does the same', async () => {
    await stop()
    await type('rm -rf logs/*.log')
    stage.configure({ log_level: 'debug' })
    expect((await type('cat config.yaml | grep log_level')).out).toBe('log_level: debug\n')
    await start()
    await until('the log to have it', () => log().includes('store:gateway'), log)
    // As the guide has it, without quotes: the shell takes what is after & for another command, and no state comes.
    const { out } = await type('curl -v http://localhost:8080/auth/callback?code=test&state=test; wait')
    expect(out).toMatch(/^Invalid state/)
    // A request is noted when its connection has taken the answer, which curl may have by then.
    await until('the log to have it', async () =>
      (await type('tail -n 50 logs/proxy.log | grep callback')).out.includes('GET /auth/callback'),
    )
  })
})
