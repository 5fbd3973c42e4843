// A row and its seal are read as of one moment: what another process writes while this one still waits for its key breaks neither.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { AttemptPlan, TokenKey, TokenSet } from '../../../src/records.ts'
import { createAttemptStore } from '../../../src/store/attemptStore.ts'
import { createSealedCache } from '../../../src/store/cache.ts'
import { createClientStore } from '../../../src/store/clientStore.ts'
import { createSeal } from '../../../src/store/sealing/seal.ts'
import { createTokenStore } from '../../../src/store/tokenStore.ts'
import { createFakeClock, NOON } from '../../fakes/fakeClock.ts'
import { sqlOf } from '../../fakes/sqlOf.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
const KEY: TokenKey = { server: 'https://mcp.example/mcp', profile: 'default' }
const ISSUER = 'https://as.example'
const REDIRECT = 'http://localhost:8080/auth/callback'
const LATER = NOON + 3_600_000
const PLAN: AttemptPlan = {
  ...{ issuer: ISSUER, redirectUri: REDIRECT, codeVerifier: 'v', authorizationUrl: `${ISSUER}/authorize` },
  ...{ client: { clientId: 'c', authMethod: 'none' }, metadata: {} },
}
const tokenSet = (name: string): TokenSet => ({
  ...{ issuer: ISSUER, clientId: 'c', redirectUri: REDIRECT, accessToken: `access-${name}` },
  ...{ refreshToken: `refresh-${name}`, obtainedAt: NOON },
  user: { issuer: ISSUER, subject: name, claims: { sub: name } },
})

/** Two processes with one database; while ours waits for its key, `meanwhile` happens in the other. */
function twoProcesses() {
  const path = folder.fresh('oauth.db')
  const clock = createFakeClock()
  const seal = createSeal(randomBytes(32))
  let meanwhile = async () => {}
  const stores = (openSeal: () => Promise<typeof seal>) => {
    const database = folder.database(path)
    return {
      tokens: createTokenStore(sqlOf(database), openSeal, clock),
      attempts: createAttemptStore(sqlOf(database), openSeal, clock),
      clients: createClientStore(sqlOf(database), openSeal, clock),
      cache: createSealedCache(sqlOf(database), openSeal, clock),
    }
  }
  const other = stores(async () => seal)
  const ours = stores(async () => {
    const happens = meanwhile
    meanwhile = async () => {}
    await happens()
    return seal
  })
  return {
    path,
    other,
    ours,
    during(happens: () => Promise<unknown>) {
      meanwhile = async () => void (await happens())
    },
  }
}

test('an attempt that is planned meanwhile', async () => {
  const { other, ours, during } = twoProcesses()
  const { attempt } = await other.attempts.begin(KEY, { status: 401 }, LATER)
  during(() => other.attempts.plan(attempt.id, PLAN))
  expect(await ours.attempts.byId(attempt.id)).toMatchObject({ status: 'requested' })
  expect(await ours.attempts.byId(attempt.id)).toMatchObject({ status: 'waiting', plan: PLAN })
})

test('an attempt that this process joins while it is planned, answered or claimed', async () => {
  const { other, ours, during } = twoProcesses()
  const { attempt } = await other.attempts.begin(KEY, { status: 401 }, LATER)
  await other.attempts.plan(attempt.id, PLAN)
  during(() => other.attempts.deliver(attempt, { ...PLAN, callback: 'code=1' }))
  expect(await ours.attempts.byState(attempt.state, NOON)).toMatchObject({ id: attempt.id, plan: PLAN })
  expect(await ours.attempts.begin(KEY, { status: 401 }, LATER)).toMatchObject({ begun: false })
  during(() => other.attempts.planAgain(attempt.id, 'new state', PLAN))
  expect(await ours.attempts.claim(attempt.state, NOON)).toMatchObject({ plan: { callback: 'code=1' } })
})

test('a token set that is refreshed meanwhile is the old one or the new one, never a broken one', async () => {
  const { other, ours, during } = twoProcesses()
  await other.tokens.replace(KEY, tokenSet('ada'), 0)
  during(() => other.tokens.replace(KEY, tokenSet('bob'), 1))
  expect(await ours.tokens.load(KEY)).toMatchObject({ generation: 1, tokens: { accessToken: 'access-ada' } })
  expect(await ours.tokens.load(KEY)).toEqual({ generation: 2, tokens: tokenSet('bob') })
})

test('the scope of a sign-in that has ended, while the next one succeeds', async () => {
  const { other, ours, during } = twoProcesses()
  await other.tokens.replace(KEY, { ...tokenSet('ada'), requestedScope: 'a b' }, 0)
  await other.tokens.remove(KEY, 1, 'refused')
  during(() => other.tokens.replace(KEY, tokenSet('bob'), 2))
  expect(await ours.tokens.load(KEY)).toMatchObject({ requestedScope: 'a b' })
})

test('a broken row that a sign-in replaces meanwhile is read again', async () => {
  const { path, other, ours, during } = twoProcesses()
  await other.tokens.replace(KEY, tokenSet('ada'), 0)
  const database = folder.database(path)
  database.run('UPDATE tokens SET scope = :scope', { scope: 'more' })
  during(() => other.tokens.replace(KEY, tokenSet('bob'), 1))
  expect(await ours.tokens.load(KEY)).toEqual({ generation: 2, tokens: tokenSet('bob') })
  expect((await other.tokens.list())[0]).not.toHaveProperty('lastError')
})

test('a client that is registered anew meanwhile is not registered twice', async () => {
  const { other, ours, during } = twoProcesses()
  const client = (clientId: string) => ({ clientId, clientSecret: 's', authMethod: 'client_secret_basic' })
  await other.clients.save(ISSUER, REDIRECT, client('one'))
  during(() => other.clients.save(ISSUER, REDIRECT, client('two')))
  expect(await ours.clients.load(ISSUER, REDIRECT)).toEqual(client('one'))
})

test('metadata that is fetched again meanwhile', async () => {
  const { other, ours, during } = twoProcesses()
  await other.cache.put('as', { version: 1 }, LATER)
  during(() => other.cache.put('as', { version: 2 }, LATER + 1))
  expect(await ours.cache.get('as', NOON)).toEqual({ version: 1 })
})
