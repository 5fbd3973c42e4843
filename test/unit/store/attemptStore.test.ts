// Sign-in attempts: joined, claimed once, and wiped when settled.
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { AttemptPlan, Challenge, TokenKey } from '../../../src/records.ts'
import { createAttemptStore } from '../../../src/store/attemptStore.ts'
import { createSeal } from '../../../src/store/sealing/seal.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { codeOf } from '../../fakes/thrown.ts'

const folder = tempFolder()
const KEY: TokenKey = { server: 'https://mcp.example/mcp', profile: 'default' }
const CHALLENGE: Challenge = { status: 401, scope: 'a', resourceMetadata: 'https://mcp.example/prm' }
const PLAN: AttemptPlan = {
  issuer: 'https://as.example',
  client: { clientId: 'client', clientSecret: 'client-secret-1', authMethod: 'client_secret_basic' },
  redirectUri: 'http://localhost:8080/auth/callback',
  codeVerifier: 'code-verifier-secret-1',
  nonce: 'nonce',
  metadata: { issuer: 'https://as.example' },
  authorizationUrl: 'https://as.example/authorize?x',
}
const DAY = 86_400_000

function setUp() {
  const path = folder.fresh('oauth.db')
  const database = folder.database(path)
  const clock = createFakeClock()
  const seal = createSeal(randomBytes(32))
  const open = () => createAttemptStore(folder.database(path), async () => seal, clock)
  const store = createAttemptStore(database, async () => seal, clock)
  const begin = (ms = 300_000, key = KEY) => store.begin(key, CHALLENGE, clock.now() + ms)
  const waiting = async () => {
    const { attempt } = await begin()
    await store.plan(attempt.id, PLAN)
    return attempt
  }
  return { database, clock, store, open, begin, waiting }
}

