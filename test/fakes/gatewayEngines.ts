// The engines that the contract of the gateway's stores runs on, and two replicas of a gateway on one of their databases.
import { randomBytes } from 'node:crypto'
import { createGatewayStores, type GatewayStores } from '../../src/store/gateway/stores.ts'
import { createSealRing } from '../../src/store/sealing/seal.ts'
import type { Database } from '../../src/store/sql.ts'
import { openDatabase } from '../../src/store/sqlite/database.ts'
import { createSqlDatabase } from '../../src/store/sqlite/sqlDatabase.ts'
import { createFakeClock } from './fakeClock.ts'
import { gatewayTables } from './gatewayTables.ts'
import { hasBetterSqlite3, hasNodeSqlite, withoutBetterSqlite3 } from './sqliteDrivers.ts'

export interface Engine {
  readonly name: string
  readonly runs: boolean
  /** A new database with the newest schema; each call of the result is one more connection to it. */
  fresh(): Promise<() => Database>
}

/** One connection for all: in one process, two of SQLite would wait for each other's lock and let nobody go on. */
const openSqlite = async () => {
  const database = createSqlDatabase(openDatabase(':memory:'))
  return () => database
}

export const ENGINES: readonly Engine[] = [
  { name: 'better-sqlite3', runs: hasBetterSqlite3, fresh: openSqlite },
  { name: 'node:sqlite', runs: hasNodeSqlite, fresh: () => withoutBetterSqlite3(openSqlite) },
]

export interface Replica extends GatewayStores {
  readonly database: Database
}

/** Replicas of one gateway: they share database, sealing keys and time. `close` ends every connection. */
export async function openReplicas({ fresh }: Engine) {
  const open = await fresh()
  const clock = createFakeClock()
  const keys = [randomBytes(32)]
  const opened = new Set<Database>()
  /** `ring`: its sealing keys, where they are not those of the others. */
  const replica = (ring = keys): Replica => {
    const database = open()
    opened.add(database)
    return { database, ...createGatewayStores(database, createSealRing(ring), clock) }
  }
  const one = replica()
  await gatewayTables(one.database)
  return {
    clock,
    keys,
    replica,
    one,
    other: replica(),
    async close() {
      for (const database of opened) await database.close()
    },
  }
}
