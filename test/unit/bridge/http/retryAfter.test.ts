// Retry-After: how long, how often, and when not.
import { expect, test } from 'vitest'
import { awaitRetryAfter } from '../../../../src/bridge/http/retryAfter.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createHurryingClock, NOON } from '../../../fakes/fakeClock.ts'
import { respond } from '../../../fakes/fakeHttp.ts'

async function run(retryAfter: string | undefined, { times = 1, status = 429, timeoutMs = 60_000 } = {}) {
  const clock = createHurryingClock()
  const pending = createInFlight().begin(parseMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"a"}')) as Message)
  pending.transmission.sent = true
  const busy = () => respond(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
  let asked = 0
  const again = async () => (++asked < times ? busy() : respond(200))
  const response = await awaitRetryAfter(busy(), again, { clock, timeoutMs, pending })
  return { status: response.status, asked, sleeps: clock.sleeps }
}

test.each([
  ['seconds', '2', 2_000],
  ['a date', new Date(NOON + 7_000).toUTCString(), 7_000],
  ['no time at all', '0', 250],
  ['a date that has passed', new Date(NOON - 7_000).toUTCString(), 250],
])('waits for %s', async (_, value, ms) => {
  expect(await run(value)).toEqual({ status: 200, asked: 1, sleeps: [ms] })
})

test.each([
  ['nothing', undefined],
  ['rubbish', 'soon'],
  ['longer than the request may take', '61'],
  ['a number no timer can count', '99999999999'],
])('does not wait for %s', async (_, value) => {
  expect(await run(value)).toMatchObject({ status: 429, asked: 0, sleeps: [] })
})

test('asks again as often as the time allows', async () => {
  expect(await run('10', { times: 99, status: 503 })).toMatchObject({ status: 503, asked: 6 })
  expect(await run('10', { times: 3, status: 503 })).toMatchObject({ status: 200, asked: 3 })
})

test('allows a minute if the request has no time limit', async () => {
  expect((await run('61', { timeoutMs: 0 })).asked).toBe(0)
  expect((await run('59', { timeoutMs: 0 })).asked).toBe(1)
})
