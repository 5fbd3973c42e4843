// A 2026 server asks in the middle of a request: its 2025 host is asked as it always was, and the request goes on with its answers.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../../src/errors.ts'
import { createHurryingClock } from '../../../../fakes/fakeClock.ts'
import { settled } from '../../../../fakes/gate.ts'
import { createWorld, type Json, type World } from './world.ts'

const FORM = {
  method: 'elicitation/create',
  params: { mode: 'form', message: 'Name?', requestedSchema: { type: 'object', properties: {} } },
}
const URL_ = { method: 'elicitation/create', params: { mode: 'url', message: 'Visit', url: 'https://pages.example/a' } }
const SAMPLING = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }
const ROOTS = { method: 'roots/list' }
const asks = (inputRequests: object, more: object = {}) => ({ resultType: 'input_required', inputRequests, ...more })
const DONE = { resultType: 'complete', content: [] }

/** A server that answers in turn, the last one again and again. */
function inTurn(...replies: Json[]): NonNullable<World['server']> {
  let at = 0
  return () => replies[Math.min(at++, replies.length - 1)]
}

/** A host that has sent a call with this id. */
async function calling(
  server: NonNullable<World['server']>,
  { capabilities, ...world }: World & { capabilities?: object } = {},
) {
  const made = createWorld({ ...world, server })
  await made.open(capabilities)
  const call = (id: unknown, method = 'tools/call', params: object = { name: 'greet', uri: 'a' }) => {
    const carried = made.say({ id, method, params })
    return settled().then(() => ({ carried }))
  }
  const reply = async (question: Json, result: unknown = { action: 'accept', content: { name: 'Ada' } }) => {
    await made.say({ id: question.id, result: result as object })
    await settled()
  }
  return { ...made, call, reply, calls: () => made.requests('tools/call'), questions: () => made.questions }
}

describe('a question', () => {
  test('is put to the host with the parameters of the server, and its answer goes back with the exact state', async () => {
    const raw =
      '{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"input_required","requestState":"A\\u0062C+\\/=\\ud800","inputRequests":{"who\\u002f":{"method":"elicitation/create","params":{"mode":"form","message":"x","n":1.10}}}}}'
    const { call, lines, questions, sent, answerTo, say } = await calling(inTurn([raw], DONE))
    await call(5, 'tools/call', { name: 'greet', _meta: { progressToken: 'p' }, arguments: { a: 1 } })
    expect(lines.at(-1)).toBe(
      `{"jsonrpc":"2.0","id":"${questions()[0].id}","method":"elicitation/create","params":{"mode":"form","message":"x","n":1.10}}`,
    )
    await say(
      `{"jsonrpc":"2.0","id":"${questions()[0].id}","result":{"action":"accept","content":{"n":12345678901234567890}}}`,
    )
    await settled()
    const body = sent.at(-1)?.body as string
    expect(body).toContain('"inputResponses":{"who\\u002f":{"action":"accept","content":{"n":12345678901234567890}}}')
    expect(body).toContain('"requestState":"A\\u0062C+\\/=\\ud800"')
    const retry = JSON.parse(body)
    expect(retry.params).toMatchObject({ name: 'greet', arguments: { a: 1 }, _meta: { progressToken: 'p' } })
    expect(
      new Set(sent.filter(({ body }) => body.includes('tools/call')).map(({ body }) => JSON.parse(body).id)).size,
    ).toBe(2)
    expect(answerTo(5)).toEqual({ jsonrpc: '2.0', id: 5, result: { content: [] } })
  })

  test('without a state is answered without one', async () => {
    const { call, questions, reply, calls } = await calling(inTurn(asks({ a: ROOTS }), DONE))
    await call(5)
    expect(questions()[0]).not.toHaveProperty('params')
    await reply(questions()[0], { roots: [] })
    expect(calls()[1].params).toMatchObject({ inputResponses: { a: { roots: [] } } })
    expect(calls()[1].params).not.toHaveProperty('requestState')
  })

  test.each(['prompts/get', 'resources/read'])('of %s is one too', async (method) => {
    const { call, questions, reply, answerTo } = await calling(inTurn(asks({ a: FORM }), DONE))
    await call(5, method)
    await reply(questions()[0])
    expect(answerTo(5).result).toEqual({ content: [] })
  })

  test('with a page to visit has the elicitationId that 2025-11-25 demands', async () => {
    const { call, questions } = await calling(inTurn(asks({ a: URL_ })))
    await call(5)
    expect(questions()[0].params).toEqual({ ...URL_.params, elicitationId: expect.stringMatching(/.{8}/) })
  })

  test.each(['decline', 'cancel'])('that a person answers with %s goes back so', async (action) => {
    const { call, questions, reply, calls } = await calling(inTurn(asks({ a: FORM }), DONE))
    await call(5)
    await reply(questions()[0], { action })
    expect(calls()[1].params.inputResponses).toEqual({ a: { action } })
  })

  test('that comes with others goes out with them, and the server hears when all are answered', async () => {
    const { call, questions, reply, calls } = await calling(inTurn(asks({ a: FORM, b: SAMPLING, c: ROOTS }), DONE))
    await call(5)
    expect(questions().map(({ method }: Json) => method)).toEqual([FORM, SAMPLING, ROOTS].map(({ method }) => method))
    await reply(questions()[2], { roots: [] })
    await reply(questions()[0])
    expect(calls()).toHaveLength(1)
    await reply(questions()[1], { role: 'assistant' })
    expect(Object.keys(calls()[1].params.inputResponses)).toEqual(['a', 'b', 'c'])
  })

  test('after another one goes with its own answer alone', async () => {
    const { call, questions, reply, calls } = await calling(
      inTurn(asks({ a: FORM }, { requestState: '1' }), asks({ b: ROOTS }, { requestState: '2' }), DONE),
    )
    await call(5)
    await reply(questions()[0])
    await reply(questions()[1], { roots: [] })
    expect(calls()[2].params).toMatchObject({ inputResponses: { b: { roots: [] } }, requestState: '2' })
    expect(calls()[2].params.inputResponses).not.toHaveProperty('a')
  })

  test('of one call is not answered by that of another', async () => {
    const { call, questions, reply, answerTo } = await calling(({ params }) =>
      params.inputResponses ? { resultType: 'complete', content: [params.inputResponses] } : asks({ a: FORM }),
    )
    await call(1)
    await call(2)
    await reply(questions()[1], { action: 'decline' })
    expect(answerTo(1)).toBeUndefined()
    expect(answerTo(2).result.content).toEqual([{ a: { action: 'decline' } }])
    await reply(questions()[0])
    expect(answerTo(1).result.content).toEqual([{ a: { action: 'accept', content: { name: 'Ada' } } }])
  })

  test('is waited for as long as a person takes', async () => {
    const { call, questions, reply, clock, answerTo } = await calling(inTurn(asks({ a: FORM }), DONE))
    await call(5)
    ;(clock as ReturnType<typeof import('../../../../fakes/fakeClock.ts').createFakeClock>).advance(3_600_000)
    await settled()
    expect(answerTo(5)).toBeUndefined()
    await reply(questions()[0])
    expect(answerTo(5).result).toEqual({ content: [] })
  })

  test('counts although the server leaves its stream open', async () => {
    const { call, questions, reply, answerTo, sent } = await calling(
      inTurn({ open: [asks({ a: FORM })] }, { open: [DONE] }),
    )
    await call(5)
    const first = sent.at(-1)?.signal
    await reply(questions()[0])
    expect(first?.aborted).toBe(true)
    expect(answerTo(5).result).toEqual({ content: [] })
  })
})

