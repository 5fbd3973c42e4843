// How many tabs open by themselves: a few within a time, counted over all processes; whoever joins a sign-in opens none.
import { expect, test } from 'vitest'
import type { Challenge } from '../../../../src/records.ts'
import { askForLogin } from '../../../../src/signin/attempt/request.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLoginLauncher } from '../../../fakes/fakeLoginLauncher.ts'
import { settled } from '../../../fakes/gate.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const MINUTE = 60_000
const PLAN = {
  ...{ issuer: 'https://as.example', client: { clientId: 'client', authMethod: 'none' }, metadata: {} },
  ...{
    redirectUri: 'http://localhost:8080/auth/callback',
    codeVerifier: 'v',
    authorizationUrl: 'https://as.example/a',
  },
}

function setUp() {
  const clock = createFakeClock()
  const attempts = createFakeAttemptStore(clock.now)
  let end: 'finished' | 'waiting' = 'finished'
  const launcher = createFakeLoginLauncher(async ({ attemptId }) => {
    await attempts.plan(attemptId, PLAN)
    if (end === 'finished') await attempts.settle(attemptId, { status: 'finished' })
  })
  const options = { key: KEY, attempts, launcher, leases: createFakeLeases(), clock, config: {}, tell: () => undefined }
  /** The error of one more ask, if there is one. */
  const ask = (challenge: Challenge) =>
    askForLogin({ ...options, timeoutMs: 60 * MINUTE }, challenge).then(
      () => undefined,
      (thrown) => thrown,
    )
  return { ask, clock, launched: () => attempts.rows.size, leaveOpen: () => (end = 'waiting') }
}

test.each([
  [401, 5, 30, 'unauthorized'],
  [403, 3, 60, 'insufficient_scope'],
] as const)(
  'attack low: because of a %i, %i tabs open by themselves within %i minutes',
  async (status, times, minutes, code) => {
    const { ask, clock, launched } = setUp()
    for (let time = 0; time < times; time++) expect(await ask({ status, scope: `wish-${time}` })).toBeUndefined()
    for (let time = 0; time < 3; time++) {
      const error = await ask({ status, scope: 'another' })
      expect(error).toMatchObject({ code, hint: expect.stringContaining('mcp-oauth-bridge login') })
    }
    expect(launched()).toBe(times)
    clock.advance(minutes * MINUTE + 1)
    expect(await ask({ status })).toBeUndefined()
  },
)

test('a sign-in that waits is joined by any number', async () => {
  const { ask, launched, leaveOpen } = setUp()
  for (let time = 0; time < 4; time++) await ask({ status: 401 })
  leaveOpen()
  const outcomes: unknown[] = []
  for (let time = 0; time < 4; time++) void ask({ status: 401 }).then((outcome) => outcomes.push(outcome))
  await settled()
  expect(outcomes).toEqual([])
  expect(launched()).toBe(5)
})
