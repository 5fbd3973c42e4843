// What happens around a host in any order: how the server is, which tools it has, and people who come or refuse.
import { expect } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import { createGate, type Gate, settled } from '../../../fakes/gate.ts'
import { LISTEN_ID } from './modern/world.ts'
import { ADDRESS, type createSurroundings, HOLD, HOLD_CALL, TOOLS } from './world.ts'

/** What a property may do between the messages of the host. */
export const WEATHER = [
  ...['up', 'down', 'slow', 'locked', 'other tools', 'person comes', 'person refuses', 'moment', 'long'],
  ...['stops reading', 'reads on'],
] as const

export const CHANGED = 'notifications/tools/list_changed'

type Around = Pick<
  ReturnType<typeof createSurroundings>['seen'],
  'watch' | 'clock' | 'heard' | 'stopReading' | 'readOn'
>

/** `bounded`: how a call waits for a person. */
export function createWeather(
  { watch, clock, heard, stopReading, readOn }: Around,
  first: string,
  bounded: (signIn: () => Promise<void>) => Promise<void>,
) {
  let weather = first
  let tools = TOOLS
  let isSignedIn = false
  let gates: Gate<void>[] = []
  let slow = createGate()
  const become = (next: string) => {
    weather = next
    slow.open()
    slow = createGate()
  }
  const people = (end: (gate: Gate<void>) => void) => {
    for (const gate of gates) end(gate)
    gates = []
  }
  return {
    tools: () => tools,
    /** What the server says where it would say `result`. */
    async within(cause: string, result: () => unknown): Promise<unknown> {
      if (weather === 'slow') await slow.passed
      if (weather === 'down') return new BridgeError('server_unreachable')
      if (weather !== 'locked' || isSignedIn) return result()
      if (cause !== 'call' && cause !== 'signIn') return new BridgeError('not_signed_in')
      const person = createGate()
      gates.push(person)
      const signIn = () =>
        watch.during(({ tell }) => {
          tell(ADDRESS)
          return person.passed
        })
      try {
        await bounded(signIn)
      } catch (thrown) {
        return thrown
      }
      isSignedIn = true
      return result()
    },
    take(step: string) {
      if (step === 'other tools') tools = [...tools, { name: `tool-${tools.length}` }]
      else if (step === 'person comes') people((gate) => gate.open())
      else if (step === 'person refuses') people((gate) => gate.fail(new BridgeError('access_denied')))
      else if (step === 'moment') clock.advance(HOLD)
      else if (step === 'long') clock.advance(HOLD_CALL)
      else if (step === 'stops reading') stopReading()
      else if (step === 'reads on') readOn()
      else become(step)
    },
    /** In the end the server is there, the person too, and the host reads. */
    async clear() {
      readOn()
      become('up')
      for (let turn = 0; turn < 3; turn++) {
        people((gate) => gate.open())
        await settled()
        clock.advance(HOLD_CALL)
        await settled()
      }
    },
    /** The host has the server's own tools, or has been told to ask for them again, or that what it listened to is over. */
    expectTruth(steps: readonly string[]) {
      const lines = heard()
      const last = lines.findLastIndex(({ result }) => Array.isArray(result?.tools))
      const isAnnounced = lines.slice(last + 1).some(({ id, method }) => method === CHANGED || id === LISTEN_ID)
      if (last === -1 || isAnnounced) return
      // A server may change its list after it was asked: it announces that itself.
      if (lines[last].result.tools.length === tools.length || !steps.includes('other tools'))
        expect(lines[last].result.tools).toEqual(tools)
      expect(JSON.stringify(lines[last])).not.toContain('sign_in')
    },
  }
}
