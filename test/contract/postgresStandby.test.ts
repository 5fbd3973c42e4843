// After a failover: connections to the server that only reads now are left, and whoever needs to write reaches the new primary.
import { connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrateUp } from '../../src/store/postgres/migrate.ts'
import { openPostgres } from '../../src/store/postgres/postgres.ts'
import { probePostgres } from '../../src/store/postgres/probe.ts'
import type { Database } from '../../src/store/sql.ts'
import { createFakeLogger } from '../fakes/fakeLogger.ts'
import { createGate } from '../fakes/gate.ts'
import { errorOf } from '../fakes/thrown.ts'
import { type Postgres, startPostgres, whyNoPostgres } from '../servers/postgres.ts'
import { until } from '../servers/until.ts'

const isOwn = whyNoPostgres() === undefined && !process.env.MCP_TEST_POSTGRES

/** So many connections of the pool, each in use until all are. */
async function holdAtOnce(database: Database, count: number) {
  const all = createGate()
  let held = 0
  const hold = () =>
    database.snapshot(async (sql) => {
      await sql.get('SELECT 1 AS one')
      if (++held === count) all.open()
      await all.passed
    })
  await Promise.all(Array.from({ length: count }, hold))
}

/** A name whose server changes, as in DNS or at a proxy: connections that stand stay where they are. */
async function startName(port: number) {
  let target = port
  const server = createServer((socket) => {
    const further = connect(target, '127.0.0.1')
    socket.pipe(further).pipe(socket)
    for (const one of [socket, further]) one.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: at } = server.address() as { port: number }
  return {
    at,
    moveTo(next: number) {
      target = next
    },
    close: () => server.close(),
  }
}

describe.skipIf(!isOwn)('after a failover', () => {
  let primary: Postgres
  let standby: number
  let url: string
  beforeAll(async () => {
    primary = await startPostgres()
    standby = await primary.standby()
  }, 60_000)
  afterAll(() => primary?.close())

  /** Everybody is connected to the standby; then the name leads to the primary. */
  const moved = async (work: (database: Database, move: () => void) => Promise<void>) => {
    url = await primary.fresh()
    const direct = openPostgres({ url, shown: 'primary', log: createFakeLogger() })
    await migrateUp(direct)
    await direct.close()
    const name = await startName(standby)
    const at = Object.assign(new URL(url), { port: String(name.at) }).href
    const database = openPostgres({ url: at, shown: 'db.example', log: createFakeLogger() })
    const isThere = () =>
      database.get('SELECT 1 FROM leases LIMIT 1').then(
        () => true,
        () => false,
      )
    try {
      await until('the standby to have the tables', isThere)
      await holdAtOnce(database, 8)
      await work(database, () => name.moveTo(primary.port))
    } finally {
      await database.close()
      name.close()
    }
  }
  const INSERT = "INSERT INTO leases (name, owner, expires_at) VALUES (?, 'me', '2030-01-01 00:00:00+00')"

  test('each statement and transaction that writes succeeds at once, on whichever connection', () =>
    moved(async (database, move) => {
      move()
      const wrote = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          i % 2 === 0
            ? database.run(INSERT, `s${i}`)
            : database.transaction(async (sql) => {
                await sql.get('SELECT 1 AS one')
                return sql.run(INSERT, `t${i}`)
              }),
        ),
      )
      expect(wrote).toEqual(Array.from({ length: 12 }, () => 1))
      expect(Number((await database.get('SELECT count(*) AS count FROM leases'))?.count)).toBe(12)
    }))

  test('a probe fails on the server that only reads, names what to do, and succeeds once there is a primary', () =>
    moved(async (database, move) => {
      const error = await errorOf(() => probePostgres(database))
      expect(error).toMatchObject({ code: 'database_unreachable', hint: expect.stringContaining('primary') })
      move()
      await probePostgres(database)
    }))

  test('without a primary, who reads is answered and who writes is told', () =>
    moved(async (database) => {
      expect(await database.get('SELECT 1 AS one')).toEqual({ one: 1 })
      for (const work of [() => database.run(INSERT, 'x'), () => database.transaction((sql) => sql.run(INSERT, 'x'))])
        expect(await errorOf(work)).toMatchObject({ code: 'database_unreachable' })
    }))
})
