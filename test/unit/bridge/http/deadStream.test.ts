// A stream of HTTP+SSE on which nothing comes any more, though the server takes what is posted: it is found out and replaced.
import { expect, test } from 'vitest'
import { createHttpSse } from '../../../../src/bridge/http/legacySse.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createSession } from '../../../../src/bridge/session/session.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend } from '../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { outcomeOf } from '../../../fakes/thrown.ts'

const TIMEOUT = 60_000
const PING = 10_000

/** A server that answers each request on the stream in whose name it was posted, while that lives. */
function setUp() {
  const clock = createFakeClock()
  const inFlight = createInFlight()
  const streams: { say(text: string): void; isDead: boolean }[] = []
  const silent = new Set<string>()
  const state = { takes: true }
  const open = () => {
    let next = createGate<string>()
    const said: string[] = [`event: endpoint\ndata: /m?s=${streams.length}\n\n`]
    const stream = {
      isDead: false,
      say(text: string) {
        if (stream.isDead) return
        said.push(text)
        next.open('')
      },
    }
    streams.push(stream)
    return (async function* () {
      for (;;) {
        for (const text of said.splice(0)) yield Buffer.from(text)
        await next.passed
        next = createGate()
      }
    })()
  }
  const { send, sent } = createFakeSend(async ({ method, url = '', body, signal }) => {
    if (method === 'GET') return respond(200, { 'content-type': 'text/event-stream' }, open())
    if (!state.takes) await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    const { id, method: asked } = JSON.parse(body) as { id?: unknown; method: string }
    const stream = streams[Number(url.slice(-1))]
    if (!silent.has(asked)) stream?.say(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: {} })}\n\n`)
    return respond(202, {}, 'Accepted')
  })
  const { exchange } = createHttpSse({
    ...{ send, inFlight, clock, session: createSession(), log: createFakeLogger() },
    ...{ url: new URL('https://mcp.example.com/sse'), limit: 10_000, timeoutMs: TIMEOUT },
    ...{ ending: new AbortController().signal, deliver: async () => undefined, restore: async () => undefined },
  })
  let id = 0
  /** Resolves to undefined with the answer, else to the code of the error. */
  const call = async () => {
    const message = parseMessage(Buffer.from(`{"jsonrpc":"2.0","id":${++id},"method":"tools/call"}`)) as Message
    const pending = inFlight.begin(message)
    return outcomeOf(exchange(pending, async () => undefined)).finally(() => inFlight.end(pending))
  }
  /** A call that nobody answers in time. */
  const callInVain = async () => {
    const called = call()
    await settled()
    clock.advance(TIMEOUT)
    return called
  }
  /** What was posted, and for which stream. */
  const posted = () =>
    sent.filter(({ body }) => body !== '').map(({ body, url }) => `${JSON.parse(body).method} ${url?.slice(-1)}`)
  /** The network has changed. */
  const kill = (at: number) => void Object.assign(streams[at] as object, { isDead: true })
  const pass = async (ms: number) => {
    await settled()
    clock.advance(ms)
    await settled()
  }
  return { clock, streams, silent, state, call, callInVain, posted, kill, pass }
}

test('after a call that timed out without a word on the stream, a ping that stays without one too ends it: the next call goes to a new stream', async () => {
  const { kill, call, callInVain, posted, pass } = setUp()
  expect(await call()).toBeUndefined()
  kill(0)
  expect(await callInVain()).toBe('server_timeout')
  await pass(PING)
  expect(await call()).toBeUndefined()
  expect(posted()).toEqual(['tools/call 0', 'tools/call 0', 'ping 0', 'tools/call 1'])
})

test('a call that comes before that is known waits for it', async () => {
  const { kill, call, callInVain, posted, pass } = setUp()
  await call()
  kill(0)
  await callInVain()
  const next = call()
  await pass(PING)
  expect(await next).toBeUndefined()
  expect(posted().at(-1)).toBe('tools/call 1')
})

test('another call that waits on the stream is told as soon as that is known', async () => {
  const { kill, call, pass } = setUp()
  await call()
  kill(0)
  const first = call()
  await pass(TIMEOUT - PING - 1)
  const second = call()
  await pass(PING + 1)
  expect(await first).toBe('server_timeout')
  await pass(PING)
  expect(await second).toBe('server_unreachable')
})

test('a server that answers the ping was slow: its stream stays', async () => {
  const { silent, call, callInVain, posted, pass } = setUp()
  silent.add('tools/call')
  expect(await callInVain()).toBe('server_timeout')
  await pass(PING)
  silent.clear()
  expect(await call()).toBeUndefined()
  expect(posted()).toEqual(['tools/call 0', 'ping 0', 'tools/call 0'])
})

test('one that has said anything meanwhile, be it a comment, is not even asked', async () => {
  const { clock, silent, streams, call, posted } = setUp()
  silent.add('tools/call')
  const called = call()
  await settled()
  streams[0]?.say(': still here\n\n')
  await settled()
  clock.advance(TIMEOUT)
  expect(await called).toBe('server_timeout')
  await settled()
  expect(posted()).toEqual(['tools/call 0'])
})

test('one that does not take the ping may be busy: its stream stays, and calls do not wait longer for that', async () => {
  const { silent, state, call, posted, clock, pass } = setUp()
  silent.add('tools/call')
  const called = call()
  await settled()
  state.takes = false
  clock.advance(TIMEOUT)
  expect(await called).toBe('server_timeout')
  void call()
  await pass(PING)
  expect(posted()).toEqual(['tools/call 0', 'ping 0', 'tools/call 0'])
})

test('after a sleep of the machine, the stream is asked before anything is posted to it', async () => {
  const { clock, kill, call, posted, pass } = setUp()
  await call()
  clock.doze(3_600_000)
  expect(await call()).toBeUndefined()
  expect(posted()).toEqual(['tools/call 0', 'ping 0', 'tools/call 0'])
  clock.doze(3_600_000)
  kill(0)
  const called = [call(), call()]
  await pass(PING)
  expect(await Promise.all(called)).toEqual([undefined, undefined])
  expect(posted().slice(3)).toEqual(['ping 0', 'tools/call 1', 'tools/call 1'])
})
