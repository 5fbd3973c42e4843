// Questions of a 2025 server whose call, or whose session, is over before a 2026 host comes back with the answers.
import { expect, test } from 'vitest'
import { BridgeError } from '../../../../../src/errors.ts'
import { settled } from '../../../../fakes/gate.ts'
import { ADA, answersTo, elicit, setUp } from './world.ts'

test.each([
  ['failed', 'outcome_unknown'],
  ['ended', undefined],
])('a call that has %s gets no answers: the server hears that nobody answers', async (_, code) => {
  const { asked, ask, server, codeOf, heard } = setUp()
  const { served, requestState, inputRequests } = await asked([elicit(7)])
  if (code) served.fail(new BridgeError('outcome_unknown'))
  else await served.result({ content: [] })
  await settled()
  const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
  if (code) expect(await codeOf(retry)).toBe(code)
  else expect((await retry.answer).result.resultType).toBe('complete')
  expect((await server.untilAnswer(7)).message.result).toEqual({ action: 'cancel' })
  expect(JSON.stringify([server.served.map(({ text }) => text), heard])).not.toContain('Ada')
})

test('a question that only went with the call is answered, also after its end', async () => {
  const { ask, server, pass } = setUp()
  const asking = ask('tools/call', { name: 'a' })
  const served = await server.untilMethod('tools/call')
  await server.say(elicit(7))
  await pass(20)
  const { requestState, inputRequests } = (await asking.answer).result
  await served.result({ content: [] })
  const retry = ask('tools/call', { name: 'a', requestState, inputResponses: answersTo(inputRequests) })
  expect((await server.untilAnswer(7)).message.result).toEqual(ADA)
  expect((await retry.answer).result.resultType).toBe('complete')
})

test('a question that is void with its session is answered by nobody, whatever the host comes back with', async () => {
  const { asked, ask, server, pass } = setUp()
  const { served, requestState, inputRequests } = await asked([elicit(7)])
  await server.say({ method: 'notifications/cancelled', params: { requestId: 7 } })
  const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
  await settled()
  await served.result({ content: [] })
  expect((await retry.answer).result.resultType).toBe('complete')
  await pass(10 * 60_000)
  expect(server.served.filter(({ message }) => message.id === 7)).toEqual([])
})
