// Who can write to the database and has no key: whatever column of whatever table they change, what is acted on is what was written, or nothing.
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Attempt, AttemptPlan, TokenKey, TokenSet } from '../../../src/records.ts'
import { createAttemptStore } from '../../../src/store/attemptStore.ts'
import { createSealedCache } from '../../../src/store/cache.ts'
import { createClientStore } from '../../../src/store/clientStore.ts'
import { createSeal } from '../../../src/store/sealing/seal.ts'
import type { Database, Value } from '../../../src/store/sqlite/database.ts'
import { createTokenStore } from '../../../src/store/tokenStore.ts'
import { createFakeClock, NOON } from '../../fakes/fakeClock.ts'
import { sqlOf } from '../../fakes/sqlOf.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { codeOf } from '../../fakes/thrown.ts'

const folder = tempFolder()
const HOUR = 3_600_000
const KEY: TokenKey = { server: 'https://mcp.example/mcp', profile: 'default' }
const WORK: TokenKey = { ...KEY, profile: 'work' }
const OUT: TokenKey = { ...KEY, profile: 'signed out' }
const EVIL = 'https://evil.example/mcp'
const ISSUER = 'https://as.example'
const REDIRECT = 'http://localhost:8080/auth/callback'
const tokenSet = (name: string): TokenSet => ({
  ...{ issuer: ISSUER, clientId: 'client', redirectUri: REDIRECT, accessToken: `access-${name}` },
  ...{ refreshToken: `refresh-${name}`, dpopKey: `{"d":"${name}"}`, scope: 'a b', requestedScope: 'a b c' },
  ...{ resource: KEY.server, expiresAt: NOON + HOUR, obtainedAt: NOON },
  user: { issuer: ISSUER, subject: name, claims: { sub: name, email: `${name}@example.com` } },
})
const PLAN: AttemptPlan = {
  ...{ issuer: ISSUER, redirectUri: REDIRECT, codeVerifier: 'verifier', authorizationUrl: `${ISSUER}/authorize?x` },
  ...{ client: { clientId: 'client', authMethod: 'none' }, metadata: { issuer: ISSUER }, account: 'ann@example.com' },
}
const METADATA = { issuer: ISSUER, token_endpoint: `${ISSUER}/token` }

const key = randomBytes(32)

async function setUp(path = folder.fresh('oauth.db')) {
  const database = folder.database(path)
  const clock = createFakeClock()
  const seal = createSeal(key)
  const open = async () => seal
  const stores = {
    tokens: createTokenStore(sqlOf(database), open, clock),
    attempts: createAttemptStore(sqlOf(database), open, clock),
    clients: createClientStore(sqlOf(database), open, clock),
    cache: createSealedCache(sqlOf(database), open, clock),
  }
  return { database, clock, ...stores }
}

async function filled() {
  const world = await setUp()
  const { tokens, attempts, clients, cache } = world
  await tokens.replace(KEY, tokenSet('ada'), 0)
  await tokens.replace(WORK, tokenSet('bob'), 0)
  await tokens.replace(OUT, tokenSet('eve'), 0)
  await tokens.remove(OUT, 1, 'refused')
  await clients.save(ISSUER, REDIRECT, { clientId: 'c', clientSecret: 's', authMethod: 'client_secret_basic' })
  await clients.save(ISSUER, `${REDIRECT}2`, { clientId: 'public', authMethod: 'none', secretExpiresAt: NOON + HOUR })
  const waiting = (await attempts.begin(KEY, { status: 401, scope: 'a' }, NOON + HOUR)).attempt
  await attempts.plan(waiting.id, PLAN)
  const requested = (await attempts.begin(WORK, { status: 401 }, NOON + HOUR)).attempt
  await cache.put(`as:${ISSUER}`, METADATA, NOON + HOUR)
  return { ...world, waiting, requested }
}

type Stage = Awaited<ReturnType<typeof filled>>

