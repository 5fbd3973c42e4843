// PostgreSQL itself: what its faults are called, what it shows of a password, and how the pool and the schema come through.
import { createServer, type Server } from 'node:net'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { LATEST_VERSION } from '../../src/store/migrations/migrations.ts'
import { createDatabaseClock } from '../../src/store/postgres/clock.ts'
import { migrateDown, migrateUp, schemaVersion } from '../../src/store/postgres/migrate.ts'
import { openPostgres } from '../../src/store/postgres/postgres.ts'
import type { Database } from '../../src/store/sql.ts'
import { clock as realClock } from '../../src/system/clock.ts'
import { createFakeLogger } from '../fakes/fakeLogger.ts'
import { createGate, settled } from '../fakes/gate.ts'
import { postgresDatabases } from '../fakes/postgresEngine.ts'
import { codeOf, errorOf } from '../fakes/thrown.ts'
import { freePort } from '../servers/freePort.ts'
import { PASSWORD, whyNoPgBouncer, whyNoPostgres } from '../servers/postgres.ts'
import { until } from '../servers/until.ts'

const SHOWN = 'db.example:5432/oauth_db'
const isOwn = whyNoPostgres() === undefined && !process.env.MCP_TEST_POSTGRES
const databases = isOwn ? postgresDatabases() : undefined

const kit = () => {
  if (!databases) throw new Error(whyNoPostgres())
  return databases
}
const opened: Database[] = []
const silent: Server[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()))
  for (const server of silent.splice(0)) server.close()
})

/** As the program opens it, but for its patience. */
const open = (url: string, limits: { connectMs?: number; statementMs?: number; connections?: number } = {}) => {
  const log = createFakeLogger()
  const database = openPostgres({ url, shown: SHOWN, log, ...limits })
  opened.push(database)
  return Object.assign(database, { log })
}
const changed = (url: string, change: (url: URL) => void) => {
  const made = new URL(url)
  change(made)
  return made.href
}

const nobodyListens = async (url: string) => {
  const port = await freePort()
  return changed(url, (one) => Object.assign(one, { port: String(port) }))
}

/** A machine whose wall clock is `wrong` ms ahead, and which has `slept`: the clock that only counts the time awake is behind by so much. */
function machineOf(given: { wrong?: number; slept?: number }) {
  let { wrong = 0, slept = 0 } = given
  return {
    ...realClock,
    now: () => Date.now() + wrong,
    awake: () => performance.now() - slept,
    set(now: { wrong?: number; slept?: number }) {
      wrong = now.wrong ?? wrong
      slept = now.slept ?? slept
    },
  }
}
/** A database whose answers after the first come late: `pass` lets the time pass. */
function lateAfterFirst(pass: () => void) {
  const database = kit().create()()
  let looks = 0
  const slow: Database = {
    ...database,
    async get(sql, ...values) {
      const row = await database.get(sql, ...values)
      if (++looks > 1) pass()
      return row
    },
  }
  return { database: slow, looks: () => looks }
}
/** How far it is from the time of this machine, on which the database runs as well, in ms. */
const off = (clock: { now(): number }) => Math.abs(clock.now() - Date.now())

