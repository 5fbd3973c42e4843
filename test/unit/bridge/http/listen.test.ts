// The standing GET stream: open, resume, back off, and know when there is none.
import { describe, expect, test } from 'vitest'
import { listen } from '../../../../src/bridge/http/listen.ts'
import type { Send } from '../../../../src/bridge/http/send.ts'
import type { TellStream } from '../../../../src/bridge/http/standing.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createSession } from '../../../../src/bridge/session/session.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { type Body, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend, type Sent } from '../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { leftOn } from '../../../fakes/leftOn.ts'

const NOTE = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
const stream = (body: Body) => respond(200, { 'content-type': 'text/event-stream' }, body)

/** Answers in turn, then ends the listening. */
async function run(answers: readonly (HttpResponse | Error)[], session = createSession()) {
  const ending = new AbortController()
  const clock = createHurryingClock()
  const delivered: string[] = []
  const { send, sent } = createFakeSend((_: Sent, index) => {
    const answer = answers[index]
    if (answer === undefined) ending.abort()
    if (answer instanceof Error) throw answer
    return answer ?? respond(200)
  })
  const deliver = async ({ bytes }: { bytes: Uint8Array }) => void delivered.push(Buffer.from(bytes).toString('utf8'))
  const log = createFakeLogger()
  const renewed: string[] = []
  const renew = async (lost: string) => void renewed.push(lost)
  await listen({ send, session, clock, log, limit: 1_000, awaits: () => false, deliver, renew }, ending.signal)
  return { sent, delivered, sleeps: clock.sleeps, log, renewed }
}

test.each([
  ['opens', () => stream('')],
  ['is refused', () => respond(405)],
  ['cannot be asked for', () => new BridgeError('server_unreachable')],
])('it is told when the stream %s', async (_, answer) => {
  let isAnswered = false
  const ending = new AbortController()
  const { send } = createFakeSend(() => {
    const given = answer()
    if (given instanceof Error) throw given
    return given
  })
  const onAnswered = () => {
    isAnswered = true
    ending.abort()
  }
  const rest = { session: createSession(), clock: createHurryingClock(), log: createFakeLogger(), limit: 1_000 }
  const never = { awaits: () => false, deliver: async () => undefined, renew: async () => undefined }
  await listen({ send, ...rest, ...never, onAnswered }, ending.signal)
  expect(isAnswered).toBe(true)
})

test('a stream that is opened again and again leaves nothing with the signal that ends it', async () => {
  const ending = new AbortController()
  const { signal } = ending
  let left: unknown
  const { send } = createFakeSend((_: Sent, index) => {
    if (index === 20) {
      left = leftOn(signal)
      ending.abort()
    }
    return stream('')
  })
  const rest = { session: createSession(), clock: createHurryingClock(), log: createFakeLogger(), limit: 1_000 }
  const never = { awaits: () => false, deliver: async () => undefined, renew: async () => undefined }
  await listen({ send, ...rest, ...never }, signal)
  expect(left).toEqual({ listeners: 1, dependants: 0 })
})

describe('the stream', () => {
  test('delivers the server’s messages and skips the rest', async () => {
    const { delivered, log } = await run([stream(`data: ${NOTE}\n\ndata: hello\n\ndata: ${NOTE}\n\n`)])
    expect(delivered).toEqual([NOTE, NOTE])
    expect(log.entries.map(({ event }) => event)).toContain('proxy:listen')
  })

  test('is requested in the background, without a limit on silence', async () => {
    const { sent } = await run([stream('')])
    expect(sent[0]).toMatchObject({
      method: 'GET',
      cause: 'background',
      patience: { held: true },
      headers: { accept: 'text/event-stream' },
    })
    expect(sent[0]?.headers).not.toHaveProperty('last-event-id')
  })

  test('is resumed after the last complete event', async () => {
    const { sent } = await run([stream(`id: 4\ndata: ${NOTE}\n\nid: 5\ndata: {"jso`)])
    expect(sent[1]?.headers['last-event-id']).toBe('4')
  })

  test.each([
    ['405', respond(405)],
    ['404 without a session', respond(404)],
  ])('is not requested again after %s', async (_, answer) => {
    const { sent } = await run([answer])
    expect(sent).toHaveLength(1)
  })

  test.each([
    ['500', respond(500)],
    ['another content type', respond(200, { 'content-type': 'application/json' }, '{}')],
    ['a network failure', new BridgeError('server_unreachable')],
    ['nobody being signed in', new BridgeError('not_signed_in')],
  ])('is requested again after %s', async (_, answer) => {
    const { sent } = await run([answer])
    expect(sent).toHaveLength(2)
  })
})

describe('a server that ends every stream at once', () => {
  test.each([
    ['and asks for no wait', 'retry: 0\n\n'],
    ['and primes it each time', 'retry: 10\nid: 1\ndata:\n\n'],
    ['and says nothing', ''],
  ])('%s is asked less and less often', async (_, body) => {
    const { sleeps } = await run(Array.from({ length: 8 }, () => stream(body)))
    expect(sleeps[0]).toBeGreaterThanOrEqual(100)
    for (const [at, ms] of [2_000, 4_000, 8_000, 16_000, 32_000, 60_000].entries())
      expect(sleeps[at + 1]).toBeGreaterThanOrEqual(ms)
  })

  test('but delivers a message each time is asked without a growing wait', async () => {
    const { sleeps } = await run(Array.from({ length: 8 }, () => stream(`retry: 500\ndata: ${NOTE}\n\n`)))
    for (const ms of sleeps.slice(0, 8)) expect(ms).toBeLessThanOrEqual(625)
  })
})

