// How long a request waits whose answer arrives on a shared stream.
import { expect, test } from 'vitest'
import { untilAnswered, waitFor } from '../../../../src/bridge/http/sharedStream.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { settled } from '../../../fakes/gate.ts'
import { leftOn } from '../../../fakes/leftOn.ts'
import { outcomeOf } from '../../../fakes/thrown.ts'

function wait(patience?: { held: boolean; turns: number }) {
  const clock = createFakeClock()
  const one = waitFor(async () => undefined, clock, 1_000, patience)
  let code: unknown = 'waits'
  void outcomeOf(untilAnswered(one, clock, new AbortController().signal)).then((outcome) => {
    code = outcome
  })
  const pass = async (ms: number) => {
    await settled()
    clock.advance(ms)
    await settled()
    return code
  }
  return { one, pass }
}

test('it times out after the longest silence, and any word of the server begins that anew', async () => {
  const { one, pass } = wait()
  expect(await pass(999)).toBe('waits')
  one.heard()
  expect(await pass(999)).toBe('waits')
  expect(await pass(1)).toBe('server_timeout')
})

test('silence with a reason does not count, and is counted anew after it', async () => {
  const patience = { held: true, turns: 0 }
  const { pass } = wait(patience)
  for (let times = 0; times < 5; times++) expect(await pass(1_000)).toBe('waits')
  patience.held = false
  patience.turns++
  expect(await pass(1_000)).toBe('waits')
  expect(await pass(1_000)).toBe('server_timeout')
})

test('nothing of it stays with a signal that serves the next request', async () => {
  const clock = createFakeClock()
  const { signal } = new AbortController()
  const one = waitFor(async () => undefined, clock, 1_000)
  const wait = untilAnswered(one, clock, signal)
  one.done()
  await wait
  expect(leftOn(signal)).toEqual({ listeners: 0, dependants: 0 })
})

test('it ends with the signal of its request', async () => {
  const clock = createFakeClock()
  const request = new AbortController()
  const wait = untilAnswered(
    waitFor(async () => undefined, clock, 1_000),
    clock,
    request.signal,
  )
  const reason = new Error('taken back')
  request.abort(reason)
  await expect(wait).rejects.toBe(reason)
})

test('the answer ends the wait', async () => {
  const { one, pass } = wait()
  one.done()
  expect(await pass(0)).toBeUndefined()
})
