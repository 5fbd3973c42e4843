// The keys that an operator gives, checked against those that a database was sealed with: a wrong key is an error before anything is read
import { BridgeError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import type { Database } from '../sql.ts'
import { textOf } from '../values/columns.ts'
import { sqlTime } from '../values/time.ts'
import { fingerprint } from './seal.ts'

const HINT =
  'Give the key that this database was first used with, after a new one if there is one: MCP_OAUTH_BRIDGE_KEY=NEW,OLD.'

/**
 * `keys`: 32 bytes each, the one in use first. The first process that meets a database notes the fingerprint of its key there.
 * @throws BridgeError key_missing where none of them is the database's
 */
export async function checkKeyRing(database: Database, keys: readonly Uint8Array[], clock: Clock): Promise<void> {
  const [first, ...rest] = keys.map(fingerprint)
  if (first === undefined) throw new BridgeError('key_missing')
  const known = await fingerprints(database)
  if (known.length > 0) return demand(known, [first, ...rest])
  await database.run(
    `INSERT INTO key_slots (backend, item, fingerprint, created_at) VALUES (:backend, :item, :fingerprint, :now)
       ON CONFLICT (backend) DO NOTHING`,
    { backend: 'env', item: 'configured', fingerprint: first, now: sqlTime(clock.now()) },
  )
  demand(await fingerprints(database), [first, ...rest])
}

async function fingerprints(database: Database): Promise<string[]> {
  const rows = await database.all("SELECT fingerprint FROM key_slots WHERE backend <> 'claim'")
  return rows.map((row) => textOf(row.fingerprint))
}

function demand(known: readonly string[], given: readonly string[]): void {
  if (known.some((one) => given.includes(one))) return
  throw new BridgeError('key_missing', {
    message: 'None of the configured keys is the one that this database was sealed with.',
    hint: HINT,
  })
}
