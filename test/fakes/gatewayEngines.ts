// Two replicas of a gateway on one database, in every engine: what the contract of its stores runs on.
import { randomBytes } from 'node:crypto'
import { beforeEach, describe } from 'vitest'
import { createGatewayStores, type GatewayStores } from '../../src/store/gateway/stores.ts'
import { createSealRing } from '../../src/store/sealing/seal.ts'
import type { Database } from '../../src/store/sql.ts'
import { createFakeClock } from './fakeClock.ts'
import { ENGINES, type Engine } from './storeKit.ts'
import { type TempFolder, tempFolder } from './tempFolder.ts'

export interface Replica extends GatewayStores {
  readonly database: Database
}

/** Replicas of one gateway: they share database, sealing keys and time. */
function openReplicas({ create }: Engine, folder: TempFolder) {
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

/** Describes the stores on every engine; `world` gives the replicas of the test that runs, on a database of their own. */
export function describeStores(tests: (world: () => ReturnType<typeof openReplicas>) => void): void {
  const folder = tempFolder()
  describe.each(ENGINES)('on $name', (engine) => {
    let replicas: ReturnType<typeof openReplicas> | undefined
    beforeEach(() => {
      replicas = openReplicas(engine, folder)
    })
    describe('the store', () =>
      tests(() => {
        if (!replicas) throw new Error('The replicas are of a test.')
        return replicas
      }))
  })
}

/** Does it that many times at once. */
export const times = <T>(count: number, work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)))
