// Questions of a 2025 server while a call is open: a 2026 host gets them as results, and comes back with the answers.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../../src/errors.ts'
import { settled } from '../../../../fakes/gate.ts'
import { ADA, answersTo, EVERYTHING, elicit, FORM, metaOf, setUp } from './world.ts'

const SAMPLE = { id: 8, method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }
const ROOTS = { id: 'r', method: 'roots/list' }

describe('a question on the stream of a call', () => {
  test('is the result of the request, in its own bytes, and the answer comes under the id of the retry', async () => {
    const { asked, ask, server, heard } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    const [key = ''] = Object.keys(inputRequests)
    expect(heard).toEqual([
      {
        jsonrpc: '2.0',
        id: 1,
        result: {
          resultType: 'input_required',
          inputRequests: { [key]: { method: 'elicitation/create', params: FORM } },
          requestState: expect.stringMatching(/^[\w-]{22}$/),
        },
      },
    ])
    const retry = ask('tools/call', { name: 'greet', inputResponses: { [key]: ADA }, requestState })
    expect((await server.untilAnswer(7)).message).toEqual({ jsonrpc: '2.0', id: 7, result: ADA })
    await served.result({ content: [] })
    expect((await retry.answer).result).toEqual({ content: [], resultType: 'complete' })
    expect(server.count('tools/call')).toBe(1)
    expect(heard).toHaveLength(2)
  })

  test('keeps its bytes, and so does the answer', async () => {
    const { ask, line, server, lines, pass } = setUp()
    ask('tools/call', { name: 'a' })
    const served = await server.untilMethod('tools/call')
    await served.sayText(
      '{"jsonrpc":"2.0","id":12345678901234567890,"method":"elicitation/create","params":{ "message":"\\u0041","n":1.0,"requestedSchema":{}}}',
    )
    await pass(20)
    expect(lines[0]).toContain(
      '{"method":"elicitation/create","params":{ "message":"\\u0041","n":1.0,"requestedSchema":{}}}',
    )
    const { requestState, inputRequests } = JSON.parse(lines[0] ?? '').result
    const [key] = Object.keys(inputRequests)
    line(
      `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"\\u0061","inputResponses":{"${key}":{ "action":"accept","content":{"n":98765432109876543210} }},"requestState":"${requestState}","_meta":${JSON.stringify(metaOf())}}}`,
    )
    await settled()
    expect(server.served.at(-1)?.text).toBe(
      '{"jsonrpc":"2.0","id":12345678901234567890,"result":{ "action":"accept","content":{"n":98765432109876543210} }}',
    )
  })

  test.each(['prompts/get', 'resources/read'])('is asked for %s too', async (method) => {
    const { ask, server, pass } = setUp()
    const asking = ask(method, { name: 'a', uri: 'a:b' })
    const served = await server.untilMethod(method)
    await served.say(elicit(7))
    await pass(20)
    const { requestState, inputRequests } = (await asking.answer).result
    const retry = ask(method, { name: 'a', uri: 'a:b', requestState, inputResponses: answersTo(inputRequests) })
    await server.untilAnswer(7)
    await served.result({})
    expect((await retry.answer).result.resultType).toBe('complete')
  })

  test('shares a round with those that come within 20 ms', async () => {
    const { asked, ask, server } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7), SAMPLE, ROOTS])
    expect(Object.values(inputRequests)).toEqual([
      { method: 'elicitation/create', params: FORM },
      { method: 'sampling/createMessage', params: SAMPLE.params },
      { method: 'roots/list' },
    ])
    const [one = '', two = '', three = ''] = Object.keys(inputRequests)
    const inputResponses = { [three]: { roots: [] }, [one]: ADA, [two]: { role: 'assistant' } }
    const retry = ask('tools/call', { name: 'greet', requestState, inputResponses })
    expect((await server.untilAnswer(7)).message.result).toEqual(ADA)
    expect((await server.untilAnswer(8)).message.result).toEqual({ role: 'assistant' })
    expect((await server.untilAnswer('r')).message.result).toEqual({ roots: [] })
    await served.result({})
    await retry.over
  })

  test('waits, when it comes later, for the retry, which is answered with it at once', async () => {
    const { asked, ask, server } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    await served.say(elicit(9))
    const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
    const { result } = await retry.answer
    expect(result.resultType).toBe('input_required')
    expect(Object.keys(result.inputRequests)).toHaveLength(1)
    expect(result.requestState).not.toBe(requestState)
    await server.untilAnswer(7)
    expect(server.served.filter(({ message }) => message.id === 9)).toEqual([])
  })

  test('is asked again if the host comes back without its answer', async () => {
    const { asked, ask, server, pass } = setUp()
    const { requestState, inputRequests } = await asked([elicit(7), elicit(8)])
    const [first = '', second = ''] = Object.keys(inputRequests)
    const inputResponses = { [first]: ADA, [second]: null, foreign: ADA }
    const retry = ask('tools/call', { name: 'greet', requestState, inputResponses })
    await server.untilAnswer(7)
    await pass(20)
    expect(Object.keys((await retry.answer).result.inputRequests)).toEqual([second])
  })

  test('that the server takes back is not asked', async () => {
    const { ask, server, pass, heard } = setUp()
    const asking = ask('tools/call', { name: 'a' })
    const served = await server.untilMethod('tools/call')
    await served.say(elicit(7))
    await served.say({ method: 'notifications/cancelled', params: { requestId: 7 } })
    await pass(20)
    expect(heard).toEqual([])
    await served.result({})
    expect((await asking.answer).result.resultType).toBe('complete')
  })

  test('that is answered by nobody, because the call has ended before, is cancelled', async () => {
    const { ask, server, heard } = setUp()
    const asking = ask('tools/call', { name: 'a' })
    const served = await server.untilMethod('tools/call')
    await served.say(elicit(7))
    await served.say(SAMPLE)
    await served.result({ content: [] })
    await asking.over
    expect((await server.untilAnswer(7)).message.result).toEqual({ action: 'cancel' })
    expect((await server.untilAnswer(8)).message.error).toBeDefined()
    expect(heard).toHaveLength(1)
  })

  test('of a page to visit has no elicitationId, which 2026 does not have', async () => {
    const { asked } = setUp()
    const page = { mode: 'url', url: 'https://a.example/', message: 'Go', elicitationId: 'x', task: {} }
    const { inputRequests } = await asked([elicit(7, page)])
    expect(Object.values(inputRequests)).toEqual([
      { method: 'elicitation/create', params: { mode: 'url', url: 'https://a.example/', message: 'Go' } },
    ])
  })

  test('does not end what the server says: the answer may come while the host owes its own', async () => {
    const { asked, ask } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    await served.result({ content: [1] })
    const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
    expect((await retry.answer).result).toEqual({ content: [1], resultType: 'complete' })
  })

  test('whose call has failed meanwhile: the retry gets the reason', async () => {
    const { asked, ask, codeOf } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    served.fail(new BridgeError('outcome_unknown'))
    await settled()
    const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
    expect(await codeOf(retry)).toBe('outcome_unknown')
  })

  test('whose answer cannot be said fails the call, and the server is not left waiting', async () => {
    const { asked, ask, server, codeOf } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    server.failAnswers(new BridgeError('server_unreachable'))
    const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
    expect(await codeOf(retry)).toBe('server_unreachable')
    expect(served.signal.aborted).toBe(true)
  })

  test('makes the silence of the server count no more until the host is back', async () => {
    const { asked, ask } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    expect(served.transmission.patience).toEqual({ held: true, turns: 0 })
    ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
    await settled()
    expect(served.transmission.patience).toEqual({ held: false, turns: 1 })
  })
})

