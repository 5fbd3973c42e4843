// Migrates the schema from any earlier version to this program's, and reads the version of a file.
import { BridgeError } from '../../errors.ts'
import type { Database } from './database.ts'
import { initial } from './migrations/0001-initial.ts'
import { rowSeals } from './migrations/0002-row-seals.ts'
import { errorCodes } from './migrations/0003-error-codes.ts'
import { toSqlTime } from './time.ts'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly up: string
  readonly down: string
}

const MIGRATIONS: readonly Migration[] = [initial, rowSeals, errorCodes]

/** The schema version this program works with. */
export const LATEST_VERSION = MIGRATIONS.length

/** The version of this file; 0: empty. */
export function schemaVersion(database: Database): number {
  const table = database.get("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'")
  if (!table) return 0
  return Number(database.get('SELECT max(version) AS version FROM schema_migrations')?.version ?? 0)
}

/** @throws BridgeError schema_missing when a newer program wrote the file */
export function migrateUp(database: Database): void {
  if (schemaVersion(database) === LATEST_VERSION) return
  database.transaction(() => {
    const from = schemaVersion(database)
    if (from > LATEST_VERSION) throw tooNew(from)
    database.exec(
      'CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)',
    )
    for (const migration of MIGRATIONS.slice(from)) {
      database.exec(migration.up)
      database.run(
        'INSERT INTO schema_migrations VALUES (?, ?, ?)',
        migration.version,
        migration.name,
        toSqlTime(Date.now()),
      )
    }
  })
}

/** Reverts the newest migration, with all data in its tables. Resolves to the remaining version. */
export function migrateDown(database: Database): number {
  return database.transaction(() => {
    const from = schemaVersion(database)
    const newest = MIGRATIONS[from - 1]
    if (!newest) return from
    database.exec(newest.down)
    database.run('DELETE FROM schema_migrations WHERE version = ?', newest.version)
    return from - 1
  })
}

/** A file that a newer program has brought up to its own version. */
export const tooNew = (version: number) =>
  new BridgeError('schema_missing', {
    message: `The database has schema version ${version}; this program supports up to ${LATEST_VERSION}.`,
    hint: 'Use the newest mcp-oauth-bridge with this database.',
  })