describe('beginning', () => {
  test('makes an attempt with a state nobody can guess', async () => {
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

  test('joins the attempt that is open, whatever its step', async () => {
    const { begin, store, clock } = setUp()
    const { attempt } = await begin()
    for (const step of [
      async () => {},
      () => store.plan(attempt.id, PLAN),
      () => store.claim(attempt.state, clock.now()),
    ]) {
      await step()
      const joined = await begin()
      expect([joined.begun, joined.attempt.id]).toEqual([false, attempt.id])
    }
  })

  test('makes one for 20 processes that begin at the same moment', async () => {
    const { open, clock } = setUp()
    const all = await Promise.all(Array.from({ length: 20 }, () => open().begin(KEY, CHALLENGE, clock.now() + 1_000)))
    expect(all.filter(({ begun }) => begun)).toHaveLength(1)
    expect(new Set(all.map(({ attempt }) => attempt.id)).size).toBe(1)
  })

  test('makes a new one for another server or profile', async () => {
    const { begin } = setUp()
    await begin()
    expect((await begin(1_000, { ...KEY, profile: 'work' })).begun).toBe(true)
    expect((await begin(1_000, { ...KEY, server: 'https://other.example/' })).begun).toBe(true)
  })

  test.each([
    ['is finished', { status: 'finished' } as const],
    ['has failed', { status: 'failed', code: 'access_denied', message: 'no' } as const],
  ])('makes a new one when the last %s', async (_, outcome) => {
    const { begin, store } = setUp()
    await store.settle((await begin()).attempt.id, outcome)
    expect((await begin()).begun).toBe(true)
  })

  test('makes a new one when the last has expired', async () => {
    const { begin, clock } = setUp()
    await begin(1_000)
    clock.advance(1_000)
    expect((await begin()).begun).toBe(true)
  })

  test('forgets attempts that are a day old', async () => {
    const { begin, store, clock } = setUp()
    const { attempt } = await begin(1_000)
    clock.advance(DAY + 2_000)
    await begin()
    expect(await store.byId(attempt.id)).toBeUndefined()
  })
})

describe('a plan', () => {
  test('is read as it was written, and never stands in the clear', async () => {
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

  test('is written once: a second one changes nothing', async () => {
    const { waiting, store } = setUp()
    const { id } = await waiting()
    await store.plan(id, { ...PLAN, codeVerifier: 'another' })
    expect((await store.byId(id))?.plan?.codeVerifier).toBe(PLAN.codeVerifier)
  })

  test('is not written into an attempt that has failed', async () => {
    const { begin, store } = setUp()
    const { id } = (await begin()).attempt
    await store.settle(id, { status: 'failed', code: 'login_timed_out', message: 'x' })
    await store.plan(id, PLAN)
    expect(await store.byId(id)).toMatchObject({ status: 'failed' })
    expect((await store.byId(id))?.plan).toBeUndefined()
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

describe('claiming', () => {
  test('works once', async () => {
    const { waiting, store, clock } = setUp()
    const { id, state } = await waiting()
    expect(await store.claim(state, clock.now())).toMatchObject({ id, status: 'redeeming', plan: PLAN })
    expect(await store.claim(state, clock.now())).toBeUndefined()
  })

  test('works for one of 20 processes', async () => {
    const { waiting, open, clock } = setUp()
    const { state } = await waiting()
    const claims = await Promise.all(Array.from({ length: 20 }, () => open().claim(state, clock.now())))
    expect(claims.filter(Boolean)).toHaveLength(1)
  })

  test.each(['', 'nonsense', '%', "' OR 1=1 --"])('does not work for the state %j', async (state) => {
    const { waiting, store, clock } = setUp()
    await waiting()
    expect(await store.claim(state, clock.now())).toBeUndefined()
  })

  test('does not work before there is a plan', async () => {
    const { begin, store, clock } = setUp()
    const { state } = (await begin()).attempt
    expect(await store.claim(state, clock.now())).toBeUndefined()
  })

  test('does not work after the end', async () => {
    const { waiting, store, clock } = setUp()
    const { state, expiresAt } = await waiting()
    expect(await store.claim(state, expiresAt)).toBeUndefined()
    clock.advance(1)
    expect(await store.claim(state, expiresAt - 1)).toBeDefined()
  })

  test('does not work for a settled attempt', async () => {
    const { waiting, store, clock } = setUp()
    const { id, state } = await waiting()
    await store.settle(id, { status: 'finished' })
    expect(await store.claim(state, clock.now())).toBeUndefined()
  })
})

describe('settling', () => {
  test('keeps the first outcome', async () => {
    const { waiting, store } = setUp()
    const { id } = await waiting()
    await store.settle(id, { status: 'failed', code: 'access_denied', message: 'You said no.' })
    await store.settle(id, { status: 'finished' })
    expect(await store.byId(id)).toMatchObject({
      status: 'failed',
      errorCode: 'access_denied',
      errorMessage: 'You said no.',
    })
  })

  test('of an attempt nobody knows changes nothing', async () => {
    const { store, database } = setUp()
    await store.settle('nobody', { status: 'finished' })
    expect(database.all('SELECT * FROM sessions')).toEqual([])
  })
})

describe('the last failure', () => {
  const FAILED = { status: 'failed', code: 'access_denied', message: 'no' } as const

  test('is the newest one whose tab was opened', async () => {
    const { waiting, begin, store, clock } = setUp()
    await store.settle((await begin()).attempt.id, FAILED)
    expect(await store.lastFailure(KEY, 0)).toBeUndefined()
    const { id } = await waiting()
    await store.settle(id, FAILED)
    expect((await store.lastFailure(KEY, 0))?.id).toBe(id)
    expect(await store.lastFailure({ ...KEY, profile: 'work' }, 0)).toBeUndefined()
    expect(await store.lastFailure(KEY, clock.now() + 1)).toBeUndefined()
  })

  test('is none once somebody has signed in', async () => {
    const { waiting, store, clock } = setUp()
    await store.settle((await waiting()).id, FAILED)
    clock.advance(1_000)
    await store.settle((await waiting()).id, { status: 'finished' })
    expect(await store.lastFailure(KEY, 0)).toBeUndefined()
  })
})

test('the open ones are listed by key until they end', async () => {
  const { begin, store, clock } = setUp()
  const { attempt } = await begin(1_000)
  expect(await store.open(clock.now())).toEqual([KEY])
  expect(await store.open(clock.now() + 1_000)).toEqual([])
  await store.settle(attempt.id, { status: 'finished' })
  expect(await store.open(clock.now())).toEqual([])
})

describe('a second round', () => {
  test('waits under its new state; the old one is nobody’s any more', async () => {
    const { store, waiting, clock } = setUp()
    const attempt = await waiting()
    await store.claim(attempt.state, clock.now())
    await store.planAgain(attempt.id, 'another-state', { ...PLAN, replaced: 'client' })
    expect(await store.claim(attempt.state, clock.now())).toBeUndefined()
    expect(await store.byState('another-state', clock.now())).toMatchObject({
      status: 'waiting',
      plan: { replaced: 'client' },
    })
    expect(await store.claim('another-state', clock.now())).toMatchObject({ id: attempt.id, status: 'redeeming' })
  })

  test('begins only for an attempt that is being redeemed', async () => {
    const { store, waiting } = setUp()
    const attempt = await waiting()
    await store.planAgain(attempt.id, 'another-state', PLAN)
    expect((await store.byId(attempt.id))?.state).toBe(attempt.state)
  })
})

test('looking at an attempt by its state takes nothing', async () => {
  const { store, waiting, clock } = setUp()
  const attempt = await waiting()
  expect(await store.byState(attempt.state, clock.now())).toMatchObject({ id: attempt.id, status: 'waiting' })
  expect(await store.byState('nonsense', clock.now())).toBeUndefined()
  clock.advance(300_001)
  expect(await store.byState(attempt.state, clock.now())).toBeUndefined()
})
