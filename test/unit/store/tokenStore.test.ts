// Token sets: compare-and-swap, tombstones, and rows that somebody changed.
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import type { TokenKey, TokenSet } from '../../../src/records.ts'
import { createSeal } from '../../../src/store/sealing/seal.ts'
import { createTokenStore } from '../../../src/store/tokenStore.ts'
import { createFakeClock, NOON } from '../../fakes/fakeClock.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { codeOf } from '../../fakes/thrown.ts'

const folder = tempFolder()
const KEY: TokenKey = { server: 'https://mcp.example/mcp', profile: 'default' }
const WORK: TokenKey = { ...KEY, profile: 'work' }

const BARE: TokenSet = {
  issuer: 'https://as.example',
  clientId: 'client',
  redirectUri: 'http://localhost:8080/auth/callback',
  accessToken: 'access-secret-1',
  obtainedAt: NOON,
}
const FULL: TokenSet = {
  ...BARE,
  refreshToken: 'refresh-secret-1',
  scope: 'a b',
  requestedScope: 'a b c',
  resource: 'https://mcp.example/mcp',
  expiresAt: NOON + 3_600_000,
  user: { issuer: 'https://as.example', subject: 'ada', claims: { sub: 'ada', email: 'ada@example.com', admin: true } },
}

function setUp() {
  const path = folder.fresh('oauth.db')
  const database = folder.database(path)
  const clock = createFakeClock()
  const seal = createSeal(randomBytes(32))
  const open = () => createTokenStore(folder.database(path), async () => seal, clock)
  return { database, clock, store: createTokenStore(database, async () => seal, clock), open }
}

describe('a stored token set', () => {
  test.each([
    ['a bare one', BARE],
    ['a full one', FULL],
  ])('is read as it was written: %s', async (_, tokens) => {
    const { store } = setUp()
    expect(await store.replace(KEY, tokens, 0)).toBe(true)
    expect(await store.load(KEY)).toEqual({ generation: 1, tokens })
  })

  test('is one per server and profile', async () => {
    const { store } = setUp()
    await store.replace(KEY, FULL, 0)
    expect(await store.load(WORK)).toEqual({ generation: 0 })
    expect(await store.load({ ...KEY, server: 'https://mcp.example/other' })).toEqual({ generation: 0 })
    await store.replace(WORK, BARE, 0)
    expect((await store.load(KEY)).tokens).toEqual(FULL)
  })

  test('leaves nothing behind in the next one', async () => {
    const { store } = setUp()
    await store.replace(KEY, FULL, 0)
    await store.replace(KEY, BARE, 1)
    expect(await store.load(KEY)).toEqual({ generation: 2, tokens: BARE })
  })

  test('is never written in the clear', async () => {
    const { store, database } = setUp()
    await store.replace(KEY, FULL, 0)
    const dump = JSON.stringify(
      ['tokens', 'users', 'sessions', 'clients'].map((table) => database.all(`SELECT * FROM ${table}`)),
    )
    expect(dump).not.toContain('access-secret-1')
    expect(dump).not.toContain('refresh-secret-1')
  })

  test('has times that SQLite compares with now', async () => {
    const { store, database } = setUp()
    await store.replace(KEY, FULL, 0)
    expect(database.get("SELECT count(*) AS n FROM tokens WHERE expires_at > datetime('2026-01-15 12:30:00')")).toEqual(
      { n: 1 },
    )
  })
})

describe('compare-and-swap', () => {
  test('lets one of two writers win', async () => {
    const { store, open } = setUp()
    await store.replace(KEY, FULL, 0)
    const other = open()
    expect(await other.replace(KEY, { ...FULL, accessToken: 'other' }, 1)).toBe(true)
    expect(await store.replace(KEY, { ...FULL, accessToken: 'mine' }, 1)).toBe(false)
    expect((await store.load(KEY)).tokens?.accessToken).toBe('other')
  })

  test('lets one of 20 concurrent writers win', async () => {
    const { store, open } = setUp()
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => open().replace(KEY, { ...BARE, accessToken: `t${index}` }, 0)),
    )
    expect(outcomes.filter(Boolean)).toHaveLength(1)
    expect((await store.load(KEY)).generation).toBe(1)
  })

  test.each([[1], [-1], [7]])('refuses a first write that expects generation %i', async (expected) => {
    const { store } = setUp()
    expect(await store.replace(KEY, FULL, expected)).toBe(false)
    expect(await store.load(KEY)).toEqual({ generation: 0 })
  })

  test('does not remove what another has replaced', async () => {
    const { store, open } = setUp()
    await store.replace(KEY, FULL, 0)
    await open().replace(KEY, BARE, 1)
    expect(await store.remove(KEY, 1, 'late')).toBe(false)
    expect(await store.load(KEY)).toEqual({ generation: 2, tokens: BARE })
  })

  test('removes once', async () => {
    const { store } = setUp()
    await store.replace(KEY, FULL, 0)
    expect([await store.remove(KEY, 1), await store.remove(KEY, 1)]).toEqual([true, false])
  })

  test('has nothing to remove where there is no row', async () => {
    expect(await setUp().store.remove(KEY, 0)).toBe(false)
  })
})

