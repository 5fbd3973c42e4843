// Token sets in SQLite: nothing in the clear, and rows that somebody changed. What every TokenStore does is in test/contract.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { createTokenStore } from '../../../src/store/tokenStore.ts'
import { sqlOf } from '../../fakes/sqlOf.ts'
import { BARE, FULL, KEY, sqliteStores } from '../../fakes/storeKit.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { codeOf } from '../../fakes/thrown.ts'

const folder = tempFolder()
function setUp() {
  const { database, clock, tokens: store } = sqliteStores(folder)
  return { database, clock, store }
}

describe('a stored token set', () => {
  test('is never written in the clear', async () => {
    const { store, database } = setUp()
    await store.replace(KEY, FULL, 0)
    const dump = JSON.stringify(
      ['tokens', 'users', 'sessions', 'clients'].map((table) => database.all(`SELECT * FROM ${table}`)),
    )
    expect(dump).not.toContain('access-secret-1')
    expect(dump).not.toContain('refresh-secret-1')
  })

  test('has times that SQLite can compare with now', async () => {
    const { store, database } = setUp()
    await store.replace(KEY, FULL, 0)
    expect(database.get("SELECT count(*) AS n FROM tokens WHERE expires_at > datetime('2026-01-15 12:30:00')")).toEqual(
      { n: 1 },
    )
  })
})

describe('a removed token set', () => {
  test('keeps its generation and its reason, and no secret', async () => {
    const { store, database } = setUp()
    await store.replace(KEY, FULL, 0)
    await store.remove(KEY, 1, 'The authorization server refused the refresh token.')
    const record = await store.load(KEY)
    expect(record.generation).toBe(2)
    expect(record.tokens).toBeUndefined()
    expect(record.lastError).toContain('refused')
    expect(database.get('SELECT access_token, refresh_token FROM tokens')).toEqual({
      access_token: null,
      refresh_token: null,
    })
  })
})

describe('a row that was altered', () => {
  const columns = ['access_token', 'refresh_token']

  test.each(columns)('in %s counts as signed out, keeps its generation, and reports it', async (column) => {
    const { store, database } = setUp()
    await store.replace(KEY, FULL, 0)
    const sealed = String(database.get(`SELECT ${column} AS text FROM tokens`)?.text)
    const last = sealed.at(-5) === 'A' ? 'B' : 'A'
    database.run(`UPDATE tokens SET ${column} = ?`, sealed.slice(0, -5) + last + sealed.slice(-4))
    const record = await store.load(KEY)
    expect(record.generation).toBe(1)
    expect(record.tokens).toBeUndefined()
    expect((await store.list())[0]?.lastError).toContain('altered')
  })

  test('by exchanging its two tokens counts as signed out', async () => {
    const { store, database } = setUp()
    await store.replace(KEY, FULL, 0)
    database.exec('UPDATE tokens SET access_token = refresh_token, refresh_token = access_token')
    expect((await store.load(KEY)).tokens).toBeUndefined()
  })

  test('by moving it to another server or profile counts as signed out', async () => {
    for (const change of ["server = 'https://evil.example/mcp'", "profile = 'work'"]) {
      const { store, database } = setUp()
      await store.replace(KEY, FULL, 0)
      database.exec(`UPDATE tokens SET ${change}`)
      const moved = {
        server: String(database.get('SELECT server FROM tokens')?.server),
        profile: String(database.get('SELECT profile FROM tokens')?.profile),
      }
      expect((await store.load(moved)).tokens).toBeUndefined()
    }
  })

  test('is replaced by the next sign-in', async () => {
    const { store, database } = setUp()
    await store.replace(KEY, FULL, 0)
    database.exec("UPDATE tokens SET access_token = 'plain'")
    const { generation } = await store.load(KEY)
    expect(await store.replace(KEY, BARE, generation)).toBe(true)
    expect((await store.load(KEY)).tokens).toEqual(BARE)
  })
})

test('an unavailable key is an error, not "signed out"', async () => {
  const { store, database, clock } = setUp()
  await store.replace(KEY, FULL, 0)
  const locked = createTokenStore(sqlOf(database), () => Promise.reject(new BridgeError('keychain_locked')), clock)
  expect(await codeOf(locked.load(KEY))).toBe('keychain_locked')
  expect((await store.load(KEY)).tokens).toEqual(FULL)
})

test('no key is needed to see that nobody is signed in', async () => {
  const { database, clock } = setUp()
  const store = createTokenStore(sqlOf(database), () => Promise.reject(new BridgeError('keychain_locked')), clock)
  expect(await store.load(KEY)).toEqual({ generation: 0 })
  expect(await store.list()).toEqual([])
})
