// The callback that one process answers for the attempt of another lies in the attempt's row: sealed, for the state it came with.
import { expect, test } from 'vitest'
import { attemptSteps, PLAN, sqliteStores } from '../../fakes/storeKit.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
const CALLBACK = { ...PLAN, callback: 'code=canary-code' }

async function setUp() {
  const { database, clock, attempts: store } = sqliteStores(folder)
  const { attempt } = await attemptSteps(store, clock).begin()
  const rows = () => JSON.stringify(database.all('SELECT * FROM sessions'))
  return { store, attempt, clock, rows }
}

test('it is read by the process that owns the attempt, and is nowhere in plain text', async () => {
  const { store, attempt, rows } = await setUp()
  await store.plan(attempt.id, PLAN)
  expect(await store.deliver(attempt, CALLBACK)).toBe(true)
  expect(await store.byId(attempt.id)).toMatchObject({ status: 'waiting', plan: { callback: 'code=canary-code' } })
  expect(rows()).not.toContain('canary-code')
})

test('it is refused if no process waits for it any more', async () => {
  const { store, attempt, clock } = await setUp()
  expect(await store.deliver(attempt, CALLBACK)).toBe(false)
  await store.plan(attempt.id, PLAN)
  expect(await store.deliver({ ...attempt, state: 'another' }, CALLBACK)).toBe(false)
  await store.claim(attempt.state, clock.now())
  expect(await store.deliver(attempt, CALLBACK)).toBe(false)
})
