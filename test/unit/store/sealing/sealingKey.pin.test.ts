// Which key is believed: one that was used with this database before; the database alone cannot choose another.
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { fingerprint } from '../../../../src/store/sealing/seal.ts'
import {
  type KeyBackend,
  keyBackends,
  openSealingKey,
  peekSealingKey,
} from '../../../../src/store/sealing/sealingKey.ts'
import type { Database } from '../../../../src/store/sqlite/database.ts'
import { createStandingClock } from '../../../fakes/fakeClock.ts'
import { createFakeSecretStore } from '../../../fakes/fakeSecretStore.ts'
import { sqlOf } from '../../../fakes/sqlOf.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const clock = createStandingClock()
const AUTO: readonly KeyBackend[] = ['keychain', 'file']
const THEIRS = randomBytes(32)

function machine() {
  const stores = { keychain: createFakeSecretStore(), file: createFakeSecretStore(), env: createFakeSecretStore() }
  let prints: string[] | undefined
  const pin = {
    path: '/state/sealing-key.pin',
    known: () => prints,
    add(print: string) {
      prints = [...(prints ?? []), print]
    },
  }
  return { ...stores, pin, slots: (wanted = AUTO) => ({ wanted, stores, pin }) }
}

const sealSomething = (database: Database) =>
  database.run(
    "INSERT INTO tokens (server, profile, access_token, generation, created_at, updated_at) VALUES ('s', 'p', 'v1.x.y', 1, 'x', 'x')",
  )

/** What who writes to the database does: a key of their own, in a file, named by the database. */
async function plant(database: Database, { file }: ReturnType<typeof machine>, item = 'sealing-key-0123456789ab') {
  await file.set(item, THEIRS.toString('base64url'))
  database.run('DELETE FROM key_slots')
  database.run("INSERT INTO key_slots VALUES ('file', ?, ?, 'x')", item, fingerprint(THEIRS))
}

describe('a key file that is placed beside a database whose key is in the keychain', () => {
  test.each([
    ['auto', AUTO],
    ['keychain', ['keychain']],
    ['file', ['file']],
    ['env', ['env']],
  ] as const)('is not used with %s, and the error says what to do', async (_, wanted) => {
    const database = folder.database()
    const here = machine()
    await openSealingKey(sqlOf(database), here.slots(), clock)
    sealSomething(database)
    await plant(database, here)
    const error = await errorOf(openSealingKey(sqlOf(database), here.slots(wanted), clock))
    expect(error.code).toBe('key_missing')
    expect(error.message).toContain('was not used with it before')
    expect(error.hint).toContain(here.pin.path)
    expect(await codeOf(peekSealingKey(sqlOf(database), here.slots(wanted)))).toBe('key_missing')
  })

  test('is not used even if nothing is sealed: a new key is created where it belongs', async () => {
    const database = folder.database()
    const here = machine()
    await openSealingKey(sqlOf(database), here.slots(), clock)
    await plant(database, here)
    const key = await openSealingKey(sqlOf(database), here.slots(), clock)
    expect(fingerprint(key)).not.toBe(fingerprint(THEIRS))
    expect(await keyBackends(sqlOf(database))).toEqual(['keychain'])
  })

  test('is not used beside the true slot, when the keychain is locked', async () => {
    const database = folder.database()
    const here = machine()
    await openSealingKey(sqlOf(database), here.slots(), clock)
    sealSomething(database)
    await here.file.set('sealing-key-0123456789ab', THEIRS.toString('base64url'))
    database.run("INSERT INTO key_slots VALUES ('file', 'sealing-key-0123456789ab', ?, 'x')", fingerprint(THEIRS))
    here.keychain.locked = true
    expect(await codeOf(openSealingKey(sqlOf(database), here.slots(), clock))).toBe('keychain_locked')
  })

  test('is not copied into the keychain that was requested by name', async () => {
    const database = folder.database()
    const here = machine()
    sealSomething(database)
    await plant(database, here)
    // Nothing is remembered here, as after an upgrade.
    expect(await codeOf(openSealingKey(sqlOf(database), here.slots(['keychain']), clock))).toBe('key_missing')
    expect(here.keychain.secrets.size).toBe(0)
  })
})

test.each(['../../../tmp/theirs', '/tmp/theirs', 'sealing-key-0123456789ab/../x', 'SEALING-KEY-0123456789AB', ''])(
  'the database cannot name %j as the place of its key',
  async (item) => {
    const database = folder.database()
    const here = machine()
    sealSomething(database)
    await plant(database, here, item)
    expect(await codeOf(openSealingKey(sqlOf(database), here.slots(), clock))).toBe('key_missing')
  },
)

describe('a key that this program created', () => {
  test('is accepted again when an older database is restored', async () => {
    const [first, second] = [folder.database(), folder.database()]
    const here = machine()
    const one = await openSealingKey(sqlOf(first), here.slots(), clock)
    await openSealingKey(sqlOf(second), here.slots(), clock)
    sealSomething(first)
    expect(await openSealingKey(sqlOf(first), here.slots(), clock)).toEqual(one)
    expect(here.pin.known()).toHaveLength(2)
  })

  test('is still copied into a second slot that was requested by name', async () => {
    const database = folder.database()
    const here = machine()
    const key = await openSealingKey(sqlOf(database), here.slots(['file']), clock)
    expect(await openSealingKey(sqlOf(database), here.slots(['keychain']), clock)).toEqual(key)
    expect(await keyBackends(sqlOf(database))).toEqual(['file', 'keychain'])
  })
})
