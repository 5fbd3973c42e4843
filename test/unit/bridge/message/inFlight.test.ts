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
  test('is accepted once, for the request that asked', () => {
    const inFlight = createInFlight()
    const one = inFlight.begin(request(1))
    expect(inFlight.settle(answer(2), one)).toBe(false)
    expect(inFlight.settle(answer(1), one)).toBe(true)
    expect(inFlight.settle(answer(1), one)).toBe(false)
    expect([...one.open]).toEqual([])
  })

  test('that arrives on the stream of another request settles its own, whose wait then ends', async () => {
    const inFlight = createInFlight()
    const [one, two] = [inFlight.begin(request(1)), inFlight.begin(request(2))]
    expect(inFlight.settle(answer(2), one)).toBe(true)
    await settled()
    expect([one.open.size, two.open.size]).toEqual([1, 0])
    expect([one.signal.aborted, two.signal.aborted]).toEqual([false, true])
  })

  test('of a batch is accepted whole or not at all', () => {
    const inFlight = createInFlight()
    const one = inFlight.begin(request(1))
    expect(inFlight.settle(answer(1, 2), one)).toBe(false)
    expect(one.open.size).toBe(1)
    inFlight.begin(request(2))
    expect(inFlight.settle(answer(1, 2), one)).toBe(true)
  })

  test('to a cancelled request belongs to no request', () => {
    const inFlight = createInFlight()
    const one = inFlight.begin(request('a'))
    expect(inFlight.cancel('"a"')).toBe(one)
    expect(inFlight.settle(answer('a'), one)).toBe(false)
  })
})

test('an answer to a cancelled request belongs to no request either where another text of it was sent in its place', () => {
  const inFlight = createInFlight()
  const one = inFlight.begin(request('a'))
  const other = { ...one, message: request('a', 'tools/list') }
  inFlight.cancel('"a"')
  expect(inFlight.settle(answer('a'), other)).toBe(false)
})

describe('cancelling', () => {
  test.each([
    ['a number', 7, '7'],
    ['text', '7', '"7"'],
    ['a number beyond 2^53, as JavaScript writes it', 2 ** 60, '1152921504606847000'],
  ])('finds %s', (_, id, wanted) => {
    const inFlight = createInFlight()
    const one = inFlight.begin(request(id))
    expect(inFlight.cancel(wanted)).toBe(one)
  })

  test('finds the one of two numbers that JavaScript reads as one', () => {
    const inFlight = createInFlight()
    const ids = ['1764235200000000001', '1764235200000000002']
    const [, second] = ids.map((id) =>
      inFlight.begin(parseMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"tools/call"}`)) as Message),
    )
    expect(inFlight.cancel(ids[1])).toBe(second)
  })

  test('finds neither another type, nor initialize, nor what has ended', () => {
    const inFlight = createInFlight()
    inFlight.begin(request(7))
    inFlight.begin(request(8, 'initialize'))
    inFlight.end(inFlight.begin(request(9)))
    expect(['"7"', '8', '9', undefined].map((id) => inFlight.cancel(id))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
})

test('a request that has ended cannot be aborted, whoever uses its controller now', () => {
  const inFlight = createInFlight()
  const first = inFlight.begin(request(1))
  inFlight.end(first)
  const second = inFlight.begin(request(2))
  first.abort(new Error('too late'))
  expect(second.signal.aborted).toBe(false)
  second.abort(new Error('now'))
  inFlight.end(second)
  expect(inFlight.begin(request(3)).signal.aborted).toBe(false)
})

test('the answer to a request that was given up by itself is nobody’s, and one that was given up with all the others still is', () => {
  const inFlight = createInFlight()
  const [one, two] = [inFlight.begin(request(1)), inFlight.begin(request(2))]
  one.abort(new Error('answered already'))
  expect(inFlight.settle(answer(1), one)).toBe(false)
  inFlight.abort(new Error('the end'))
  expect(inFlight.settle(answer(2), two)).toBe(true)
})

test('it is idle when every request is finished, even if a stream goes on', async () => {
  const inFlight = createInFlight()
  const [one, two] = [inFlight.begin(request(1)), inFlight.begin(request(2))]
  let idle = false
  void inFlight.idle().then(() => {
    idle = true
  })
  one.finish()
  await settled()
  expect(idle).toBe(false)
  two.finish()
  await two.done
  await settled()
  expect(idle).toBe(true)
  await inFlight.idle()
  const reason = new Error('the end')
  inFlight.abort(reason)
  expect(one.signal.reason).toBe(reason)
})
