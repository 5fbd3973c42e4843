// A callback for a sign-in that another process sees to.
import { expect, test } from 'vitest'
import { handOver } from '../../../../src/auth/grants/handOver.ts'
import type { AttemptPlan } from '../../../../src/records.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'

const PLAN: AttemptPlan = {
  ...{ issuer: 'https://as.example', redirectUri: 'http://localhost:8080/auth/callback', codeVerifier: 'v' },
  ...{ client: { clientId: 'c', authMethod: 'none' }, authorizationUrl: 'https://as.example/authorize', metadata: {} },
  bounds: 'theirs',
}
const QUERY = new URLSearchParams({ code: 'c', state: 's' })

async function setUp(plan: AttemptPlan = PLAN) {
  const clock = createHurryingClock()
  const attempts = createFakeAttemptStore(clock.now)
  const key = { server: 'https://mcp.example/mcp', profile: 'default' }
  const { attempt } = await attempts.begin(key, { status: 401 }, clock.now() + 300_000)
  await attempts.plan(attempt.id, plan)
  const waiting = { ...attempt, status: 'waiting' as const, plan }
  const options = { attempts, clock, log: createFakeLogger() }
  return { attempts, clock, attempt: waiting, hand: (of = waiting) => handOver(options, of, QUERY) }
}

test('its query is stored in the attempt, and the page shows how the other process ended it', async () => {
  const { attempts, attempt, hand } = await setUp()
  const page = hand()
  await Promise.resolve()
  expect((await attempts.byId(attempt.id))?.plan?.callback).toBe('code=c&state=s')
  await attempts.settle(attempt.id, { status: 'finished' })
  expect(await page).toEqual({ kind: 'done', server: attempt.server })
})

test('a failure there is shown here, and another attempt continues in the same tab', async () => {
  const { attempts, attempt, hand } = await setUp()
  const page = hand()
  await attempts.settle(attempt.id, { status: 'failed', code: 'tls_failed', message: 'No.' })
  expect(await page).toMatchObject({ kind: 'failed', code: 'tls_failed', message: 'No.' })
  const again = await setUp()
  const second = again.hand()
  await Promise.resolve()
  await again.attempts.claim(again.attempt.state, 0)
  await again.attempts.planAgain(again.attempt.id, 'another state', {
    ...PLAN,
    authorizationUrl: 'https://as.example/2',
  })
  expect(await second).toEqual({ kind: 'again', authorizationUrl: 'https://as.example/2' })
})

test('a second one for the same state is refused, and so is one that arrives after the first was redeemed', async () => {
  const { attempts, attempt, hand } = await setUp()
  expect(await hand({ ...attempt, plan: { ...PLAN, callback: 'code=c' } })).toEqual({ kind: 'invalid_state' })
  await attempts.claim(attempt.state, 0)
  expect(await hand()).toEqual({ kind: 'invalid_state' })
})

test('the plan of an earlier version, whose process does not look for it, is refused with an explanation and not completed under our settings', async () => {
  const { bounds: _, ...before } = PLAN
  const { attempts, attempt, hand } = await setUp(before)
  expect(await hand()).toMatchObject({ kind: 'failed', code: 'login_failed', hint: 'Start the sign-in again.' })
  expect((await attempts.byId(attempt.id))?.status).toBe('failed')
})

test('if nobody completes it, the page still ends', async () => {
  expect(await (await setUp()).hand()).toMatchObject({ kind: 'failed', code: 'login_timed_out' })
})

test('an end that nobody brings is not waited for longer where the clock is set back meanwhile', async () => {
  const { attempts, attempt, hand, clock } = await setUp()
  const byId = attempts.byId.bind(attempts)
  attempts.byId = async (id) => {
    if (clock.sleeps.length === 1) clock.doze(-3_600_000)
    return byId(id)
  }
  expect(await hand()).toMatchObject({ kind: 'failed', code: 'login_timed_out' })
  expect(clock.sleeps.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(61_000)
  expect((await byId(attempt.id))?.status).toBe('waiting')
})
