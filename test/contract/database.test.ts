// The store on every SQLite driver: better-sqlite3, and node:sqlite where Node has it.
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import type { TokenKey, TokenSet } from '../../src/records.ts'
import { createAttemptStore } from '../../src/store/attemptStore.ts'
import { createCache } from '../../src/store/cache.ts'
import { createClientStore } from '../../src/store/clientStore.ts'
import { createLeases } from '../../src/store/leases.ts'
import { LATEST_VERSION } from '../../src/store/migrations/migrations.ts'
import { createSeal } from '../../src/store/sealing/seal.ts'
import { keyBackends, openSealingKey } from '../../src/store/sealing/sealingKey.ts'
import { type Database, openDatabase } from '../../src/store/sqlite/database.ts'
import { migrateDown, migrateUp, schemaVersion } from '../../src/store/sqlite/migrate.ts'
import { createTokenStore } from '../../src/store/tokenStore.ts'
import { createFakeClock, createStandingClock, NOON } from '../fakes/fakeClock.ts'
import { createFakeSecretStore } from '../fakes/fakeSecretStore.ts'
import { createHangingDatabase } from '../fakes/hangingDatabase.ts'
import { hasBetterSqlite3, hasNodeSqlite, withoutBetterSqlite3 } from '../fakes/sqliteDrivers.ts'
import { sqlOf } from '../fakes/sqlOf.ts'
import { tempFolder } from '../fakes/tempFolder.ts'
import { codeOf, errorOf } from '../fakes/thrown.ts'

const folder = tempFolder()
const opened: Database[] = []
afterAll(() => {
  for (const database of opened) database.close()
})

const DRIVERS = [
  { name: 'better-sqlite3', runs: hasBetterSqlite3, open: (file: string) => openDatabase(file) },
  { name: 'node:sqlite', runs: hasNodeSqlite, open: (file: string) => withoutBetterSqlite3(() => openDatabase(file)) },
] as const

const KEY: TokenKey = { server: 'https://mcp.example/mcp', profile: 'default' }
const TOKENS: TokenSet = {
  issuer: 'https://as.example',
  clientId: 'client',
  redirectUri: 'http://localhost:8080/auth/callback',
  accessToken: 'access-secret-1',
  refreshToken: 'refresh-secret-1',
  scope: 'a b',
  expiresAt: NOON + 3_600_000,
  obtainedAt: NOON,
  user: { issuer: 'https://as.example', subject: 'ada', claims: { email: 'ada@example.com' } },
}

