// A test's own SQLite connection as the stores take it: the test changes rows beside them.
import type { Database } from '../../src/store/sql.ts'
import type { Database as Connection } from '../../src/store/sqlite/database.ts'
import { createSqlDatabase } from '../../src/store/sqlite/sqlDatabase.ts'

const known = new WeakMap<Connection, Database>()

/** The same for each call with one connection. */
export function sqlOf(connection: Connection): Database {
  const made = known.get(connection) ?? createSqlDatabase(connection)
  known.set(connection, made)
  return made
}