describe.skipIf(!isOwn)('PostgreSQL', () => {
  describe('that cannot be used is database_unreachable with host, port and database, and without the password:', () => {
    const fresh = async () => (await kit().server()).fresh()
    test.each<[string, (url: string) => string | Promise<string>, RegExp]>([
      ['nobody listens', nobodyListens, /ECONNREFUSED/],
      [
        'no such host',
        (url) => changed(url, (u) => Object.assign(u, { hostname: 'nowhere.invalid' })),
        /nowhere\.invalid/,
      ],
      [
        'another password',
        (url) => changed(url, (u) => Object.assign(u, { password: `${PASSWORD}x` })),
        /authentication/,
      ],
      ['no password', (url) => changed(url, (u) => Object.assign(u, { password: '' })), /password/],
      ['another user', (url) => changed(url, (u) => Object.assign(u, { username: 'nobody' })), /authentication/],
      ['no such database', (url) => changed(url, (u) => Object.assign(u, { pathname: '/nowhere' })), /nowhere/],
      ['TLS that it does not have', (url) => `${url}?sslmode=require`, /SSL/],
    ])('%s', async (_, wrong, why) => {
      const database = open(await wrong(await fresh()))
      for (const work of [
        () => database.get('SELECT 1 AS one'),
        () => database.transaction((sql) => sql.get('SELECT 1 AS one')),
      ]) {
        const error = await errorOf(work)
        expect([error.code, error.message]).toEqual(['database_unreachable', expect.stringMatching(why)])
        expect(error.message).toContain(SHOWN)
        expect(inspect([error, error.hint, database.log.entries], { depth: 20 })).not.toContain(PASSWORD)
      }
    })

    test('it takes the connection and says nothing', async () => {
      const server = createServer()
      silent.push(server)
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as { port: number }
      const url = changed(await fresh(), (u) => Object.assign(u, { port: String(port) }))
      expect(await codeOf(() => open(url, { connectMs: 300 }).get('SELECT 1 AS one'))).toBe('database_unreachable')
    })

    test('it does not answer a statement in time; the next one is answered', async () => {
      const database = open(await fresh(), { statementMs: 1_000 })
      const error = await errorOf(() => database.get('SELECT pg_sleep(30)'))
      expect([error.code, error.message]).toEqual(['database_unreachable', expect.stringContaining('in time')])
      const answer = await until('an answer', () => database.get('SELECT 1 AS one').catch(() => undefined))
      expect(answer).toEqual({ one: 1 })
    })
  })

  test('a statement of a transaction that waits too long for another program is database_locked', async () => {
    const url = await (await kit().server()).fresh()
    const [holder, other] = [open(url), open(url, { statementMs: 300 })]
    await holder.run('CREATE TABLE t (id INTEGER PRIMARY KEY)')
    await holder.run('INSERT INTO t VALUES (1)')
    await holder.transaction(async (sql) => {
      await sql.run('UPDATE t SET id = 1')
      expect(await codeOf(() => other.transaction((sql) => sql.run('DELETE FROM t')))).toBe('database_locked')
    })
    expect(await holder.transaction((sql) => sql.run('DELETE FROM t'))).toBe(1)
  })

  test('a deadlock costs nobody a change: the transaction runs again', async () => {
    const url = await (await kit().server()).fresh()
    const [one, other] = [open(url), open(url)]
    await one.run('CREATE TABLE t (id INTEGER PRIMARY KEY, count INTEGER NOT NULL)')
    await one.run('INSERT INTO t VALUES (1, 0), (2, 0)')
    const both = [createGate(), createGate()]
    const add = (database: Database, ids: number[], mine: number) => {
      let runs = 0
      return database.transaction(async (sql) => {
        runs++
        const [first, second] = ids
        await sql.run('UPDATE t SET count = count + 1 WHERE id = ?', Number(first))
        both[mine]?.open()
        await both[1 - mine]?.passed
        await sql.run('UPDATE t SET count = count + 1 WHERE id = ?', Number(second))
        return runs
      })
    }
    const runs = await Promise.all([add(one, [1, 2], 0), add(other, [2, 1], 1)])
    // One of them at least; the other one too, where they meet again.
    expect(Math.max(...runs)).toBeGreaterThan(1)
    expect(await one.all('SELECT count FROM t')).toEqual([{ count: 2 }, { count: 2 }])
  })

  describe.each([
    ['directly', false],
    ['through PgBouncer', true],
  ])('reached %s', (_, isBounced) => {
    test.skipIf(isBounced && whyNoPgBouncer() !== undefined)(
      'that goes away and comes back is used again, by whoever waits and whoever is in a transaction',
      async () => {
        const server = await kit().server()
        const url = await server.fresh()
        const database = open(isBounced ? (await server.bouncer())(url) : url, { connectMs: 5_000, statementMs: 2_000 })
        await database.run('CREATE TABLE t (id INTEGER)')
        await Promise.all(Array.from({ length: 10 }, () => database.get('SELECT 1 AS one')))
        const within = database.transaction(async (sql) => {
          await sql.run('INSERT INTO t VALUES (1)')
          await server.stop()
          return sql.get('SELECT 1 AS one')
        })
        expect(await codeOf(within)).toBe('database_unreachable')
        expect(await codeOf(() => database.get('SELECT 1 AS one'))).toBe('database_unreachable')
        await server.start()
        const rows = await until('the database to answer', () =>
          database.all('SELECT id FROM t').catch(() => undefined),
        )
        expect(rows).toEqual([])
        expect(await database.transaction((sql) => sql.run('INSERT INTO t VALUES (2)'))).toBe(1)
      },
    )

    test.skipIf(isBounced && whyNoPgBouncer() !== undefined)(
      'fifty at once are answered by ten connections',
      async () => {
        const server = await kit().server()
        const url = await server.fresh()
        const database = open(isBounced ? (await server.bouncer())(url) : url)
        await database.run('CREATE TABLE t (id INTEGER PRIMARY KEY)')
        const added = Array.from({ length: 50 }, (_, id) =>
          database.transaction((sql) => sql.run('INSERT INTO t VALUES (?)', id)),
        )
        expect(await Promise.all(added)).toEqual(Array.from({ length: 50 }, () => 1))
        const row = await open(url).get(
          "SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        )
        expect(Number(row?.count)).toBeLessThanOrEqual(isBounced ? 4 : 10)
      },
    )
  })

  describe('a schema', () => {
    test.each([
      ['directly', false],
      ['through PgBouncer', true],
    ])('is brought up by four programs at once, reached %s, and down version by version', async (_, isBounced) => {
      const open = kit().create({ isEmpty: true, isBounced: isBounced && whyNoPgBouncer() === undefined })
      const all = Array.from({ length: 4 }, open)
      const [one] = all as [Database]
      expect(await schemaVersion(one)).toBe(0)
      await Promise.all(all.map(migrateUp))
      expect(await schemaVersion(one)).toBe(LATEST_VERSION)
      expect(await one.all('SELECT version FROM schema_migrations ORDER BY version')).toEqual(
        Array.from({ length: LATEST_VERSION }, (_, index) => ({ version: index + 1 })),
      )
      for (let version = LATEST_VERSION; version > 0; version--) expect(await migrateDown(one)).toBe(version - 1)
      expect(await migrateDown(one)).toBe(0)
      await migrateUp(one)
      expect(await schemaVersion(one)).toBe(LATEST_VERSION)
    })

    test.each([
      ['only adds to it', 1, undefined],
      ['changes it', 0, 'schema_missing'],
    ])('of a newer program that %s', async (_, additive, code) => {
      const database = kit().create({ isEmpty: true })()
      await migrateUp(database)
      await database.run(
        'INSERT INTO schema_migrations (version, name, applied_at, additive) VALUES (?, ?, ?, ?)',
        LATEST_VERSION + 1,
        'newer',
        new Date(),
        additive,
      )
      expect(
        await migrateUp(database).then(
          () => undefined,
          ({ code }) => code,
        ),
      ).toBe(code)
    })

    test.each([
      'https://mcp.example/mcp',
      'with space',
      '"quoted" \\ ü😀',
      'tab\t, line\n, bell\u0007, del\u007f, \u2028',
      "it's",
    ])('deletes with a row its seal, whatever its key is: %j', async (server) => {
      const database = kit().create()()
      const row = { server, profile: 'default', at: new Date() }
      await database.run(
        'INSERT INTO tokens (server, profile, generation, created_at, updated_at) VALUES (:server, :profile, 1, :at, :at)',
        row,
      )
      for (const key of [
        [server, 'default'],
        [server, 'other'],
      ])
        await database.run('INSERT INTO seals VALUES (?, ?, ?)', 'tokens', JSON.stringify(key), 'seal')
      await database.run('DELETE FROM tokens')
      expect(await database.all('SELECT row_key FROM seals')).toEqual([{ row_key: JSON.stringify([server, 'other']) }])
    })

    test('understands the SQL of the guide', async () => {
      const database = kit().create()()
      const old = { at: new Date(Date.now() - 2 * 3_600_000) }
      await database.run(
        "INSERT INTO sessions (id, state, server, profile, status, challenge, created_at, expires_at, updated_at) VALUES ('a', 'a', 's', 'p', 'failed', '{}', :at, :at, :at)",
        old,
      )
      expect(await database.run("DELETE FROM sessions WHERE created_at < NOW() - INTERVAL '1 hour'")).toBe(1)
      expect(await database.run('DELETE FROM tokens WHERE expires_at < NOW()')).toBe(0)
    })
  })

  test.each([-300_000, 0, 300_000])('gives its own time to a machine whose clock is wrong by %i ms', async (wrong) => {
    const log = createFakeLogger()
    const clock = await createDatabaseClock(kit().create()(), machineOf({ wrong }), log)
    clock.stop()
    expect(off(clock)).toBeLessThan(20_000)
    expect(log.entries.map(({ event }) => event)).toEqual(wrong === 0 ? [] : ['store:clock'])
  })

  test('gives its own time at once when the clock of the machine is set, in whichever direction', async () => {
    const machine = machineOf({ wrong: 0 })
    const clock = await createDatabaseClock(kit().create()(), machine, createFakeLogger())
    for (const wrong of [3_600_000, -3_600_000, 0]) {
      machine.set({ wrong })
      expect(off(clock)).toBeLessThan(20_000)
    }
    clock.stop()
  })

  test('gives its own time after the machine has slept', async () => {
    const machine = machineOf({ wrong: 0 })
    const clock = await createDatabaseClock(kit().create()(), machine, createFakeLogger())
    machine.set({ slept: 3_600_000 })
    await until('the clock to be right', () => off(clock) < 20_000)
    clock.stop()
  })

  test('goes by an answer that was long on its way where it corrects more than that', async () => {
    const machine = machineOf({ wrong: 0 })
    const { database } = lateAfterFirst(() => machine.set({ slept: 10_798_000 }))
    const clock = await createDatabaseClock(database, machine, createFakeLogger())
    machine.set({ slept: 10_800_000 })
    await until('the clock to be right', () => off(clock) < 20_000)
    clock.stop()
  })

  test('does not go by an answer that was long on its way', async () => {
    const machine = machineOf({ wrong: 0 })
    // As if the answer had lain an hour somewhere.
    const { database, looks } = lateAfterFirst(() => machine.set({ slept: -3_600_000 }))
    const clock = await createDatabaseClock(database, machine, createFakeLogger())
    machine.set({ wrong: 5_000 })
    clock.now()
    await until('a second look', () => looks() === 2)
    await settled()
    machine.set({ slept: 0 })
    expect(off(clock)).toBeLessThan(20_000)
    clock.stop()
  })
})
