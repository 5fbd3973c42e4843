// Sign-in attempts in SQLite: states nobody can guess, and nothing in the clear. What every AttemptStore does is in test/contract.
import { describe, expect, test } from 'vitest'
import type { Wishes } from '../../../src/records.ts'
import { attemptSteps, CHALLENGE, KEY, PLAN, sqliteStores } from '../../fakes/storeKit.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { codeOf } from '../../fakes/thrown.ts'

const folder = tempFolder()
function setUp() {
  const { database, clock, attempts: store } = sqliteStores(folder)
  return { database, clock, store, ...attemptSteps(store, clock) }
}

describe('beginning', () => {
  test('creates an attempt with a state that nobody can guess', async () => {
    const { begin, clock } = setUp()
    const { attempt, begun } = await begin()
    expect(begun).toBe(true)
    expect(attempt).toMatchObject({
      ...KEY,
      status: 'requested',
      challenge: CHALLENGE,
      expiresAt: clock.now() + 300_000,
      updatedAt: clock.now(),
    })
    expect(attempt.state).toMatch(/^[\w-]{43}$/)
  })
})

describe('a plan', () => {
  test('is read as it was written, and is never in plain text', async () => {
    const { waiting, store, database } = setUp()
    const { id } = await waiting()
    expect(await store.byId(id)).toMatchObject({ status: 'waiting', plan: PLAN })
    const dump = JSON.stringify(database.all('SELECT * FROM sessions'))
    expect(dump).not.toContain('secret-1')
  })

  test('does not open in another attempt', async () => {
    const { waiting, store, database, begin } = setUp()
    const { id } = await waiting()
    const other = (await begin(1_000, { ...KEY, profile: 'work' })).attempt.id
    database.run('UPDATE sessions SET plan = (SELECT plan FROM sessions WHERE id = ?) WHERE id = ?', id, other)
    expect(await codeOf(store.byId(other))).toBe('seal_broken')
  })

  test.each([
    ['finished', { status: 'finished' } as const],
    ['failed', { status: 'failed', code: 'access_denied', message: 'no' } as const],
  ])('is wiped when the attempt is %s', async (_, outcome) => {
    const { waiting, store, database } = setUp()
    const { id } = await waiting()
    await store.settle(id, outcome)
    expect(database.get('SELECT plan FROM sessions WHERE id = ?', id)).toEqual({ plan: null })
  })
})

describe('settling', () => {
  test('of an unknown attempt changes nothing', async () => {
    const { store, database } = setUp()
    await store.settle('nobody', { status: 'finished' })
    expect(database.all('SELECT * FROM sessions')).toEqual([])
  })
})

test('where the table allows one open attempt of a key, an expired one and one with other wishes make place', async () => {
  const { database, clock, attempts: store } = sqliteStores(folder)
  database.exec(
    "CREATE UNIQUE INDEX one_open ON sessions (server, profile) WHERE status IN ('requested', 'waiting', 'redeeming')",
  )
  const begin = (wishes: Wishes) =>
    store.begin(KEY, CHALLENGE, clock.now() + 1_000, { wishes, fits: ({ account }) => account === wishes.account })
  await begin({})
  clock.advance(1_000)
  expect(await begin({})).toMatchObject({ begun: true, superseded: false })
  expect(await begin({ account: 'ada' })).toMatchObject({ begun: true, superseded: true })
  expect(await begin({ account: 'ada' })).toMatchObject({ begun: false })
})