describe('what the host did not declare is not asked', () => {
  test.each([
    ['an elicitation', elicit(7), {}, -32601],
    [
      'a page to visit',
      elicit(7, { mode: 'url', url: 'https://a.example/', message: 'Go' }),
      { elicitation: {} },
      -32602,
    ],
    ['a form', elicit(7), { elicitation: { url: {} } }, -32602],
    [
      'a kind of elicitation that nobody knows',
      elicit(7, { mode: 'voice' }),
      { elicitation: { form: {}, url: {} } },
      -32602,
    ],
    ['sampling', SAMPLE, { elicitation: {} }, -32601],
    ['sampling with tools', { ...SAMPLE, params: { tools: [] } }, { sampling: {} }, -32602],
    ['roots', ROOTS, { sampling: {} }, -32601],
    ['what 2026 does not have', { id: 7, method: 'tasks/get' }, EVERYTHING, -32601],
  ])('%s', async (_, question, capabilities, code) => {
    const { ask, server, pass, heard } = setUp()
    ask('tools/call', { name: 'a' }, metaOf(capabilities))
    const served = await server.untilMethod('tools/call')
    await served.say(question)
    const { message } = await server.untilAnswer(question.id)
    expect(message.error.code).toBe(code)
    await pass(20)
    expect(heard).toEqual([])
  })

  test.each([
    ['a form, for a host that names no mode', elicit(7), { elicitation: {} }],
    ['a form without a mode', elicit(7, { message: 'x', requestedSchema: {} } as never), { elicitation: { form: {} } }],
    [
      'sampling with tools, for a host that has them',
      { ...SAMPLE, params: { tools: [{}] } },
      { sampling: { tools: {} } },
    ],
  ])('but %s', async (_, question, capabilities) => {
    const { asked } = setUp()
    expect((await asked([question], 'greet', metaOf(capabilities))).resultType).toBe('input_required')
  })

  test('a ping is answered here', async () => {
    const { ask, server } = setUp()
    ask('tools/list')
    await settled()
    await server.say({ id: 'p', method: 'ping' })
    expect((await server.untilAnswer('p')).message.result).toEqual({})
  })
})

