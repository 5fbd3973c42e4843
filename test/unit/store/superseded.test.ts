// Sign-in attempts that are replaced because somebody asks for something else.
import { describe, expect, test } from 'vitest'
import type { Wishes } from '../../../src/records.ts'
import { sealRow } from '../../../src/store/sealing/rowSeals.ts'
import { sqlOf } from '../../fakes/sqlOf.ts'
import { KEY, PLAN, sqliteStores } from '../../fakes/storeKit.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
function setUp() {
  const { database, clock, seal, attempts: store } = sqliteStores(folder)
  const begin = (wishes: Wishes, key = KEY) =>
    store.begin(key, { status: 401, scope: 'a' }, clock.now() + 300_000, {
      wishes,
      fits: (waiting) => JSON.stringify(waiting) === JSON.stringify(wishes),
    })
  return { database, clock, store, begin, seal }
}

describe('an attempt', () => {
  test('with equal wishes is joined, also by a caller that accepts any', async () => {
    const { begin, store, clock } = setUp()
    const { attempt } = await begin({ scope: 'aaaa' })
    expect(attempt).toMatchObject({ wishes: { scope: 'aaaa' }, challenge: { status: 401, scope: 'a' } })
    expect(await begin({ scope: 'aaaa' })).toMatchObject({
      begun: false,
      superseded: false,
      attempt: { id: attempt.id },
    })
    const bridge = await store.begin(KEY, { status: 401 }, clock.now() + 1_000, { wishes: { resource: 'bbbb' } })
    expect(bridge).toMatchObject({ begun: false, attempt: { id: attempt.id } })
  })

  test.each(['requested', 'waiting', 'redeeming'])('that is %s is replaced by one with other wishes', async (step) => {
    const { begin, store, clock } = setUp()
    const { attempt: old } = await begin({})
    if (step !== 'requested') await store.plan(old.id, PLAN)
    if (step === 'redeeming') await store.claim(old.state, clock.now())
    const { attempt, begun, superseded } = await begin({ account: 'aaaa' })
    expect({ begun, superseded }).toEqual({ begun: true, superseded: true })
    expect(await store.byId(old.id)).toMatchObject({ status: 'failed', successor: attempt.id })
    expect((await store.byId(old.id))?.plan).toBeUndefined()
    expect(await store.claim(old.state, clock.now())).toBeUndefined()
    expect(await store.open(clock.now())).toEqual([KEY])
    // It does not come back, and nobody's failure is made of it.
    await store.settle(old.id, { status: 'finished' })
    await store.plan(old.id, PLAN)
    expect((await store.byId(old.id))?.status).toBe('failed')
    expect(await store.lastFailure(KEY, 0)).toBeUndefined()
  })

  test('of another server or profile is not changed', async () => {
    const { begin, store } = setUp()
    const { attempt } = await begin({})
    expect(await begin({ account: 'aaaa' }, { ...KEY, profile: 'work' })).toMatchObject({ superseded: false })
    expect((await store.byId(attempt.id))?.status).toBe('requested')
  })

  test('that an earlier version began has no wishes, and is replaced by one with some', async () => {
    const { begin, store, database, seal } = setUp()
    const { attempt } = await begin({})
    database.run('UPDATE sessions SET challenge = ? WHERE id = ?', '{"status":401}', attempt.id)
    await sealRow(
      sqlOf(database),
      seal,
      'sessions',
      database.get('SELECT * FROM sessions WHERE id = ?', attempt.id) ?? {},
    )
    expect(await store.byId(attempt.id)).toMatchObject({ wishes: {}, challenge: { status: 401 } })
    expect(await begin({ scope: 'aaaa' })).toMatchObject({ superseded: true })
  })
})