describe.each(DRIVERS)('the store on $name', ({ name, runs, open }) => {
  const start = (file = folder.fresh('oauth.db')) => {
    const database = open(file)
    opened.push(database)
    return database
  }

  function setUp(file = folder.fresh('oauth.db')) {
    const clock = createFakeClock()
    const seal = createSeal(randomBytes(32))
    const process = () => {
      const database = start(file)
      const openSeal = async () => seal
      return {
        database,
        tokens: createTokenStore(sqlOf(database), openSeal, clock),
        attempts: createAttemptStore(sqlOf(database), openSeal, clock),
        clients: createClientStore(sqlOf(database), openSeal, clock),
        cache: createCache(sqlOf(database), clock),
        leases: createLeases(createHangingDatabase(sqlOf(database)).database, clock),
      }
    }
    return { clock, process, file }
  }

  test.runIf(runs)('reports which driver it is', () => {
    expect(start().driver).toBe(name)
  })

  test.runIf(runs)('keeps texts, numbers and null as they are', () => {
    const database = start()
    database.exec('CREATE TABLE t (a TEXT, b INTEGER, c REAL, d TEXT)')
    expect(database.run('INSERT INTO t VALUES (?, ?, ?, ?)', 'ü😀', 7, 1.5, null)).toBe(1)
    expect(database.get('SELECT * FROM t')).toEqual({ a: 'ü😀', b: 7, c: 1.5, d: null })
    expect(database.get('SELECT * FROM t WHERE b = ?', 8)).toBeUndefined()
    expect(database.all('SELECT * FROM t WHERE b = ?', 8)).toEqual([])
    expect(database.run('UPDATE t SET b = 9 WHERE b = 8')).toBe(0)
  })

  test.runIf(runs)('rolls a failed transaction back', () => {
    const database = start()
    expect(() =>
      database.transaction(() => {
        database.run("INSERT INTO server_cache VALUES ('a', '1', 'x', 'y')")
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(database.all('SELECT * FROM server_cache')).toEqual([])
  })

  test.runIf(runs)('says what is wrong when the disk is full within a transaction, and goes on', async () => {
    const database = start()
    const put = "INSERT INTO server_cache VALUES ('a', :value, 'x', 'y')"
    const large = { value: 'x'.repeat(100_000) }
    // SQLite ends such a transaction by itself.
    database.exec(`PRAGMA max_page_count = ${database.get('PRAGMA page_count')?.page_count}`)
    const within = (): number => database.transaction(() => database.run(put, large))
    const awaited = () => sqlOf(database).transaction((sql) => sql.run(put, large))
    for (const full of [within, awaited])
      expect(await errorOf(full)).toMatchObject({
        code: 'database_unreachable',
        message: expect.stringMatching(/full/),
      })
    database.exec('PRAGMA max_page_count = 1000000')
    expect([within(), await sqlOf(database).run("DELETE FROM server_cache WHERE name = 'a'")]).toEqual([1, 1])
  })

  test.runIf(runs)('migrates the schema up and down', () => {
    const database = start()
    expect(schemaVersion(database)).toBe(LATEST_VERSION)
    for (let version = LATEST_VERSION; version > 0; version--) migrateDown(database)
    expect(schemaVersion(database)).toBe(0)
    migrateUp(database)
    expect(schemaVersion(database)).toBe(LATEST_VERSION)
  })

  test.runIf(runs)('distinguishes a locked database from a missing table and a violated constraint', async () => {
    const file = folder.fresh('oauth.db')
    const [holder, other] = [start(file), start(file)]
    other.exec('PRAGMA busy_timeout = 0')
    holder.exec('BEGIN IMMEDIATE')
    expect(await codeOf(() => other.transaction(() => 1))).toBe('database_locked')
    holder.exec('ROLLBACK')
    expect(await codeOf(() => other.get('SELECT * FROM nowhere'))).toBe('schema_missing')
    expect(await codeOf(() => other.get('SELECT missing_column FROM tokens'))).toBe('schema_missing')
    expect(await codeOf(() => other.run("INSERT INTO leases VALUES ('a', NULL, 'x')"))).toBe('database_unreachable')
  })

  test.runIf(runs)('sets aside a file that is not a database', () => {
    const file = folder.fresh('oauth.db')
    writeFileSync(file, 'no database '.repeat(100))
    expect(start(file).all('SELECT * FROM tokens')).toEqual([])
    expect(existsSync(file)).toBe(true)
  })

  test.runIf(runs)('refuses a folder in place of the file', async () => {
    expect(await codeOf(() => open(folder.path))).toBe('database_unreachable')
  })

  test.runIf(runs)('replaces token sets of several processes, with one winner per generation', async () => {
    const { process } = setUp()
    const [one, two] = [process(), process()]
    expect(await one.tokens.load(KEY)).toEqual({ generation: 0 })
    expect([await one.tokens.replace(KEY, TOKENS, 0), await two.tokens.replace(KEY, TOKENS, 0)]).toEqual([true, false])
    expect(await two.tokens.load(KEY)).toEqual({ generation: 1, tokens: TOKENS })
    expect([await two.tokens.spend(KEY, 1), await one.tokens.spend(KEY, 1)]).toEqual(['first', 'again'])
    expect([await two.tokens.remove(KEY, 1, 'gone'), await one.tokens.remove(KEY, 1)]).toEqual([true, false])
    expect(await one.tokens.load(KEY)).toEqual({ generation: 2, lastError: 'gone' })
    expect(await one.tokens.list()).toMatchObject([{ ...KEY, generation: 2, signedIn: false, lastError: 'gone' }])
  })

  test.runIf(runs)('lists who is signed in', async () => {
    const { tokens } = setUp().process()
    await tokens.replace(KEY, TOKENS, 0)
    expect(await tokens.list()).toEqual([
      {
        ...KEY,
        generation: 1,
        signedIn: true,
        refreshable: true,
        issuer: 'https://as.example',
        subject: 'ada',
        email: 'ada@example.com',
        scope: 'a b',
        expiresAt: NOON + 3_600_000,
      },
    ])
  })

  test.runIf(runs)('lets one of 20 processes begin a sign-in, and one claim it', async () => {
    const { process, clock } = setUp()
    const all = Array.from({ length: 20 }, process)
    const begun = await Promise.all(
      all.map(({ attempts }) => attempts.begin(KEY, { status: 401 }, clock.now() + 1_000)),
    )
    expect(begun.filter((one) => one.begun)).toHaveLength(1)
    const { id, state } = begun[0]?.attempt ?? { id: '', state: '' }
    const plan = {
      issuer: 'https://as.example',
      client: { clientId: 'c', authMethod: 'none' },
      redirectUri: 'http://localhost:8080/auth/callback',
      codeVerifier: 'v',
      metadata: { issuer: 'https://as.example' },
      authorizationUrl: 'https://as.example/authorize',
    }
    await all[1]?.attempts.plan(id, plan)
    await all[2]?.attempts.tabOpened(id)
    const claims = await Promise.all(all.map(({ attempts }) => attempts.claim(state, clock.now())))
    expect(claims.filter(Boolean)).toHaveLength(1)
    await all[2]?.attempts.settle(id, { status: 'failed', code: 'access_denied', message: 'no' })
    expect(await all[3]?.attempts.byId(id)).toMatchObject({ status: 'failed', errorCode: 'access_denied' })
    expect((await all[3]?.attempts.byId(id))?.plan).toBeUndefined()
    expect((await all[4]?.attempts.lastFailure(KEY, 0))?.id).toBe(id)
    expect(await all[4]?.attempts.open(clock.now())).toEqual([])
  })

  test.runIf(runs)('gives a lease to one of 20 processes, and to another one after it expires', async () => {
    const { process, clock } = setUp()
    const all = Array.from({ length: 20 }, process)
    const leases = (await Promise.all(all.map((one) => one.leases.take('a', 3_600_000)))).filter(
      (lease) => lease !== undefined,
    )
    expect(leases).toHaveLength(1)
    expect(await all[0]?.leases.isHeld('a')).toBe(true)
    clock.advance(3_600_000)
    const taken = all[1]?.leases.take('a', 3_600_000)
    for (let looks = 0; looks < 50; looks++) {
      await clock.whenSleeping(1)
      clock.advance(40)
    }
    const next = await taken
    expect(next).toBeDefined()
    for (const lease of [...leases, next]) await lease?.release()
    expect(await all[0]?.leases.isHeld('a')).toBe(false)
  })

  test.runIf(runs)('keeps clients and cached answers', async () => {
    const { clients, cache } = setUp().process()
    const client = { clientId: 'c', clientSecret: 's', authMethod: 'client_secret_post' }
    await clients.save('https://as.example', 'http://localhost:8080/cb', client)
    expect(await clients.load('https://as.example', 'http://localhost:8080/cb')).toEqual(client)
    await clients.removeAll()
    expect(await clients.load('https://as.example', 'http://localhost:8080/cb')).toBeUndefined()
    await cache.put('a', { b: [1] }, NOON + 1)
    expect([await cache.get('a', NOON), await cache.get('a', NOON + 1)]).toEqual([{ b: [1] }, undefined])
  })

  test.runIf(runs)('creates one sealing key for 20 processes', async () => {
    const file = folder.fresh('oauth.db')
    const stores = { keychain: createFakeSecretStore(), file: createFakeSecretStore(), env: createFakeSecretStore() }
    const slots = { wanted: ['keychain', 'file'], stores } as const
    const keys = await Promise.all(
      Array.from({ length: 20 }, () => openSealingKey(sqlOf(start(file)), slots, createStandingClock())),
    )
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1)
    expect(await keyBackends(sqlOf(start(file)))).toEqual(['keychain'])
  })
})

test.runIf(hasNodeSqlite)('each driver reads what the other wrote', () => {
  const file = folder.fresh('oauth.db')
  for (const { open, name } of DRIVERS) {
    const database = open(file)
    database.run('INSERT INTO server_cache VALUES (?, ?, ?, ?)', name, '1', 'x', 'y')
    database.close()
  }
  const database = openDatabase(file)
  expect(database.all('SELECT name FROM server_cache ORDER BY name')).toEqual([
    { name: 'better-sqlite3' },
    { name: 'node:sqlite' },
  ])
  database.close()
})

test.skipIf(hasNodeSqlite)('without any driver, the error says which one is missing and what to do', async () => {
  const error = await errorOf(() => withoutBetterSqlite3(() => openDatabase(folder.fresh('oauth.db'))))
  expect(error.code).toBe('database_unreachable')
  expect(error.message).toContain('better-sqlite3 was installed without its native part')
  expect(error.hint).toContain('Node 22.14')
})
