// The callback that one process answers for the attempt of another lies in the attempt's row: sealed, for the state it came with.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { AttemptPlan } from '../../../src/records.ts'
import { createAttemptStore } from '../../../src/store/attemptStore.ts'
import { createSeal } from '../../../src/store/sealing/seal.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
const PLAN: AttemptPlan = {
  ...{ issuer: 'https://as.example', redirectUri: 'http://localhost:8080/auth/callback', codeVerifier: 'v' },
  ...{ client: { clientId: 'c', authMethod: 'none' }, authorizationUrl: 'https://as.example/authorize', metadata: {} },
}
const CALLBACK = { ...PLAN, callback: 'code=canary-code' }

async function setUp() {
  const database = folder.database(folder.fresh('oauth.db'))
  const clock = createFakeClock()
  const seal = createSeal(randomBytes(32))
  const store = createAttemptStore(database, async () => seal, clock)
  const key = { server: 'https://mcp.example/mcp', profile: 'default' }
  const { attempt } = await store.begin(key, { status: 401 }, clock.now() + 300_000)
  const rows = () => JSON.stringify(database.all('SELECT * FROM sessions'))
  return { store, attempt, clock, rows }
}

test('attack E: it is read by whoever sees to the attempt, and stands nowhere in clear', async () => {
  const { store, attempt, rows } = await setUp()
  await store.plan(attempt.id, PLAN)
  expect(await store.deliver(attempt, CALLBACK)).toBe(true)
  expect(await store.byId(attempt.id)).toMatchObject({ status: 'waiting', plan: { callback: 'code=canary-code' } })
  expect(rows()).not.toContain('canary-code')
})

test('it is refused where nobody waits for it any more', async () => {
  const { store, attempt, clock } = await setUp()
  expect(await store.deliver(attempt, CALLBACK)).toBe(false)
  await store.plan(attempt.id, PLAN)
  expect(await store.deliver({ ...attempt, state: 'another' }, CALLBACK)).toBe(false)
  await store.claim(attempt.state, clock.now())
  expect(await store.deliver(attempt, CALLBACK)).toBe(false)
})
