// The server's own stream: a request in which the server may ask something back is sent when that stream is there, or a moment later.
import { expect, onTestFinished, test } from 'vitest'
import { createLegacyConversation } from '../../../../src/bridge/legacy/legacyConversation.ts'
import { createInFlight, OVER } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { json, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend } from '../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../fakes/gate.ts'

const message = (method: string, id?: number) =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params: {} }))) as Message

/** A server that answers the request for its stream when `stream` opens, and everything else at once. */
async function introduced() {
  const stream = createGate<number>()
  const { send, sent } = createFakeSend(async ({ method, body }) => {
    if (method === 'GET') return respond(await stream.passed, { 'content-type': 'text/plain' })
    if (method === 'DELETE') return respond(200)
    const { id } = JSON.parse(body) as { id?: number }
    return id === undefined ? respond(202) : json({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25' } })
  })
  const inFlight = createInFlight()
  const clock = createFakeClock()
  const conversation = createLegacyConversation({
    ...{ url: new URL('https://mcp.example.com/mcp'), transport: 'http', send, inFlight, clock },
    ...{ log: createFakeLogger(), answerLimit: 10_000, timeoutMs: 60_000, deliver: async () => undefined },
  })
  onTestFinished(() => conversation.end(new BridgeError('cancelled')))
  const say = (one: Message) => conversation.exchange(inFlight.begin(one), OVER, async () => undefined)
  await say(message('initialize', 0))
  const methods = () => sent.map(({ method, body }) => (body === '' ? method : JSON.parse(body).method))
  return { stream, clock, say, methods, inFlight, conversation }
}

async function initialized() {
  const stage = await introduced()
  await stage.say(message('notifications/initialized'))
  return stage
}

const OPENING = ['initialize', 'notifications/initialized', 'GET']

test.each(['tools/call', 'prompts/get', 'resources/read'])('is waited for by %s', async (method) => {
  const { stream, say, methods } = await initialized()
  const done = say(message(method, 1))
  await settled()
  expect(methods()).toEqual(OPENING)
  stream.open(200)
  await done
  expect(methods()).toEqual([...OPENING, method])
})

test('is waited for by a call that comes with `initialized`', async () => {
  const { stream, inFlight, conversation, methods } = await introduced()
  const said = inFlight.begin(message('notifications/initialized'))
  void conversation.exchange(said, OVER, async () => undefined)
  const done = conversation.exchange(inFlight.begin(message('tools/call', 1)), said.done, async () => undefined)
  await settled()
  expect(methods()).toEqual(OPENING)
  stream.open(200)
  await done
  expect(methods()).toEqual([...OPENING, 'tools/call'])
})

test.each([405, 500])('that is refused with %i is not waited for any longer', async (status) => {
  const { stream, say, methods } = await initialized()
  stream.open(status)
  await settled()
  await say(message('tools/call', 1))
  expect(methods()).toEqual([...OPENING, 'tools/call'])
})

test('that is not answered is waited for only for a moment, once', async () => {
  const { clock, say, methods } = await initialized()
  const done = say(message('tools/call', 1))
  clock.advance(1_000)
  await done
  await say(message('tools/call', 2))
  expect(methods()).toEqual([...OPENING, 'tools/call', 'tools/call'])
})

test('holds up no list', async () => {
  const { say, methods } = await initialized()
  await say(message('tools/list', 1))
  expect(methods()).toEqual([...OPENING, 'tools/list'])
})
