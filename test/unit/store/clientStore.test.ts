// Registered clients in SQLite: their secrets, and the key that seals them. What every ClientStore does is in test/contract.
import { expect, test } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { createClientStore } from '../../../src/store/clientStore.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { sqlOf } from '../../fakes/sqlOf.ts'
import {
  ISSUER,
  PUBLIC_CLIENT as PUBLIC,
  REDIRECT,
  SECRET_CLIENT as SECRET,
  sqliteStores,
} from '../../fakes/storeKit.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { codeOf } from '../../fakes/thrown.ts'

const folder = tempFolder()
function setUp() {
  const { database, clients: store } = sqliteStores(folder)
  return { database, store }
}

test('a client secret is never in plain text', async () => {
  const { store, database } = setUp()
  await store.save(ISSUER, REDIRECT, SECRET)
  expect(JSON.stringify(database.all('SELECT * FROM clients'))).not.toContain('client-secret-1')
})

test('a client whose secret was altered or moved no longer exists', async () => {
  const { store, database } = setUp()
  await store.save(ISSUER, REDIRECT, SECRET)
  database.run("UPDATE clients SET issuer = 'https://evil.example'")
  expect(await store.load('https://evil.example', REDIRECT)).toBeUndefined()
})

test('an unavailable key is an error, not "no client"', async () => {
  const { store, database } = setUp()
  await store.save(ISSUER, REDIRECT, SECRET)
  const locked = createClientStore(
    sqlOf(database),
    () => Promise.reject(new BridgeError('keychain_locked')),
    createFakeClock(),
  )
  expect(await codeOf(locked.load(ISSUER, REDIRECT))).toBe('keychain_locked')
})

test('a public client needs no key', async () => {
  const database = folder.database()
  const store = createClientStore(
    sqlOf(database),
    () => Promise.reject(new BridgeError('keychain_locked')),
    createFakeClock(),
  )
  await store.save(ISSUER, REDIRECT, PUBLIC)
  expect(await store.load(ISSUER, REDIRECT)).toEqual(PUBLIC)
})
