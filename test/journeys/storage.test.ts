// The database on disk: private, readable with the guide's own SQL, never lost when broken, and no account crosses into another.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { has } from '../needs.ts'
import { startEverything } from '../servers/everything.ts'
import { PROGRAM } from '../servers/host.ts'
import { startProtectedServer } from '../servers/protectedServer.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const home = () => stage.environment.MCP_OAUTH_BRIDGE_HOME
const login = (...more: string[]) =>
  stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl, ...more])
const mode = (path: string) => statSync(path).mode & 0o777

/** The troubleshooting guide's statements for SQLite, word for word. */
const GUIDE = [
  "SELECT * FROM sessions WHERE created_at > datetime('now', '-5 minutes');",
  'SELECT user_id, expires_at, created_at FROM tokens ORDER BY created_at DESC LIMIT 5;',
  'SELECT user_id, refresh_token FROM tokens WHERE refresh_token IS NOT NULL;',
  'PRAGMA journal_mode=WAL;',
  'PRAGMA busy_timeout=5000;',
  '.tables',
  "DELETE FROM sessions WHERE created_at < datetime('now', '-1 hour');",
]

test.skipIf(!has('sqlite3'))(
  'the guide’s SQL runs unchanged on the real file, finds what it looks for, and shows no secret',
  async () => {
    stage = await startStage()
    await login()
    const file = join(home(), 'oauth.db')
    const answers = GUIDE.map((statement) => execFileSync('sqlite3', [file, statement], { encoding: 'utf8' }))
    const [sessions, tokens, refresh, journal, , tables] = answers
    expect(sessions?.trim().split('\n')).toHaveLength(1)
    expect(tokens).toMatch(/#alice\|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/)
    expect(refresh).toMatch(/#alice\|v1\.[0-9a-f]{16}\./)
    expect(journal?.trim()).toBe('wal')
    expect(tables?.split(/\s+/)).toEqual(expect.arrayContaining(['sessions', 'tokens', 'users', 'schema_migrations']))
    expect(
      execFileSync('sqlite3', [file, "SELECT count(*) FROM tokens WHERE expires_at > datetime('now')"], {
        encoding: 'utf8',
      }).trim(),
    ).toBe('1')
  },
)

test('folders are 0700 and files 0600 under umask 000, also when they were wider before', async () => {
  stage = await startStage()
  mkdirSync(home(), { mode: 0o777 })
  chmodSync(home(), 0o777)
  const args = ['login', stage.server.url, '--callback-url', stage.callbackUrl]
  const child = spawn('sh', ['-c', 'umask 000; exec "$0" "$@"', process.execPath, PROGRAM, ...args], {
    env: stage.environment,
    stdio: 'ignore',
  })
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0)
  expect(mode(home())).toBe(0o700)
  const entries = readdirSync(home(), { recursive: true, withFileTypes: true })
  expect(entries.filter((entry) => entry.isFile()).length).toBeGreaterThan(2)
  for (const entry of entries)
    expect(mode(join(entry.parentPath, entry.name)), entry.name).toBe(entry.isDirectory() ? 0o700 : 0o600)
  chmodSync(join(home(), 'oauth.db'), 0o666)
  await stage.command(['status'])
  expect(mode(join(home(), 'oauth.db'))).toBe(0o600)
})

test('-wal and -shm are 0600 while a bridge has the database open under umask 000', async () => {
  stage = await startStage()
  await login()
  const before = process.umask(0)
  const host = stage.host()
  process.umask(before)
  expect(await host.isMet()).toBe(true)
  const names = readdirSync(home()).filter((name) => name.startsWith('oauth.db'))
  expect(names).toEqual(expect.arrayContaining(['oauth.db', 'oauth.db-wal', 'oauth.db-shm']))
  for (const name of names) expect(mode(join(home(), name)), name).toBe(0o600)
  await host.close()
})

test.skipIf(!has('sqlite3'))('secure_delete: the bytes of a removed token are in no file of the store', async () => {
  stage = await startStage()
  await login()
  const file = join(home(), 'oauth.db')
  const query = 'SELECT access_token, refresh_token FROM tokens'
  const sealed = execFileSync('sqlite3', ['-separator', '\n', file, query], { encoding: 'utf8' }).trim().split('\n')
  expect(sealed).toHaveLength(2)
  const found = () =>
    readdirSync(home())
      .filter((name) => name.startsWith('oauth.db'))
      .flatMap((name) => sealed.filter((text) => readFileSync(join(home(), name), 'latin1').includes(text)))
  expect(new Set(found())).toEqual(new Set(sealed))
  await stage.command(['logout', stage.server.url, '--callback-url', stage.callbackUrl, '--keep-remote'])
  expect(found()).toEqual([])
})

test('a database that is a symbolic link is refused with exit code 5', async () => {
  stage = await startStage()
  mkdirSync(home(), { mode: 0o700 })
  writeFileSync(join(stage.home, 'elsewhere.db'), '')
  symlinkSync(join(stage.home, 'elsewhere.db'), join(home(), 'oauth.db'))
  const refused = await stage.command(['status'])
  expect(refused.code).toBe(5)
  expect(refused.stderr).toContain('permissions_unsafe')
  expect(readFileSync(join(stage.home, 'elsewhere.db'), 'utf8')).toBe('')
})

test('a data folder that is a symbolic link is refused with exit code 5', async () => {
  stage = await startStage()
  mkdirSync(join(stage.home, 'elsewhere'))
  symlinkSync(join(stage.home, 'elsewhere'), home())
  const refused = await login()
  expect(refused.code).toBe(5)
  expect(refused.stderr).toContain('permissions_unsafe')
  expect(readdirSync(join(stage.home, 'elsewhere')).filter((name) => name.startsWith('oauth.db'))).toEqual([])
})

test('a file that is not a database is set aside unchanged, and work goes on with a new one', async () => {
  stage = await startStage()
  mkdirSync(home(), { mode: 0o700 })
  const rubbish = 'this was a database once\n'.repeat(500)
  writeFileSync(join(home(), 'oauth.db'), rubbish, { mode: 0o600 })
  const signedIn = await login()
  expect(signedIn.code).toBe(0)
  expect(signedIn.stderr).toContain('store:set-aside')
  const aside = readdirSync(home()).find((name) => name.includes('.corrupt-')) ?? ''
  expect(readFileSync(join(home(), aside), 'utf8')).toBe(rubbish)
})

test('a database of a newer program is refused with an explanation and not changed', async () => {
  stage = await startStage()
  await stage.command(['migrate', 'up'])
  const file = join(home(), 'oauth.db')
  const { default: BetterSqlite3 } = await import('better-sqlite3')
  const db = new BetterSqlite3(file)
  db.exec(
    "INSERT INTO schema_migrations (version, name, applied_at) VALUES (99, 'from the future', '2030-01-01 00:00:00')",
  )
  db.close()
  const refused = await stage.command(['status'])
  expect(refused.code).toBe(5)
  expect(refused.stderr).toContain('schema version 99')
  expect((await stage.command(['migrate', 'version'])).stdout).toMatch(/^99 /)
})

test('two profiles and two servers on one machine: no token reaches a server or profile that it was not issued for', async () => {
  stage = await startStage()
  const everything = await startEverything()
  const other = await startProtectedServer({ issuer: stage.authorization.issuer, target: everything.url })
  const signIns = [
    { url: stage.server.url, profile: 'home', account: 'alice' },
    { url: stage.server.url, profile: 'work', account: 'bob' },
    { url: other.url, profile: 'home', account: 'carol' },
  ]
  for (const { url, profile, account } of signIns) {
    stage.authorization.state.accountId = account
    await stage.command(['login', url, '--profile', profile, '--callback-url', stage.callbackUrl])
  }
  for (const { url, profile, account } of signIns) {
    const server = url === other.url ? other : stage.server
    const before = server.state.passed.length
    const host = stage.hostOf(url, ['--profile', profile])
    expect(await host.isMet()).toBe(true)
    await host.close()
    for (const { headers } of server.state.passed.slice(before)) expect(headers['x-user-id']).toBe(account)
  }
  const { accounts } = JSON.parse((await stage.command(['status', '--json'])).stdout)
  const seen = accounts.map((row: { server: string; profile: string; subject: string }) => [
    row.server,
    row.profile,
    row.subject,
  ])
  expect(seen).toHaveLength(3)
  expect(seen).toEqual(expect.arrayContaining(signIns.map(({ url, profile, account }) => [url, profile, account])))
  await stage.command(['logout', stage.server.url, '--profile', 'home', '--callback-url', stage.callbackUrl])
  const states = JSON.parse((await stage.command(['status', '--json'])).stdout).accounts.filter(
    ({ state }: { state: string }) => state === 'signed_in',
  )
  expect(states).toHaveLength(2)
  await other.close()
  await everything.close()
})

test('logout also deletes the tokens when the authorization server is down, and says that they stay valid', async () => {
  stage = await startStage()
  await login()
  await stage.authorization.close()
  const signedOut = await stage.command(['logout', '--all'])
  expect(signedOut.code).toBe(0)
  expect(signedOut.stderr).toContain('remain valid until they expire')
  expect(JSON.parse((await stage.command(['status', '--json'])).stdout).accounts[0].state).toBe('signed_out')
})

test('logout --keep-remote revokes nothing', async () => {
  stage = await startStage()
  await login()
  await stage.command(['logout', '--all', '--keep-remote'])
  expect(stage.authorization.counts.revocations).toBe(0)
})
