// Asking for a person: one attempt, one login process, and an end in every case.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import type { LoginJob } from '../../../../src/ports.ts'
import type { Attempt, AttemptPlan } from '../../../../src/records.ts'
import {
  type AskOptions,
  askForLogin,
  attemptLease,
  awaitAttempt,
  COOL_DOWN_MS,
} from '../../../../src/signin/attempt/request.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLoginLauncher } from '../../../fakes/fakeLoginLauncher.ts'
import { settled } from '../../../fakes/gate.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const PLAN: AttemptPlan = {
  issuer: 'https://as.example',
  client: { clientId: 'client', authMethod: 'none' },
  redirectUri: 'http://localhost:8080/auth/callback',
  codeVerifier: 'verifier',
  metadata: { issuer: 'https://as.example' },
  authorizationUrl: 'https://as.example/authorize?x',
}

function setUp(onLaunch: (job: LoginJob) => void | Promise<void> = () => undefined) {
  const clock = createFakeClock()
  const attempts = createFakeAttemptStore(clock.now)
  const launcher = createFakeLoginLauncher(onLaunch)
  const leases = createFakeLeases()
  const told: string[] = []
  const options: AskOptions = {
    key: KEY,
    attempts,
    leases,
    launcher,
    clock,
    timeoutMs: 60_000,
    config: { some: 'config' },
    tell: (url) => void told.push(url),
  }
  const ask = () => askForLogin(options, { status: 401, scope: 'a' })
  /** One look at the store later. */
  const later = async () => {
    await clock.whenSleeping(1)
    clock.advance(100)
    await settled()
  }
  /** Looks until `ms` have passed. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) await later()
  }
  return { ask, later, pass, clock, attempts, leases, launcher, told, options }
}

describe('asking', () => {
  test('begins an attempt and launches the login process with it', async () => {
    const { ask, later, attempts, launcher } = setUp()
    const asking = ask()
    await settled()
    expect(launcher.jobs).toEqual([{ attemptId: 'attempt-1', config: { some: 'config' } }])
    expect(attempts.rows.get('attempt-1')).toMatchObject({ ...KEY, challenge: { status: 401, scope: 'a' } })
    await attempts.settle('attempt-1', { status: 'finished' })
    await later()
    await expect(asking).resolves.toBeUndefined()
  })

  test('joins an attempt that is waiting and launches nothing', async () => {
    const { ask, later, attempts, launcher, clock } = setUp()
    await attempts.begin(KEY, { status: 401 }, clock.now() + 500)
    const asking = ask()
    await settled()
    await attempts.settle('attempt-1', { status: 'finished' })
    await later()
    await asking
    expect(launcher.jobs).toEqual([])
    expect(attempts.rows.size).toBe(1)
  })

  test('tells the address once, when it is known', async () => {
    const { ask, later, attempts, told } = setUp()
    const asking = ask()
    await later()
    expect(told).toEqual([])
    await attempts.plan('attempt-1', PLAN)
    await later()
    await later()
    expect(told).toEqual([PLAN.authorizationUrl])
    await attempts.settle('attempt-1', { status: 'finished' })
    await later()
    await asking
  })

  test('ends as the attempt ended', async () => {
    const { ask, later, attempts } = setUp()
    const failing = errorOf(ask())
    await settled()
    await attempts.settle('attempt-1', { status: 'failed', code: 'access_denied', message: 'No.' })
    await later()
    const error = await failing
    expect([error.code, error.message]).toEqual(['access_denied', 'No.'])
  })

  test.each(['nonsense', 'toString', ''])('ends in login_failed for the stored code %j', async (code) => {
    const { later, attempts, clock, options } = setUp()
    await attempts.begin(KEY, { status: 401 }, clock.now() + 500)
    const failing = codeOf(awaitAttempt(options, 'attempt-1'))
    await attempts.settle('attempt-1', { status: 'failed', code, message: 'x' })
    await later()
    expect(await failing).toBe('login_failed')
  })

  test('ends in time where nobody completes the sign-in', async () => {
    const { ask, pass } = setUp()
    const failing = codeOf(ask())
    await pass(60_100)
    expect(await failing).toBe('login_timed_out')
  })

  test('ends when the attempt is gone', async () => {
    const { ask, later, attempts } = setUp()
    const failing = codeOf(ask())
    await settled()
    attempts.rows.clear()
    await later()
    expect(await failing).toBe('login_timed_out')
  })
})

describe('a login process', () => {
  test('that never takes its attempt is replaced', async () => {
    const { ask, pass, launcher, attempts } = setUp()
    const asking = ask()
    await pass(3_900)
    expect(launcher.jobs).toHaveLength(1)
    await pass(200)
    expect(launcher.jobs.map(({ attemptId }) => attemptId)).toEqual(['attempt-1', 'attempt-1'])
    await attempts.settle('attempt-1', { status: 'finished' })
    await pass(100)
    await asking
  })

  test('that lives is left alone, and replaced once it has died', async () => {
    const { ask, pass, launcher, leases, attempts } = setUp()
    const asking = ask()
    const lease = await leases.take(attemptLease('attempt-1'), 1)
    await pass(20_000)
    expect(launcher.jobs).toHaveLength(1)
    lease?.release()
    await pass(4_100)
    expect(launcher.jobs).toHaveLength(2)
    await attempts.settle('attempt-1', { status: 'finished' })
    await pass(100)
    await asking
  })

  test('that cannot start is the error of the request, and tried anew by the next one', async () => {
    let tries = 0
    const { ask, pass, launcher, attempts } = setUp(() => {
      if (++tries === 1) throw new BridgeError('internal')
    })
    expect(await codeOf(ask())).toBe('internal')
    const asking = ask()
    await pass(4_100)
    expect(launcher.jobs).toHaveLength(2)
    for (const id of attempts.rows.keys()) await attempts.settle(id, { status: 'finished' })
    await pass(100)
    await asking
  })

  test('that died while it redeemed the code has failed after a minute', async () => {
    const { options, attempts, clock, pass } = setUp()
    await attempts.begin(KEY, { status: 401 }, clock.now() + 600_000)
    await attempts.plan('attempt-1', PLAN)
    await attempts.claim('state-of-attempt-1', clock.now())
    attempts.rows.set('attempt-1', { ...(await attempts.byId('attempt-1')), updatedAt: clock.now() } as Attempt)
    const failing = errorOf(awaitAttempt(options, 'attempt-1'))
    await pass(60_200)
    expect((await failing).message).toContain('interrupted')
  })
})

describe('after a sign-in that failed', () => {
  async function failed(plan: AttemptPlan | undefined) {
    const world = setUp()
    const { attempts, clock } = world
    await attempts.begin(KEY, { status: 401 }, clock.now() + 60_000)
    if (plan) await attempts.plan('attempt-1', plan)
    await attempts.settle('attempt-1', { status: 'failed', code: 'access_denied', message: 'You said no.' })
    return world
  }

  test('no other tab opens by itself, and the error says why and what to run', async () => {
    const { ask, launcher } = await failed(PLAN)
    const error = await errorOf(ask())
    expect([error.code, error.message]).toEqual([
      'access_denied',
      'The last sign-in failed, so no new tab was opened: You said no.',
    ])
    expect(error.hint).toContain(`mcp-oauth-bridge login ${KEY.server}`)
    expect(launcher.jobs).toEqual([])
  })

  test('one opens again when the pause is over', async () => {
    const { ask, pass, clock, launcher, attempts } = await failed(PLAN)
    clock.advance(COOL_DOWN_MS + 1)
    const asking = ask()
    await settled()
    expect(launcher.jobs).toHaveLength(1)
    await attempts.settle('attempt-2', { status: 'finished' })
    await pass(100)
    await asking
  })

  test('one opens where the person never saw the failed one', async () => {
    const { ask, pass, launcher, attempts } = await failed(undefined)
    const asking = ask()
    await settled()
    expect(launcher.jobs).toHaveLength(1)
    await attempts.settle('attempt-2', { status: 'finished' })
    await pass(100)
    await asking
  })
})

describe('attack N: an attempt that another one replaces', () => {
  const replace = (attempts: ReturnType<typeof setUp>['attempts'], now: number) =>
    attempts.begin(KEY, { status: 401 }, now + 60_000, { wishes: { account: 'aaaa' }, fits: () => false })

  test('is waited for in its successor, to the end of that one, and its address is told', async () => {
    const { ask, later, attempts, told, clock } = setUp()
    const asking = ask()
    await later()
    await attempts.plan('attempt-1', PLAN)
    await later()
    const { attempt } = await replace(attempts, clock.now())
    await attempts.plan(attempt.id, { ...PLAN, authorizationUrl: 'https://as.example/authorize?y' })
    await later()
    await later()
    expect(told).toEqual([PLAN.authorizationUrl, 'https://as.example/authorize?y'])
    await attempts.settle(attempt.id, { status: 'finished' })
    await later()
    await asking
  })

  test('hands on how its successor ends', async () => {
    const { ask, later, attempts, clock } = setUp()
    const asking = codeOf(ask())
    await later()
    const { attempt } = await replace(attempts, clock.now())
    const { attempt: last } = await replace(attempts, clock.now())
    expect(last.id).not.toBe(attempt.id)
    await attempts.settle(last.id, { status: 'failed', code: 'account_mismatch', message: 'no' })
    await later()
    expect(await asking).toBe('account_mismatch')
  })
})