describe('a host that cannot answer', () => {
  const refused = async (capabilities: object, question: object) => {
    const made = await calling(inTurn(asks({ a: question })), { capabilities })
    await made.call(5)
    return made
  }

  test.each([
    ['elicitation', {}, FORM, 'a form'],
    ['elicitation', { elicitation: { url: {} } }, FORM, 'a form'],
    ['elicitation', { elicitation: {} }, URL_, 'a web page to be visited'],
    ['elicitation', { elicitation: { form: {} } }, URL_, 'which your program cannot show'],
    ['sampling', { sampling: null }, SAMPLING, 'model'],
    ['sampling', { sampling: {} }, { ...SAMPLING, params: { tools: [] } }, 'with tools'],
    ['roots', {}, ROOTS, 'folders'],
    ['other', { other: {} }, { method: 'other/do' }, 'other/do'],
    ['nothing', {}, {}, 'nothing'],
  ])('%s is not asked, with %j', async (_, capabilities, question, words) => {
    const { questions, answerTo, calls } = await refused(capabilities, question)
    expect(questions()).toEqual([])
    expect(answerTo(5).result).toEqual({
      content: [{ type: 'text', text: expect.stringContaining(words) }],
      isError: true,
    })
    expect(calls()).toHaveLength(1)
  })

  test.each([
    [{ elicitation: {} }, FORM],
    [{ elicitation: { form: {} } }, FORM],
    [{ elicitation: { other: {} } }, { ...FORM, params: { message: 'no mode' } }],
    [{ elicitation: { url: {} } }, URL_],
    [{ sampling: { tools: {} } }, { ...SAMPLING, params: { tools: [] } }],
    [{ roots: {} }, ROOTS],
  ])('is another one than one with %j', async (capabilities, question) => {
    expect((await refused(capabilities, question)).questions()).toHaveLength(1)
  })

  test('one of two is asked neither', async () => {
    const { questions, call } = await calling(inTurn(asks({ a: ROOTS, b: SAMPLING })), { capabilities: { roots: {} } })
    await call(5)
    expect(questions()).toEqual([])
  })

  test('for a prompt gets an error', async () => {
    const { call, answerTo } = await calling(inTurn(asks({ a: ROOTS })), { capabilities: {} })
    await call(5, 'prompts/get')
    expect(answerTo(5).error.data.code).toBe('question_unanswered')
  })
})

