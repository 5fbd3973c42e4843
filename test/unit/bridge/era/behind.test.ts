// A message that goes to another conversation than the one it was for: its request is the host's until it has its answer.
import { expect, test } from 'vitest'
import { sendAgain } from '../../../../src/bridge/era/behind.ts'
import { reopen } from '../../../../src/bridge/era/hold.ts'
import type { Deliver } from '../../../../src/bridge/http/body/messages.ts'
import { createInFlight, type PendingRequest } from '../../../../src/bridge/message/inFlight.ts'
import type { Message } from '../../../../src/bridge/message/message.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { messageOf } from '../../../fakes/fakeConversation.ts'
import { createGate } from '../../../fakes/gate.ts'

type Work = (pending: PendingRequest, deliver: Deliver) => Promise<void>

function setUp(work: Work) {
  const inFlight = createInFlight()
  const pending = inFlight.begin(messageOf({ id: 1, method: 'subscriptions/listen' }))
  pending.open.clear()
  reopen(pending)
  const heard: Message[] = []
  const conversation = { exchange: (own: PendingRequest, _: unknown, deliver: Deliver) => work(own, deliver) }
  const again = () => sendAgain(conversation, inFlight, pending, async (one) => void heard.push(one))
  return { inFlight, pending, heard, again }
}

test('a stream that goes on holds up nobody', async () => {
  const gate = createGate()
  const { inFlight, again } = setUp(async (own) => {
    own.finish()
    await gate.passed
  })
  const going = again()
  await inFlight.idle()
  gate.open()
  await going
})

test('what fails at the second try is still to be answered; what was answered is not', async () => {
  const fails = setUp(async () => Promise.reject(new BridgeError('server_unreachable')))
  await expect(fails.again()).rejects.toThrow()
  expect([...fails.pending.open]).toEqual(['1'])
  const breaks = setUp(async (_, deliver) => {
    await deliver(messageOf({ id: 1, result: {} }))
    throw new BridgeError('server_unreachable')
  })
  await expect(breaks.again()).rejects.toThrow()
  expect([breaks.heard.length, breaks.pending.open.size]).toEqual([1, 0])
})

test('a request that is cancelled between the tries, or in the second one, ends', async () => {
  const gone = setUp(async () => undefined)
  gone.inFlight.cancel('1')?.abort(new Error('cancelled'))
  await expect(gone.again()).rejects.toThrow('cancelled')
  const open = setUp(
    (own) => new Promise((_, reject) => own.signal.addEventListener('abort', () => reject(own.signal.reason))),
  )
  const going = open.again()
  open.inFlight.cancel('1')?.abort(new Error('cancelled'))
  await expect(going).rejects.toThrow('cancelled')
})
