// Whether a PostgreSQL database can be worked with.
import type { Sql } from '../sql.ts'

/**
 * Fails also on a server that only reads, which refuses to lock rows; none are locked.
 * @throws BridgeError schema_missing, database_unreachable, database_locked
 */
export const probePostgres = async (sql: Sql): Promise<void> =>
  void (await sql.get('SELECT 1 FROM tokens LIMIT 0 FOR UPDATE'))
