// The guide's issues with the database, with rights and with the config file, each made for real.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import { has } from '../needs.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const home = () => stage.environment.MCP_OAUTH_BRIDGE_HOME
const file = () => join(home(), 'oauth.db')
const login = () => stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])

test('Issue: npm fails at better-sqlite3: without its native part Node 22 uses its own SQLite, and Node 20 says what to do', async () => {
  stage = await startStage()
  const copy = join(stage.home, 'installed without scripts')
  const source = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
  for (const name of ['bin', 'dist', 'package.json']) cpSync(source(name), join(copy, name), { recursive: true })
  const program = join(copy, 'bin/mcp-oauth-bridge.js')
  const words = [program, 'refresh', stage.server.url]
  const used = spawnSync(process.execPath, words, { env: stage.environment, encoding: 'utf8' })
  const ownSqlite = process.getBuiltinModule?.('node:sqlite') !== undefined
  expect(used.status).toBe(ownSqlite ? 3 : 5)
  expect(used.stderr).toContain(ownSqlite ? 'not_signed_in' : 'No SQLite driver works')
  if (!ownSqlite) expect(used.stderr).toMatch(/^hint: .*Node 22\.14/m)
})

test('Issue: "Database connection failed": a PostgreSQL that does not answer is named with host, port and database, and the bridge says that it needs a file', async () => {
  stage = await startStage()
  const config = stage.config('database_url: postgresql://oauth_user:canary-password@localhost:1/oauth_db\n')
  const { code, report, text, stderr } = await stage.doctor([stage.server.url, '--config', config])
  expect(code).toBe(5)
  expect(report.likely_cause).toMatchObject({ name: 'database', code: 'database_unreachable' })
  expect(report.likely_cause.detail).toContain('localhost:1/oauth_db')
  const said = [text + stderr]
  for (const command of [['login', stage.server.url], ['run', stage.server.url], ['logout', '--all'], ['refresh']]) {
    const refused = await stage.command([...command, '--config', config])
    expect([command, refused.code]).toEqual([command, 2])
    expect(refused.stderr).toMatch(/localhost:1\/oauth_db: only serve.*SQLite file/)
    said.push(refused.stdout + refused.stderr)
  }
  for (const command of [
    ['migrate', 'up'],
    ['migrate', 'version'],
    ['status'],
    ['reset', '--yes'],
    ['check-config', config],
  ]) {
    const failed = await stage.command([...command, ...(command[0] === 'check-config' ? [] : ['--config', config])])
    const words = failed.stdout + failed.stderr
    expect([command, failed.code === 0]).toEqual([command, false])
    if (command[0] !== 'check-config') expect([command, failed.code]).toEqual([command, 5])
    expect(words).toContain('localhost:1/oauth_db')
    said.push(words)
  }
  expect(said.join('')).not.toContain('canary-password')
})

test('Issue: "Database connection failed": a database that cannot be opened is database_unreachable', async () => {
  stage = await startStage()
  mkdirSync(file(), { recursive: true, mode: 0o700 })
  const { code, report } = await stage.doctor()
  expect(code).toBe(5)
  expect(report.likely_cause).toMatchObject({ name: 'database', code: 'database_unreachable' })
  expect(report.likely_cause.remedy).toContain('database_url')
  const refused = await login()
  expect(refused.code).toBe(5)
  expect(refused.stderr).toContain('(database_unreachable, see ')
  expect(/^hint: (.*)$/m.exec(refused.stderr)?.[1]).toContain('database_url')
})

