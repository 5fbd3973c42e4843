// Serving an attempt while the clock of the machine is set.
import { expect, test } from 'vitest'
import { serveAttempt } from '../../../../src/signin/attempt/serve.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLoginLauncher } from '../../../fakes/fakeLoginLauncher.ts'

const HOUR = 3_600_000

test('a login process that never takes its attempt is replaced as soon where the clock is set back meanwhile', async () => {
  const clock = createFakeClock()
  const launcher = createFakeLoginLauncher(() => undefined)
  const key = { server: 'https://mcp.example/mcp', profile: 'default' }
  const { attempt } = await createFakeAttemptStore(clock.now).begin(key, { status: 401 }, clock.now() + HOUR)
  const options = { leases: createFakeLeases(), launcher, clock, config: {}, tab: 'allowed' } as const
  const serving = serveAttempt(options, attempt.id)
  await serving.look(attempt)
  clock.doze(-2 * HOUR)
  clock.advance(3_999)
  await serving.look(attempt)
  expect(launcher.jobs).toHaveLength(1)
  clock.advance(1)
  await serving.look(attempt)
  expect(launcher.jobs).toHaveLength(2)
})
