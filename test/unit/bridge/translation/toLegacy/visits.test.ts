// An address that a person has to visit before a call (-32042 of 2025-11-25), for a 2026 host.
import { expect, test } from 'vitest'
import { settled } from '../../../../fakes/gate.ts'
import { ADA, answersTo, metaOf, setUp } from './world.ts'

const page = (id: string) => ({ mode: 'url', elicitationId: id, url: `https://a.example/${id}`, message: 'Go there' })
const required = (...ids: string[]) => ({
  code: -32042,
  message: 'Go there first',
  data: { elicitations: ids.map(page) },
})
const ACCEPT = { action: 'accept' }

/** A call that was answered with addresses. */
async function sentAway(...ids: string[]) {
  const world = setUp()
  const asking = world.ask('tools/call', { name: 'a' })
  await (await world.server.untilMethod('tools/call')).error(required(...ids))
  const { result } = await asking.answer
  const back = (answer: unknown = ACCEPT) =>
    world.ask('tools/call', { name: 'a', inputResponses: answersTo(result.inputRequests, answer) })
  return { ...world, result, back }
}

const complete = (elicitationId: string) => ({
  method: 'notifications/elicitation/complete',
  params: { elicitationId },
})

test('it is a question without a state, and without the id that 2026 does not have', async () => {
  const { result } = await sentAway('x', 'y')
  const request = (id: string) => ({
    method: 'elicitation/create',
    params: { mode: 'url', url: `https://a.example/${id}`, message: 'Go there' },
  })
  expect(result).toEqual({ resultType: 'input_required', inputRequests: expect.any(Object) })
  expect(Object.values(result.inputRequests)).toEqual([request('x'), request('y')])
})

test('the retry is a new call once the server says that all of it is complete', async () => {
  const { back, server, heard } = await sentAway('x', 'y')
  const retry = back()
  await settled()
  await server.say(complete('x'))
  await server.say(complete('z'))
  await settled()
  expect(server.count('tools/call')).toBe(1)
  expect(retry.pending.transmission.sent).toBe(false)
  await server.say(complete('y'))
  const again = await server.untilMethod('tools/call', 2)
  expect(again.message.params).toEqual({ name: 'a' })
  await again.result()
  expect((await retry.answer).result).toEqual({ resultType: 'complete' })
  expect(heard).toHaveLength(2)
})

test('or at once if that was said before it', async () => {
  const { back, server } = await sentAway('x')
  await server.say(complete('x'))
  back()
  await server.untilMethod('tools/call', 2)
})

test('or after the time that a call may wait for a person', async () => {
  const { back, server, pass } = await sentAway('x')
  back()
  await pass(44_999)
  expect(server.count('tools/call')).toBe(1)
  await pass(1)
  await server.untilMethod('tools/call', 2)
})

test.each([[{ action: 'decline' }], [{ action: 'cancel' }], [{}]])(
  'a person who says %j is told what the server said, and it is not asked again',
  async (answer) => {
    const { back, server } = await sentAway('x')
    expect((await back(answer).answer).error).toEqual({ ...required('x'), code: -32603 })
    expect(server.count('tools/call')).toBe(1)
  },
)

test('a host that takes back the retry is not waited for', async () => {
  const { back, server, cancel, pass } = await sentAway('x')
  const retry = back()
  await settled()
  await cancel(retry)
  await retry.over
  await pass(45_000)
  expect(server.count('tools/call')).toBe(1)
})

test.each([
  ['without addresses', { code: -32042, message: 'x' }],
  ['whose addresses are none', { code: -32042, message: 'x', data: { elicitations: [{}, 1, null] } }],
  ['of another number', { ...required('x'), code: -32043 }],
])('an error %s is no question, and has a code that 2026 has', async (_, error) => {
  const { ask, server } = setUp()
  const asking = ask('tools/call', { name: 'a' })
  await (await server.untilMethod('tools/call')).error(error)
  expect((await asking.answer).error).toEqual({ ...error, code: -32603 })
})

test('a host that shows no pages hears which capability the call needs', async () => {
  const { ask, server } = setUp()
  const asking = ask('tools/call', { name: 'a' }, metaOf({ elicitation: {} }))
  const { message, data } = required('x')
  await (await server.untilMethod('tools/call')).error(required('x'))
  expect((await asking.answer).error).toEqual({
    code: -32021,
    message,
    data: { ...data, requiredCapabilities: { elicitation: { url: {} } } },
  })
})

test('a call that was sent away after its questions asks again under the id of the retry', async () => {
  const { asked, ask } = setUp()
  const { served, requestState, inputRequests } = await asked([{ id: 7, method: 'roots/list' }])
  const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests, ADA) })
  await served.error(required('x'))
  expect((await retry.answer).result).toMatchObject({ resultType: 'input_required' })
})
