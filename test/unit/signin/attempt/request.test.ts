// Asking for a person: one attempt, one login process, and an end in every case.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import type { Cause } from '../../../../src/ports.ts'
import type { Attempt, AttemptPlan, LoginJob } from '../../../../src/records.ts'
import { type AskOptions, askForLogin, awaitAttempt, COOL_DOWN_MS } from '../../../../src/signin/attempt/request.ts'
import { attemptLease } from '../../../../src/signin/attempt/serve.ts'
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
  const reasons: (string | undefined)[] = []
  const options: AskOptions = {
    key: KEY,
    attempts,
    leases,
    launcher,
    clock,
    timeoutMs: 60_000,
    config: { some: 'config' },
    tell(url, whyNoTab) {
      told.push(url)
      reasons.push(whyNoTab)
    },
  }
  const ask = (cause?: Cause) => askForLogin(options, { status: 401, scope: 'a' }, cause)
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
  return { ask, later, pass, clock, attempts, leases, launcher, told, reasons, options }
}

describe('asking', () => {
  test('begins an attempt and launches the login process with it', async () => {
    const { ask, later, attempts, launcher } = setUp()
    const asking = ask()
    await settled()
    expect(launcher.jobs).toEqual([{ attemptId: 'attempt-1', config: { some: 'config' }, tab: 'allowed' }])
    expect(attempts.rows.get('attempt-1')).toMatchObject({ ...KEY, challenge: { status: 401, scope: 'a' } })
    await attempts.settle('attempt-1', { status: 'finished' })
    await later()
    await expect(asking).resolves.toBeUndefined()
  })

  test('somebody who signed in a moment before it began is enough: nothing is launched, and those who joined go on', async () => {
    const { options, attempts, launcher, told } = setUp()
    await askForLogin({ ...options, isOver: async () => true }, { status: 401 })
    expect(launcher.jobs).toEqual([])
    expect(told).toEqual([])
    expect(attempts.rows.get('attempt-1')).toMatchObject({ status: 'finished' })
    await awaitAttempt(options, 'attempt-1')
  })

  test('an attempt of others is waited for, whoever has signed in', async () => {
    const { options, attempts, clock } = setUp()
    await attempts.begin(KEY, { status: 401 }, clock.now() + 500)
    const asking = askForLogin({ ...options, isOver: async () => true }, { status: 401 })
    await settled()
    expect(attempts.rows.get('attempt-1')).toMatchObject({ status: 'requested' })
    await attempts.settle('attempt-1', { status: 'finished' })
    await clock.whenSleeping(1)
    clock.advance(100)
    await asking
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

  test('tells the address of another round too, because the one before is dead', async () => {
    const { ask, later, attempts, told } = setUp()
    const asking = ask()
    await later()
    await attempts.plan('attempt-1', PLAN)
    await later()
    const { state = '' } = attempts.rows.get('attempt-1') ?? {}
    await attempts.claim(state, 0)
    await later()
    await attempts.planAgain('attempt-1', 'state-2', { ...PLAN, authorizationUrl: 'https://as.example/authorize?y' })
    await later()
    await later()
    expect(told).toEqual([PLAN.authorizationUrl, 'https://as.example/authorize?y'])
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
    const failing = errorOf(ask())
    await pass(60_100)
    const { code, message } = await failing
    expect([code, message]).toEqual(['login_timed_out', `The sign-in to ${KEY.server} was not completed in time.`])
  })

  test('an attempt that is gone with its database is begun anew, once', async () => {
    const { ask, later, attempts, launcher } = setUp()
    const failing = errorOf(ask())
    for (const id of ['attempt-1', 'attempt-2']) {
      await settled()
      expect(launcher.jobs.at(-1)).toMatchObject({ attemptId: id })
      attempts.rows.clear()
      await later()
    }
    const { code, message } = await failing
    expect(code).toBe('login_failed')
    expect(message).toContain('deleted or replaced')
  })

  test('an attempt that was tidied away after its time was not completed in time', async () => {
    const { ask, attempts, clock } = setUp()
    const failing = codeOf(ask())
    await settled()
    attempts.rows.clear()
    clock.advance(60_001)
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

  test('that lives is left alone, and replaced at once when it has died', async () => {
    const { ask, pass, launcher, leases, attempts } = setUp()
    const asking = ask()
    await pass(500)
    const lease = await leases.take(attemptLease('attempt-1'), 1)
    await pass(20_000)
    expect(launcher.jobs).toHaveLength(1)
    await lease?.release()
    await pass(200)
    expect(launcher.jobs).toHaveLength(2)
    await attempts.settle('attempt-1', { status: 'finished' })
    await pass(100)
    await asking
  })

  test('is started by one of those who wait, and by another when that one is gone', async () => {
    const { ask, pass, launcher, leases, attempts } = setUp()
    const starting = await leases.take('launch:attempt-1', 1)
    const asking = ask()
    await pass(10_000)
    expect(launcher.jobs).toEqual([])
    await starting?.release()
    await pass(200)
    expect(launcher.jobs).toHaveLength(1)
    await attempts.settle('attempt-1', { status: 'finished' })
    await pass(100)
    await asking
    expect(await leases.isHeld('launch:attempt-1')).toBe(false)
  })

  test('that dies again and again is started less and less often', async () => {
    const { ask, pass, launcher, leases, attempts } = setUp()
    const asking = ask()
    for (let time = 0; time < 60; time++) {
      const lease = await leases.take(attemptLease('attempt-1'), 1)
      await pass(100)
      await lease?.release()
      await pass(400)
    }
    expect(launcher.jobs.length).toBeGreaterThan(5)
    expect(launcher.jobs.length).toBeLessThan(15)
    await attempts.settle('attempt-1', { status: 'finished' })
    await pass(100)
    await asking
  })

  test('is started for an attempt that another process left, after whoever just began it had time to', async () => {
    const { ask, pass, launcher, attempts, clock } = setUp()
    await attempts.begin(KEY, { status: 401 }, clock.now() + 60_000)
    const asking = ask()
    await pass(900)
    expect(launcher.jobs).toEqual([])
    await pass(200)
    expect(launcher.jobs).toHaveLength(1)
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

  test('that redeemed its code when the clock was an hour ahead is not waited for as long', async () => {
    const { options, attempts, clock, pass } = setUp()
    await attempts.begin(KEY, { status: 401 }, clock.now() + 600_000)
    await attempts.plan('attempt-1', PLAN)
    await attempts.claim('state-of-attempt-1', clock.now())
    const updatedAt = clock.now() + 3_600_000
    attempts.rows.set('attempt-1', { ...(await attempts.byId('attempt-1')), updatedAt } as Attempt)
    const failing = errorOf(awaitAttempt(options, 'attempt-1'))
    await pass(100)
    expect((await failing).message).toContain('interrupted')
  })
})

describe('after a sign-in that failed', () => {
  async function failed(code = 'access_denied', seen: 'opened' | 'planned' | 'begun' = 'opened') {
    const world = setUp()
    const { attempts, clock } = world
    await attempts.begin(KEY, { status: 401 }, clock.now() + 60_000)
    if (seen !== 'begun') await attempts.plan('attempt-1', PLAN)
    if (seen === 'opened') await attempts.tabOpened('attempt-1')
    await attempts.settle('attempt-1', { status: 'failed', code, message: 'You said no.' })
    /** Asks, and ends what was begun; gives what the login process was told. */
    const tabOf = async (cause?: Cause) => {
      const asking = world.ask(cause)
      await settled()
      await attempts.settle('attempt-2', { status: 'finished' })
      await world.pass(100)
      await asking
      return world.launcher.jobs.map(({ tab }) => tab)
    }
    return { ...world, tabOf }
  }

  test('another attempt begins without a tab, and its address is told with the reason', async () => {
    const { ask, later, attempts, launcher, told, reasons } = await failed()
    const asking = ask()
    await settled()
    expect(launcher.jobs).toMatchObject([{ attemptId: 'attempt-2', tab: 'none' }])
    await attempts.plan('attempt-2', PLAN)
    await later()
    expect([told, reasons]).toEqual([[PLAN.authorizationUrl], ['The last sign-in failed: You said no.']])
    await attempts.settle('attempt-2', { status: 'finished' })
    await later()
    await asking
  })

  test('the one without a tab that nobody finishes ends with the reason, and with what opens a tab', async () => {
    const { ask, pass } = await failed()
    const failing = errorOf(ask())
    await pass(60_100)
    const error = await failing
    expect(error.code).toBe('login_timed_out')
    expect(error.message).toContain('The last sign-in failed: You said no.')
    expect(error.hint).toContain(`mcp-oauth-bridge login ${KEY.server}`)
  })

  test('a start is told why, and begins nothing', async () => {
    const { ask, attempts, launcher } = await failed()
    const error = await errorOf(ask('start'))
    expect([error.code, error.message]).toEqual(['access_denied', 'The last sign-in failed: You said no.'])
    expect(error.hint).toContain('Call a tool of this server again')
    expect(error.hint).toContain(`mcp-oauth-bridge login ${KEY.server}`)
    expect([attempts.rows.size, launcher.jobs.length]).toEqual([1, 0])
  })

  test('a start joins what a call has begun', async () => {
    const { ask, later, attempts, told } = await failed()
    const asking = [ask('call')]
    await settled()
    await attempts.plan('attempt-2', PLAN)
    asking.push(ask('start'))
    await settled()
    await later()
    expect(told).toEqual([PLAN.authorizationUrl, PLAN.authorizationUrl])
    await attempts.settle('attempt-2', { status: 'finished' })
    await later()
    await Promise.all(asking)
  })

  test('a person who asks to sign in gets a tab', async () => {
    expect(await (await failed()).tabOf('signIn')).toEqual(['allowed'])
  })

  test('one opens again when the pause is over', async () => {
    const { tabOf, clock } = await failed()
    clock.advance(COOL_DOWN_MS + 1)
    expect(await tabOf()).toEqual(['allowed'])
  })

  test.each(['begun', 'planned'] as const)('one opens where the failed one was only %s', async (seen) => {
    expect(await (await failed('access_denied', seen)).tabOf()).toEqual(['allowed'])
  })

  test.each([
    ...['access_denied', 'login_failed', 'login_timed_out', 'account_mismatch', 'unauthorized', 'consent_required'],
    ...['invalid_client', 'nonsense'],
  ])('%s makes the next one quiet', async (code) => {
    expect(await (await failed(code)).tabOf()).toEqual(['none'])
  })

  test.each([
    ...['cancelled', 'port_in_use', 'internal', 'database_locked', 'authorization_server_unreachable'],
    ...['authorization_server_error', 'tls_failed', 'seal_broken'],
  ])('%s is nobody’s refusal: the next one opens a tab', async (code) => {
    expect(await (await failed(code)).tabOf()).toEqual(['allowed'])
  })
})

describe('an attempt that waits without a tab', () => {
  async function quiet() {
    const world = setUp()
    const { attempts, leases, clock } = world
    await attempts.begin(KEY, { status: 401 }, clock.now() + 60_000)
    await attempts.plan('attempt-1', PLAN)
    await leases.take(attemptLease('attempt-1'), 1)
    clock.advance(2_000)
    const end = async (asking: Promise<void>) => {
      await attempts.settle('attempt-1', { status: 'finished' })
      await world.pass(100)
      await asking
    }
    return { ...world, end }
  }

  test('is joined by a call, which opens none', async () => {
    const { ask, pass, launcher, end } = await quiet()
    const asking = ask('call')
    await pass(10_000)
    expect(launcher.jobs).toEqual([])
    await end(asking)
  })

  test('gets one for a person who asks to sign in', async () => {
    const { ask, pass, launcher, end } = await quiet()
    const asking = ask('signIn')
    await pass(10_000)
    expect(launcher.jobs).toMatchObject([{ attemptId: 'attempt-1', tab: 'allowed' }])
    await end(asking)
  })

  test('gets no second one', async () => {
    const { ask, pass, launcher, end, attempts } = await quiet()
    await attempts.tabOpened('attempt-1')
    const asking = ask('signIn')
    await pass(10_000)
    expect(launcher.jobs).toEqual([])
    await end(asking)
  })
})

describe('an attempt that another one replaces', () => {
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
