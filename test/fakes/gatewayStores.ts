// The stores of the gateway on a new SQLite database in memory, for tests of its other parts.
import { randomBytes } from 'node:crypto'
import { createGatewaySeal } from '../../src/store/gateway/gatewaySeal.ts'
import { createGatewayStores } from '../../src/store/gateway/stores.ts'
import { createSealRing } from '../../src/store/sealing/seal.ts'
import type { Database } from '../../src/store/sql.ts'
import { openDatabase } from '../../src/store/sqlite/database.ts'
import { createSqlDatabase } from '../../src/store/sqlite/sqlDatabase.ts'
import { createFakeClock } from './fakeClock.ts'

/** Close `database` when the test is over. */
export function openGatewayStores({ clock = createFakeClock(), keys = [randomBytes(32)] } = {}) {
  const database: Database = createSqlDatabase(openDatabase(':memory:'))
  return {
    database,
    clock,
    keys,
    seal: createGatewaySeal(keys),
    ...createGatewayStores(database, createSealRing(keys), clock),
  }
}
