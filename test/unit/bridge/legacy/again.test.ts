// A harmless request that is sent once more in its session has another id there, and the host notices nothing of that.
import { expect, test } from 'vitest'
import { createLegacyConversation } from '../../../../src/bridge/legacy/legacyConversation.ts'
import { createInFlight, OVER } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { json, leftOpen, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend, type Sent } from '../../../fakes/fakeSend.ts'
import { createGate, settled } from '../../../fakes/gate.ts'

const parse = (text: string) => parseMessage(Buffer.from(text)) as Message
const idOf = ({ body }: Sent) => JSON.parse(body).id
const READ =
  '{"jsonrpc":"2.0","id":12345678901234567890,"method":"resources/read","params":{"_meta":{"progressToken":5},"n":1.0}}'
const ID = '12345678901234567890'

/** A session in which the connection of each request breaks at first; `second` answers it when it comes again. */
async function session(
  second: (again: Sent) => HttpResponse | Promise<HttpResponse>,
  { version = '2025-11-25', stream = async (): Promise<HttpResponse> => respond(405) } = {},
) {
  const { send, sent } = createFakeSend(async (one) => {
    if (one.method !== 'POST') return stream()
    const { id, method } = JSON.parse(one.body)
    if (method === 'initialize') return json({ jsonrpc: '2.0', id, result: { protocolVersion: version } })
    if (id === undefined) return respond(202)
    if (reads().length === 1) throw new BridgeError('server_unreachable')
    return second(one)
  })
  const reads = () => sent.filter(({ body }) => body.includes('resources/read'))
  const inFlight = createInFlight()
  const heard: string[] = []
  const deliver = async ({ bytes }: Message) => void heard.push(Buffer.from(bytes).toString('utf8'))
  const conversation = createLegacyConversation({
    ...{ url: new URL('https://mcp.example.com/mcp'), transport: 'http', send, inFlight, clock: createHurryingClock() },
    ...{ log: createFakeLogger(), answerLimit: 10_000, timeoutMs: 0, deliver },
  })
  const say = (text: string) => conversation.exchange(inFlight.begin(parse(text)), OVER, deliver)
  await say('{"jsonrpc":"2.0","id":0,"method":"initialize"}')
  heard.length = 0
  return { say, heard, reads, sent, conversation, inFlight }
}

test('the host gets the answer under its own id, and the rest of the request is as it was', async () => {
  const { say, heard, reads } = await session((one) => json({ jsonrpc: '2.0', id: idOf(one), result: { a: 1 } }))
  await say(READ)
  const [first, again] = reads() as [Sent, Sent]
  expect(first.body).toBe(READ)
  expect(idOf(again)).toMatch(/^mcp-oauth-bridge-/)
  expect(again.body.replace(`"${idOf(again)}"`, ID)).toBe(READ)
  expect(heard).toEqual([`{"jsonrpc":"2.0","id":${ID},"result":{"a":1}}`])
})

test('also where that comes on the stream of the server', async () => {
  const asked = createGate<Sent>()
  const { say, heard } = await session(
    (one) => {
      asked.open(one)
      return leftOpen([])
    },
    { stream: async () => leftOpen([{ jsonrpc: '2.0', id: idOf(await asked.passed), result: { a: 1 } }]) },
  )
  await say('{"jsonrpc":"2.0","method":"notifications/initialized"}')
  void say(READ).catch(() => undefined)
  await settled()
  await settled()
  expect(heard).toEqual([`{"jsonrpc":"2.0","id":${ID},"result":{"a":1}}`])
})

test('a cancellation of the host names the id that the server knows', async () => {
  const asked = createGate<Sent>()
  const { say, sent } = await session((one) => {
    asked.open(one)
    return leftOpen([])
  })
  void say(READ).catch(() => undefined)
  const again = await asked.passed
  await say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${ID},"reason":"r"}}`)
  await say('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}')
  const said = sent.filter(({ body }) => body.includes('cancelled')).map(({ body }) => JSON.parse(body).params)
  expect(said).toEqual([{ requestId: idOf(again), reason: 'r' }, { requestId: 3 }])
})

test('in a revision with batches the id stays', async () => {
  const answer = () =>
    respond(200, { 'content-type': 'application/json' }, `[{"jsonrpc":"2.0","id":${ID},"result":{}}]`)
  const { say, heard, reads } = await session(answer, { version: '2025-03-26' })
  await say(READ)
  expect(reads().map(({ body }) => body)).toEqual([READ, READ])
  expect(heard).toEqual([`[{"jsonrpc":"2.0","id":${ID},"result":{}}]`])
})
