// PostgreSQL as its owner has set it up, directly and through PgBouncer: settings, rights, clocks, and URLs of every form.
import { inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { parsePostgresUrl } from '../../src/config/file/postgresUrl.ts'
import { createLeases } from '../../src/store/leases.ts'
import { LATEST_VERSION } from '../../src/store/migrations/migrations.ts'
import { createDatabaseClock } from '../../src/store/postgres/clock.ts'
import { migrateDown, migrateUp, schemaVersion } from '../../src/store/postgres/migrate.ts'
import { openPostgres } from '../../src/store/postgres/postgres.ts'
import type { Database } from '../../src/store/sql.ts'
import { createFakeClock } from '../fakes/fakeClock.ts'
import { createFakeLogger } from '../fakes/fakeLogger.ts'
import { createGate } from '../fakes/gate.ts'
import { postgresDatabases } from '../fakes/postgresEngine.ts'
import { codeOf, errorOf } from '../fakes/thrown.ts'
import { freePort } from '../servers/freePort.ts'
import { whyNoPgBouncer, whyNoPostgres } from '../servers/postgres.ts'
import { until } from '../servers/until.ts'

const { server: theCluster, bounced: throughBouncer } = postgresDatabases()
const opened: Database[] = []
afterAll(() => Promise.all(opened.map((database) => database.close())))

const SHOWN = 'db.example:5432/oauth_db'
const open = (url: string, more: object = {}) => {
  const database = openPostgres({ url, shown: SHOWN, log: createFakeLogger(), ...more })
  opened.push(database)
  return database
}
const fresh = async () => (await theCluster()).fresh()
const migrated = async () => {
  const url = await fresh()
  await migrateUp(open(url))
  return url
}
const put = (database: Pick<Database, 'run'>, name: string, end = 60_000) =>
  database.run('INSERT INTO leases (name, owner, expires_at) VALUES (?, ?, ?)', name, 'owner', new Date(end))
const nameOf = (url: string) => new URL(url).pathname.slice(1)

/** Everything that a log, a JSON answer or a terminal could show of an error. */
const shownOf = (error: Error) =>
  `${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify({ ...error, error })}`

const WAYS = [
  { way: 'directly', whyNot: whyNoPostgres(), reach: async (url: string) => url },
  { way: 'through PgBouncer', whyNot: whyNoPostgres() ?? whyNoPgBouncer(), reach: throughBouncer },
]

describe.each(WAYS)('PostgreSQL, reached $way,', ({ whyNot, reach }) => {
  describe.skipIf(whyNot !== undefined)('in any state', () => {
    test('gives the same times whatever the settings of the server', async () => {
      const url = await migrated()
      const name = nameOf(url)
      await open(url).run(
        `ALTER DATABASE ${name} SET timezone = 'America/New_York'; ALTER DATABASE ${name} SET datestyle = 'German, DMY';
         ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`,
      )
      const database = open(await reach(url))
      const times = async (sql: Pick<Database, 'all'>) =>
        (await sql.all('SELECT expires_at FROM leases ORDER BY expires_at')).map(({ expires_at }) => expires_at)
      // The hour that New York has not, and one that it has twice.
      const ends = ['2026-03-08T07:30:00.001Z', '2026-11-01T05:30:00.000Z', '2026-11-01T06:30:00.000Z']
      for (const end of ends) await put(database, end, Date.parse(end))
      const expected = ends.map((end) => end.replace('T', ' ').replace('Z', ''))
      expect(await times(database)).toEqual(expected)
      expect(await database.transaction(times)).toEqual(expected)
      expect(await database.snapshot(times)).toEqual(expected)
      const row = await database.get("SELECT '2026-01-15 12:00:00'::timestamp AS a, 1::boolean AS b, '{}'::json AS c")
      expect(row).toEqual({ a: '2026-01-15 12:00:00.000', b: 1, c: '{}' })
    })

    test('gives numbers as numbers where they are exact, and as text where they are not', async () => {
      const row = await open(await reach(await fresh())).get(
        'SELECT 9007199254740991::int8 AS a, 9007199254740993::int8 AS b, -5::int2 AS c, 1.5::numeric AS d, 0.25::float8 AS e',
      )
      expect(row).toEqual({ a: 9_007_199_254_740_991, b: '9007199254740993', c: -5, d: 1.5, e: 0.25 })
    })

    test('takes several statements in one text, and names the program that asks', async () => {
      const database = open(await reach(await fresh()))
      await database.run("CREATE TABLE one (a TEXT); CREATE TABLE two (b TEXT); INSERT INTO one VALUES ('?')")
      expect(await database.all('SELECT a FROM one; SELECT 7 AS c')).toEqual([{ c: 7 }])
      expect(await database.get("SELECT current_setting('application_name') AS name")).toEqual({
        name: 'mcp-oauth-bridge',
      })
    })

    test('is migrated down from each version, and up again', async () => {
      const database = open(await reach(await migrated()))
      for (let lowest = LATEST_VERSION - 1; lowest >= 0; lowest--) {
        for (let version = LATEST_VERSION - 1; version >= lowest; version--)
          expect(await migrateDown(database)).toBe(version)
        await migrateUp(database)
        expect(await schemaVersion(database)).toBe(LATEST_VERSION)
        await put(database, `${lowest}`)
      }
      while ((await migrateDown(database)) > 0);
      expect(await migrateDown(database)).toBe(0)
      expect(await codeOf(put(database, 'a'))).toBe('schema_missing')
    })

    test('is one clock for replicas whose own clocks are five minutes apart', async () => {
      const database = open(await reach(await migrated()))
      const logs = [createFakeLogger(), createFakeLogger()]
      const at = Date.now()
      const clocks = await Promise.all(
        [at + 300_000, at - 300_000].map((start, index) =>
          createDatabaseClock(database, createFakeClock(start), logs[index] ?? createFakeLogger()),
        ),
      )
      const [ahead, behind] = clocks.map((clock) => createLeases(database, clock))
      const lease = await ahead?.take('a', 60_000)
      expect([await behind?.isHeld('a'), await behind?.take('a', 60_000)]).toEqual([true, undefined])
      await lease?.release()
      const own = await behind?.take('b', 60_000)
      expect([await ahead?.isHeld('b'), await ahead?.take('b', 60_000)]).toEqual([true, undefined])
      await own?.release()
      for (const clock of clocks) clock.stop()
      const said = logs.map(({ entries }) => entries.map(({ fields }) => String(fields.message)).join())
      expect(said).toEqual([expect.stringMatching(/ s ahead of that/), expect.stringMatching(/ s behind that/)])
    })

    test('says so where somebody holds a table too long, and goes on afterwards', async () => {
      const url = await migrated()
      const database = open(await reach(url), { statementMs: 300 })
      await put(database, 'a')
      const [held, isHeld] = [createGate(), createGate()]
      const holder = open(url).transaction(async (sql) => {
        await sql.run('LOCK TABLE leases IN ACCESS EXCLUSIVE MODE')
        isHeld.open()
        await held.passed
      })
      await isHeld.passed
      const update = "UPDATE leases SET owner = 'x'"
      for (const work of [() => database.run(update), () => database.get('SELECT 1 FROM leases')])
        expect(await errorOf(work)).toMatchObject({
          code: 'database_unreachable',
          message: expect.stringContaining('in time'),
        })
      const error = await errorOf(database.transaction((sql) => sql.run(update)))
      expect([error.code, error.message]).toEqual(['database_locked', expect.stringContaining(SHOWN)])
      held.open()
      await holder
      expect(await database.run(update)).toBe(1)
    })

    test('may end connections, idle ones and those of a transaction: the next statement has another one', async () => {
      const url = await migrated()
      const database = open(await reach(url))
      const other = open(url)
      const endAll = () =>
        other.all(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
        )
      await put(database, 'a')
      await endAll()
      expect(await database.all('SELECT name FROM leases')).toEqual([{ name: 'a' }])
      const cut = database.transaction(async (sql) => {
        await put(sql, 'b')
        await endAll()
        await put(sql, 'c')
      })
      expect(await codeOf(cut)).toBe('database_unreachable')
      const names = await until('the pool to recover', () =>
        database.all('SELECT name FROM leases').catch(() => undefined),
      )
      expect(names).toEqual([{ name: 'a' }])
    })
  })
})

describe.skipIf(whyNoPostgres() !== undefined)('a PostgreSQL that cannot be used', () => {
  const change = async (members: Partial<Pick<URL, 'hostname' | 'port' | 'password' | 'pathname' | 'search'>>) =>
    Object.assign(new URL(await fresh()), members).href

  test.each<[string, () => Promise<string>, RegExp, RegExp]>([
    [
      'with another password',
      () => change({ password: 'canary-password' }),
      /password authentication failed/,
      /user and the password/,
    ],
    ['without this database', () => change({ pathname: '/nowhere' }), /database "nowhere" does not exist/, /createdb/],
    ['at an unknown host', () => change({ hostname: 'nowhere.invalid' }), /ENOTFOUND|EAI_AGAIN/, /pg_isready/],
    ['at a closed port', async () => change({ port: String(await freePort()) }), /ECONNREFUSED/, /pg_isready/],
    [
      'at a closed port of IPv6',
      async () => change({ hostname: '[::1]', port: String(await freePort()) }),
      /ECONNREFUSED|EADDRNOTAVAIL|EAFNOSUPPORT|ENETUNREACH/,
      /pg_isready/,
    ],
    ['without TLS', () => change({ search: '?sslmode=verify-full' }), /does not support SSL/, /sslmode/],
    ['without the file of its certificate', () => change({ search: '?sslrootcert=/nowhere/ca.pem' }), /ENOENT/, /./],
  ])('%s says where and why, and never the password', async (_, urlOf, why, remedy) => {
    const url = await urlOf()
    const { password } = new URL(url)
    const database = open(url)
    for (const work of [() => database.get('SELECT 1'), () => database.transaction(async () => 1)]) {
      const error = await errorOf(work())
      expect(error.code).toBe('database_unreachable')
      expect(error.message).toContain(SHOWN)
      expect(error.message).toMatch(why)
      expect(error.hint).toMatch(remedy)
      expect(shownOf(error)).not.toContain(password)
    }
  })

  test('for want of a right says which one to give', async () => {
    const url = await fresh()
    const role = `guest_${nameOf(url)}`
    await open(url).run(`CREATE ROLE ${role} LOGIN PASSWORD 'guest'`)
    const error = await errorOf(
      migrateUp(open(Object.assign(new URL(url), { username: role, password: 'guest' }).href)),
    )
    expect([error.code, error.message]).toEqual(['database_unreachable', expect.stringMatching(/permission denied/)])
    expect(error.hint).toMatch(/GRANT ALL ON SCHEMA public/)
  })

  test('shows nothing of a row that it refuses', async () => {
    const database = open(await migrated())
    const values = ['canary-state', 'canary-server', 'canary-status', new Date()] as const
    const error = await errorOf(
      database.run(
        `INSERT INTO sessions (id, state, server, profile, status, challenge, created_at, expires_at, updated_at)
         VALUES (:state, :state, :server, 'p', :status, '', :now, :now, :now)`,
        { state: values[0], server: values[1], status: values[2], now: values[3] },
      ),
    )
    expect(shownOf(error)).not.toMatch(/canary/)
  })

  test('keeps no program from its end, and is closed once', async () => {
    const database = open(await migrated())
    await database.get('SELECT 1')
    await Promise.all([database.close(), database.close()])
    await expect(database.get('SELECT 1')).rejects.toThrow()
  })
})

describe.skipIf(whyNoPostgres() !== undefined)('a URL', () => {
  test.each(['p@ss:w/ö rd', '#?&=+%4', '\'"\\$1', '%zz [x]'])('may have the password %j as it is', async (password) => {
    const url = new URL(await fresh())
    const role = `odd_${nameOf(url.href)}`
    await open(url.href).run(`CREATE ROLE ${role} LOGIN PASSWORD '${password.replaceAll("'", "''")}'`)
    const found = parsePostgresUrl(`postgresql://${role}:${password}@${url.host}${url.pathname}`)
    expect(await open(found?.url ?? '').get('SELECT current_user AS name')).toEqual({ name: role })
  })

  test.each(['a+b', 'a b', 'a%2', 'ü&=;'])('may name the database %j', async (name) => {
    const url = new URL(await fresh())
    await open(url.href).run(`CREATE DATABASE "${name}"`)
    const text = `postgresql://${url.username}:${url.password}@${url.host}/${encodeURIComponent(name)}`
    const found = parsePostgresUrl(text)
    expect(await open(found?.url ?? '').get('SELECT current_database() AS name')).toEqual({ name })
  })

  test('may name a folder of sockets, and the password beside it', async () => {
    const url = new URL(await fresh())
    const row = await open(url.href).get("SELECT current_setting('unix_socket_directories') AS folder")
    const query = `host=${row?.folder}&port=${url.port}&password=${url.password}`
    const found = parsePostgresUrl(`postgresql://${url.username}@${url.pathname}?${query}`)
    expect([found?.password, found?.shown]).toEqual([url.password, `${row?.folder}:${url.port}${url.pathname}`])
    expect(await open(found?.url ?? '').get('SELECT inet_client_addr() AS address')).toEqual({ address: null })
  })
})
