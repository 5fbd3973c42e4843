// Whatever happens in whatever order: each request has one answer, and nothing that the host was told stays false.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import { createGate, type Gate, settled } from '../../../fakes/gate.ts'
import { ADDRESS, createWorld, HOLD, HOLD_CALL, INTRODUCTION, TOOLS } from './world.ts'

const CHANGED = 'notifications/tools/list_changed'
const STEPS = [
  ...['list', 'list', 'call', 'signIn', 'cancel', 'again'],
  ...['up', 'down', 'slow', 'locked', 'other tools', 'person comes', 'person refuses', 'moment', 'long'],
] as const
type Step = (typeof STEPS)[number]

function createStage(known: boolean, first: Step) {
  const world = createWorld({
    ...(known ? { memory: { initialize: INTRODUCTION, 'tools/list': { tools: TOOLS } } } : {}),
    account: { state: 'unknown' },
  })
  const { server, watch } = world
  let weather: Step = first
  let list = TOOLS
  let people: Gate<void>[] = []
  let slow = createGate()
  let signedIn = false
  const within = async (cause: string, result: () => unknown): Promise<unknown> => {
    if (weather === 'slow') await slow.passed
    if (weather === 'down') return new BridgeError('server_unreachable')
    if (weather !== 'locked' || signedIn) return result()
    if (cause !== 'call' && cause !== 'signIn') return new BridgeError('not_signed_in')
    const person = createGate()
    people.push(person)
    await watch.during(({ tell }) => {
      tell(ADDRESS)
      return person.passed
    })
    signedIn = true
    return result()
  }
  server.initialize = (_, cause) => within(cause, () => INTRODUCTION)
  server['tools/list'] = (_, cause) => within(cause, () => ({ tools: list }))
  server['tools/call'] = (_, cause) => within(cause, () => ({ content: [] }))
  const become = (next: Step) => {
    weather = next
    slow.open()
    slow = createGate()
  }
  return {
    ...world,
    become,
    truth: () => list,
    change() {
      list = [...list, { name: `tool-${list.length}` }]
    },
    people(end: (gate: Gate<void>) => void) {
      for (const gate of people) end(gate)
      people = []
    },
  }
}

const steps = fc.array(fc.constantFrom(...STEPS), { maxLength: 14 })

test('in any order of sign-ins, server starts, lists, calls and cancellations', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.constantFrom(...STEPS), steps, async (known, first, order) => {
      const stage = createStage(known, first)
      const { say, heard, clock, inFlight, become } = stage
      const asked: number[] = []
      const cancelled = new Set<number>()
      let id = 1
      const ask = (method: string, params = {}) => {
        asked.push(++id)
        void say({ id, method, params })
      }
      const take = async (step: Step) => {
        if (step === 'list') ask('tools/list')
        else if (step === 'call') ask('tools/call', { name: 'echo', _meta: { progressToken: id } })
        else if (step === 'signIn') ask('tools/call', { name: 'sign_in' })
        else if (step === 'other tools') stage.change()
        else if (step === 'person comes') stage.people((gate) => gate.open())
        else if (step === 'person refuses') stage.people((gate) => gate.fail(new BridgeError('access_denied')))
        else if (step === 'moment') clock.advance(HOLD)
        else if (step === 'long') clock.advance(HOLD_CALL)
        else if (step === 'again') ask('prompts/list')
        else if (step === 'cancel') {
          const pending = inFlight.cancel(id)
          if (pending) cancelled.add(id)
          pending?.finish()
          if (!pending?.transmission.sent) pending?.abort(new Error('taken back'))
        } else become(step)
        await settled()
      }
      await stage.initialize()
      for (const step of order) await take(step)

      // In the end the server is there, the person too, and the host makes a call.
      become('up')
      for (let turn = 0; turn < 3; turn++) {
        stage.people((gate) => gate.open())
        await settled()
        clock.advance(HOLD_CALL)
        await settled()
      }
      ask('tools/call', { name: 'echo' })
      await settled()
      clock.advance(HOLD_CALL)
      await settled()

      const answers = (wanted: number) => heard().filter((one) => one.id === wanted && one.method === undefined)
      expect(answers(1)).toHaveLength(1)
      for (const one of asked) expect(answers(one).length, `answers to ${one}`).toBeLessThanOrEqual(1)
      for (const one of asked) if (!cancelled.has(one)) expect(answers(one), `the answer to ${one}`).toHaveLength(1)

      const lines = heard()
      const last = lines.findLastIndex(({ result }) => Array.isArray(result?.tools))
      const isAnnounced = lines.slice(last + 1).some(({ method }) => method === CHANGED)
      if (last === -1 || isAnnounced) return
      // A server may change its list after it was asked: it announces that itself.
      if (lines[last].result.tools.length === stage.truth().length || !order.includes('other tools'))
        expect(lines[last].result.tools).toEqual(stage.truth())
      expect(JSON.stringify(lines[last])).not.toContain('sign_in')
    }),
    { numRuns: 300 },
  )
}, 60_000)
