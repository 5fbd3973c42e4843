// A database of the version before: its sign-ins survive, its shared claims do not, and its rows are taken over once.
import { describe, expect, test } from 'vitest'
import type { TokenKey } from '../../../src/records.ts'
import { createAttemptStore } from '../../../src/store/attemptStore.ts'
import { createSealedCache } from '../../../src/store/cache.ts'
import { createClientStore } from '../../../src/store/clientStore.ts'
import { adoptRows } from '../../../src/store/sealing/adoptRows.ts'
import { createSeal } from '../../../src/store/sealing/seal.ts'
import { openUnmigrated } from '../../../src/store/sqlite/database.ts'
import { migrateDown, migrateUp, schemaVersion } from '../../../src/store/sqlite/migrate.ts'
import { createTokenStore } from '../../../src/store/tokenStore.ts'
import { createFakeClock, NOON } from '../../fakes/fakeClock.ts'
import { sqlOf } from '../../fakes/sqlOf.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
const ISSUER = 'https://as.example'
const REDIRECT = 'http://localhost:8080/auth/callback'
const KEY: TokenKey = { server: 'https://mcp.example/mcp', profile: 'default' }
const WORK: TokenKey = { ...KEY, profile: 'work' }
const ALONE: TokenKey = { server: 'https://other.example/mcp', profile: 'default' }
const seal = createSeal(Buffer.alloc(32, 1))

/** As the version before wrote it: three sign-ins, of which two are of one person. */
function before() {
  const database = openUnmigrated(folder.fresh('oauth.db'))
  migrateUp(database)
  while (schemaVersion(database) > 1) migrateDown(database)
  const user = (id: string, subject: string) =>
    database.run(
      'INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      ...[
        id,
        ISSUER,
        subject,
        `${subject}@example.com`,
        subject,
        `{"sub":"${subject}","email":"${subject}@example.com"}`,
        'x',
        'x',
      ],
    )
  user('ann', 'ann')
  user('bob', 'bob')
  const tokens = (key: TokenKey, id: string) =>
    database.run(
      `INSERT INTO tokens (server, profile, user_id, issuer, client_id, redirect_uri, access_token, refresh_token, obtained_at, generation, created_at, updated_at)
       VALUES (?, ?, ?, ?, 'client', ?, ?, ?, '2026-01-15 12:00:00.000', 3, 'x', 'x')`,
      ...[key.server, key.profile, id, ISSUER, REDIRECT],
      seal.seal(`access-${key.profile}`, ['tokens', key.server, key.profile, 'access_token']),
      seal.seal(`refresh-${key.profile}`, ['tokens', key.server, key.profile, 'refresh_token']),
    )
  tokens(KEY, 'ann')
  tokens(WORK, 'ann')
  tokens(ALONE, 'bob')
  const secret = seal.seal('s', ['clients', ISSUER, REDIRECT, 'client_secret'])
  database.run("INSERT INTO clients VALUES (?, ?, 'c', ?, 'none', NULL, 'x')", ISSUER, REDIRECT, secret)
  database.run("INSERT INTO server_cache VALUES ('as:x', '{}', '2099', 'x')")
  database.run(`INSERT INTO server_cache VALUES ('bound:x', '"i"', '2099', 'x')`)
  migrateUp(database)
  return database
}

function stores(database: ReturnType<typeof before>) {
  const clock = createFakeClock()
  const open = async () => seal
  return {
    tokens: createTokenStore(sqlOf(database), open, clock),
    attempts: createAttemptStore(sqlOf(database), open, clock),
    clients: createClientStore(sqlOf(database), open, clock),
    cache: createSealedCache(sqlOf(database), open, clock),
  }
}

describe('after the upgrade', () => {
  test('sign-ins and registered clients are kept', async () => {
    const database = before()
    await adoptRows(sqlOf(database), seal)
    const { tokens, clients, cache } = stores(database)
    for (const key of [KEY, WORK, ALONE])
      expect(await tokens.load(key)).toMatchObject({
        generation: 3,
        tokens: { accessToken: `access-${key.profile}`, refreshToken: `refresh-${key.profile}`, issuer: ISSUER },
      })
    expect(await clients.load(ISSUER, REDIRECT)).toMatchObject({ clientSecret: 's' })
    expect(await cache.get('bound:x', NOON)).toBe('i')
  })

  test('metadata is fetched again', async () => {
    const database = before()
    await adoptRows(sqlOf(database), seal)
    expect(await stores(database).cache.get('as:x', NOON)).toBeUndefined()
  })

  test('claims that two sign-ins shared are forgotten, the subject is not', async () => {
    const database = before()
    await adoptRows(sqlOf(database), seal)
    const { tokens } = stores(database)
    for (const key of [KEY, WORK])
      expect((await tokens.load(key)).tokens?.user).toEqual({ issuer: ISSUER, subject: 'ann', claims: {} })
    expect((await tokens.load(ALONE)).tokens?.user?.claims.email).toBe('bob@example.com')
  })

  test('a seal that does not match is not replaced', async () => {
    const database = before()
    await adoptRows(sqlOf(database), seal)
    database.run("UPDATE tokens SET issuer = 'https://evil.example'")
    await adoptRows(sqlOf(database), seal)
    expect((await stores(database).tokens.load(KEY)).tokens).toBeUndefined()
  })
})

test('each sign-in keeps its own claims, also of one person', async () => {
  const { tokens } = stores(folder.database())
  const set = (claims: object) => ({
    ...{ issuer: ISSUER, clientId: 'client', redirectUri: REDIRECT, accessToken: 'a', obtainedAt: NOON },
    user: { issuer: ISSUER, subject: 'ann', claims: claims as Record<string, unknown> },
  })
  await tokens.replace(KEY, set({ sub: 'ann', email: 'ann@example.com' }), 0)
  await tokens.replace(WORK, set({ sub: 'ann' }), 0)
  expect((await tokens.load(KEY)).tokens?.user?.claims).toEqual({ sub: 'ann', email: 'ann@example.com' })
  expect((await tokens.load(WORK)).tokens?.user?.claims).toEqual({ sub: 'ann' })
  expect((await tokens.list()).map(({ email }) => email)).toEqual(['ann@example.com', undefined])
})