/** Everything that decides where a secret goes and what is asked of whom, as this program would act on it now. */
async function actsOn({
  tokens,
  attempts,
  clients,
  cache,
  waiting,
  requested,
}: Stage): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  const see = async (name: string, work: Promise<unknown>) => {
    found[name] = await work.catch(() => undefined)
  }
  const without = async (server: TokenKey) => {
    const { tokens: set, requestedScope } = await tokens.load(server)
    const { expiresAt: _when, ...rest } = set ?? {}
    return set ? rest : requestedScope
  }
  for (const server of [KEY.server, EVIL])
    for (const profile of ['default', 'work', 'signed out', EVIL])
      await see(`tokens ${server} ${profile}`, without({ server, profile }))
  for (const issuer of [ISSUER, EVIL])
    for (const redirect of [REDIRECT, `${REDIRECT}2`, EVIL])
      await see(`client ${issuer} ${redirect}`, clients.load(issuer, redirect))
  const open = async (work: ReturnType<typeof attempts.byId>) => {
    const {
      updatedAt: _when,
      openedAt: _opened,
      errorCode: _code,
      errorMessage: _message,
      errorHint: _hint,
      ...attempt
    } = (await work) ?? ({} as Partial<Attempt>)
    return 'status' in attempt && attempt.status !== 'finished' && attempt.status !== 'failed'
      ? { ...attempt, status: 'open' }
      : undefined
  }
  for (const id of [waiting.id, requested.id, EVIL]) await see(`attempt ${id}`, open(attempts.byId(id)))
  for (const state of [waiting.state, requested.state, EVIL])
    await see(
      `state ${state}`,
      // Without a plan there is nothing to redeem.
      open(attempts.byState(state, NOON)).then((found) => (found && 'plan' in found ? found : undefined)),
    )
  for (const name of [`as:${ISSUER}`, `as:${EVIL}`, EVIL]) await see(`cache ${name}`, cache.get(name, NOON))
  return found
}

const columns = () => {
  const database = folder.database()
  const tables = database.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
  return tables.flatMap(({ name: table }) =>
    database.all(`SELECT name FROM pragma_table_info('${table}')`).map(({ name }) => [String(table), String(name)]),
  )
}

/** Breaks what SQLite itself would refuse, such as a second row of one key. */
const tamper = (database: Database, sql: string, ...values: Value[]) => {
  try {
    database.exec('PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON')
    database.run(sql, ...values)
  } catch {
    // Not possible, so nobody can do it.
  }
}

const VALUES: readonly Value[] = [EVIL, 7, null, '{"status":401,"scope":"evil"}', '2099-01-01 00:00:00.000']

describe('somebody who writes to the database and has no key changes', () => {
  test.each(columns())('%s.%s, and only what was written is acted on', async (table, column) => {
    const world = await filled()
    const before = await actsOn(world)
    const dump = world.database.all(`SELECT rowid AS number, * FROM ${table}`)
    const others = new Set<Value>(dump.map((row) => row[column] ?? null))
    for (const value of [...VALUES, ...others])
      for (const { number } of dump) {
        tamper(world.database, `UPDATE ${table} SET ${column} = ? WHERE rowid = ?`, value, number ?? null)
        const after = await actsOn(world)
        for (const [name, found] of Object.entries(after)) if (found !== undefined) expect(found).toEqual(before[name])
        for (const row of dump)
          tamper(
            world.database,
            `UPDATE ${table} SET ${column} = ? WHERE rowid = ?`,
            row[column] ?? null,
            row.number ?? null,
          )
      }
  })

  test('nothing: the data that it is compared with exists', async () => {
    const found = await actsOn(await filled())
    expect(Object.values(found).filter((value) => value !== undefined)).toHaveLength(9)
  })
})

