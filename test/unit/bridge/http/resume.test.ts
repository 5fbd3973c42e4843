// Going on with a stream that ended too soon: when, how often, and when it is given up.
import { expect, test } from 'vitest'
import { resume } from '../../../../src/bridge/http/resume.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createSession } from '../../../../src/bridge/session/session.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import type { Patience } from '../../../../src/records.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { respond } from '../../../fakes/fakeHttp.ts'
import { createFakeSend } from '../../../fakes/fakeSend.ts'
import { outcomeOf } from '../../../fakes/thrown.ts'

const stream = (body: string) => respond(200, { 'content-type': 'text/event-stream' }, body)
const RESULT = 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'

async function run(
  answer: (index: number) => HttpResponse | Error,
  { retryMs = 40, timeoutMs = 60_000, patience = undefined as Patience | undefined } = {},
) {
  const clock = createHurryingClock()
  const { send, sent } = createFakeSend((_, index) => {
    const given = answer(index)
    if (given instanceof Error) throw given
    return given
  })
  const inFlight = createInFlight()
  const pending = inFlight.begin(parseMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call"}')) as Message)
  pending.transmission.patience = patience
  const take = async (message: Message) => void inFlight.settle(message, pending)
  const position = { lastId: 'first', retryMs }
  const { awaits } = inFlight
  const options = { send, session: createSession(), clock, limit: 1_000, timeoutMs, position, awaits }
  const code = await outcomeOf(resume(options, pending, { take, odd: () => undefined }))
  return { code, sleeps: clock.sleeps, ids: sent.map(({ headers }) => headers['last-event-id']) }
}

test('waits as long as the server asks, and a little longer', async () => {
  const { code, sleeps, ids } = await run(() => stream(RESULT), { retryMs: 2_000 })
  expect([code, ids]).toEqual([undefined, ['first']])
  expect(sleeps).toHaveLength(1)
  expect(sleeps[0]).toBeGreaterThanOrEqual(2_000)
  expect(sleeps[0]).toBeLessThanOrEqual(2_200)
})

test('moves on with every event, and pauses even if a server asks for no wait', async () => {
  const { ids, sleeps } = await run((index) => stream(index < 3 ? `id: e${index}\ndata:\n\n` : RESULT), { retryMs: 0 })
  expect(ids).toEqual(['first', 'e0', 'e1', 'e2'])
  for (const ms of sleeps) expect(ms).toBeGreaterThanOrEqual(100)
})

test('backs off if the stream delivers nothing, and gives up after request_timeout without an event', async () => {
  const { code, sleeps } = await run(() => stream(''))
  expect(code).toBe('server_timeout')
  expect(sleeps.length).toBeLessThan(10)
  expect(sleeps.at(-1)).toBeGreaterThan(8_000)
})

test.each([404, 405, 400])('gives up if the server answers %i', async (status) => {
  const { code, ids } = await run(() => respond(status))
  expect([code, ids.length]).toEqual(['server_unreachable', 1])
})

test.each([
  ['answers 503', () => respond(503)],
  ['cannot be reached', () => new BridgeError('server_unreachable')],
])('a server that %s is asked six times', async (_, answer) => {
  const { code, ids } = await run(answer, { timeoutMs: 0 })
  expect([code, ids.length]).toEqual(['server_unreachable', 6])
})

test('a server that answers 200 with something other than a stream does not resume', async () => {
  expect((await run(() => respond(200, { 'content-type': 'text/html' }, '<p>'))).code).toBe('server_unreachable')
})

test('what is not a message does not hide the answer', async () => {
  const answer = (index: number) => stream(index < 2 ? `id: e${index}\ndata: hello\n\n` : RESULT)
  expect(await run(answer)).toMatchObject({ code: undefined, ids: ['first', 'e0', 'e1'] })
})

test('asks on for as long as the host owes the server an answer', async () => {
  const patience = { held: true, turns: 0 }
  const answer = (index: number) => {
    if (index === 20) Object.assign(patience, { held: false, turns: 1 })
    return stream(index < 22 ? '' : RESULT)
  }
  const { code, sleeps } = await run(answer, { patience })
  expect(code).toBeUndefined()
  expect(sleeps.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(5 * 60_000)
})