describe('a question outside of the stream of a call', () => {
  test('belongs to the youngest call that may ask', async () => {
    const { ask, server, pass } = setUp()
    const first = ask('tools/call', { name: 'one' })
    const second = ask('tools/call', { name: 'two' })
    ask('com.example/do')
    await server.untilMethod('tools/call', 2)
    await server.say(elicit(7))
    await pass(20)
    expect((await second.answer).result.resultType).toBe('input_required')
    const { requestState, inputRequests } = (await second.answer).result
    const retry = ask('tools/call', { name: 'two', requestState, inputResponses: answersTo(inputRequests) })
    expect((await server.untilAnswer(7)).message.result).toEqual(ADA)
    for (const { message, result } of server.served) if (message.method === 'tools/call') await result()
    expect((await first.answer).result.resultType).toBe('complete')
    expect((await retry.answer).result.resultType).toBe('complete')
  })

  test('waits for a call to be asked with', async () => {
    const { ask, server, pass } = setUp()
    await ask('tools/list').over
    await server.say(ROOTS)
    await pass(9_000)
    const call = ask('tools/call', { name: 'a' })
    await server.untilMethod('tools/call')
    await pass(20)
    const { requestState, inputRequests } = (await call.answer).result
    const inputResponses = answersTo(inputRequests, { roots: [] })
    ask('tools/call', { name: 'a', requestState, inputResponses })
    expect((await server.untilAnswer('r')).message.result).toEqual({ roots: [] })
  })

  test('is refused after 10 s without one', async () => {
    const { ask, server, pass } = setUp()
    await ask('tools/list').over
    await server.say(ROOTS)
    await pass(10_000)
    const { error } = (await server.untilAnswer('r')).message
    expect(error.code).toBe(-32601)
    expect(error.message).toContain('call')
  })

  test('that the server takes back before a call comes is not asked', async () => {
    const { ask, server, pass, heard } = setUp()
    await ask('tools/list').over
    await server.say(ROOTS)
    await server.say({ method: 'notifications/cancelled', params: { requestId: 'r' } })
    ask('tools/call', { name: 'a' })
    await server.untilMethod('tools/call')
    await pass(20)
    expect(heard).toHaveLength(1)
  })

  test('goes on to another call if its own ends before the host has heard it', async () => {
    const { ask, server, pass } = setUp()
    const first = ask('tools/call', { name: 'one' })
    const second = ask('tools/call', { name: 'two' })
    await server.untilMethod('tools/call', 2)
    await server.say(elicit(7))
    await (await server.untilMethod('tools/call', 2)).result({})
    expect((await second.answer).result.resultType).toBe('complete')
    await pass(20)
    expect((await first.answer).result.resultType).toBe('input_required')
  })

  test('goes on to another call if the host takes its own back before it has heard it', async () => {
    const { ask, server, pass, cancel } = setUp()
    const first = ask('tools/call', { name: 'one' })
    const second = ask('tools/call', { name: 'two' })
    await server.untilMethod('tools/call', 2)
    await server.say(elicit(7))
    await cancel(second)
    await pass(20)
    expect((await first.answer).result.resultType).toBe('input_required')
  })
})

