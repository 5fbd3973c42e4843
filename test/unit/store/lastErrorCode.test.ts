// Why a sign-in ended, as a code beside the words: written with them, believed only where it is one of ours.
import { describe, expect, test } from 'vitest'
import { createSeal } from '../../../src/store/sealing/seal.ts'
import { openReadOnly } from '../../../src/store/sqlite/database.ts'
import { migrateDown, migrateUp, schemaVersion } from '../../../src/store/sqlite/migrate.ts'
import { createTokenStore } from '../../../src/store/tokenStore.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { sqlOf } from '../../fakes/sqlOf.ts'
import { KEY, sqliteStores, BARE as TOKENS } from '../../fakes/storeKit.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
async function signedIn() {
  const { file, database, seal, tokens: store } = sqliteStores(folder)
  await store.replace(KEY, TOKENS, 0)
  const column = () => database.get('SELECT last_error_code AS code FROM tokens')?.code
  return { file, database, seal, store, column }
}

describe('the code of a sign-in that ended', () => {
  test('is stored with its reason, and removed by the next sign-in', async () => {
    const { store, column } = await signedIn()
    await store.remove(KEY, 1, 'refused', 'token_expired')
    expect(await store.load(KEY)).toMatchObject({ lastError: 'refused', lastErrorCode: 'token_expired' })
    await store.replace(KEY, TOKENS, 2)
    expect(column()).toBeNull()
  })

  test('is seal_broken for a row that was altered', async () => {
    const { store, database, column } = await signedIn()
    database.run("UPDATE tokens SET issuer = 'https://evil.example'")
    expect(await store.load(KEY)).toMatchObject({ lastErrorCode: 'seal_broken' })
    expect(column()).toBe('seal_broken')
  })

  test('is gone when the row opens after all', async () => {
    const { file, store, column } = await signedIn()
    const other = createTokenStore(
      sqlOf(folder.database(file)),
      async () => createSeal(Buffer.alloc(32, 7)),
      createFakeClock(),
    )
    expect(await other.load(KEY)).toMatchObject({ lastErrorCode: 'seal_broken' })
    expect(await store.load(KEY)).toEqual({ generation: 1, tokens: TOKENS })
    expect(column()).toBeNull()
    expect((await store.list())[0]?.lastError).toBeUndefined()
  })

  test.each(['no_such_code', 'tls_failed', '', 'x'.repeat(10_000), 7])(
    'counts as missing if somebody wrote %j',
    async (code) => {
      const { store, database } = await signedIn()
      await store.remove(KEY, 1, 'refused', 'token_expired')
      database.run('UPDATE tokens SET last_error_code = ?', code)
      expect(await store.load(KEY)).not.toHaveProperty('lastErrorCode')
    },
  )

  test('does not let an altered row claim that it only expired', async () => {
    const { store, database } = await signedIn()
    database.run("UPDATE tokens SET issuer = 'https://evil.example', last_error_code = 'token_expired'")
    expect(await store.load(KEY)).toMatchObject({ lastErrorCode: 'seal_broken' })
  })

  test('changes nothing for an unaltered row', async () => {
    const { store, database } = await signedIn()
    database.run("UPDATE tokens SET last_error_code = 'seal_broken', last_error = 'altered'")
    expect(await store.load(KEY)).toEqual({ generation: 1, tokens: TOKENS })
  })
})

describe('a database of schema version 2', () => {
  async function older() {
    const set = await signedIn()
    while (schemaVersion(set.database) > 2) migrateDown(set.database)
    return set
  }

  test('keeps its sign-ins when it is brought up to date', async () => {
    const { store, database } = await older()
    migrateUp(database)
    expect(await store.load(KEY)).toEqual({ generation: 1, tokens: TOKENS })
  })

  test('can be read as it is, including altered rows', async () => {
    const { file, database, seal } = await older()
    database.run("UPDATE tokens SET issuer = 'https://evil.example'")
    const look = openReadOnly(file)
    try {
      const store = createTokenStore(sqlOf(look), async () => seal, createFakeClock())
      expect(await store.load(KEY)).toMatchObject({ lastErrorCode: 'seal_broken' })
      expect(await store.list()).toMatchObject([{ ...KEY, signedIn: true }])
    } finally {
      look.close()
    }
  })
})