describe('a row that is not ours', () => {
  test.each(['tokens', 'clients', 'sessions', 'server_cache'])('in %s without a seal is ignored', async (table) => {
    const world = await filled()
    world.database.run('DELETE FROM seals WHERE table_name = ?', table)
    const found = await actsOn(world)
    const names = { tokens: 'tokens', clients: 'client', sessions: 'attempt', server_cache: 'cache' } as const
    const left = Object.entries(found).filter(
      ([name, value]) => value !== undefined && name.startsWith(names[table as keyof typeof names]),
    )
    expect(left).toEqual([])
  })

  test('of another profile, moved with its seal, is ignored', async () => {
    const world = await filled()
    world.database.exec(
      "DELETE FROM tokens WHERE profile = 'work'; UPDATE tokens SET profile = 'work' WHERE profile = 'default'",
    )
    world.database.exec(
      "UPDATE OR REPLACE seals SET row_key = replace(row_key, 'default', 'work') WHERE table_name = 'tokens'",
    )
    expect((await world.tokens.load(WORK)).tokens).toBeUndefined()
  })

  test('of an earlier generation, put back under the newest number, is ignored', async () => {
    const { tokens, database } = await setUp()
    await tokens.replace(KEY, tokenSet('old'), 0)
    const [old] = database.all('SELECT access_token, refresh_token, dpop_key FROM tokens')
    await tokens.replace(KEY, tokenSet('new'), 1)
    for (const [column, value] of Object.entries(old ?? {})) database.run(`UPDATE tokens SET ${column} = ?`, value)
    expect((await tokens.load(KEY)).tokens).toBeUndefined()
  })

  test('with a generation that is not a number can still be signed out of and replaced', async () => {
    const { tokens, database } = await filled()
    database.run("UPDATE tokens SET generation = 'x' WHERE profile = 'default'")
    const { generation } = await tokens.load(KEY)
    expect(await tokens.replace(KEY, tokenSet('again'), generation)).toBe(true)
    database.run('UPDATE tokens SET generation = 1e300')
    const [account] = await tokens.list()
    expect(await tokens.remove(KEY, account?.generation ?? -1)).toBe(true)
  })

  test('is deleted together with its seal', async () => {
    const { database } = await filled()
    database.exec(
      'DELETE FROM tokens; DELETE FROM clients; DELETE FROM sessions; DELETE FROM server_cache; DELETE FROM users',
    )
    expect(database.all('SELECT * FROM seals')).toEqual([])
  })
})

describe('a trigger that somebody added', () => {
  const plant = (database: Database, table: string, column: string) =>
    database.exec(
      `CREATE TRIGGER evil_${table} AFTER INSERT ON ${table} BEGIN UPDATE ${table} SET ${column} = '${EVIL}' WHERE rowid = NEW.rowid; END;
       CREATE TRIGGER evil2_${table} AFTER UPDATE ON ${table} BEGIN UPDATE ${table} SET ${column} = '${EVIL}' WHERE rowid = NEW.rowid; END`,
    )

  test('gets nothing sealed that this program did not intend', async () => {
    const { database, tokens, clients, cache, attempts } = await setUp()
    plant(database, 'tokens', 'issuer')
    plant(database, 'clients', 'client_id')
    plant(database, 'server_cache', 'value')
    plant(database, 'sessions', 'challenge')
    await tokens.replace(KEY, tokenSet('ada'), 0)
    expect((await tokens.load(KEY)).tokens).toBeUndefined()
    await clients.save(ISSUER, REDIRECT, { clientId: 'c', clientSecret: 's', authMethod: 'none' })
    expect(await clients.load(ISSUER, REDIRECT)).toBeUndefined()
    await cache.put(`as:${ISSUER}`, METADATA, NOON + HOUR)
    expect(await cache.get(`as:${ISSUER}`, NOON)).toBeUndefined()
    const { attempt } = await attempts.begin(KEY, { status: 401 }, NOON + HOUR)
    expect(await codeOf(attempts.byId(attempt.id))).toBe('seal_broken')
  })

  test('and a change between two reads is not sealed along with the plan', async () => {
    const { database, attempts } = await setUp()
    const { attempt } = await attempts.begin(KEY, { status: 401 }, NOON + HOUR)
    database.run('UPDATE sessions SET server = ?', EVIL)
    expect(await codeOf(attempts.plan(attempt.id, PLAN))).toBe('seal_broken')
    expect(await codeOf(attempts.byId(attempt.id))).toBe('seal_broken')
  })
})

test('a stored error is limited text', async () => {
  const { tokens, attempts, database, waiting } = await filled()
  const bomb = `\u001b]52;c;ZXZpbA==\u0007\u009b31m${'x'.repeat(100_000)}`
  database.run('UPDATE tokens SET last_error = ?', bomb)
  database.run("UPDATE sessions SET status = 'failed', error_message = ?, error_hint = ?", bomb, bomb)
  const { errorMessage = '', errorHint = '' } = (await attempts.byId(waiting.id)) ?? {}
  const texts = [errorMessage, errorHint, ...(await tokens.list()).map(({ lastError = '' }) => lastError)]
  for (const text of texts) {
    expect(text).not.toMatch(/\p{Cc}/u)
    expect(text.length).toBeLessThan(3_000)
  }
})
