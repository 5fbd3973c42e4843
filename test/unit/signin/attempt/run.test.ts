// One attempt seen through with nothing but what is handed in: port, plan, browser, end.
import { expect, test } from 'vitest'
import type { AuthorizationCodeFlow } from '../../../../src/auth/grants/authorizationCode.ts'
import type { Attempt, AttemptPlan } from '../../../../src/records.ts'
import { attemptLease } from '../../../../src/signin/attempt/request.ts'
import { runSignIn, type SignInOptions } from '../../../../src/signin/attempt/run.ts'
import type { SignInSettings } from '../../../../src/signin/deps.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeCallbackListener } from '../../../fakes/fakeCallbackListener.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
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

async function setUp(taken: readonly string[] = []) {
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
    resume: ({ id }) => void seen.push(`adopted ${id}`),
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
      },
      methods: [],
      callback: 'needed',
      ...options,
    })
  return { run, attempts, attempt, leases, listener, seen }
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
    if (seen.filter((one) => one === 'joined').length === 1) other?.release()
    else void attempts.settle(attempt.id, { status: 'finished' })
  }
  await run({ events: { planned: () => undefined, joined } })
  expect(seen).toEqual(['joined', `adopted ${attempt.id}`, 'joined'])
})

test('Ctrl-C ends it as cancelled, and tells those who wait elsewhere that it failed', async () => {
  const { run, attempts, attempt } = await setUp()
  const ending = new AbortController()
  const events = { planned: () => ending.abort(), joined: () => undefined }
  expect(await codeOf(run({ events }, ending.signal))).toBe('cancelled')
  expect(await attempts.byId(attempt.id)).toMatchObject({ status: 'failed', errorCode: 'login_failed' })
})
