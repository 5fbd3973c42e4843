// A server may answer the host on the stream of a request of ours, of which the host knows nothing: the answer is its own all the same.
import { expect, test } from 'vitest'
import { behindTheHost } from '../../../src/bridge/era/behind.ts'
import { createLegacyConversation } from '../../../src/bridge/legacy/legacyConversation.ts'
import { createInFlight, OVER } from '../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../src/bridge/message/message.ts'
import { createModernConversation } from '../../../src/bridge/modern/modernConversation.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { leftOpen } from '../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../fakes/fakeLogger.ts'
import { createFakeSend } from '../../fakes/fakeSend.ts'
import { settled } from '../../fakes/gate.ts'

const message = (value: object) => parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value }))) as Message
const SLOW = { id: 'slow', result: { late: true } }
const OURS = message({ id: 'ours', method: 'tools/list' })

/** A server that says nothing to the host’s call `slow`, and gives its answer beside the one to any other request. */
function setUp() {
  const { send } = createFakeSend(({ method, body }) => {
    const { id } = method === 'POST' ? JSON.parse(body) : { id: undefined }
    const answers = id === 'slow' ? [] : [SLOW, { id, result: { protocolVersion: '2025-11-25' } }]
    return leftOpen(answers.map((answer) => ({ jsonrpc: '2.0', ...answer })))
  })
  const inFlight = createInFlight()
  const told: unknown[] = []
  const log = createFakeLogger()
  const options = {
    ...({ url: new URL('https://mcp.example.com/mcp'), transport: 'http', send, inFlight, log } as const),
    ...{ clock: createFakeClock(), answerLimit: 10_000, timeoutMs: 60_000 },
    deliver: async ({ bytes }: Message) => void told.push(JSON.parse(Buffer.from(bytes).toString())),
  }
  return { options, inFlight, told, log }
}

const legacy = (options: ReturnType<typeof setUp>['options']) => createLegacyConversation(options)
const modern = (options: ReturnType<typeof setUp>['options']) => createModernConversation(options)

test.each([
  ['2025', legacy],
  ['2026', modern],
])('a request of our own to a server of %s', async (_, open) => {
  const { options, inFlight, told, log } = setUp()
  const conversation = open(options)
  const slow = inFlight.begin(message({ id: 'slow', method: 'tools/call' }))
  conversation.exchange(slow, OVER, async () => undefined).catch(() => undefined)
  await settled()
  expect((await conversation.ask(OURS, 'background'))?.answers).toEqual(['"ours"'])
  expect(told).toEqual([{ jsonrpc: '2.0', ...SLOW }])
  expect([slow.open.size, log.entries.filter(({ level }) => level === 'warn')]).toEqual([0, []])
})

test('an initialize behind the host’s back', async () => {
  const { options, inFlight } = setUp()
  const conversation = legacy(options)
  const slow = inFlight.begin(message({ id: 'slow', method: 'tools/call' }))
  conversation.exchange(slow, OVER, async () => undefined).catch(() => undefined)
  await settled()
  const told: Message[] = []
  const initialize = message({ id: 0, method: 'initialize' })
  await behindTheHost(conversation, inFlight, initialize, 'background', async (one) => void told.push(one))
  expect(told.map(({ answers }) => answers)).toEqual([['"slow"']])
})
