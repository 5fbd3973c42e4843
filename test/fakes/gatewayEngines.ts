// Two replicas of a gateway on one database, in every engine: what the contract of its stores runs on.
import { randomBytes } from 'node:crypto'
import { createGatewayStores, type GatewayStores } from '../../src/store/gateway/stores.ts'
import { createSealRing } from '../../src/store/sealing/seal.ts'
import type { Database } from '../../src/store/sql.ts'
import { createFakeClock } from './fakeClock.ts'
import { gatewayTables } from './gatewayTables.ts'
import { hasNodeSqlite, withoutBetterSqlite3 } from './sqliteDrivers.ts'
import { sqlOf } from './sqlOf.ts'
import { ENGINES as STORE_ENGINES, type Engine as StoreEngine } from './storeKit.ts'
import type { TempFolder } from './tempFolder.ts'

export interface Engine extends StoreEngine {
  readonly runs: boolean
}

/** Those of all stores, and SQLite with Node's own driver. */
export const ENGINES: readonly Engine[] = [
  ...STORE_ENGINES.map((engine) => ({ ...engine, runs: true })),
  {
    name: 'node:sqlite',
    runs: hasNodeSqlite,
    create(folder) {
      const file = folder.fresh('oauth.db')
      return () => withoutBetterSqlite3(() => sqlOf(folder.database(file)))
    },
  },
]

export interface Replica extends GatewayStores {
  readonly database: Database
}

/** Replicas of one gateway: they share database, sealing keys and time. */
export async function openReplicas({ create }: Engine, folder: TempFolder) {
  const open = create(folder)
  const clock = createFakeClock()
  const keys = [randomBytes(32)]
  /** `ring`: its sealing keys, where they are not those of the others. */
  const replica = (ring = keys): Replica => {
    const database = open()
    return { database, ...createGatewayStores(database, createSealRing(ring), clock) }
  }
  const one = replica()
  await gatewayTables(one.database)
  return { clock, keys, replica, one, other: replica() }
}
