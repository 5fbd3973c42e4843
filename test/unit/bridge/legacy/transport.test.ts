// A session the server has forgotten is made again behind the host's back.
import { describe, expect, test } from 'vitest'
import { createTransport } from '../../../../src/bridge/legacy/transport.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createSession } from '../../../../src/bridge/session/session.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { json, leftOpen, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend, type Sent } from '../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const message = (value: unknown) => parseMessage(Buffer.from(JSON.stringify(value))) as Message
const INITIALIZE = message({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { who: 'host' } })
const again = { jsonrpc: '2.0', id: 0, result: { protocolVersion: '2025-11-25' } }
const call = (id: number) => message({ jsonrpc: '2.0', id, method: 'tools/call' })

/** A server with one session at a time; `down` is what it does to an initialize from the second one on. */
function server(lost: (sent: Sent) => HttpResponse, down?: () => HttpResponse | Promise<HttpResponse>) {
  let current = 1
  let initialized = 0
  const { send, sent } = createFakeSend(async (one) => {
    if (one.method === 'DELETE') return respond(200)
    const { method, id } = JSON.parse(one.body) as { method: string; id?: number }
    if (method === 'initialize') {
      initialized++
      const instead = initialized > 1 ? await down?.() : undefined
      if (instead) return instead
      const result = { protocolVersion: '2025-11-25' }
      return json({ jsonrpc: '2.0', id, result }, 200, { 'mcp-session-id': `session-${current}` })
    }
    if (one.headers['mcp-session-id'] !== `session-${current}`) return lost(one)
    return id === undefined ? respond(202) : json({ jsonrpc: '2.0', id, result: {} })
  })
  const inFlight = createInFlight()
  const restored: string[] = []
  const transport = createTransport(
    {
      ...{
        kind: 'http',
        url: new URL('https://mcp.example.com/mcp'),
        send,
        inFlight,
        limit: 10_000,
        timeoutMs: 60_000,
      },
      ...{ session: createSession(), clock: createHurryingClock(), log: createFakeLogger() },
      ...{ ending: new AbortController().signal, deliver: async () => undefined, settled: async () => undefined },
      onRestored: (refused) => void restored.push(refused?.code ?? 'restored'),
    },
    () => undefined,
  )
  const delivered: string[] = []
  const run = (one: Message) =>
    transport.exchange(inFlight.begin(one), async ({ answers }) => void delivered.push(...answers))
  return { run, sent, delivered, restored, forget: () => void current++ }
}

const methods = (sent: readonly Sent[]) =>
  sent.map(({ method, body }) => (body === '' ? method : (JSON.parse(body) as { method: string }).method))
const notFound = () => respond(404, {}, 'Session not found')

describe('a forgotten session', () => {
  test.each([
    ['404', () => respond(404)],
    ['400 that names the session', () => respond(400, {}, 'Bad Request: No valid session ID provided')],
  ])('as reported by %s is created again and the request sent once more', async (_, lost) => {
    const { run, sent, delivered, restored, forget } = server(lost)
    await run(INITIALIZE)
    expect(restored).toEqual([])
    forget()
    await run(call(5))
    expect(restored).toEqual(['restored'])
    expect(methods(sent)).toEqual(['initialize', 'tools/call', 'initialize', 'notifications/initialized', 'tools/call'])
    expect(sent[2]?.body).toBe(sent[0]?.body)
    expect(sent[2]?.headers).not.toHaveProperty('mcp-session-id')
    expect(sent[4]?.headers['mcp-session-id']).toBe('session-2')
    expect(delivered).toEqual(['0', '5'])
  })

  test('is created again though the server leaves open every stream that it answers with', async () => {
    const { run, sent, delivered, forget } = server(notFound, () =>
      leftOpen([again], { 'mcp-session-id': 'session-2' }),
    )
    await run(INITIALIZE)
    forget()
    await run(call(5))
    expect(methods(sent)).toEqual(['initialize', 'tools/call', 'initialize', 'notifications/initialized', 'tools/call'])
    expect(delivered).toEqual(['0', '5'])
  })

  test('is created again once for requests that fail together', async () => {
    const { run, sent, delivered, forget } = server(notFound)
    await run(INITIALIZE)
    forget()
    await Promise.all([run(call(1)), run(call(2)), run(call(3))])
    expect(methods(sent).filter((method) => method === 'initialize')).toHaveLength(2)
    expect([...delivered].sort()).toEqual(['0', '1', '2', '3'])
  })

  test('holds back a request that arrives while it is created again', async () => {
    const gate = createGate()
    const { run, sent, delivered, forget } = server(
      (one) => (one.headers['mcp-session-id'] ? notFound() : respond(400, {}, 'no session')),
      async () => {
        await gate.passed
        return json(again, 200, { 'mcp-session-id': 'session-2' })
      },
    )
    await run(INITIALIZE)
    forget()
    const first = Promise.allSettled([run(call(1))])
    await settled()
    const second = Promise.allSettled([run(call(2))])
    await settled()
    gate.open()
    expect((await Promise.all([first, second])).flat().map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect([...delivered].sort()).toEqual(['0', '1', '2'])
    const without = sent.filter(({ headers, body }) => !headers['mcp-session-id'] && !body.includes('"initialize"'))
    expect(without).toEqual([])
  })

  test('that cannot be created again is the error of the request', async () => {
    const { run, forget } = server(notFound, () => respond(503))
    await run(INITIALIZE)
    forget()
    expect(await codeOf(run(call(1)))).toBe('server_error')
  })

  test('that is lost again at once is not created a third time', async () => {
    const { run, sent, forget } = server(notFound, () => json(again, 200, { 'mcp-session-id': 'nobody' }))
    await run(INITIALIZE)
    forget()
    expect(await codeOf(run(call(1)))).toBe('server_error')
    expect(methods(sent).filter((method) => method === 'initialize')).toHaveLength(2)
  })

  test('at a server that speaks another revision by now is refused each time, and none is left there', async () => {
    const other = { ...again, result: { protocolVersion: '2025-06-18' } }
    let made = 1
    const { run, sent, restored, forget } = server(notFound, () =>
      json(other, 200, { 'mcp-session-id': `session-${++made}` }),
    )
    await run(INITIALIZE)
    forget()
    for (const id of [1, 2, 3]) expect(await codeOf(run(call(id)))).toBe('session_lost')
    expect(restored).toEqual(['session_lost', 'session_lost', 'session_lost'])
    const ended = sent.filter(({ method }) => method === 'DELETE').map(({ headers }) => headers['mcp-session-id'])
    expect(ended).toEqual(['session-2', 'session-3', 'session-4'])
    const calls = sent.filter(({ body }) => body.includes('tools/call'))
    expect(calls.map(({ headers }) => headers['mcp-protocol-version'])).toEqual(Array(3).fill('2025-11-25'))
  })
})

describe('the session is not created again', () => {
  test('for a 404 without a session', async () => {
    const { run, sent } = server(notFound)
    expect(await codeOf(run(call(1)))).toBe('server_error')
    expect(sent).toHaveLength(1)
  })

  test('for a 400 about something else, whose answer is delivered', async () => {
    const error = { jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'wrong argument' } }
    const { run, sent, delivered, forget } = server(() => json(error, 400))
    await run(INITIALIZE)
    forget()
    await run(call(1))
    expect(delivered).toEqual(['0', '1'])
    expect(sent).toHaveLength(2)
  })
})
