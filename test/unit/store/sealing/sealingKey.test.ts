// The life of the sealing key: made once, found again, and never replaced while it seals anything.
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { SecretStore } from '../../../../src/ports.ts'
import {
  type KeyBackend,
  type KeySlots,
  keyBackends,
  openSealingKey,
  sealedRows,
} from '../../../../src/store/sealing/sealingKey.ts'
import type { Database } from '../../../../src/store/sqlite/database.ts'
import { sqlTime } from '../../../../src/store/values/time.ts'
import { createHurryingClock, createStandingClock } from '../../../fakes/fakeClock.ts'
import { createFakeSecretStore } from '../../../fakes/fakeSecretStore.ts'
import { createGate } from '../../../fakes/gate.ts'
import { sqlOf } from '../../../fakes/sqlOf.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const clock = createStandingClock()
const AUTO: readonly KeyBackend[] = ['keychain', 'file']

function machine() {
  const stores = { keychain: createFakeSecretStore(), file: createFakeSecretStore(), env: createFakeSecretStore() }
  const slots = (wanted: readonly KeyBackend[] = AUTO): KeySlots => ({ wanted, stores })
  return { ...stores, slots }
}

/** Marks the database as holding a sealed secret. */
const sealSomething = (database: Database) =>
  database.run(
    "INSERT INTO tokens (server, profile, access_token, generation, created_at, updated_at) VALUES ('s', 'p', 'v1.x.y', 1, 'x', 'x')",
  )

const hex = (key: Uint8Array) => Buffer.from(key).toString('hex')

describe('the first key', () => {
  test('has 32 bytes and is stored in the best backend', async () => {
    const database = folder.database()
    const { slots, keychain, file } = machine()
    expect(await keyBackends(sqlOf(database))).toEqual([])
    expect((await openSealingKey(sqlOf(database), slots(), clock)).byteLength).toBe(32)
    expect(await keyBackends(sqlOf(database))).toEqual(['keychain'])
    expect([keychain.secrets.size, file.secrets.size]).toEqual([1, 0])
  })

  test('is found again by the next process', async () => {
    const database = folder.database()
    const { slots, keychain } = machine()
    const first = await openSealingKey(sqlOf(database), slots(), clock)
    const second = await openSealingKey(sqlOf(database), slots(), clock)
    expect(hex(second)).toBe(hex(first))
    expect(keychain.secrets.size).toBe(1)
  })

  test('is one for 20 processes that start at the same moment', async () => {
    const path = folder.fresh('oauth.db')
    const { slots, keychain, file } = machine()
    const opened = Array.from({ length: 20 }, () =>
      openSealingKey(sqlOf(folder.database(path)), slots(), createStandingClock()),
    )
    const keys = new Set((await Promise.all(opened)).map(hex))
    expect(keys.size).toBe(1)
    expect([keychain.secrets.size, file.secrets.size]).toEqual([1, 0])
    expect(folder.database(path).all('SELECT backend FROM key_slots')).toEqual([{ backend: 'keychain' }])
  })

  test('is made although a claim is of a clock that was ahead', async () => {
    const database = folder.database()
    const ahead = sqlTime(clock.now() + 3_600_000)
    await sqlOf(database).run("INSERT INTO key_slots VALUES ('claim', 'sealing-key-0123456789ab', '', ?)", ahead)
    expect((await openSealingKey(sqlOf(database), machine().slots(), clock)).byteLength).toBe(32)
    expect(await keyBackends(sqlOf(database))).toEqual(['keychain'])
  })

  test('is one for 20 processes without a keychain', async () => {
    const path = folder.fresh('oauth.db')
    const { slots, keychain, file } = machine()
    keychain.locked = true
    const opened = Array.from({ length: 20 }, () =>
      openSealingKey(sqlOf(folder.database(path)), slots(), createStandingClock()),
    )
    expect(new Set((await Promise.all(opened)).map(hex)).size).toBe(1)
    expect(file.secrets.size).toBe(1)
  })

  test('is stored in a file if there is no keychain', async () => {
    const database = folder.database()
    const { slots, keychain, file } = machine()
    keychain.locked = true
    await openSealingKey(sqlOf(database), slots(), clock)
    expect(await keyBackends(sqlOf(database))).toEqual(['file'])
    expect(file.secrets.size).toBe(1)
  })

  test('is stored in a file if the keychain stores nothing', async () => {
    const database = folder.database()
    const { slots, keychain } = machine()
    keychain.forgetful = true
    await openSealingKey(sqlOf(database), slots(), clock)
    expect(await keyBackends(sqlOf(database))).toEqual(['file'])
  })

  test('is not created if every backend fails, and the next try may create it', async () => {
    const database = folder.database()
    const { slots, keychain } = machine()
    keychain.locked = true
    expect(await codeOf(openSealingKey(sqlOf(database), slots(['keychain']), clock))).toBe('keychain_unavailable')
    expect(database.all('SELECT * FROM key_slots')).toEqual([])
    keychain.locked = false
    await openSealingKey(sqlOf(database), slots(['keychain']), clock)
    expect(await keyBackends(sqlOf(database))).toEqual(['keychain'])
  })

  test('of the environment is the given one', async () => {
    const database = folder.database()
    const { slots, env } = machine()
    const given = randomBytes(32)
    env.get = async () => given.toString('base64')
    expect(hex(await openSealingKey(sqlOf(database), slots(['env']), clock))).toBe(hex(given))
    expect(await keyBackends(sqlOf(database))).toEqual(['env'])
  })

  test.each(['', 'short', randomBytes(31).toString('base64'), randomBytes(33).toString('base64')])(
    'of the environment must have 32 bytes: %j',
    async (text) => {
      const { slots, env } = machine()
      env.get = async () => text
      expect(await codeOf(openSealingKey(sqlOf(folder.database()), slots(['env']), clock))).toBe('key_missing')
    },
  )

  test('is created by another process if the first died in the middle, and is the same for both', async () => {
    const path = folder.fresh('oauth.db')
    const { slots, keychain } = machine()
    const gate = createGate()
    let hang = true
    const slow: SecretStore = {
      ...keychain,
      async get(name) {
        if (hang) await gate.passed
        return keychain.get(name)
      },
    }
    const hanging = openSealingKey(
      sqlOf(folder.database(path)),
      { wanted: AUTO, stores: { ...slots().stores, keychain: slow } },
      createStandingClock(),
    )
    const key = await openSealingKey(sqlOf(folder.database(path)), slots(), createHurryingClock())
    hang = false
    gate.open()
    expect(hex(await hanging)).toBe(hex(key))
    expect(folder.database(path).all('SELECT backend FROM key_slots')).toEqual([{ backend: 'keychain' }])
  })
})

