// Opens the gateway's PostgreSQL database for the commands that look at it or change its schema; the driver loads only here.
import type { PostgresUrl } from '../config/file/postgresUrl.ts'
import { BridgeError } from '../errors.ts'
import type { Logger } from '../ports.ts'

/** A schema, whatever the engine. */
export interface Schema {
  /** The version of the database; 0: empty. */
  version(): Promise<number>
  /** The version that this program works with. */
  readonly latest: number
  /** @throws BridgeError schema_missing where a newer program has changed it */
  up(): Promise<void>
  /** Reverts the newest migration, with all data in its tables. */
  down(): Promise<void>
}

export interface GatewayDatabase {
  readonly schema: Schema
  /** How many other programs are connected to it now. */
  otherUsers(): Promise<number>
  close(): Promise<void>
}

/** @throws BridgeError database_unreachable, with host, port and database */
export async function openGatewayDatabase(postgres: PostgresUrl, _log: Logger): Promise<GatewayDatabase> {
  throw new BridgeError('database_unreachable', { message: `No driver opens ${postgres.shown}.` })
}
