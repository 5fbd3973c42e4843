// The keys that an operator gives: one of them is the database's, whoever used it first, and the bridge throws none away.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { checkKeyRing } from '../../../../src/store/sealing/keyRing.ts'
import { type KeySlots, keyBackends, openSealingKey } from '../../../../src/store/sealing/sealingKey.ts'
import type { Database } from '../../../../src/store/sql.ts'
import { createStandingClock } from '../../../fakes/fakeClock.ts'
import { createFakeSecretStore } from '../../../fakes/fakeSecretStore.ts'
import { sqlOf } from '../../../fakes/sqlOf.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const clock = createStandingClock()
const NEW = randomBytes(32)
const OLD = randomBytes(32)

function world(environment?: Uint8Array) {
  const file = createFakeSecretStore()
  const given = environment && Buffer.from(environment).toString('base64')
  const env = { ...createFakeSecretStore(), get: async () => given }
  const slots: KeySlots = { wanted: ['file'], stores: { keychain: createFakeSecretStore(), file, env } }
  return { database: sqlOf(folder.database()), slots }
}
/** A gateway has made a key for its assertions. */
const sealed = (database: Database) =>
  database.run(
    'INSERT INTO signing_keys (kid, public_jwk, private_jwk, active_from) VALUES (?, ?, ?, ?)',
    ...['kid', '{}', 'v1.x.y', new Date(clock.now())],
  )

test('the key that was there first is demanded, alone or after a new one', async () => {
  const { database } = world()
  await checkKeyRing(database, [OLD], clock)
  await checkKeyRing(database, [NEW, OLD], clock)
  const error = await errorOf(checkKeyRing(database, [NEW], clock))
  expect([error.code, error.hint]).toEqual(['key_missing', expect.stringContaining('MCP_OAUTH_BRIDGE_KEY=NEW,OLD')])
})

test('a database that has a key of its own says where that is, and takes it after a new one', async () => {
  const { database, slots } = world()
  const own = await openSealingKey(database, slots, clock)
  const error = await errorOf(checkKeyRing(database, [NEW], clock))
  expect([error.code, error.message]).toEqual(['key_missing', expect.stringContaining('its own is in the file')])
  expect(error.hint).toContain('Configure no key, and serve uses that one.')
  await checkKeyRing(database, [NEW, own], clock)
})

test('a bridge that is not given the key throws it away as long as nothing is sealed, and no longer once a gateway has sealed something', async () => {
  const { database, slots } = world()
  await checkKeyRing(database, [OLD], clock)
  await sealed(database)
  expect((await errorOf(openSealingKey(database, slots, clock))).code).toBe('key_missing')
  expect(await keyBackends(database)).toEqual(['env'])
  await checkKeyRing(database, [OLD], clock)
})

test('a bridge that is given the same key uses it', async () => {
  const { database, slots } = world(OLD)
  await checkKeyRing(database, [OLD], clock)
  expect(Buffer.from(await openSealingKey(database, slots, clock))).toEqual(OLD)
})