describe('a key that seals something', () => {
  async function sealed() {
    const database = folder.database()
    const world = machine()
    const key = await openSealingKey(sqlOf(database), world.slots(), clock)
    sealSomething(database)
    expect(await sealedRows(sqlOf(database))).toBe(1)
    return { database, key, ...world }
  }

  test('is reported as missing, and no new one is created', async () => {
    const { database, slots, keychain, file } = await sealed()
    keychain.secrets.clear()
    const error = await errorOf(openSealingKey(sqlOf(database), slots(), clock))
    expect(error.code).toBe('key_missing')
    expect(error.message).toContain('keychain')
    expect([keychain.secrets.size, file.secrets.size]).toEqual([0, 0])
    expect(await keyBackends(sqlOf(database))).toEqual(['keychain'])
    expect(await sealedRows(sqlOf(database))).toBe(1)
  })

  test('behind a locked keychain is waited for, not replaced by a file', async () => {
    const { database, key, slots, keychain, file } = await sealed()
    keychain.locked = true
    expect(await codeOf(openSealingKey(sqlOf(database), slots(), clock))).toBe('keychain_locked')
    expect(file.secrets.size).toBe(0)
    keychain.locked = false
    expect(hex(await openSealingKey(sqlOf(database), slots(), clock))).toBe(hex(key))
  })

  test('is not the one that somebody put in its place', async () => {
    const { database, slots, keychain } = await sealed()
    for (const name of keychain.secrets.keys()) keychain.secrets.set(name, randomBytes(32).toString('base64url'))
    expect(await codeOf(openSealingKey(sqlOf(database), slots(), clock))).toBe('key_missing')
  })

  test('is reported as missing if its text was broken, because no keychain has to be unlocked', async () => {
    const { database, slots, keychain } = await sealed()
    for (const name of keychain.secrets.keys()) keychain.secrets.set(name, 'broken')
    expect(await codeOf(openSealingKey(sqlOf(database), slots(), clock))).toBe('key_missing')
  })

  test('also seals client secrets', async () => {
    const database = folder.database()
    database.run("INSERT INTO clients VALUES ('i', 'r', 'c', 'v1.x.y', 'none', NULL, 'x')")
    database.run("INSERT INTO clients VALUES ('i', 'r2', 'c', NULL, 'none', NULL, 'x')")
    expect(await sealedRows(sqlOf(database))).toBe(1)
  })

  test('gets a second slot in the file if requested by name', async () => {
    const { database, key, slots, keychain, file } = await sealed()
    expect(hex(await openSealingKey(sqlOf(database), slots(['file']), clock))).toBe(hex(key))
    expect(await keyBackends(sqlOf(database))).toEqual(['file', 'keychain'])
    keychain.locked = true
    expect(hex(await openSealingKey(sqlOf(database), slots(['file']), clock))).toBe(hex(key))
    expect(hex(await openSealingKey(sqlOf(database), slots(), clock))).toBe(hex(key))
    expect(file.secrets.size).toBe(1)
  })

  test('gets no second slot automatically', async () => {
    const { database, slots, file } = await sealed()
    await openSealingKey(sqlOf(database), slots(), clock)
    await openSealingKey(sqlOf(database), slots(['keychain']), clock)
    expect([await keyBackends(sqlOf(database)), file.secrets.size]).toEqual([['keychain'], 0])
  })

  test('is found in the second slot if the first has lost it', async () => {
    const { database, key, slots, keychain } = await sealed()
    await openSealingKey(sqlOf(database), slots(['file']), clock)
    keychain.secrets.clear()
    expect(hex(await openSealingKey(sqlOf(database), slots(), clock))).toBe(hex(key))
  })
})

describe('a lost key that sealed nothing', () => {
  test('is created again', async () => {
    const database = folder.database()
    const { slots, keychain } = machine()
    await openSealingKey(sqlOf(database), slots(), clock)
    keychain.secrets.clear()
    await openSealingKey(sqlOf(database), slots(), clock)
    expect(keychain.secrets.size).toBe(1)
    expect(await keyBackends(sqlOf(database))).toEqual(['keychain'])
  })

  test('is not created again while its keychain is locked', async () => {
    const database = folder.database()
    const { slots, keychain, file } = machine()
    await openSealingKey(sqlOf(database), slots(), clock)
    keychain.locked = true
    expect(await codeOf(openSealingKey(sqlOf(database), slots(), clock))).toBe('keychain_locked')
    expect(file.secrets.size).toBe(0)
  })
})
