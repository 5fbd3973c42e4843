// One attempt seen through with nothing but what is handed in: port, plan, browser, end.
import { describe, expect, test } from 'vitest'
import type { AuthorizationCodeFlow } from '../../../../src/auth/grants/authorizationCode.ts'
import type { Attempt, AttemptPlan } from '../../../../src/records.ts'
import { awaitAttempt } from '../../../../src/signin/attempt/request.ts'
import { runSignIn, type SignInOptions } from '../../../../src/signin/attempt/run.ts'
import { attemptLease } from '../../../../src/signin/attempt/serve.ts'
import type { SignInSettings } from '../../../../src/signin/deps.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeCallbackListener } from '../../../fakes/fakeCallbackListener.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const CALLBACK = 'http://localhost:8080/auth/callback'
const OPENED = `https://as.example/authorize?redirect_uri=${encodeURIComponent(CALLBACK)}`
const PLAN: AttemptPlan = {
  issuer: 'https://as.example',
  client: { clientId: 'client', authMethod: 'none' },
  redirectUri: CALLBACK,
  codeVerifier: 'verifier',
  metadata: { issuer: 'https://as.example' },
  authorizationUrl: OPENED,
}
const SETTINGS: SignInSettings = {
  key: KEY,
  headers: {},
  grant: 'authorization_code',
  account: undefined,
  scopes: undefined,
  resource: undefined,
  clientId: 'client',
  callbackUrls: [CALLBACK],
  wishes: {},
  sessionTimeoutMs: 60_000,
  requestTimeoutMs: 1_000,
}

async function setUp(taken: readonly string[] = [], settingsOfPlan: 'the same' | 'others' = 'the same') {
  const clock = createHurryingClock()
  const attempts = createFakeAttemptStore(clock.now)
  const leases = createFakeLeases()
  const listener = createFakeCallbackListener(taken)
  const seen: string[] = []
  const login: AuthorizationCodeFlow = {
    async start(attempt) {
      seen.push(`planned while listening at ${[...listener.open].join()}`)
      await attempts.plan(attempt.id, PLAN)
      return new URL(OPENED)
    },
    resume({ id }) {
      seen.push(`adopted ${id}`)
      return settingsOfPlan === 'the same'
    },
    handleCallback: async () => ({ kind: 'invalid_state' }),
  }
  const deps = {
    attempts,
    leases,
    clock,
    log: createFakeLogger(),
    settings: SETTINGS,
    authorizationCode: async () => login,
    listener: async () => listener,
    health: { database: async () => undefined, mcpServer: async () => undefined },
  }
  const { attempt } = await attempts.begin(KEY, { status: 401 }, clock.now() + 60_000, { wishes: {} })
  const finish = () => attempts.settle(attempt.id, { status: 'finished' })
  const run = (options: Partial<SignInOptions> = {}, ending = new AbortController().signal, of: Attempt = attempt) =>
    runSignIn(deps, of, ending, {
      events: {
        planned: (url, redirectUri) => {
          seen.push(`opened ${url.host} for ${redirectUri}`)
          void finish()
        },
        joined: (url) => {
          seen.push(`joined ${url.host}`)
          void finish()
        },
        resumed: (url, redirectUri) => {
          seen.push(`resumed ${url.host} for ${redirectUri}`)
          void finish()
        },
      },
      methods: [],
      callback: 'needed',
      ...options,
    })
  return { run, attempts, attempt, leases, listener, seen, clock }
}

test('the port is answered before the plan is made, and the address is told after it', async () => {
  const { run, seen, listener, leases, attempt } = await setUp()
  await run()
  expect(seen).toEqual([`planned while listening at ${CALLBACK}`, `opened as.example for ${CALLBACK}`])
  expect([...listener.open]).toEqual([])
  expect(await leases.isHeld(attemptLease(attempt.id))).toBe(false)
})

test('a port that other programs hold ends the attempt only where the callback is needed', async () => {
  const strict = await setUp([CALLBACK])
  expect(await codeOf(strict.run())).toBe('port_in_use')
  expect((await strict.attempts.byId(strict.attempt.id))?.status).toBe('failed')
  const lenient = await setUp([CALLBACK])
  await lenient.run({ callback: 'optional' })
  expect(lenient.seen).toContain(`opened as.example for ${CALLBACK}`)
})