describe('the state of a question', () => {
  test.each([
    ['one that nobody gave', '"nobody"'],
    ['none', 'null'],
    ['a number', '17'],
    ['one of a megabyte', JSON.stringify('x'.repeat(1024 * 1024))],
    ['one of half a character', '"\\ud800"'],
  ])('is refused in words if it is %s, and nothing is run', async (_, state) => {
    const { line, server } = setUp()
    const { error } = await line(
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","requestState":${state},"_meta":${JSON.stringify(metaOf())}}}`,
    ).answer
    expect(error.code).toBe(-32602)
    expect(error.message).toContain('make the call again')
    expect(server.sessions).toBe(0)
  })

  test('is valid once, also for two that come at the same time', async () => {
    const { asked, ask, server } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    const params = { name: 'greet', requestState, inputResponses: answersTo(inputRequests) }
    const [first, second] = [ask('tools/call', params), ask('tools/call', params)]
    expect((await second.answer).error.code).toBe(-32602)
    await served.result({})
    expect((await first.answer).result.resultType).toBe('complete')
    expect((await ask('tools/call', params).answer).error.code).toBe(-32602)
    expect(server.count('tools/call')).toBe(1)
    expect(server.served.filter(({ message }) => message.id === 7)).toHaveLength(1)
  })

  test.each([
    ['tools/call', { name: 'other' }],
    ['prompts/get', { name: 'greet' }],
    ['resources/read', { uri: 'greet' }],
    ['tools/call', {}],
  ])('is of no use for %s of %j, and stays good for its own', async (method, params) => {
    const { asked, ask } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    const { error } = await ask(method, { ...params, requestState }).answer
    expect(error.code).toBe(-32602)
    expect(error.message).toContain('another request')
    const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
    await served.result({})
    expect((await retry.answer).result.resultType).toBe('complete')
  })

  test('of another request whose answers come without it is a call of its own', async () => {
    const { ask, server } = setUp()
    ask('tools/call', { name: 'a', inputResponses: { x: ADA } })
    expect((await server.untilMethod('tools/call')).message.params).toEqual({ name: 'a' })
  })
})

describe('a host that does not come back', () => {
  test('has 10 minutes; then the questions are cancelled, and the call too', async () => {
    const { asked, ask, server, pass } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7), SAMPLE, ROOTS])
    await pass(10 * 60_000 - 1)
    expect(served.signal.aborted).toBe(false)
    await pass(1)
    expect((await server.untilAnswer(7)).message.result).toEqual({ action: 'cancel' })
    expect((await server.untilAnswer(8)).message.error).toBeDefined()
    expect((await server.untilAnswer('r')).message.error).toBeDefined()
    const { message } = await server.untilMethod('notifications/cancelled')
    expect(message.params.requestId).toBe(served.message.id)
    expect(served.signal.aborted).toBe(true)
    const late = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
    expect((await late.answer).error.code).toBe(-32602)
  })

  test('but has come back in time is not bound by those 10 minutes', async () => {
    const { asked, ask, pass } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    await pass(9 * 60_000)
    const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
    await pass(9 * 60_000)
    expect(served.signal.aborted).toBe(false)
    await served.result({})
    await retry.over
  })

  test('holds up neither other calls nor the end', async () => {
    const { asked, ask, server, end, pass } = setUp()
    const { served } = await asked([elicit(7)])
    const other = ask('tools/call', { name: 'other' })
    await (await server.untilMethod('tools/call', 2)).result({})
    expect((await other.answer).result.resultType).toBe('complete')
    await end()
    expect(served.signal.aborted).toBe(true)
    expect(server.hasEnded(0)).toBe(true)
    // Nothing is waited for any more.
    await pass(10 * 60_000)
    expect(server.served.filter(({ message }) => message.id === 7)).toEqual([])
  })
})

describe('a host that takes back', () => {
  test('the retry ends the call at the server', async () => {
    const { asked, ask, server, cancel, heard } = setUp()
    const { served, requestState, inputRequests } = await asked([elicit(7)])
    const retry = ask('tools/call', { name: 'greet', requestState, inputResponses: answersTo(inputRequests) })
    await settled()
    await cancel(retry)
    await retry.over
    const { message } = await server.untilMethod('notifications/cancelled')
    expect(message.params.requestId).toBe(served.message.id)
    expect(served.signal.aborted).toBe(true)
    expect(heard).toHaveLength(1)
  })

  test('a call whose question waits for its 20 ms hears nothing of it', async () => {
    const { ask, server, cancel, pass, heard } = setUp()
    const asking = ask('tools/call', { name: 'a' })
    const served = await server.untilMethod('tools/call')
    await served.say(elicit(7))
    await cancel(asking)
    await pass(20)
    expect(heard).toEqual([])
    expect(served.signal.aborted).toBe(true)
  })
})

test('ten calls that ask at once each get their own answers', async () => {
  const { ask, server, pass } = setUp()
  const calls = Array.from({ length: 10 }, (_, at) => ask('tools/call', { name: `t${at}` }))
  await server.untilMethod('tools/call', 10)
  const open = server.served.filter(({ message }) => message.method === 'tools/call')
  for (const { message, say } of open) await say(elicit(message.params.name))
  await pass(20)
  for (const [at, { answer }] of calls.entries()) {
    const { requestState, inputRequests } = (await answer).result
    const inputResponses = answersTo(inputRequests, { action: 'accept', content: { at } })
    ask('tools/call', { name: `t${at}`, requestState, inputResponses })
    expect((await server.untilAnswer(`t${at}`)).message.result.content).toEqual({ at })
  }
})
