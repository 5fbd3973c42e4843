// The keys that an operator gives, checked against those that a database was sealed with: a wrong key is an error before anything is read
import { randomBytes } from 'node:crypto'
import { BridgeError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import type { Database, Sql } from '../sql.ts'
import { textOf } from '../values/columns.ts'
import { sqlTime } from '../values/time.ts'
import { fingerprint } from './seal.ts'

/**
 * `keys`: 32 bytes each, the one in use first. The first process that meets a database notes the fingerprint of its key there.
 * @throws BridgeError key_missing where none of them is the database's
 */
export async function checkKeyRing(database: Database, keys: readonly Uint8Array[], clock: Clock): Promise<void> {
  const [first, ...rest] = keys.map(fingerprint)
  if (first === undefined) throw new BridgeError('key_missing')
  const known = await slots(database)
  if (known.length > 0) return demand(known, [first, ...rest])
  await database.run(
    `INSERT INTO key_slots (backend, item, fingerprint, created_at) VALUES (:backend, :item, :fingerprint, :now)
       ON CONFLICT (backend) DO NOTHING`,
    {
      backend: CONFIGURED,
      item: `sealing-key-${randomBytes(6).toString('hex')}`,
      fingerprint: first,
      now: sqlTime(clock.now()),
    },
  )
  demand(await slots(database), [first, ...rest])
}

/** The same for looking only: nothing is noted in the database. @throws BridgeError key_missing where none of them is the database's */
export async function demandKeyOf(database: Sql, keys: readonly Uint8Array[]): Promise<void> {
  demand(await slots(database), keys.map(fingerprint))
}

interface Slot {
  readonly backend: string
  readonly fingerprint: string
}

/** As the bridge names the place of a key that the environment gives: it finds the same one, if it is given that. */
const CONFIGURED = 'env'

async function slots(database: Sql): Promise<Slot[]> {
  const rows = await database.all(
    "SELECT backend, fingerprint FROM key_slots WHERE backend <> 'claim' ORDER BY backend",
  )
  return rows.map((row) => ({ backend: textOf(row.backend), fingerprint: textOf(row.fingerprint) }))
}

function demand(known: readonly Slot[], given: readonly string[]): void {
  if (known.some(({ fingerprint: one }) => given.includes(one))) return
  const own = known.map(({ backend }) => backend).filter((backend) => backend !== CONFIGURED)
  throw own.length > 0 ? otherOwnKey(own) : otherKey()
}

const otherKey = () =>
  new BridgeError('key_missing', {
    message: 'None of the configured keys is the one that this database was sealed with.',
    hint: 'Give the key that this database was first used with, after a new one if there is one: MCP_OAUTH_BRIDGE_KEY=NEW,OLD.',
  })

/** It was first used without a configured key. */
const otherOwnKey = (places: readonly string[]) =>
  new BridgeError('key_missing', {
    message: `None of the configured keys is the one that this database was sealed with: its own is in the ${places.join(' and the ')}.`,
    hint: 'Configure no key, and serve uses that one. Or configure it too, after the new one: MCP_OAUTH_BRIDGE_KEY=NEW,OLD.',
  })