test('Issue: SQLite "database locked" errors: doctor names the process that holds the lock', async () => {
  stage = await startStage()
  await login()
  const hold = `const D = require(${JSON.stringify(require.resolve('better-sqlite3'))})
    const db = new D(${JSON.stringify(file())}); db.exec('BEGIN IMMEDIATE'); process.stdout.write('locked'); setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['-e', hold], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  try {
    const { code, report } = await stage.doctor()
    expect(code).toBe(5)
    expect(report.likely_cause).toMatchObject({ name: 'database', code: 'database_locked' })
    expect(report.likely_cause.detail).toContain('database locked')
    expect(report.likely_cause.detail).toContain(`(pid ${holder.pid})`)
    expect(report.likely_cause.remedy).toContain('oauth.db-wal')
  } finally {
    holder.kill('SIGKILL')
  }
})

test.skipIf(!has('sqlite3'))('every SQL statement of docs/troubleshooting.md runs on the real file', async () => {
  stage = await startStage()
  await login()
  const text = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8')
  const statements = [...text.matchAll(/^sqlite3 "\$DB" "([^"]+)"/gm)].map(([, statement = '']) => statement)
  expect(statements.length).toBeGreaterThan(3)
  for (const statement of statements) execFileSync('sqlite3', [file(), statement], { stdio: 'pipe' })
})

test('Issue: "Table does not exist" errors: doctor and login name schema_missing and the table', async () => {
  stage = await startStage()
  await login()
  const database = new BetterSqlite3(file())
  database.exec('DROP TABLE sessions')
  database.close()
  const { code, report } = await stage.doctor()
  expect(code).toBe(5)
  expect(report.likely_cause).toMatchObject({ name: 'database', code: 'schema_missing' })
  expect(report.likely_cause.detail).toContain('Table does not exist: sessions')
  expect(report.likely_cause.remedy).toContain('migrate')
  const again = await stage.command(['login', stage.server.url, '--force', '--callback-url', stage.callbackUrl])
  expect(again.code).toBe(5)
  expect(again.stderr).toContain('schema_missing')
})

test('a file that is not a database is database_unreachable for doctor, which does not change it', async () => {
  stage = await startStage()
  mkdirSync(home(), { mode: 0o700 })
  writeFileSync(file(), 'no database at all, but long enough to be read as one\n'.repeat(100), { mode: 0o600 })
  const { code, report } = await stage.doctor()
  expect(code).toBe(5)
  expect(report.likely_cause).toMatchObject({ name: 'database', code: 'database_unreachable' })
  expect(statSync(file()).size).toBeGreaterThan(5_000)
})

test('permissions that are too wide are a warning, and doctor does not change them', async () => {
  stage = await startStage()
  await login()
  chmodSync(file(), 0o644)
  const { code, found } = await stage.doctor()
  expect(code).toBe(0)
  expect(found('database')).toMatchObject({ status: 'warn', code: 'permissions_unsafe' })
  expect(found('database').remedy).toContain('chmod 600')
  expect(statSync(file()).mode & 0o777).toBe(0o644)
})

test('Issue: "Permission denied" when starting proxy: a folder of another user is permissions_unsafe', async () => {
  stage = await startStage()
  // Root may give a folder away; anybody else finds one that is root's.
  const isRoot = process.getuid?.() === 0
  const folder = isRoot ? join(stage.home, 'theirs') : '/usr'
  if (isRoot) {
    mkdirSync(folder, { mode: 0o700 })
    chownSync(folder, 65_534, 65_534)
  }
  const environment = { MCP_OAUTH_BRIDGE_HOME: folder }
  const { code, report } = await stage.doctor([stage.server.url], environment)
  expect(code).toBe(5)
  expect(report.likely_cause).toMatchObject({ name: 'database', code: 'permissions_unsafe' })
  expect(report.likely_cause.detail).toContain('Permission denied')
  expect(report.likely_cause.remedy).toContain('owner')
  const started = await stage.command(['status'], environment)
  expect(started.code).toBe(5)
  expect(started.stderr).toContain('permissions_unsafe')
})

test('Issue: "Config file not found": every command names config_not_found and the path', async () => {
  stage = await startStage()
  const { code, report } = await stage.doctor([stage.server.url, '--config', './nowhere.yaml'])
  expect(code).toBe(2)
  expect(report.likely_cause).toMatchObject({ name: 'config', code: 'config_not_found' })
  expect(report.likely_cause.detail).toContain('nowhere.yaml')
  expect(report.likely_cause.remedy).toContain('CONFIG_PATH')
  const started = await stage.command(['status'], { CONFIG_PATH: './nowhere.yaml' })
  expect(started.code).toBe(2)
  expect(started.stderr).toContain('config_not_found')
})

test('Issue: keychain locked, or key missing: a sealing key that is gone is key_missing', async () => {
  stage = await startStage()
  await login()
  const database = new BetterSqlite3(file())
  const { item } = database.prepare("SELECT item FROM key_slots WHERE backend = 'file'").get() as { item: string }
  database.close()
  rmSync(join(home(), `${item}.key`))
  const { code, report } = await stage.doctor()
  expect(code).toBe(5)
  expect(report.likely_cause).toMatchObject({ name: 'keychain', code: 'key_missing' })
  expect(report.likely_cause.remedy).toMatch(/Restore it.*logout --all/)
})
