// A message of our own: what counts as its answer, and who hears the rest.
import { expect, test } from 'vitest'
import { ask } from '../../../../src/bridge/message/ask.ts'
import { createInFlight, type PendingRequest } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createGate, settled } from '../../../fakes/gate.ts'

const message = (value: object) => parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value }))) as Message
const REQUEST = message({ id: 'ours', method: 'tools/list' })
const NOTE = message({ method: 'notifications/initialized' })
const ANSWER = message({ id: 'ours', result: {} })

/** Asked of a server that says these, and leaves its stream open until the test ends it. */
function asked(question: Message, says: readonly Message[]) {
  const inFlight = createInFlight()
  const stream = createGate()
  const others: Message[] = []
  let pending: PendingRequest | undefined
  const answer = ask(
    inFlight,
    question,
    'background',
    async (sending, take) => {
      pending = sending
      if (question.asks.length === 0) sending.finish()
      for (const one of says) await take(one)
      await stream.passed
    },
    async (one) => void others.push(one),
  )
  return { answer, stream, others, end: () => inFlight.abort('the end'), signal: () => pending?.signal }
}

test('the answer counts when it has come, though the stream stays open; until that is over, it can be ended', async () => {
  const { answer, end, signal } = asked(REQUEST, [ANSWER])
  expect(await answer).toBe(ANSWER)
  end()
  expect(signal()?.aborted).toBe(true)
})

test('a stream that breaks off after the answer is nobody’s trouble', async () => {
  const { answer, stream, signal, end } = asked(REQUEST, [ANSWER])
  expect(await answer).toBe(ANSWER)
  stream.fail(new Error('cut'))
  await settled()
  end()
  expect(signal()?.aborted).toBe(false)
})

test('what breaks off before the answer is thrown', async () => {
  const { answer, stream } = asked(REQUEST, [])
  stream.fail(new Error('cut'))
  await expect(answer).rejects.toThrow('cut')
})

test('what is not its answer goes to others, but for an error without an id', async () => {
  const note = message({ method: 'notifications/message' })
  const foreign = message({ id: 7, result: {} })
  const nameless = message({ id: null, error: { code: -32600, message: 'no' } })
  const { answer, others } = asked(REQUEST, [note, foreign, nameless, ANSWER])
  expect(await answer).toBe(ANSWER)
  expect(others).toEqual([note, foreign])
})

test('a notification is over when the server has taken it', async () => {
  expect(await asked(NOTE, []).answer).toBeUndefined()
})

test('a notification that the server has not taken is thrown', async () => {
  const failed = ask(createInFlight(), NOTE, undefined, () => Promise.reject(new Error('refused')))
  await expect(failed).rejects.toThrow('refused')
})
