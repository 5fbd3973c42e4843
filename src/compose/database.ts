// Opens the gateway's PostgreSQL database, for the gateway and for the commands that look at it or change its schema; the driver loads only here.
import type { PostgresUrl } from '../config/file/postgresUrl.ts'
import { BridgeError } from '../errors.ts'
import type { Clock, Logger } from '../ports.ts'
import { registerSecret } from '../redaction/register.ts'
import { LATEST_VERSION } from '../store/migrations/migrations.ts'
import { createDatabaseClock } from '../store/postgres/clock.ts'
import { otherConnections } from '../store/postgres/connections.ts'
import { demandAdditive, demandTables, migrateDown, migrateUp, schemaVersion } from '../store/postgres/migrate.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { probePostgres } from '../store/postgres/probe.ts'
import type { Database } from '../store/sql.ts'

/** A schema, whatever the engine. */
export interface Schema {
  /** The version of the database; 0: empty. */
  version(): Promise<number>
  /** The version that this program works with. */
  readonly latest: number
  /** @throws BridgeError schema_missing where a table is missing, or a newer program has changed more than this one may overlook */
  demandKnown(): Promise<void>
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
export async function openGatewayDatabase(postgres: PostgresUrl, log: Logger): Promise<GatewayDatabase> {
  const database = open(postgres, log, 1)
  try {
    // A server that is not there is an error now, and not in the middle of something.
    await database.get('SELECT 1 AS one')
  } catch (thrown) {
    await database.close()
    throw thrown
  }
  return {
    schema: {
      version: () => schemaVersion(database),
      latest: LATEST_VERSION,
      demandKnown: async () => demandKnown(database, await schemaVersion(database)),
      up: () => migrateUp(database),
      down: async () => void (await migrateDown(database)),
    },
    otherUsers: () => otherConnections(database),
    close: () => database.close(),
  }
}

export interface MigratedDatabase {
  readonly database: Database
  /** The database's time. */
  readonly clock: Clock
  /** @throws BridgeError where nothing can be written */
  probe(): Promise<void>
  close(): Promise<void>
}

/** For the gateway. @throws BridgeError database_unreachable, schema_missing */
export async function openMigrated(
  postgres: PostgresUrl,
  migrate: 'up' | 'check',
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<MigratedDatabase> {
  const database = open(postgres, log)
  try {
    if (migrate === 'up') await migrateUp(database)
    else await demandSchema(database, postgres)
    const databaseClock = await createDatabaseClock(database, clock, log)
    return {
      database,
      clock: databaseClock,
      probe: () => probePostgres(database),
      async close() {
        databaseClock.stop()
        await database.close()
      },
    }
  } catch (thrown) {
    await database.close()
    throw thrown
  }
}

function open({ url, password, shown }: PostgresUrl, log: Logger, connections?: number): Database {
  registerSecret([password])
  return openPostgres({ url, shown, log, ...(connections === undefined ? {} : { connections }) })
}

const demandKnown = (database: Database, version: number): Promise<void> =>
  version > LATEST_VERSION ? demandAdditive(database, version) : demandTables(database, version)

/** @throws BridgeError schema_missing */
async function demandSchema(database: Database, { shown }: PostgresUrl): Promise<void> {
  const version = await schemaVersion(database)
  if (version >= LATEST_VERSION) return demandKnown(database, version)
  throw new BridgeError('schema_missing', {
    message: `The database ${shown} has schema version ${version}; this program works with ${LATEST_VERSION}.`,
  })
}