describe('a removed token set', () => {
  test('leaves its generation, its reason, and no secret', async () => {
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

  test('never lets the generation go back', async () => {
    const { store } = setUp()
    let generation = 0
    for (let round = 0; round < 5; round++) {
      expect(await store.replace(KEY, FULL, generation)).toBe(true)
      expect((await store.load(KEY)).generation).toBe(++generation)
      expect(await store.remove(KEY, generation)).toBe(true)
      expect((await store.load(KEY)).generation).toBe(++generation)
      expect(await store.replace(KEY, FULL, 0)).toBe(false)
    }
  })

  test('is forgotten as an error by the next sign-in', async () => {
    const { store } = setUp()
    await store.replace(KEY, FULL, 0)
    await store.remove(KEY, 1, 'reason')
    await store.replace(KEY, FULL, 2)
    expect((await store.list())[0]).not.toHaveProperty('lastError')
  })
})

describe('a refresh token about to be spent', () => {
  test('is noted once per generation', async () => {
    const { store } = setUp()
    await store.replace(KEY, FULL, 0)
    expect([await store.spend(KEY, 1), await store.spend(KEY, 1)]).toEqual([false, true])
    await store.replace(KEY, FULL, 1)
    expect(await store.spend(KEY, 2)).toBe(false)
  })

  test('is not noted for another generation or nobody', async () => {
    const { store } = setUp()
    expect(await store.spend(KEY, 0)).toBe(false)
    await store.replace(KEY, FULL, 0)
    expect([await store.spend(KEY, 7), await store.spend(KEY, 1)]).toEqual([false, false])
  })
})

describe('a row that was altered', () => {
  const columns = ['access_token', 'refresh_token']

  test.each(columns)('in %s counts as signed out, keeps its generation, and says so', async (column) => {
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

test('a key that cannot be had is an error, not "signed out"', async () => {
  const { store, database, clock } = setUp()
  await store.replace(KEY, FULL, 0)
  const locked = createTokenStore(database, () => Promise.reject(new BridgeError('keychain_locked')), clock)
  expect(await codeOf(locked.load(KEY))).toBe('keychain_locked')
  expect((await store.load(KEY)).tokens).toEqual(FULL)
})

test('no key is needed to see that nobody is signed in', async () => {
  const { database, clock } = setUp()
  const store = createTokenStore(database, () => Promise.reject(new BridgeError('keychain_locked')), clock)
  expect(await store.load(KEY)).toEqual({ generation: 0 })
  expect(await store.list()).toEqual([])
})

test('the list shows every account and no secret', async () => {
  const { store } = setUp()
  await store.replace(WORK, BARE, 0)
  await store.replace(KEY, FULL, 0)
  await store.remove(WORK, 1, 'gone')
  const list = await store.list()
  expect(list).toEqual([
    {
      ...KEY,
      generation: 1,
      signedIn: true,
      refreshable: true,
      issuer: 'https://as.example',
      subject: 'ada',
      email: 'ada@example.com',
      scope: 'a b',
      expiresAt: FULL.expiresAt,
    },
    { ...WORK, generation: 2, signedIn: false, refreshable: false, issuer: 'https://as.example', lastError: 'gone' },
  ])
  expect(JSON.stringify(list)).not.toContain('secret')
})

test('what was asked for outlives tokens that were refused, and not a sign-out', async () => {
  const { store } = setUp()
  await store.replace(KEY, FULL, 0)
  await store.remove(KEY, 1, 'The authorization server refused the refresh token.')
  expect(await store.load(KEY)).toMatchObject({ generation: 2, requestedScope: 'a b c' })
  await store.replace(KEY, FULL, 2)
  await store.remove(KEY, 3)
  expect(await store.load(KEY)).toEqual({ generation: 4 })
})
