// Every AttemptStore: one open sign-in a server and profile, redeemed once, settled once.
import { describe, expect, test } from 'vitest'
import type { AttemptStore } from '../../src/ports.ts'
import type { TokenKey, Wishes } from '../../src/records.ts'
import { createFakeAttemptStore } from '../fakes/fakeAttemptStore.ts'
import { createFakeClock, type FakeClock } from '../fakes/fakeClock.ts'
import { attemptSteps, CHALLENGE, ENGINES, KEY, PLAN, processesOn, WORK } from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
const FAILED = { status: 'failed', code: 'access_denied', message: 'You said no.', hint: 'Say yes.' } as const
const FINISHED = { status: 'finished' } as const
const DAY = 86_400_000

/** Gives a way for every process to open the same store. */
const STORES: readonly { readonly name: string; make(clock: FakeClock): () => AttemptStore }[] = [
  ...ENGINES.map((engine) => ({
    name: `the store in ${engine.name}`,
    make(clock: FakeClock) {
      const open = processesOn(engine, folder, clock)
      return () => open().attempts
    },
  })),
  {
    name: 'the fake in memory',
    make(clock) {
      const store = createFakeAttemptStore(clock.now)
      return () => store
    },
  },
]

describe.each(STORES)('$name', ({ make }) => {
  function setUp() {
    const clock = createFakeClock()
    const open = make(clock)
    const store = open()
    return { clock, store, open, ...attemptSteps(store, clock) }
  }

  describe('beginning', () => {
    test('creates an attempt that says what it is for', async () => {
      const { begin, store, clock } = setUp()
      const { attempt, ...outcome } = await begin()
      expect(outcome).toEqual({ begun: true, superseded: false })
      expect(attempt).toEqual({
        ...KEY,
        id: attempt.id,
        state: attempt.state,
        status: 'requested',
        challenge: CHALLENGE,
        wishes: {},
        expiresAt: clock.now() + 300_000,
        updatedAt: clock.now(),
      })
      expect(await store.byId(attempt.id)).toEqual(attempt)
      expect((await begin(1_000, WORK)).attempt.state).not.toBe(attempt.state)
    })

    test('by 20 processes at once, each with other wishes, leaves one attempt open', async () => {
      const { open, store, clock } = setUp()
      const wishing = Array.from({ length: 20 }, open).map((one, index) =>
        one.begin(KEY, CHALLENGE, clock.now() + 1_000, {
          wishes: { account: String(index) },
          fits: ({ account }) => account === String(index),
        }),
      )
      const begun = await Promise.all(wishing)
      expect(begun.filter((one) => one.begun)).toHaveLength(20)
      const left = await Promise.all(begun.map(({ attempt }) => store.byId(attempt.id)))
      expect(left.filter((attempt) => attempt?.status === 'requested')).toHaveLength(1)
      expect(left.filter((attempt) => attempt?.status === 'failed')).toHaveLength(19)
    })

    test('after one that expired unanswered is not kept from it, and that one counts as no failure', async () => {
      const { waiting, open, store, clock } = setUp()
      const { state } = await waiting()
      clock.advance(300_000)
      const again = Array.from({ length: 20 }, open).map((one) => one.begin(KEY, CHALLENGE, clock.now() + 1_000))
      expect((await Promise.all(again)).filter((one) => one.begun)).toHaveLength(1)
      expect(await store.claim(state, clock.now())).toBeUndefined()
      expect(await store.lastFailure(KEY, 0)).toBeUndefined()
      expect(await store.opened(KEY, 0, 401)).toBe(1)
    })

    test('joins an open attempt, whatever its step', async () => {
      const { begin, store, clock } = setUp()
      const { attempt } = await begin()
      for (const step of [
        async () => {},
        () => store.plan(attempt.id, PLAN),
        () => store.claim(attempt.state, clock.now()),
      ]) {
        await step()
        const joined = await begin()
        expect([joined.begun, joined.superseded, joined.attempt.id]).toEqual([false, false, attempt.id])
      }
    })

    test('creates one attempt for 20 processes that begin at the same moment', async () => {
      const { open, clock } = setUp()
      const all = await Promise.all(Array.from({ length: 20 }, () => open().begin(KEY, CHALLENGE, clock.now() + 1_000)))
      expect(all.filter(({ begun }) => begun)).toHaveLength(1)
      expect(new Set(all.map(({ attempt }) => attempt.id)).size).toBe(1)
    })

    test('creates a new attempt for another server or profile', async () => {
      const { begin } = setUp()
      await begin()
      expect((await begin(1_000, WORK)).begun).toBe(true)
      expect((await begin(1_000, { ...KEY, server: 'https://other.example/' })).begun).toBe(true)
    })

    test.each([FINISHED, FAILED])('creates a new attempt when the last one is settled: %j', async (outcome) => {
      const { begin, store } = setUp()
      await store.settle((await begin()).attempt.id, outcome)
      expect((await begin()).begun).toBe(true)
    })

    test('creates a new attempt when the last one has expired', async () => {
      const { begin, clock } = setUp()
      await begin(1_000)
      clock.advance(1_000)
      expect((await begin()).begun).toBe(true)
    })

    test('deletes attempts that are a day old', async () => {
      const { begin, store, clock } = setUp()
      const { attempt } = await begin(1_000)
      clock.advance(DAY + 2_000)
      await begin()
      expect(await store.byId(attempt.id)).toBeUndefined()
    })
  })

  describe('beginning with other wishes', () => {
    const wishing = ({ store, clock }: ReturnType<typeof setUp>, wishes: Wishes, key = KEY) =>
      store.begin(key, CHALLENGE, clock.now() + 300_000, {
        wishes,
        fits: (waiting) => JSON.stringify(waiting) === JSON.stringify(wishes),
      })

    test('joins an attempt with equal wishes, and any attempt if the caller accepts any', async () => {
      const setting = setUp()
      const { attempt } = await wishing(setting, { scope: 'aaaa' })
      expect(attempt).toMatchObject({ wishes: { scope: 'aaaa' }, challenge: CHALLENGE })
      expect(await wishing(setting, { scope: 'aaaa' })).toMatchObject({ begun: false, superseded: false })
      expect(await setting.begin()).toMatchObject({ begun: false, attempt: { id: attempt.id } })
    })

    test.each(['requested', 'waiting', 'redeeming'])('replaces an attempt that is %s', async (step) => {
      const setting = setUp()
      const { store, clock } = setting
      const { attempt: old } = await wishing(setting, {})
      if (step !== 'requested') await store.plan(old.id, PLAN)
      if (step === 'redeeming') await store.claim(old.state, clock.now())
      const { attempt, begun, superseded } = await wishing(setting, { account: 'aaaa' })
      expect({ begun, superseded }).toEqual({ begun: true, superseded: true })
      const before = await store.byId(old.id)
      expect(before).toMatchObject({ status: 'failed', successor: attempt.id })
      expect([before?.plan, before?.errorCode, before?.errorHint]).toEqual([undefined, undefined, undefined])
      expect(await store.claim(old.state, clock.now())).toBeUndefined()
      expect(await store.open(clock.now())).toEqual([KEY])
      // It does not come back, and does not count as a failure.
      await store.settle(old.id, FINISHED)
      await store.plan(old.id, PLAN)
      expect((await store.byId(old.id))?.status).toBe('failed')
      expect(await store.lastFailure(KEY, 0)).toBeUndefined()
    })

    test('does not change the attempt of another server or profile', async () => {
      const setting = setUp()
      const { attempt } = await wishing(setting, {})
      expect(await wishing(setting, { account: 'aaaa' }, WORK)).toMatchObject({ superseded: false })
      expect((await setting.store.byId(attempt.id))?.status).toBe('requested')
    })
  })

  describe('a plan', () => {
    test('is read as it was written', async () => {
      const { waiting, store, clock } = setUp()
      const { id, state } = await waiting()
      expect(await store.byId(id)).toMatchObject({ status: 'waiting', plan: PLAN })
      expect(await store.byState(state, clock.now())).toMatchObject({ id, status: 'waiting', plan: PLAN })
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
      await store.settle(id, FAILED)
      await store.plan(id, PLAN)
      expect(await store.byId(id)).toMatchObject({ status: 'failed' })
      expect((await store.byId(id))?.plan).toBeUndefined()
    })

    test.each([FINISHED, FAILED])('is wiped when the attempt is settled: %j', async (outcome) => {
      const { waiting, store } = setUp()
      const { id } = await waiting()
      await store.settle(id, outcome)
      expect(await store.byId(id)).not.toHaveProperty('plan')
    })

    test('accepts a callback while its attempt waits under the same state', async () => {
      const { begin, store, clock } = setUp()
      const { attempt } = await begin()
      const callback = { ...PLAN, callback: 'code=x' }
      expect(await store.deliver(attempt, callback)).toBe(false)
      await store.plan(attempt.id, PLAN)
      expect(await store.deliver({ ...attempt, state: 'another' }, callback)).toBe(false)
      expect(await store.deliver(attempt, callback)).toBe(true)
      expect(await store.byId(attempt.id)).toMatchObject({ status: 'waiting', plan: { callback: 'code=x' } })
      await store.claim(attempt.state, clock.now())
      expect(await store.deliver(attempt, callback)).toBe(false)
    })
  })

  describe('claiming', () => {
    test('succeeds once', async () => {
      const { waiting, store, clock } = setUp()
      const { id, state } = await waiting()
      expect(await store.claim(state, clock.now())).toMatchObject({ id, status: 'redeeming', plan: PLAN })
      expect(await store.claim(state, clock.now())).toBeUndefined()
      expect(await store.byState(state, clock.now())).toBeUndefined()
    })

    test('succeeds for one of 20 processes', async () => {
      const { waiting, open, clock } = setUp()
      const { state } = await waiting()
      const claims = await Promise.all(Array.from({ length: 20 }, () => open().claim(state, clock.now())))
      expect(claims.filter(Boolean)).toHaveLength(1)
    })

    test.each(['', 'nonsense', '%', "' OR 1=1 --"])('fails for the state %j', async (state) => {
      const { waiting, store, clock } = setUp()
      await waiting()
      expect(await store.claim(state, clock.now())).toBeUndefined()
      expect(await store.byState(state, clock.now())).toBeUndefined()
    })

    test('fails before there is a plan', async () => {
      const { begin, store, clock } = setUp()
      expect(await store.claim((await begin()).attempt.state, clock.now())).toBeUndefined()
    })

    test('fails after the end', async () => {
      const { waiting, store } = setUp()
      const { state, expiresAt } = await waiting()
      expect(await store.byState(state, expiresAt)).toBeUndefined()
      expect(await store.claim(state, expiresAt)).toBeUndefined()
      expect(await store.claim(state, expiresAt - 1)).toBeDefined()
    })

    test('fails for a settled attempt', async () => {
      const { waiting, store, clock } = setUp()
      const { id, state } = await waiting()
      await store.settle(id, FINISHED)
      expect(await store.claim(state, clock.now())).toBeUndefined()
    })
  })

  describe('a second round', () => {
    test('waits under its new state; the old state no longer belongs to an attempt', async () => {
      const { store, waiting, clock } = setUp()
      const attempt = await waiting()
      await store.claim(attempt.state, clock.now())
      await store.planAgain(attempt.id, 'another-state', { ...PLAN, replaced: 'client' })
      expect(await store.claim(attempt.state, clock.now())).toBeUndefined()
      const again = { status: 'waiting', plan: { replaced: 'client' } }
      expect(await store.byState('another-state', clock.now())).toMatchObject(again)
      expect(await store.claim('another-state', clock.now())).toMatchObject({ id: attempt.id, status: 'redeeming' })
    })

    test('begins only for an attempt that is being redeemed', async () => {
      const { store, waiting } = setUp()
      const attempt = await waiting()
      await store.planAgain(attempt.id, 'another-state', PLAN)
      expect((await store.byId(attempt.id))?.state).toBe(attempt.state)
    })
  })

  describe('settling', () => {
    test('keeps the first outcome and its message', async () => {
      const { waiting, store } = setUp()
      const { id } = await waiting()
      await store.settle(id, FAILED)
      await store.settle(id, FINISHED)
      expect(await store.byId(id)).toMatchObject({
        status: 'failed',
        errorCode: 'access_denied',
        errorMessage: 'You said no.',
        errorHint: 'Say yes.',
      })
    })

    test('removes the scope, the metadata address and the wishes', async () => {
      const { waiting, store } = setUp()
      const { id } = await waiting()
      await store.settle(id, FINISHED)
      expect(await store.byId(id)).toMatchObject({ status: 'finished', challenge: { status: 401 }, wishes: {} })
      expect((await store.byId(id))?.challenge).toEqual({ status: 401 })
    })

    test('changes nothing for an unknown attempt', async () => {
      const { store } = setUp()
      await store.settle('nobody', FINISHED)
      expect(await store.byId('nobody')).toBeUndefined()
    })
  })

  describe('the last failure', () => {
    test('is the newest one whose tab was opened', async () => {
      const { waiting, begin, store, clock } = setUp()
      await store.settle((await begin()).attempt.id, FAILED)
      expect(await store.lastFailure(KEY, 0)).toBeUndefined()
      const { id } = await waiting()
      await store.settle(id, FAILED)
      expect((await store.lastFailure(KEY, 0))?.id).toBe(id)
      expect(await store.lastFailure(WORK, 0)).toBeUndefined()
      expect(await store.lastFailure(KEY, clock.now() + 1)).toBeUndefined()
    })

    test('is absent once somebody has signed in', async () => {
      const { waiting, store, clock } = setUp()
      await store.settle((await waiting()).id, FAILED)
      clock.advance(1_000)
      await store.settle((await waiting()).id, FINISHED)
      expect(await store.lastFailure(KEY, 0)).toBeUndefined()
    })

    test('is none where no tab was opened, and one where the browser came back without one', async () => {
      const { begin, store, clock } = setUp()
      const { attempt } = await begin()
      await store.plan(attempt.id, PLAN)
      await store.settle(attempt.id, FAILED)
      expect(await store.lastFailure(KEY, 0)).toBeUndefined()
      const { attempt: second } = await begin()
      await store.plan(second.id, PLAN)
      await store.claim(second.state, clock.now())
      await store.settle(second.id, FAILED)
      expect((await store.lastFailure(KEY, 0))?.id).toBe(second.id)
    })

    test('passes over those that do not count, but not over a sign-in', async () => {
      const { waiting, store, clock } = setUp()
      const { id } = await waiting()
      await store.settle(id, FAILED)
      clock.advance(1_000)
      await store.settle((await waiting()).id, { status: 'failed', code: 'cancelled', message: 'x' })
      const counts = (code: string) => code !== 'cancelled'
      expect((await store.lastFailure(KEY, 0, counts))?.id).toBe(id)
      clock.advance(1_000)
      await store.settle((await waiting()).id, FINISHED)
      expect(await store.lastFailure(KEY, 0, counts)).toBeUndefined()
    })

    test('is none of a time that is still to come: the clock was ahead then', async () => {
      const { waiting, store, clock } = setUp()
      await store.settle((await waiting()).id, FAILED)
      clock.advance(-86_400_000)
      expect(await store.lastFailure(KEY, clock.now() - 300_000)).toBeUndefined()
      expect(await store.opened(KEY, clock.now() - 300_000, 401)).toBe(0)
      clock.advance(86_400_000)
      expect(await store.lastFailure(KEY, clock.now() - 300_000)).toBeDefined()
      expect(await store.opened(KEY, clock.now() - 300_000, 401)).toBe(1)
    })

    test('is none while an attempt has only expired', async () => {
      const { waiting, store, clock } = setUp()
      await waiting()
      clock.advance(300_000)
      expect(await store.lastFailure(KEY, 0)).toBeUndefined()
    })
  })

  test('an attempt keeps when its tab was first opened, by whichever process', async () => {
    const { begin, store, open, clock } = setUp()
    const { attempt } = await begin()
    await store.plan(attempt.id, PLAN)
    const first = clock.now()
    await open().tabOpened(attempt.id)
    clock.advance(1_000)
    await store.tabOpened(attempt.id)
    expect((await store.byId(attempt.id))?.openedAt).toBe(first)
    await store.tabOpened('nobody')
    expect(await store.byId('nobody')).toBeUndefined()
  })

  test('opened tabs are counted by key, time and what they were opened for', async () => {
    const { begin, waiting, store, clock } = setUp()
    await begin(1_000, { ...KEY, profile: 'other' })
    const start = clock.now()
    await store.settle((await waiting()).id, FAILED)
    clock.advance(1_000)
    await store.settle((await waiting(KEY, { status: 403, scope: 'b' })).id, FINISHED)
    await waiting(WORK)
    const counts = async (key: TokenKey, since: number) => [
      await store.opened(key, since, 401),
      await store.opened(key, since, 403),
    ]
    expect(await counts(KEY, start)).toEqual([1, 1])
    expect(await counts(KEY, start + 1)).toEqual([0, 1])
    expect(await counts(WORK, start)).toEqual([1, 0])
    expect(await counts({ ...KEY, profile: 'other' }, start)).toEqual([0, 0])
  })

  test('open attempts are listed by key until they end', async () => {
    const { begin, store, clock } = setUp()
    const { attempt } = await begin(1_000)
    expect(await store.open(clock.now())).toEqual([KEY])
    expect(await store.open(clock.now() + 1_000)).toEqual([])
    await store.settle(attempt.id, FINISHED)
    expect(await store.open(clock.now())).toEqual([])
  })
})
