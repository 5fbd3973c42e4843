// An answer that is kept back because it raises a doubt, and what may come beside it.
import { expect, test } from 'vitest'
import { createHold } from '../../../../src/bridge/era/hold.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { messageOf } from '../../../fakes/fakeConversation.ts'

const refusal = (id: unknown) => messageOf({ id, error: { code: -32022, message: 'no' } })

function setUp(bytes: Message) {
  const pending = createInFlight().begin(bytes)
  const heard: Message[] = []
  const hold = createHold(
    pending,
    ({ failed }) => failed === true,
    async (answer) => void heard.push(answer),
  )
  return { pending, heard, hold }
}

test('the first doubtful answer is kept back, and its request waits again', async () => {
  const { pending, heard, hold } = setUp(messageOf({ id: 1, method: 'tools/call' }))
  pending.open.delete('1')
  await hold.take(refusal(1))
  expect([heard, [...pending.open]]).toEqual([[], ['1']])
  expect(hold.held()?.answer?.answers).toEqual(['1'])
})

test('a second answer is the answer, and nothing is kept beside it', async () => {
  const { heard, hold } = setUp(messageOf({ id: 1, method: 'tools/call' }))
  await hold.take(refusal(1))
  const second = messageOf({ id: 1, result: {} })
  await hold.take(second)
  expect([heard, hold.held()]).toEqual([[second], undefined])
})

test.each([
  ['without an id', refusal(null), messageOf({ id: 1, method: 'tools/call' })],
  ['to another request', refusal(2), messageOf({ id: 1, method: 'tools/call' })],
  [
    'in a batch',
    refusal(1),
    parseMessage(
      Buffer.from('[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"}]'),
    ) as Message,
  ],
])('a doubtful answer %s passes', async (_, answer, request) => {
  const { heard, hold } = setUp(request)
  await hold.take(answer)
  expect([heard, hold.held()]).toEqual([[answer], undefined])
})
