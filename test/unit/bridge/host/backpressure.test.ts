// The host is paused while too much of what it said waits, and read on as soon as it does not.
import { expect, test } from 'vitest'
import { boundWaiting } from '../../../../src/bridge/host/backpressure.ts'
import { createGate, settled } from '../../../fakes/gate.ts'

/** A line is done with when its gate opens, and the server takes the last one with `take`. */
function bounded(most: number) {
  const said: string[] = []
  const gates: ReturnType<typeof createGate<void>>[] = []
  let take = () => {}
  const host = { pause: () => said.push('pause'), resume: () => said.push('resume') }
  const line = boundWaiting(most, host, (_, taken) => {
    const gate = createGate<void>()
    gates.push(gate)
    take = taken
    return gate.passed
  })
  const say = (bytes: number) => void line(Buffer.alloc(bytes)).catch(() => undefined)
  return { say, said, gates, take: () => take() }
}

test('nothing is paused while little is waiting', () => {
  const { say, said } = bounded(10)
  say(5)
  say(5)
  expect(said).toEqual([])
})

test('the host is paused once, and resumed when enough is done, including failures', async () => {
  const { say, said, gates } = bounded(10)
  for (let lines = 0; lines < 3; lines++) say(8)
  expect(said).toEqual(['pause'])
  gates[0]?.open()
  await settled()
  expect(said).toEqual(['pause'])
  gates[1]?.fail(new Error('no'))
  await settled()
  expect(said).toEqual(['pause', 'resume'])
})

test('what the server has received no longer counts as waiting, although it is not answered, and counts once', async () => {
  const { say, said, gates, take } = bounded(10)
  say(100)
  take()
  take()
  expect(said).toEqual(['pause', 'resume'])
  gates[0]?.open()
  await settled()
  say(11)
  expect(said).toEqual(['pause', 'resume', 'pause'])
})
