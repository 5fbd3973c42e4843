// The database of a process that hangs, or whose machine sleeps: nothing that it would renew is renewed until it goes on.
import type { Database } from '../../src/store/sql.ts'

export function createHangingDatabase(database: Database): { readonly database: Database; goOn(): void } {
  let hangs = true
  return {
    database: {
      ...database,
      runUnsynced: async (sql, ...values) =>
        hangs && sql.startsWith('UPDATE leases') ? 1 : database.runUnsynced(sql, ...values),
    },
    goOn() {
      hangs = false
    },
  }
}
