// The table of what is in flight: whose answer is it, who is taken back, and when is nobody waited for.
import { describe, expect, test } from 'vitest'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { settled } from '../../../fakes/gate.ts'

const message = (value: unknown) => parseMessage(Buffer.from(JSON.stringify(value))) as Message
const request = (id: unknown, method = 'tools/call') => message({ jsonrpc: '2.0', id, method })
const answer = (...ids: unknown[]) => {
  const [first, ...more] = ids.map((id) => ({ jsonrpc: '2.0', id, result: {} }))
  return message(more.length === 0 ? first : [first, ...more])
}

describe('an answer', () => {
  test('is taken once, by the flight that asked', () => {
    const flights = createInFlight()
    const one = flights.begin(request(1))
    expect(flights.settle(answer(2), one)).toBe(false)
    expect(flights.settle(answer(1), one)).toBe(true)
    expect(flights.settle(answer(1), one)).toBe(false)
    expect([...one.open]).toEqual([])
  })

  test('that comes on the stream of another one settles its own, whose wait then ends', async () => {
    const flights = createInFlight()
    const [one, two] = [flights.begin(request(1)), flights.begin(request(2))]
    expect(flights.settle(answer(2), one)).toBe(true)
    await settled()
    expect([one.open.size, two.open.size]).toEqual([1, 0])
    expect([one.signal.aborted, two.signal.aborted]).toEqual([false, true])
  })

  test('of a batch is taken whole or not at all', () => {
    const flights = createInFlight()
    const one = flights.begin(request(1))
    expect(flights.settle(answer(1, 2), one)).toBe(false)
    expect(one.open.size).toBe(1)
    flights.begin(request(2))
    expect(flights.settle(answer(1, 2), one)).toBe(true)
  })

  test('to a request that was taken back is nobody’s', () => {
    const flights = createInFlight()
    const one = flights.begin(request('a'))
    expect(flights.cancel('a')).toBe(one)
    expect(flights.settle(answer('a'), one)).toBe(false)
  })
})

describe('taking back', () => {
  test.each([
    ['a number', 7, 7],
    ['text', '7', '7'],
    ['a number beyond 2^53, as JavaScript reads it', 2 ** 60, 2 ** 60],
  ])('finds %s', (_, id, wanted) => {
    const flights = createInFlight()
    const one = flights.begin(request(id))
    expect(flights.cancel(wanted)).toBe(one)
  })

  test('finds neither another type, nor initialize, nor what has ended', () => {
    const flights = createInFlight()
    flights.begin(request(7))
    flights.begin(request(8, 'initialize'))
    flights.end(flights.begin(request(9)))
    expect(['7', 8, 9, undefined].map((id) => flights.cancel(id))).toEqual([undefined, undefined, undefined, undefined])
  })
})

test('a flight that has ended cannot be aborted, whoever uses its controller now', () => {
  const flights = createInFlight()
  const first = flights.begin(request(1))
  flights.end(first)
  const second = flights.begin(request(2))
  first.abort(new Error('too late'))
  expect(second.signal.aborted).toBe(false)
  second.abort(new Error('now'))
  flights.end(second)
  expect(flights.begin(request(3)).signal.aborted).toBe(false)
})

test('it is idle when every flight is finished, though a stream may go on', async () => {
  const flights = createInFlight()
  const [one, two] = [flights.begin(request(1)), flights.begin(request(2))]
  let idle = false
  void flights.idle().then(() => {
    idle = true
  })
  one.finish()
  await settled()
  expect(idle).toBe(false)
  two.finish()
  await two.done
  await settled()
  expect(idle).toBe(true)
  await flights.idle()
  const reason = new Error('the end')
  flights.abort(reason)
  expect(one.signal.reason).toBe(reason)
})
