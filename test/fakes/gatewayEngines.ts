// Two replicas of a gateway on one database, in every engine: what the contract of its stores runs on.
import { randomBytes } from 'node:crypto'
import { createGatewayStores, type GatewayStores } from '../../src/store/gateway/stores.ts'
import { createSealRing } from '../../src/store/sealing/seal.ts'
import type { Database } from '../../src/store/sql.ts'
import { createFakeClock } from './fakeClock.ts'
import type { Engine } from './storeKit.ts'
import type { TempFolder } from './tempFolder.ts'

export interface Replica extends GatewayStores {
  readonly database: Database
}

/** Replicas of one gateway: they share database, sealing keys and time. */
export function openReplicas({ create }: Engine, folder: TempFolder) {
  const open = create(folder)
  const clock = createFakeClock()
  const keys = [randomBytes(32)]
  /** `ring`: its sealing keys, where they are not those of the others. */
  const replica = (ring = keys): Replica => {
    const database = open()
    return { database, ...createGatewayStores(database, createSealRing(ring), clock) }
  }
  return { clock, keys, replica, one: replica(), other: replica() }
}
