// What is asked of a database besides its rows: whether it answers, which tables it has, how it keeps its journal.
import type { Sql } from '../sql.ts'
import type { Database } from './database.ts'

/** @throws BridgeError schema_missing, database_unreachable, database_locked */
export const probeDatabase = async (database: Sql): Promise<void> =>
  void (await database.get('SELECT 1 FROM tokens LIMIT 1'))

export const tableNames = (database: Database): ReadonlySet<string> =>
  new Set(database.all("SELECT name FROM sqlite_master WHERE type = 'table'").map(({ name }) => String(name)))

/** `wal`, where the database is as it should be. */
export const journalMode = (database: Database): string =>
  String(database.get('PRAGMA journal_mode')?.journal_mode).toLowerCase()
