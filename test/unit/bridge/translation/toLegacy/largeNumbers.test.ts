// Ids and tokens beyond 2^53, of which JavaScript reads two as one number: each means its own request, question or call.
import { expect, test } from 'vitest'
import { settled } from '../../../../fakes/gate.ts'
import { metaOf, setUp } from './world.ts'

const [ONE, OTHER] = ['1764235200000000001', '1764235200000000002']
const META = JSON.stringify(metaOf()).slice(1, -1)

const call = (id: string, meta = META) =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"a","_meta":{${meta}}}}`
const question = (id: string) => `{"jsonrpc":"2.0","id":${id},"method":"roots/list"}`
const cancelled = (id: string) => `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`

test('a call that the host takes back ends at the server, and no other', async () => {
  const { line, server, cancel, lines } = setUp()
  const [first, second] = [line(call(ONE)), line(call(OTHER))]
  const [servedFirst, servedSecond] = [
    await server.untilMethod('tools/call'),
    await server.untilMethod('tools/call', 2),
  ]
  await cancel(second)
  await second.over
  const { message } = await server.untilMethod('notifications/cancelled')
  expect(message.params.requestId).toBe(servedSecond.message.id)
  expect(server.count('notifications/cancelled')).toBe(1)
  await servedFirst.raw('{}')
  await first.over
  expect(lines).toEqual([`{"jsonrpc":"2.0","id":${ONE},"result":{"resultType":"complete"}}`])
})

test('a question that the server takes back is not asked, and the other one is', async () => {
  const { line, server, pass, heard } = setUp()
  line(call('1'))
  const served = await server.untilMethod('tools/call')
  await served.sayText(question(ONE))
  await served.sayText(question(OTHER))
  await served.sayText(cancelled(OTHER))
  await pass(20)
  const { requestState, inputRequests } = heard[0].result
  const [key = '', ...more] = Object.keys(inputRequests)
  expect(more).toEqual([])
  line(
    `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"a","requestState":"${requestState}","inputResponses":{"${key}":{"roots":[]}},"_meta":{${META}}}}`,
  )
  const { text } = await server.until(({ message }) => message.method === undefined)
  expect(text).toContain(`"id":${ONE}`)
})

test('a question without a call that the server takes back is not asked, and the other one is', async () => {
  const { line, ask, server, pass, heard } = setUp()
  await ask('tools/list').over
  const stream = server.served[0]
  await stream?.sayText(question(ONE))
  await stream?.sayText(question(OTHER))
  await stream?.sayText(cancelled(OTHER))
  line(call('5'))
  await server.untilMethod('tools/call')
  await pass(20)
  expect(Object.keys(heard.find(({ id }) => id === 5)?.result.inputRequests)).toHaveLength(1)
})

test('progress reaches the call it is of, also where the server rounds its token', async () => {
  const { line, server, lines } = setUp()
  line(call('1', `${META},"progressToken":${ONE}`))
  line(call('2', `${META},"progressToken":${OTHER}`))
  const second = await server.untilMethod('tools/call', 2)
  const progressToken = JSON.stringify(second.message.params._meta.progressToken)
  await second.sayText(
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${progressToken},"progress":1}}`,
  )
  await settled()
  expect(lines).toEqual([
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${OTHER},"progress":1}}`,
  ])
})