test('an attempt that another process sees to is joined, and gone on with when that process is gone', async () => {
  const { run, attempts, attempt, leases, seen } = await setUp()
  const other = await leases.take(attemptLease(attempt.id), 3_000)
  await attempts.plan(attempt.id, PLAN)
  const joined = () => {
    seen.push('joined')
    other?.release()
  }
  const resumed = () => {
    seen.push('resumed')
    void attempts.settle(attempt.id, { status: 'finished' })
  }
  await run({ events: { planned: () => undefined, joined, resumed } })
  expect(seen).toEqual(['joined', `adopted ${attempt.id}`, 'resumed'])
})

test('an attempt whose process was gone before its plan is planned here, also by one that waited', async () => {
  const { run, leases, seen, attempt } = await setUp()
  const other = await leases.take(attemptLease(attempt.id), 3_000)
  const running = run()
  await settled()
  other?.release()
  await running
  expect(seen).toEqual([`planned while listening at ${CALLBACK}`, `opened as.example for ${CALLBACK}`])
})

test('an attempt whose process was gone while it exchanged the code waits again under the same state', async () => {
  const { run, attempts, attempt, seen } = await setUp()
  await attempts.plan(attempt.id, PLAN)
  await attempts.claim(attempt.state, 0)
  await run({}, new AbortController().signal, attempt)
  expect(seen).toEqual([`adopted ${attempt.id}`, `resumed as.example for ${CALLBACK}`])
  expect(attempts.rows.get(attempt.id)).toMatchObject({ state: attempt.state, status: 'finished' })
})

describe('an attempt whose process hangs while it exchanges the code', () => {
  /** The lease of that process has expired, and it has not certainly ended. */
  async function hung() {
    const made = await setUp()
    await made.leases.take(attemptLease(made.attempt.id), 0)
    await made.attempts.plan(made.attempt.id, PLAN)
    await made.attempts.claim(made.attempt.state, 0)
    return made
  }

  test('is left to it while it may have the answer: no code is exchanged twice', async () => {
    const { run, attempts, attempt, clock, seen } = await hung()
    const sleep = clock.sleep
    let looks = 0
    clock.sleep = async (...given) => {
      if (++looks === 3) await attempts.settle(attempt.id, { status: 'finished' })
      return sleep(...given)
    }
    await run()
    expect([looks >= 3, seen.filter((one) => one.startsWith('resumed'))]).toEqual([true, []])
  })

  test('is gone on with when that has certainly ended, or takes longer than a server may', async () => {
    for (const isOver of [true, false]) {
      const { run, leases, seen, clock, attempt } = await hung()
      if (isOver) leases.endFormer()
      const began = clock.now()
      await run()
      expect(seen).toEqual([`adopted ${attempt.id}`, `resumed as.example for ${CALLBACK}`])
      expect(clock.now() - began >= 35_000).toBe(!isOver)
    }
  })
})

test('an attempt that was planned with other settings is replaced by a new one', async () => {
  const { run, attempts, attempt, leases, listener } = await setUp([], 'others')
  await attempts.plan(attempt.id, PLAN)
  const successor = await run()
  expect(successor).toMatchObject({ status: 'requested', server: KEY.server })
  expect(attempts.rows.get(attempt.id)).toMatchObject({ status: 'failed', successor: successor?.id })
  expect([...listener.open, await leases.isHeld(attemptLease(attempt.id))]).toEqual([false])
})

const endsOn = (signal: string) => {
  const ending = new AbortController()
  const planned = () => ending.abort(signal)
  return { ending: ending.signal, events: { planned, joined: () => undefined, resumed: () => undefined } }
}

test('Ctrl-C ends it as cancelled, and tells those who wait elsewhere that it failed', async () => {
  const { run, attempts, attempt, clock } = await setUp()
  const { events, ending } = endsOn('SIGINT')
  expect(await codeOf(run({ events }, ending))).toBe('cancelled')
  expect(await attempts.byId(attempt.id)).toMatchObject({ status: 'failed', errorCode: 'cancelled' })
  expect(await codeOf(awaitAttempt({ attempts, clock, tell: () => undefined }, attempt.id))).toBe('login_failed')
})

test.each(['SIGTERM', 'SIGHUP'])('%s leaves it to the next process, at once', async (signal) => {
  const { run, attempts, attempt, leases, listener } = await setUp()
  const { events, ending } = endsOn(signal)
  expect(await codeOf(run({ events }, ending))).toBe('cancelled')
  expect(await attempts.byId(attempt.id)).toMatchObject({ status: 'waiting', plan: PLAN })
  expect([...listener.open, await leases.isHeld(attemptLease(attempt.id))]).toEqual([false])
})
