// The stores of a database for looking only: nothing in it changes, and no key is made.
import { memoizeAsync } from '../memoizeAsync.ts'
import type { Clock } from '../ports.ts'
import { createCache } from './cache.ts'
import { createClientStore } from './clientStore.ts'
import { createLeases } from './leases.ts'
import { demandKeyOf } from './sealing/keyRing.ts'
import { type PinnedSlots, readOnlySeal } from './sealing/openSeal.ts'
import { keyBackends, peekSealingKey } from './sealing/sealingKey.ts'
import { openReadOnly } from './sqlite/database.ts'
import { createSqlDatabase } from './sqlite/sqlDatabase.ts'
import { createTokenStore } from './tokenStore.ts'

export type ReadOnlyStores = ReturnType<typeof openReadOnlyStores>

/** The caller closes it. @throws BridgeError database_locked when another program keeps everybody from writing */
export function openReadOnlyStores(file: string, slots: PinnedSlots, clock: Clock) {
  const connection = openReadOnly(file)
  const database = createSqlDatabase(connection)
  const sealingKey = memoizeAsync(() => peekSealingKey(database, slots))
  const seal = async () => readOnlySeal(await sealingKey(), slots)
  return {
    /** For what is asked of SQLite only. */
    connection,
    tokens: createTokenStore(database, seal, clock),
    clients: createClientStore(database, seal, clock),
    answers: createCache(database, clock),
    leases: createLeases(database, clock),
    keyBackends: () => keyBackends(database),
    sealingKey,
    /** @throws BridgeError key_missing where none of these keys is the database's */
    demandKeyOf: (keys: readonly Uint8Array[]) => demandKeyOf(database, keys),
    close: () => connection.close(),
  }
}
