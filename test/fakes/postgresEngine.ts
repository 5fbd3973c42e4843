// Databases on the PostgreSQL server of one test file: each test has one of its own, which may have been that of an earlier one.
import { afterAll, afterEach } from 'vitest'
import { migrateUp } from '../../src/store/postgres/migrate.ts'
import { openPostgres } from '../../src/store/postgres/postgres.ts'
import type { Database } from '../../src/store/sql.ts'
import { type Postgres, startPostgres } from '../servers/postgres.ts'
import { createFakeLogger } from './fakeLogger.ts'

export interface PostgresDatabases {
  readonly server: () => Promise<Postgres>
  /** A URL of the same database through PgBouncer, in transaction mode. */
  bounced(url: string): Promise<string>
  /** A new database: what opens it for another process, empty or migrated. */
  create(options?: { isEmpty?: boolean; isBounced?: boolean }): () => Database
  /** Opens a URL as the program does; closed when the test is over. */
  open(url: string, shown?: string): Database
}

let made: PostgresDatabases | undefined

/** Call it where tests are collected: what it opens is closed after them. */
export function postgresDatabases(): PostgresDatabases {
  made ??= makeDatabases()
  return made
}

function makeDatabases(): PostgresDatabases {
  const opened = new Set<Database>()
  let started: Promise<Postgres> | undefined
  const server = () => {
    started ??= startPostgres()
    return started
  }
  const connect = (url: string, shown = '127.0.0.1/test') => openPostgres({ url, shown, log: createFakeLogger() })
  const open = (url: string, shown?: string) => {
    const database = connect(url, shown)
    opened.add(database)
    return database
  }
  let bouncer: Promise<(url: string) => string> | undefined
  const through = () => {
    bouncer ??= server().then((one) => one.bouncer())
    return bouncer
  }
  /** Migrated databases that no test uses now; making one takes longer than emptying one. */
  const free: string[] = []
  const used: string[] = []
  const migrated = async () => {
    const url = free.pop() ?? (await (await server()).fresh())
    used.push(url)
    const database = connect(url)
    await migrateUp(database)
    const tables = await database.all(
      "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'",
    )
    await database.run(tables.map(({ tablename }) => `DELETE FROM ${tablename}`).join(';'))
    await database.close()
    return url
  }
  const closeAll = async () => {
    const those = [...opened]
    opened.clear()
    await Promise.all(those.map((database) => database.close()))
    free.push(...used.splice(0))
  }
  afterEach(closeAll)
  afterAll(async () => {
    await closeAll()
    await started?.then((one) => one.close())
    made = undefined
  })
  return {
    server,
    open,
    bounced: async (url) => (await through())(url),
    create({ isEmpty = false, isBounced = false } = {}) {
      const created = isEmpty ? server().then((one) => one.fresh()) : migrated()
      return () => later(async () => open(isBounced ? (await through())(await created) : await created))
    },
  }
}

/** A database whose opening is under way. */
function later(open: () => Promise<Database>): Database {
  const opened = open()
  // Whoever uses it gets the error.
  opened.catch(() => undefined)
  return {
    kind: 'postgres',
    get: async (sql, ...values) => (await opened).get(sql, ...values),
    all: async (sql, ...values) => (await opened).all(sql, ...values),
    run: async (sql, ...values) => (await opened).run(sql, ...values),
    runUnsynced: async (sql, ...values) => (await opened).runUnsynced(sql, ...values),
    transaction: async (work) => (await opened).transaction(work),
    snapshot: async (work) => (await opened).snapshot(work),
    close: async () => (await opened).close(),
  }
}
