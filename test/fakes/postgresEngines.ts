// PostgreSQL, directly and through PgBouncer, as engines of the stores: connections that one test after the other uses
import { afterAll, onTestFinished } from 'vitest'
import { migrateUp } from '../../src/store/postgres/migrate.ts'
import { openPostgres } from '../../src/store/postgres/postgres.ts'
import type { Database } from '../../src/store/sql.ts'
import { whyNoPgBouncer, whyNoPostgres } from '../servers/postgres.ts'
import { createFakeLogger } from './fakeLogger.ts'
import { postgresDatabases } from './postgresEngine.ts'
import type { Engine } from './storeKit.ts'

const { server: theCluster, bounced: throughBouncer } = postgresDatabases()
const slots: Slot[] = []

afterAll(() => Promise.all(slots.flatMap(({ opened }) => opened.map((database) => database.close()))))

/** A database that one test after the other uses, with the connections that were opened to it. */
interface Slot {
  readonly engine: string
  readonly url: Promise<string>
  readonly opened: Database[]
  isFree: boolean
}

/** Each test begins with an empty, migrated database. */
const EMPTY = `DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' LOOP
      EXECUTE 'DELETE FROM ' || quote_ident(name);
    END LOOP;
  END $$`

const opened = (url: string, connections: number) =>
  openPostgres({ url, shown: 'the database of a test', connections, log: createFakeLogger() })

async function empty(url: Promise<string>): Promise<void> {
  const database = opened(await url, 1)
  await database.run(EMPTY)
  await database.close()
}

function engineOf(name: string, reach: (url: string) => Promise<string>): Engine {
  const migrated = async () => {
    const url = await (await theCluster()).fresh()
    const database = opened(url, 1)
    await migrateUp(database)
    await database.close()
    return url
  }
  const vacant = (): Slot => {
    const found = slots.find(({ engine, isFree }) => engine === name && isFree)
    if (found) {
      found.isFree = false
      return found
    }
    const made = { engine: name, url: migrated(), opened: [], isFree: false }
    slots.push(made)
    return made
  }
  return {
    name,
    create() {
      const slot = vacant()
      onTestFinished(async () => {
        await empty(slot.url)
        slot.isFree = true
      })
      let count = 0
      return () => {
        const known = slot.opened[count]
        count++
        if (known) return known
        const made = later(async () => opened(await reach(await slot.url), 3))
        slot.opened.push(made)
        return made
      }
    },
  }
}

/** A database that is opened by the first statement. */
function later(open: () => Promise<Database>): Database {
  let opened: Promise<Database> | undefined
  const get = () => {
    opened ??= open()
    return opened
  }
  return {
    kind: 'postgres',
    get: async (sql, ...values) => (await get()).get(sql, ...values),
    all: async (sql, ...values) => (await get()).all(sql, ...values),
    run: async (sql, ...values) => (await get()).run(sql, ...values),
    runUnsynced: async (sql, ...values) => (await get()).runUnsynced(sql, ...values),
    transaction: async (work) => (await get()).transaction(work),
    snapshot: async (work) => (await get()).snapshot(work),
    close: async () => (await opened)?.close(),
  }
}

/** `whyNot`: the program that this machine lacks. */
export const POSTGRES_ENGINES: readonly { readonly engine: Engine; readonly whyNot: string | undefined }[] = [
  { engine: engineOf('PostgreSQL', async (url) => url), whyNot: whyNoPostgres() },
  { engine: engineOf('PostgreSQL behind PgBouncer', throughBouncer), whyNot: whyNoPostgres() ?? whyNoPgBouncer() },
]
