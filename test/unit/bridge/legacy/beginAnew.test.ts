// Sessions that nobody uses: of an initialize that has failed, and of a host that initializes again while its lost session is being made again.
import { describe, expect, test } from 'vitest'
import type { Send } from '../../../../src/bridge/http/send.ts'
import { createLegacyConversation } from '../../../../src/bridge/legacy/legacyConversation.ts'
import { createInFlight, OVER } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { json, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend } from '../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const message = (method: string, id?: number) =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params: {} }))) as Message

/** A host's conversation with a server behind `send`. */
function conversing(send: Send) {
  const inFlight = createInFlight()
  const conversation = createLegacyConversation({
    ...{ url: new URL('https://mcp.example.com/mcp'), transport: 'http', send, inFlight, clock: createFakeClock() },
    ...{ log: createFakeLogger(), answerLimit: 10_000, timeoutMs: 60_000, deliver: async () => undefined },
  })
  const say = (one: Message) => conversation.exchange(inFlight.begin(one), OVER, async () => undefined)
  return { conversation, say }
}

test('an initialize names no session, and the one that was made again meanwhile is ended', async () => {
  const renewed = createGate()
  let made = 0
  const { send, sent } = createFakeSend(async ({ method, body, headers }) => {
    if (method !== 'POST') return respond(method === 'GET' ? 405 : 200)
    const { id, method: asked } = JSON.parse(body) as { id?: number; method: string }
    if (asked === 'initialize') {
      const name = `session-${++made}`
      if (made === 2) await renewed.passed
      return json({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25' } }, 200, { 'mcp-session-id': name })
    }
    if (headers['mcp-session-id'] === 'session-1') return respond(404)
    return id === undefined ? respond(202) : json({ jsonrpc: '2.0', id, result: {} })
  })
  const { say } = conversing(send)
  await say(message('initialize', 0))
  const listed = say(message('tools/list', 1))
  await settled()
  const again = say(message('initialize', 2))
  await settled()
  renewed.open()
  await Promise.all([listed, again])
  await say(message('tools/list', 3))
  const of = (wanted: string) =>
    sent
      .filter(({ method, body }) => (body === '' ? method : JSON.parse(body).method) === wanted)
      .map(({ headers }) => headers['mcp-session-id'])
  expect(of('initialize')).toEqual([undefined, undefined, undefined])
  expect(of('DELETE')).toEqual(['session-2'])
  expect(of('tools/list').at(-1)).toBe('session-3')
})

describe('an initialize whose stream breaks after its session has begun', () => {
  /** `heard`: what is said on the stream before. */
  async function broken(heard = '') {
    const { send, sent } = createFakeSend(({ method }) =>
      method === 'POST'
        ? respond(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 'begun' }, heard)
        : respond(405),
    )
    const { conversation, say: sayAny } = conversing(send)
    const say = () => sayAny(message('initialize', 0))
    const ended = () => sent.filter(({ method }) => method === 'DELETE').map(({ headers }) => headers['mcp-session-id'])
    return { conversation, say, ended }
  }

  test('leaves none, of the host or of our own', async () => {
    const { conversation, say, ended } = await broken()
    expect(await codeOf(say())).toBe('server_unreachable')
    expect(ended()).toEqual(['begun'])
    expect(await codeOf(conversation.initialize('call'))).toBe('server_unreachable')
    expect(ended()).toEqual(['begun', 'begun'])
  })

  test('has one if the answer came before', async () => {
    const { say, ended } = await broken('data: {"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}\n\n')
    await say()
    expect(ended()).toEqual([])
  })
})

test('an initialize without an id begins nothing: it goes to the session that there is', async () => {
  const { send, sent } = createFakeSend(async ({ method, body }) => {
    if (method !== 'POST') return respond(method === 'GET' ? 405 : 200)
    const { id } = JSON.parse(body) as { id?: number }
    if (id === undefined) return respond(202)
    return json({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25' } }, 200, { 'mcp-session-id': 'one' })
  })
  const { say } = conversing(send)
  await say(message('initialize', 0))
  await say(message('initialize'))
  expect(sent.map(({ method, headers }) => [method, headers['mcp-session-id']])).toEqual([
    ['POST', undefined],
    ['POST', 'one'],
  ])
})
