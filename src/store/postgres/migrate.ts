// Migrates the schema of a PostgreSQL database; whoever begins at the same time waits, and finds it done
import { MIGRATIONS, tooNew } from '../migrations/migrations.ts'
import { lacking, missingTables } from '../migrations/tables.ts'
import type { Database, Sql } from '../sql.ts'
import { sqlTime } from '../values/time.ts'

/** Any number that no other program is likely to lock with. */
const LOCK = 5_812_077_391

/** The version of this database; 0: empty. */
export async function schemaVersion(sql: Sql): Promise<number> {
  // to_regclass would answer from a cache that nobody has told yet of a table that was just made.
  const table = await sql.get(
    "SELECT 1 AS there FROM pg_class WHERE relname = 'schema_migrations' AND pg_table_is_visible(oid)",
  )
  if (!table) return 0
  const row = await sql.get('SELECT max(version) AS version FROM schema_migrations')
  return Number(row?.version ?? 0)
}

/** @throws BridgeError schema_missing when a newer program has changed the schema in a way that this one does not work with, or a table was deleted */
export async function migrateUp(database: Database): Promise<void> {
  if ((await schemaVersion(database)) === MIGRATIONS.length) return demandTables(database, MIGRATIONS.length)
  for (const migration of MIGRATIONS)
    await locked(database, async (sql, from) => {
      if (from > MIGRATIONS.length) return demandAdditive(sql, from)
      if (from >= migration.version) return
      await sql.run(`CREATE TABLE IF NOT EXISTS schema_migrations (
        version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at timestamptz(3) NOT NULL, additive INTEGER NOT NULL DEFAULT 0)`)
      await sql.run(migration.up('postgres'))
      await sql.run(
        'INSERT INTO schema_migrations (version, name, applied_at, additive) VALUES (:version, :name, :now, :additive)',
        {
          version: migration.version,
          name: migration.name,
          now: sqlTime(Date.now()),
          additive: migration.additive ? 1 : 0,
        },
      )
    })
}

/** Reverts the newest migration, with all data in its tables. Resolves to the remaining version. @throws BridgeError schema_missing where a table is missing */
export function migrateDown(database: Database): Promise<number> {
  return locked(database, async (sql, from) => {
    const newest = MIGRATIONS[from - 1]
    if (!newest) return from
    await demandTables(sql, from)
    await sql.run(newest.down('postgres'))
    await sql.run('DELETE FROM schema_migrations WHERE version = ?', newest.version)
    return from - 1
  })
}

/** @throws BridgeError schema_missing where somebody deleted a table: no migration makes it again */
export async function demandTables(sql: Sql, version: number): Promise<void> {
  const there = await sql.all(
    "SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid)",
  )
  const missing = missingTables(new Set(there.map(({ name }) => String(name))), version, 'postgres')
  if (missing.length > 0) throw lacking(missing, 'postgres')
}

const locked = <T>(database: Database, work: (sql: Sql, version: number) => Promise<T>): Promise<T> =>
  database.transaction(async (sql) => {
    await sql.run('SET LOCAL statement_timeout = 0')
    await sql.get(`SELECT pg_advisory_xact_lock(${LOCK})`)
    return work(sql, await schemaVersion(sql))
  })

/** @throws BridgeError schema_missing */
export async function demandAdditive(sql: Sql, version: number): Promise<void> {
  const row = await sql.get(
    'SELECT count(*) AS count FROM schema_migrations WHERE version > ? AND additive <> 1',
    MIGRATIONS.length,
  )
  if (Number(row?.count) > 0) throw tooNew(version)
}