test('a host that refuses a question hears in the result which one, and the others are taken back', async () => {
  const { call, questions, say, answerTo, calls, told } = await calling(inTurn(asks({ a: FORM, b: ROOTS })))
  await call(5)
  await say({ id: questions()[0].id, error: { code: -1, message: 'no such window' } })
  await settled()
  expect(answerTo(5).result.isError).toBe(true)
  expect(answerTo(5).result.content[0].text).toMatch(/form.*Name\?.*no such window/)
  expect(told('notifications/cancelled').map(({ params }: Json) => params.requestId)).toEqual([questions()[1].id])
  expect(calls()).toHaveLength(1)
})

test('a call that is taken back takes its question with it, and is not sent again', async () => {
  const { call, questions, cancel, reply, told, calls, answerTo, log } = await calling(inTurn(asks({ a: FORM }), DONE))
  const { carried } = await call(5)
  cancel(5)
  await carried
  expect(told('notifications/cancelled').map(({ params }: Json) => params.requestId)).toEqual([questions()[0].id])
  await reply(questions()[0])
  expect(calls()).toHaveLength(1)
  expect(answerTo(5)).toBeUndefined()
  expect(log.entries.filter(({ event }) => event === 'proxy:dropped')).toHaveLength(1)
})

test('the end takes all questions back', async () => {
  const { call, questions, conversation, told, answerTo } = await calling(inTurn(asks({ a: FORM })))
  const { carried } = await call(5)
  const { BridgeError } = await import('../../../../../src/errors.ts')
  await conversation.end(new BridgeError('server_unreachable'))
  expect(await carried).toBe('server_unreachable')
  expect(told('notifications/cancelled')).toHaveLength(questions().length)
  expect(answerTo(5).error.data.code).toBe('server_unreachable')
})

describe('a server', () => {
  test('that asks nothing and names a state is asked again a moment later', async () => {
    const clock = createHurryingClock()
    const state = { resultType: 'input_required', requestState: 's' }
    const { call, calls, answerTo, questions } = await calling(inTurn(state, DONE), { clock })
    await call(5)
    await settled()
    expect(clock.sleeps).toContain(250)
    expect(calls()[1].params.requestState).toBe('s')
    expect(calls()[1].params).not.toHaveProperty('inputResponses')
    expect(questions()).toEqual([])
    expect(answerTo(5).result).toEqual({ content: [] })
  })

  test('that never comes to a result is asked ten more times', async () => {
    const state = { resultType: 'input_required', requestState: 's', inputRequests: {} }
    const { call, calls, answerTo } = await calling(inTurn(state), { clock: createHurryingClock() })
    await (await call(5)).carried
    expect(calls()).toHaveLength(11)
    expect(answerTo(5).result.isError).toBe(true)
  })

  test.each([
    ['nothing at all', { resultType: 'input_required' }],
    ['an empty set', { resultType: 'input_required', inputRequests: {} }],
    ['a list of questions', { resultType: 'input_required', inputRequests: [FORM], requestState: 's' }],
  ])('that asks %s is not asked again', async (_, reply) => {
    const { call, calls, answerTo } = await calling(inTurn(reply))
    await call(5)
    expect(calls()).toHaveLength(1)
    expect(answerTo(5).error.data.code).toBe('invalid_protocol')
  })

  test('that names a question twice is answered the last one', async () => {
    const raw = `{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"input_required","inputRequests":{"a":${JSON.stringify(FORM)},"a":${JSON.stringify(ROOTS)}}}}`
    const { call, questions } = await calling(inTurn([raw]))
    await call(5)
    expect(questions().map(({ method }: Json) => method)).toEqual(['roots/list'])
  })

  test('may send a state of a megabyte', async () => {
    const requestState = 'é"\\'.repeat(200_000)
    const { call, questions, reply, calls } = await calling(inTurn(asks({ a: ROOTS }, { requestState }), DONE))
    await call(5)
    await reply(questions()[0], { roots: [] })
    expect(calls()[1].params.requestState === requestState).toBe(true)
  })

  test('whose connection breaks after a retry leaves the outcome unknown, and the call is not sent a third time', async () => {
    const { call, questions, reply, calls, answerTo } = await calling(inTurn(asks({ a: ROOTS }), []))
    await call(5)
    await reply(questions()[0], { roots: [] })
    expect(calls()).toHaveLength(2)
    expect(answerTo(5).error.data.code).toBe('outcome_unknown')
  })
})

test('a host that talks to another conversation is not waited for: its request fails, and a late answer is nothing', async () => {
  const { call, questions, reply, calls, answerTo, told, conversation } = await calling(inTurn(asks({ a: FORM }), DONE))
  await call(5)
  conversation.leave?.(new BridgeError('session_lost'))
  await settled()
  expect(answerTo(5).error.data.code).toBe('session_lost')
  expect(told('notifications/cancelled').map(({ params }) => params.requestId)).toEqual([questions()[0].id])
  await reply(questions()[0])
  expect(calls()).toHaveLength(1)
})
