// The host is paused while too much of what it said waits, and read on as soon as it does not.
import { expect, test } from 'vitest'
import { createHostFlow } from '../../../../src/bridge/host/backpressure.ts'
import { createGate, settled } from '../../../fakes/gate.ts'

function flow(most: number) {
  const said: string[] = []
  const made = createHostFlow(most, { pause: () => said.push('pause'), resume: () => said.push('resume') })
  return { ...made, said }
}

test('nothing is paused while little is waiting', () => {
  const { count, said } = flow(10)
  count(Buffer.alloc(5), createGate<void>().passed)
  count(Buffer.alloc(5), createGate<void>().passed)
  expect(said).toEqual([])
})

test('the host is paused once, and resumed when enough is done, including failures', async () => {
  const { count, said } = flow(10)
  const gates = [createGate<void>(), createGate<void>(), createGate<void>()]
  for (const gate of gates) count(Buffer.alloc(8), gate.passed)
  expect(said).toEqual(['pause'])
  gates[0]?.open()
  await settled()
  expect(said).toEqual(['pause'])
  gates[1]?.fail(new Error('no'))
  await settled()
  expect(said).toEqual(['pause', 'resume'])
})

test('what the server has received no longer counts as waiting, although it is not answered, and counts once', async () => {
  const { count, taken, said } = flow(10)
  const gate = createGate<void>()
  const big = Buffer.alloc(100)
  count(big, gate.passed)
  taken(big)
  taken(big)
  taken('a text of another request')
  expect(said).toEqual(['pause', 'resume'])
  gate.open()
  await settled()
  count(Buffer.alloc(11), createGate<void>().passed)
  expect(said).toEqual(['pause', 'resume', 'pause'])
})
