// A batch for a server that has none: each of its messages is a request of its own.
import { expect, test } from 'vitest'
import { type Message, parseMessage } from '../../../../../src/bridge/message/message.ts'
import { carryBatch } from '../../../../../src/bridge/translation/toModern/batch.ts'
import type { Errand } from '../../../../../src/bridge/translation/toModern/rounds.ts'
import { settled } from '../../../../fakes/gate.ts'

const batch = parseMessage(
  Buffer.from(JSON.stringify([1, 2, 3].map((id) => ({ jsonrpc: '2.0', id, method: 'tools/call' })))),
) as Message

test('whether one message was sent says nothing of another, and the batch is taken with the last', async () => {
  const errands: Errand[] = []
  let takes = 0
  void carryBatch(
    batch,
    (_, errand) => {
      errands.push(errand)
      // The second is answered here, and sent nowhere.
      return errands.length === 2 ? Promise.resolve() : new Promise(() => undefined)
    },
    async () => undefined,
    { cause: 'call', signal: new AbortController().signal, transmission: { sent: false, taken: () => takes++ } },
  )
  await settled()
  const [first, , third] = errands.map(({ transmission }) => transmission)
  if (first) first.sent = true
  expect(third?.sent).toBe(false)
  first?.taken?.()
  expect(takes).toBe(0)
  third?.taken?.()
  third?.taken?.()
  expect(takes).toBe(1)
})
