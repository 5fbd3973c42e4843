// The sign-in this process waits for: who hears of it, and how long a call waits.
import { expect, test } from 'vitest'
import { boundCalls, createPendingSignIn } from '../../../src/signin/pending.ts'
import { createFakeAuthorizer } from '../../fakes/fakeAuthorizer.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { createGate } from '../../fakes/gate.ts'
import { errorOf } from '../../fakes/thrown.ts'

const ADDRESS = 'https://auth.example.com/authorize?state=s'

test('is waiting while somebody is asked, has an address once it is told, and neither afterwards', async () => {
  const signIn = createPendingSignIn(createFakeClock())
  const seen: unknown[] = []
  signIn.onChange(() => seen.push([signIn.waiting, signIn.address]))
  const gate = createGate()
  const done = signIn.during(async (tell) => {
    tell(ADDRESS)
    await gate.passed
  })
  expect([signIn.waiting, signIn.address]).toEqual([true, ADDRESS])
  gate.open()
  await done
  expect(seen).toEqual([
    [true, undefined],
    [true, ADDRESS],
    [false, undefined],
  ])
})

test('ends also when the sign-in failed, and the failure is passed on', async () => {
  const signIn = createPendingSignIn(createFakeClock())
  await expect(signIn.during(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(signIn.waiting).toBe(false)
})

test('who no longer listens hears nothing', async () => {
  const signIn = createPendingSignIn(createFakeClock())
  let heard = 0
  signIn.onChange(() => heard++)()
  await signIn.during(async () => undefined)
  expect(heard).toBe(0)
})

test('bounded work that is done in time gives its result and leaves nobody asleep', async () => {
  const clock = createFakeClock()
  expect(await createPendingSignIn(clock).bounded(Promise.resolve(7), 1000)).toBe(7)
  clock.advance(5000)
})

test('bounded work that takes longer is sign_in_pending with the address', async () => {
  const clock = createFakeClock()
  const signIn = createPendingSignIn(clock)
  const never = new Promise<void>(() => undefined)
  void signIn.during((tell) => {
    tell(ADDRESS)
    return never
  })
  const failed = errorOf(() => signIn.bounded(never, 1000))
  await clock.whenSleeping(1)
  clock.advance(1000)
  expect(await failed).toMatchObject({ code: 'sign_in_pending', details: { url: ADDRESS } })
})

test('bounded work that fails first fails as it does by itself', async () => {
  const clock = createFakeClock()
  await expect(createPendingSignIn(clock).bounded(Promise.reject(new Error('mine')), 1000)).rejects.toThrow('mine')
})

test.each([
  ['call', [1_000]],
  ['start', []],
  ['background', []],
] as const)('of what a challenge causes, a %s waits at most so long: %j', async (cause, bounds) => {
  const asked: number[] = []
  const watch = {
    bounded: <T>(work: Promise<T>, ms: number) => {
      asked.push(ms)
      return work
    },
  }
  const authorizer = createFakeAuthorizer({ authorization: 'old' }, () => ({ authorization: 'new' }))
  const bounded = boundCalls(authorizer, watch, 1_000)
  await bounded.onChallenge({ status: 401, headers: {} }, { authorization: 'old' }, cause)
  expect(asked).toEqual(bounds)
  expect(authorizer.challenges).toMatchObject([{ cause, status: 401 }])
  expect(await bounded.headers('POST', new URL('https://mcp.example/mcp'))).toEqual({ authorization: 'new' })
})
