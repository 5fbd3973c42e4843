// Migrates the schema from any earlier version to this program's, and reads the version of a file.
import { LATEST_VERSION, MIGRATIONS, tooNew } from '../migrations/migrations.ts'
import { lacking, missingTables } from '../migrations/tables.ts'
import { toSqlTime } from '../values/time.ts'
import type { Database } from './database.ts'
import { tableNames } from './inspect.ts'

/** The version of this file; 0: empty. */
export function schemaVersion(database: Database): number {
  const table = database.get("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'")
  if (!table) return 0
  return Number(database.get('SELECT max(version) AS version FROM schema_migrations')?.version ?? 0)
}

/** @throws BridgeError schema_missing when a newer program has changed the schema in a way that this one does not work with */
export function migrateUp(database: Database): void {
  if (schemaVersion(database) === LATEST_VERSION) return
  database.transaction(() => {
    const from = schemaVersion(database)
    if (from > LATEST_VERSION) return demandAdditive(database, from)
    database.exec(
      'CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)',
    )
    for (const migration of MIGRATIONS.slice(from)) {
      database.exec(migration.up('sqlite'))
      database.run(
        'INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)',
        migration.version,
        migration.name,
        toSqlTime(Date.now()),
      )
    }
    noteAdditive(database)
  })
}

/** Programs before version 4 of the schema did not say what may be overlooked. */
const tellsAdditive = (database: Database): boolean =>
  database.all("SELECT name FROM pragma_table_info('schema_migrations')").some(({ name }) => name === 'additive')

/** Which versions a program that does not know them may overlook. */
function noteAdditive(database: Database): void {
  if (!tellsAdditive(database))
    database.exec('ALTER TABLE schema_migrations ADD COLUMN additive INTEGER NOT NULL DEFAULT 0')
  for (const { version, additive } of MIGRATIONS)
    database.run('UPDATE schema_migrations SET additive = ? WHERE version = ?', additive ? 1 : 0, version)
}

/** @throws BridgeError schema_missing when what a newer program has changed is more than this one may overlook */
export function demandAdditive(database: Database, version: number): void {
  if (!tellsAdditive(database)) throw tooNew(version)
  const row = database.get(
    'SELECT count(*) AS count FROM schema_migrations WHERE version > ? AND additive <> 1',
    LATEST_VERSION,
  )
  if (Number(row?.count) > 0) throw tooNew(version)
}

/** @throws BridgeError schema_missing where somebody deleted a table: no migration makes it again */
export function demandTables(database: Database): void {
  const missing = missingTables(tableNames(database), schemaVersion(database), 'sqlite')
  if (missing.length > 0) throw lacking(missing, 'sqlite')
}

/** Reverts the newest migration, with all data in its tables. Gives the remaining version. @throws BridgeError schema_missing where a table is missing */
export function migrateDown(database: Database): number {
  return database.transaction(() => {
    const from = schemaVersion(database)
    const newest = MIGRATIONS[from - 1]
    if (!newest) return from
    demandTables(database)
    database.exec(newest.down('sqlite'))
    database.run('DELETE FROM schema_migrations WHERE version = ?', newest.version)
    return from - 1
  })
}
