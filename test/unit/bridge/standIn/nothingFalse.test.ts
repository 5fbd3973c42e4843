// Whatever happens in whatever order: each request has one answer, and nothing that the host was told stays false.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { settled } from '../../../fakes/gate.ts'
import { createWeather, WEATHER } from './weather.ts'
import { createWorld, HOLD_CALL, INTRODUCTION, TOOLS } from './world.ts'

const STEPS = ['list', 'list', 'call', 'signIn', 'cancel', 'again', ...WEATHER] as const
type Step = (typeof STEPS)[number]

function createStage(known: boolean, first: Step) {
  const world = createWorld({
    ...(known ? { memory: { initialize: INTRODUCTION, 'tools/list': { tools: TOOLS } } } : {}),
    account: { state: 'unknown' },
  })
  const { server } = world
  const weather = createWeather(world, first, (signIn) => signIn())
  const { within } = weather
  server.initialize = (_, cause) => within(cause, () => INTRODUCTION)
  server['tools/list'] = (_, cause) => within(cause, () => ({ tools: weather.tools() }))
  server['tools/call'] = (_, cause) => within(cause, () => ({ content: [] }))
  return { ...world, weather }
}

const steps = fc.array(fc.constantFrom(...STEPS), { maxLength: 14 })

test('in any order of sign-ins, server starts, lists, calls and cancellations', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.constantFrom(...STEPS), steps, async (known, first, order) => {
      const stage = createStage(known, first)
      const { say, heard, clock, inFlight, weather } = stage
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
        else if (step === 'again') ask('prompts/list')
        else if (step === 'cancel') {
          const pending = inFlight.cancel(String(id))
          if (pending) cancelled.add(id)
          pending?.finish()
          if (!pending?.transmission.sent) pending?.abort(new Error('taken back'))
        } else weather.take(step)
        await settled()
      }
      await stage.initialize()
      for (const step of order) await take(step)

      // In the end the server is there, the person too, and the host makes a call.
      await weather.clear()
      ask('tools/call', { name: 'echo' })
      await settled()
      clock.advance(HOLD_CALL)
      await settled()

      const answers = (wanted: number) => heard().filter((one) => one.id === wanted && one.method === undefined)
      expect(answers(1)).toHaveLength(1)
      for (const one of asked) expect(answers(one).length, `answers to ${one}`).toBeLessThanOrEqual(1)
      for (const one of asked) if (!cancelled.has(one)) expect(answers(one), `the answer to ${one}`).toHaveLength(1)

      weather.expectTruth(order)
    }),
    { numRuns: 300 },
  )
}, 60_000)
