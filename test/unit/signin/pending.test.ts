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
  const done = signIn.during(async ({ tell }) => {
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
  expect(await createPendingSignIn(clock).bounded(async () => 7, 1000)).toBe(7)
  clock.advance(5000)
})

test('bounded work that takes longer is sign_in_pending with the address', async () => {
  const clock = createFakeClock()
  const signIn = createPendingSignIn(clock)
  const never = new Promise<void>(() => undefined)
  void signIn.during(({ tell }) => {
    tell(ADDRESS)
    return never
  })
  const failed = errorOf(() => signIn.bounded(() => never, 1000))
  await clock.whenSleeping(1)
  clock.advance(1000)
  expect(await failed).toMatchObject({ code: 'sign_in_pending', details: { url: ADDRESS } })
})

test('bounded work that fails first fails as it does by itself', async () => {
  const clock = createFakeClock()
  await expect(createPendingSignIn(clock).bounded(() => Promise.reject(new Error('mine')), 1000)).rejects.toThrow(
    'mine',
  )
})

/** A sign-in that waits, without a tab; what was seen of it is from before the calls that follow. */
function waitsWithoutTab() {
  const signIn = createPendingSignIn(createFakeClock())
  const settle = createGate()
  let refusal: Error | undefined
  let seen = () => {}
  const over = signIn.during(async ({ tell, stillWaits }) => {
    tell(ADDRESS, 'The last sign-in failed: you said no.')
    seen = stillWaits
    await settle.passed
    if (refusal) throw refusal
  })
  over.catch(() => undefined)
  const end = (error?: Error) => {
    refusal = error
    settle.open()
  }
  return { signIn, over, end, seen: () => seen() }
}

test('while no address is known, the error speaks of none above', async () => {
  const clock = createFakeClock()
  const signIn = createPendingSignIn(clock)
  const never = new Promise<void>(() => undefined)
  void signIn.during(() => never)
  const failed = errorOf(() => signIn.bounded(() => never, 1000))
  await clock.whenSleeping(1)
  clock.advance(1000)
  const { code, message, hint } = await failed
  expect([code, message]).toEqual(['sign_in_pending', expect.stringContaining('not known yet')])
  expect(hint).toMatch(/^Try again in a moment/)
  expect(hint).not.toContain('above')
})

test('where nothing shows the address, work is pending with it as soon as the sign-in is seen to wait still', async () => {
  const { signIn, seen } = waitsWithoutTab()
  const failed = errorOf(() => signIn.bounded(() => new Promise(() => undefined), 1000))
  seen()
  expect(await failed).toMatchObject({ code: 'sign_in_pending', details: { url: ADDRESS } })
})

test('a sign-in that was completed a moment before, which was not seen yet, is not pending', async () => {
  const { signIn, over, end } = waitsWithoutTab()
  const work = signIn.bounded(() => over.then(() => 'done'), 1000)
  end()
  expect(await work).toBe('done')
})

test('work that joins a sign-in that had failed a moment before is done once more, and what fails while it waits is its own failure', async () => {
  const { signIn, over, end } = waitsWithoutTab()
  let tries = 0
  const join = () => (tries++ === 0 ? over.then(() => 'never') : Promise.resolve('anew'))
  const late = signIn.bounded(join, 1000)
  end(new Error('no'))
  expect(await late).toBe('anew')

  const next = createPendingSignIn(createFakeClock())
  const settle = createGate()
  const refused = next.during(async ({ tell, stillWaits }) => {
    tell(ADDRESS)
    await settle.passed
    stillWaits()
    throw new Error('no')
  })
  let asked = 0
  const failing = next.bounded(() => {
    asked++
    return refused
  }, 1000)
  settle.open()
  await expect(failing).rejects.toThrow('no')
  expect(asked).toBe(1)
})

test.each([
  ['call', [1_000]],
  ['start', []],
  ['background', []],
] as const)('of what a challenge causes, a %s waits at most so long: %j', async (cause, bounds) => {
  const asked: number[] = []
  const watch = {
    bounded: <T>(work: () => Promise<T>, ms: number) => {
      asked.push(ms)
      return work()
    },
  }
  const authorizer = createFakeAuthorizer({ authorization: 'old' }, () => ({ authorization: 'new' }))
  const bounded = boundCalls(authorizer, watch, 1_000)
  await bounded.onChallenge({ status: 401, headers: {} }, { authorization: 'old' }, cause)
  expect(asked).toEqual(bounds)
  expect(authorizer.challenges).toMatchObject([{ cause, status: 401 }])
  expect(await bounded.headers('POST', new URL('https://mcp.example/mcp'))).toEqual({ authorization: 'new' })
})
