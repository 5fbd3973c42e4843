// A request whose answer is overdue is taken back at the server; whoever waits for its answer is told at once.
import { expect, test } from 'vitest'
import { takingBack } from '../../../../src/bridge/legacy/overdue.ts'
import { createInFlight, type PendingRequest } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { BridgeError, type ErrorCode } from '../../../../src/errors.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const message = (text: string) => parseMessage(Buffer.from(text)) as Message
const CALL = '{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/call","params":{"name":"a"}}'
const CANCELLED =
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345678901234567890,"reason":"The client does not wait for the answer any longer."}}'

interface Case {
  readonly text?: string
  readonly code?: ErrorCode
  readonly sent?: boolean
  readonly before?: (pending: PendingRequest) => void
}

/** What the server gets after a request that has failed; `told` is what becomes of a cancellation. */
async function after(
  { text = CALL, code = 'server_timeout', sent = true, before }: Case,
  told: () => Promise<void> = async () => undefined,
) {
  const inFlight = createInFlight()
  const log = createFakeLogger()
  const said: { readonly text: string; readonly cause: string }[] = []
  const exchange = takingBack(
    async ({ message: one, transmission, cause }) => {
      if (one.method !== 'notifications/cancelled') {
        transmission.sent = sent
        throw new BridgeError(code)
      }
      said.push({ text: Buffer.from(one.bytes).toString('utf8'), cause })
      await told()
    },
    { inFlight, log },
  )
  const pending = inFlight.begin(message(text))
  before?.(pending)
  expect(await codeOf(exchange(pending, async () => undefined))).toBe(code)
  await settled()
  return { said, log }
}

test('it is taken back under its id, with a reason, and nobody is asked to sign in for that', async () => {
  expect((await after({})).said).toEqual([{ text: CANCELLED, cause: 'background' }])
})

test('a cancellation that the server does not take is not waited for', async () => {
  expect((await after({}, () => new Promise(() => undefined))).said).toHaveLength(1)
})

test('a cancellation that fails is for the log alone', async () => {
  const { log } = await after({}, () => Promise.reject(new BridgeError('server_unreachable')))
  expect(log.entries).toMatchObject([{ level: 'debug', event: 'proxy:cancel', fields: { code: 'server_unreachable' } }])
})

test.each<[string, Case]>([
  ['that was not sent', { sent: false }],
  ['that has failed for another reason', { code: 'server_unreachable' }],
  ['that is an initialize', { text: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}' }],
  ['that became a task', { text: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","task":{}}}' }],
  ['that is a batch', { text: `[${CALL}]` }],
  ['that is a notification', { text: '{"jsonrpc":"2.0","method":"notifications/x"}' }],
  ['that has its answer', { before: ({ open }) => open.clear() }],
  ['that the host has taken back', { before: ({ abort }) => abort(new Error('taken back')) }],
])('one %s is not', async (_, given) => {
  expect((await after(given)).said).toEqual([])
})
