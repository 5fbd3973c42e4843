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
  const tabs: string[] = []
  const launcher = createFakeLoginLauncher(async ({ attemptId, tab }) => {
    await attempts.plan(attemptId, PLAN)
    if (tab === 'allowed' && (await attempts.byId(attemptId))?.openedAt === undefined) {
      tabs.push(attemptId)
      await attempts.tabOpened(attemptId)
    }
    if (end === 'finished') await attempts.settle(attemptId, { status: 'finished' })
  })
  const reasons: (string | undefined)[] = []
  const options = { key: KEY, attempts, launcher, leases: createFakeLeases(), clock, config: {} }
  const tell = (_url: string, why?: string) => void reasons.push(why)
  const begin = (challenge: Challenge) => askForLogin({ ...options, tell, timeoutMs: 60 * MINUTE }, challenge)
  /** One more sign-in, to its end. */
  const ask = async (challenge: Challenge) => {
    const asking = begin(challenge)
    await clock.whenSleeping(1)
    clock.advance(100)
    await asking
  }
  return { ask, begin, clock, attempts, tabs, reasons, leaveOpen: () => (end = 'waiting') }
}

test.each([
  [401, 5, 30],
  [403, 3, 60],
] as const)(
  'because of a %i, %i tabs open by themselves within %i minutes; after them a sign-in has an address and no tab',
  async (status, times, minutes) => {
    const { ask, begin, clock, tabs, reasons, attempts, leaveOpen } = setUp()
    for (let time = 0; time < times; time++) await ask({ status, scope: `wish-${time}` })
    for (let time = 0; time < 3; time++) await ask({ status, scope: 'another' })
    expect(tabs).toHaveLength(times)
    leaveOpen()
    const asking = begin({ status })
    await clock.whenSleeping(1)
    clock.advance(100)
    await clock.whenSleeping(1)
    expect(reasons.at(-1)).toBe(`The server required ${times} sign-ins within ${minutes} minutes.`)
    const [open] = [...attempts.rows.values()].slice(-1)
    await attempts.settle(open?.id ?? '', { status: 'finished' })
    clock.advance(100)
    await asking
    clock.advance(minutes * MINUTE + 1)
    expect(tabs).toHaveLength(times)
    void begin({ status }).catch(() => undefined)
    await settled()
    expect(tabs).toHaveLength(times + 1)
  },
)

test('a sign-in that waits is joined by any number, and nothing begins one by itself', async () => {
  const { ask, begin, attempts, leaveOpen, clock } = setUp()
  for (let time = 0; time < 4; time++) await ask({ status: 401 })
  leaveOpen()
  const outcomes: unknown[] = []
  for (let time = 0; time < 4; time++)
    void begin({ status: 401 }).then(
      ...(['ended', 'failed'].map((how) => () => void outcomes.push(how)) as [() => void, () => void]),
    )
  await settled()
  expect(outcomes).toEqual([])
  expect(attempts.rows.size).toBe(5)
  for (let minute = 0; minute <= 60; minute++) {
    clock.advance(MINUTE)
    await settled()
  }
  expect(outcomes).toEqual(['failed', 'failed', 'failed', 'failed'])
  expect(attempts.rows.size).toBe(5)
})
