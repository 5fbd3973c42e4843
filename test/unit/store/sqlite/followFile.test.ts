// What other processes do to the database is seen at the next look: another generation, and another file.
import { existsSync, renameSync, rmSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import type { TokenSet } from '../../../../src/records.ts'
import { createSeal } from '../../../../src/store/sealing/seal.ts'
import { openDatabase } from '../../../../src/store/sqlite/database.ts'
import { followFile } from '../../../../src/store/sqlite/followFile.ts'
import { createTokenStore } from '../../../../src/store/tokenStore.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { sqlOf } from '../../../fakes/sqlOf.ts'
import { KEY } from '../../../fakes/storeKit.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { until } from '../../../servers/until.ts'

const folder = tempFolder()
const opened: { close(): void }[] = []
afterAll(() => {
  for (const database of opened) database.close()
})

const tokenSet = (accessToken: string): TokenSet => ({
  ...{ issuer: 'https://as.example', clientId: 'client', redirectUri: 'http://localhost:8080/auth/callback' },
  ...{ accessToken, obtainedAt: NOON },
})
const seal = createSeal(Buffer.alloc(32, 1))

function setUp(file = folder.fresh('oauth.db')) {
  let opens = 0
  const database = followFile(file, () => {
    opens++
    return openDatabase(file)
  })
  opened.push(database)
  const store = createTokenStore(sqlOf(database), async () => seal, createFakeClock())
  const other = () => createTokenStore(sqlOf(folder.database(file)), async () => seal, createFakeClock())
  return { file, database, store, other, opens: () => opens }
}

/** The file is checked at most ten times a second, so a first look may still see the old one. */
const untilChanged = (store: ReturnType<typeof setUp>['store'], generation: number) =>
  until('the store sees another file', () => !store.unchanged(KEY, generation))

describe('one check', () => {
  test('reports no change while nobody writes, and while others write other rows', async () => {
    const { store, other } = setUp()
    await store.replace(KEY, tokenSet('one'), 0)
    for (let time = 0; time < 3; time++) expect(store.unchanged(KEY, 1)).toBe(true)
    await other().replace({ ...KEY, profile: 'work' }, tokenSet('two'), 0)
    expect(store.unchanged(KEY, 1)).toBe(true)
  })

  test('sees a sign-out, a sign-in and a deletion by another process at once', async () => {
    const { store, other, database } = setUp()
    await store.replace(KEY, tokenSet('one'), 0)
    expect(store.unchanged(KEY, 1)).toBe(true)
    await other().remove(KEY, 1)
    expect(store.unchanged(KEY, 1)).toBe(false)
    expect(store.unchanged(KEY, 2)).toBe(true)
    await other().replace(KEY, tokenSet('two'), 2)
    expect(store.unchanged(KEY, 2)).toBe(false)
    database.run('DELETE FROM tokens')
    expect(store.unchanged(KEY, 3)).toBe(false)
  })

  test('sees what this process itself wrote', async () => {
    const { store } = setUp()
    await store.replace(KEY, tokenSet('one'), 0)
    expect(store.unchanged(KEY, 1)).toBe(true)
    await store.replace(KEY, tokenSet('two'), 1)
    expect(store.unchanged(KEY, 2)).toBe(true)
    expect(store.unchanged(KEY, 1)).toBe(false)
  })
})

test('a file that was deleted is no longer used', async () => {
  const { store, file, opens } = setUp()
  await store.replace(KEY, tokenSet('one'), 0)
  expect(store.unchanged(KEY, 1)).toBe(true)
  for (const end of ['', '-wal', '-shm']) rmSync(file + end)
  expect(await untilChanged(store, 1)).toBe(true)
  expect(await store.load(KEY)).toEqual({ generation: 0 })
  expect(opens()).toBe(2)
})

test('each statement follows the file, also where nobody asks for the version', async () => {
  const { store, file } = setUp()
  await store.replace(KEY, tokenSet('one'), 0)
  for (const end of ['', '-wal', '-shm']) rmSync(file + end)
  await until('the store sees another file', async () => (await store.load(KEY)).generation === 0)
  expect(existsSync(file)).toBe(true)
})

test('a file that was replaced is read in its place', async () => {
  const { store, file } = setUp()
  await store.replace(KEY, tokenSet('one'), 0)
  const next = setUp()
  await next.store.replace(KEY, tokenSet('zero'), 0)
  await next.store.replace(KEY, tokenSet('two'), 1)
  next.database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  for (const end of ['-wal', '-shm']) rmSync(file + end)
  renameSync(next.file, file)
  expect(await untilChanged(store, 1)).toBe(true)
  expect((await store.load(KEY)).tokens?.accessToken).toBe('two')
})