describe('an answer in a session that says that there is none', () => {
  const inSession = () => {
    const session = createSession()
    const answer = { jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-11-25' } }
    session.establish(
      { headers: { 'mcp-session-id': 'one' } },
      parseMessage(Buffer.from(JSON.stringify(answer))) as Message,
    )
    return session
  }

  const refusals: readonly (readonly [number, string])[] = [
    [404, ''],
    [400, '{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}'],
    [403, 'Session belongs to another user'],
    [503, '{"error":"Session not found"}'],
  ]

  test.each(refusals)('if there was a stream before means that the session is lost: %i %s', async (status, body) => {
    const { renewed, sent } = await run([stream(`data: ${NOTE}\n\n`), respond(status, {}, body)], inSession())
    expect([renewed, sent.length]).toEqual([['one'], 2])
  })

  test.each([
    [400, 'Bad Request: no such cursor'],
    [500, 'Session not found'],
    [503, 'try again'],
  ])('is not %i %s, after which the stream is requested again', async (status, body) => {
    const { renewed, sent } = await run([stream(`data: ${NOTE}\n\n`), respond(status, {}, body)], inSession())
    expect([renewed, sent.length]).toEqual([[], 3])
  })

  test('whose body does not end is waited for like any other answer', async () => {
    const { sent } = await run([stream(`data: ${NOTE}\n\n`), respond(400, {}, 'no')], inSession())
    expect(sent.map(({ patience }) => patience?.held)).toEqual([true, false, false])
  })

  test('if there never was a stream means that there are none: 404', async () => {
    const { renewed, sent } = await run([respond(404)], inSession())
    expect([renewed, sent.length]).toEqual([[], 1])
  })
})

describe('the wait before the next try', () => {
  test('doubles up to a minute, plus or minus a quarter', async () => {
    const { sleeps } = await run(Array.from({ length: 9 }, () => respond(500)))
    const planned = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
    for (const [index, ms] of planned.entries()) {
      expect(sleeps[index]).toBeGreaterThanOrEqual(ms * 0.75)
      expect(sleeps[index]).toBeLessThanOrEqual(ms * 1.25)
    }
  })

  test('becomes short again after an event', async () => {
    const { sleeps } = await run([respond(500), respond(500), respond(500), stream(`data: ${NOTE}\n\n`)])
    expect(sleeps[3]).toBeLessThanOrEqual(1_250)
  })

  test('is the one that the server asks for', async () => {
    const { sleeps } = await run([stream('retry: 20000\n\n')])
    expect(sleeps[0]).toBeGreaterThanOrEqual(15_000)
    expect(sleeps[0]).toBeLessThanOrEqual(25_000)
  })

  test('is never longer than a timer can count, whatever the server asks for', async () => {
    const { sleeps } = await run([stream('retry: 99999999999\n\n')])
    expect(sleeps[0]).toBeLessThan(2 ** 31)
  })
})

test.each([
  ['slept', '7'],
  ['outlived', undefined],
] as const)('one that is told “%s” is opened again at once, from event %s on', async (why, lastId) => {
  const ending = new AbortController()
  const asked: (string | undefined)[] = []
  const clock = createHurryingClock()
  let tell: TellStream = () => {}
  const heard = createGate()
  const send: Send = async ({ whenOutlived, signal, headers }) => {
    tell = whenOutlived ?? tell
    asked.push(headers['last-event-id'])
    if (asked.length === 2) ending.abort()
    return stream(
      (async function* () {
        yield Buffer.from(`id: 7\ndata: ${NOTE}\n\n`)
        signal?.throwIfAborted()
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
      })(),
    )
  }
  const rest = { session: createSession(), clock, log: createFakeLogger(), limit: 1_000 }
  const deliver = async () => heard.open()
  const over = listen({ send, ...rest, awaits: () => false, deliver, renew: async () => {} }, ending.signal)
  await heard.passed
  await settled()
  tell(why)
  await over
  expect([asked, clock.sleeps]).toEqual([[undefined, lastId], []])
})

describe('a stream that is refused though calls may work', () => {
  const refusals: readonly (readonly [string, HttpResponse | Error])[] = [
    ['401', respond(401)],
    ['403', respond(403)],
    ['unauthorized', new BridgeError('unauthorized')],
    ['forbidden', new BridgeError('forbidden')],
    ['insufficient_scope', new BridgeError('insufficient_scope')],
  ]

  test.each(refusals)('by %s is not there until another token is sent', async (_, refusal) => {
    const ending = new AbortController()
    const asked = createGate()
    let tell: TellStream = () => {}
    let times = 0
    const send: Send = async ({ whenOutlived }) => {
      tell = whenOutlived ?? tell
      if (++times === 2) ending.abort()
      asked.open()
      if (refusal instanceof Error) throw refusal
      return refusal
    }
    const clock = createHurryingClock()
    const options = { send, session: createSession(), clock, log: createFakeLogger(), limit: 1_000 }
    const over = listen(
      { ...options, awaits: () => false, deliver: async () => {}, renew: async () => {} },
      ending.signal,
    )
    await asked.passed
    await settled()
    expect([times, clock.sleeps]).toEqual([1, []])
    tell('outlived')
    await over
    expect(times).toBe(2)
  })

  test('ends with the bridge', async () => {
    const ending = new AbortController()
    const { send } = createFakeSend(() => respond(401))
    const options = {
      send,
      session: createSession(),
      clock: createHurryingClock(),
      log: createFakeLogger(),
      limit: 1_000,
    }
    const over = listen(
      { ...options, awaits: () => false, deliver: async () => {}, renew: async () => {} },
      ending.signal,
    )
    await settled()
    ending.abort()
    await over
  })
})
