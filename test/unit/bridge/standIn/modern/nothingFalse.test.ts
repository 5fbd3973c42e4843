// Whatever happens in whatever order to a host of 2026: each request has one answer, nothing that it was told stays false, a call that was
// answered here is never carried out, and nothing is said to it that it did not ask for.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BridgeError } from '../../../../../src/errors.ts'
import { createGate, type Gate, settled } from '../../../../fakes/gate.ts'
import { ADDRESS, HOLD, HOLD_CALL, TOOLS } from '../world.ts'
import { createWorld, URLS } from './world.ts'

const CHANGED = 'notifications/tools/list_changed'
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
  ...['up', 'down', 'slow', 'locked', 'other tools', 'person comes', 'person refuses', 'moment', 'long'],
] as const
type Step = (typeof STEPS)[number]

function createStage(isKnown: boolean, first: Step) {
  const memory = isKnown ? { memory: { 'tools/list': { tools: TOOLS } }, era: '2026' as const } : {}
  const world = createWorld({ ...memory, account: { state: 'unknown' } })
  const { server, watch } = world
  const state = { weather: first, list: TOOLS, isSignedIn: false }
  let people: Gate<void>[] = []
  let slow = createGate()
  const within = async (cause: string, result: () => unknown): Promise<unknown> => {
    if (state.weather === 'slow') await slow.passed
    if (state.weather === 'down') return new BridgeError('server_unreachable')
    if (state.weather !== 'locked' || state.isSignedIn) return result()
    if (cause !== 'call' && cause !== 'signIn') return new BridgeError('not_signed_in')
    const person = createGate()
    people.push(person)
    const signIn = () =>
      watch.during(({ tell }) => {
        tell(ADDRESS)
        return person.passed
      })
    try {
      await watch.bounded(signIn, HOLD_CALL)
    } catch (thrown) {
      return thrown
    }
    state.isSignedIn = true
    return result()
  }
  server['tools/list'] = (_, cause) => within(cause, () => ({ tools: state.list }))
  server['tools/call'] = (_, cause) => within(cause, () => ({ content: [] }))
  server['prompts/list'] = (_, cause) => within(cause, () => ({ prompts: [] }))
  server['server/discover'] = (_, cause) => within(cause, () => ({}))
  server['subscriptions/listen'] = (_, cause) => within(cause, () => ({}))
  return {
    ...world,
    truth: () => state.list,
    change() {
      state.list = [...state.list, { name: `tool-${state.list.length}` }]
    },
    become(next: Step) {
      state.weather = next
      slow.open()
      slow = createGate()
    },
    people(end: (gate: Gate<void>) => void) {
      for (const gate of people) end(gate)
      people = []
    },
  }
}

test('in any order of sign-ins, server starts, lists, calls, retries and cancellations', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.constantFrom(...STEPS),
      fc.array(fc.constantFrom(...STEPS), { maxLength: 16 }),
      async (isKnown, first, order) => {
        const stage = createStage(isKnown, first)
        const { say, heard, clock, become, cancel, listen, answerTo, seen } = stage
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
          else if (step === 'other tools') stage.change()
          else if (step === 'person comes') stage.people((gate) => gate.open())
          else if (step === 'person refuses') stage.people((gate) => gate.fail(new BridgeError('access_denied')))
          else if (step === 'moment') clock.advance(HOLD)
          else if (step === 'long') clock.advance(HOLD_CALL)
          else if (step === 'cancel') {
            if (asked.length > 0 && answerTo(id) === undefined) {
              cancelled.add(id)
              cancel(id)
            }
          } else become(step)
          await settled()
        }
        await listen({ toolsListChanged: true })
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

        const lines = heard()
        const answers = (wanted: number) => lines.filter((one) => one.id === wanted && one.method === undefined)
        for (const one of asked) expect(answers(one), `the answer to ${one}`).toHaveLength(cancelled.has(one) ? 0 : 1)
        for (const { method } of lines) if (method !== undefined) expect(UNASKED).toContain(method)

        // Whoever was asked, refused or cancelled here has not been carried out, and nobody twice.
        const ran = seen.filter((one) => one.method === 'tools/call').map((one) => one.id)
        expect(new Set(ran).size).toBe(ran.length)
        for (const one of ran) expect(answers(Number(one))[0]?.result, `the result of ${one}`).toEqual({ content: [] })

        const last = lines.findLastIndex(({ result }) => Array.isArray(result?.tools))
        const isAnnounced = lines.slice(last + 1).some(({ method }) => method === CHANGED)
        if (last === -1 || isAnnounced) return
        // A server may change its list after it was asked: it announces that itself.
        if (lines[last].result.tools.length === stage.truth().length || !order.includes('other tools'))
          expect(lines[last].result.tools).toEqual(stage.truth())
        expect(JSON.stringify(lines[last])).not.toContain('sign_in')
      },
    ),
    { numRuns: 300 },
  )
}, 60_000)
