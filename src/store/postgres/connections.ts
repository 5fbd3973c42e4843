// Who else is connected to a PostgreSQL database.
import type { Sql } from '../sql.ts'

/** How many other clients are connected to this database now; PgBouncer counts as one for each of its connections. */
export async function otherConnections(sql: Sql): Promise<number> {
  const row = await sql.get(
    `SELECT count(*) AS count FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  )
  return Number(row?.count)
}
