// Whatever happens in whatever order to a host of 2026: each request has one answer, nothing that it was told stays false, a call that was
// answered here is never carried out, and nothing is said to it that it did not ask for.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { settled } from '../../../../fakes/gate.ts'
import { CHANGED, createWeather, WEATHER } from '../weather.ts'
import { HOLD_CALL, TOOLS } from '../world.ts'
import { createWorld, URLS } from './world.ts'

const UNASKED = [CHANGED, 'notifications/subscriptions/acknowledged', 'notifications/progress']
const STEPS = [
  ...[
    'list',
    'list',
    'call',
    'asking call',
    'asking call',
    'accept',
    'decline',
    'sign in',
    'discover',
    'prompts',
    'cancel',
  ],
  ...WEATHER,
] as const
type Step = (typeof STEPS)[number]

function createStage(isKnown: boolean, first: Step) {
  const memory = isKnown ? { memory: { 'tools/list': { tools: TOOLS } }, era: '2026' as const } : {}
  const world = createWorld({ ...memory, account: { state: 'unknown' } })
  const { server, watch } = world
  const weather = createWeather(world, first, (signIn) => watch.bounded(signIn, HOLD_CALL))
  const { within } = weather
  server['tools/list'] = (_, cause) => within(cause, () => ({ tools: weather.tools() }))
  server['tools/call'] = (_, cause) => within(cause, () => ({ content: [] }))
  server['prompts/list'] = (_, cause) => within(cause, () => ({ prompts: [] }))
  server['server/discover'] = (_, cause) => within(cause, () => ({}))
  server['subscriptions/listen'] = (_, cause) => within(cause, () => ({}))
  return { ...world, weather }
}

test('in any order of sign-ins, server starts, lists, calls, retries and cancellations', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.constantFrom(...STEPS),
      fc.array(fc.constantFrom(...STEPS), { maxLength: 16 }),
      async (isKnown, first, order) => {
        const stage = createStage(isKnown, first)
        const { say, heard, clock, cancel, listen, answerTo, seen, weather } = stage
        const asked: number[] = []
        const cancelled = new Set<number>()
        let id = 1
        const ask = (method: string, params = {}, capabilities: object = {}) => {
          asked.push(++id)
          void say({ id, method, params }, capabilities)
        }
        const retry = (action: string) => {
          const questions = heard().filter(({ result }) => result?.resultType === 'input_required')
          const { result } = questions.at(-1) ?? {}
          if (!result) return
          const [key = ''] = Object.keys(result.inputRequests)
          const { requestState } = result
          ask('tools/call', { name: 'echo', inputResponses: { [key]: { action } }, requestState }, URLS)
        }
        const take = async (step: Step) => {
          if (step === 'list') ask('tools/list')
          else if (step === 'prompts') ask('prompts/list')
          else if (step === 'discover') ask('server/discover')
          else if (step === 'call') ask('tools/call', { name: 'echo', _meta: { progressToken: id } })
          else if (step === 'asking call') ask('tools/call', { name: 'echo' }, URLS)
          else if (step === 'accept' || step === 'decline') retry(step)
          else if (step === 'sign in') ask('tools/call', { name: 'sign_in' }, URLS)
          else if (step === 'cancel') {
            if (asked.length > 0 && answerTo(id) === undefined) {
              cancelled.add(id)
              cancel(id)
            }
          } else weather.take(step)
          await settled()
        }
        await listen({ toolsListChanged: true })
        for (const step of order) await take(step)

        // In the end the server is there, the person too, and the host makes a call.
        await weather.clear()
        ask('tools/call', { name: 'echo' })
        await settled()
        clock.advance(HOLD_CALL)
        await settled()

        const lines = heard()
        const answers = (wanted: number) => lines.filter((one) => one.id === wanted && one.method === undefined)
        for (const one of asked) expect(answers(one), `the answer to ${one}`).toHaveLength(cancelled.has(one) ? 0 : 1)
        for (const { method } of lines) if (method !== undefined) expect(UNASKED).toContain(method)

        // Whoever was asked, refused or cancelled here has not been carried out, and nobody twice.
        const ran = seen.filter((one) => one.method === 'tools/call').map((one) => one.id)
        expect(new Set(ran).size).toBe(ran.length)
        for (const one of ran) expect(answers(Number(one))[0]?.result, `the result of ${one}`).toEqual({ content: [] })

        weather.expectTruth(order)
      },
    ),
    { numRuns: 300 },
  )
}, 60_000)
