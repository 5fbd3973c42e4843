// What a server has asked the host in a session that is over: it is void, and an answer to it goes to no other question.
import { describe, expect, test } from 'vitest'
import { createHostQuestions } from '../../../../src/bridge/session/hostQuestions.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { respond } from '../../../fakes/fakeHttp.ts'
import { createStream, startForgetful } from '../../../fakes/forgetfulServer.ts'
import { createGate, settled } from '../../../fakes/gate.ts'

const INITIALIZE = { id: 0, method: 'initialize', params: {} }
const ask = (id: unknown, message: string) => ({ id, method: 'elicitation/create', params: { message } })
const accept = (id: unknown) => ({ id, result: { action: 'accept' } })
const ACCEPTED = '{"jsonrpc":"2.0","id":0,"result":{"action":"accept"}}'

type World = ReturnType<typeof startForgetful>

const cancelled = ({ asked }: World) =>
  asked()
    .filter(({ method }) => method === 'notifications/cancelled')
    .map(({ params }) => params.requestId)
const questions = ({ asked }: World) =>
  asked()
    .filter(({ method }) => method === 'elicitation/create')
    .map(({ id, params }) => [id, params.message])

/** A call that has asked under id 0, in a session that the server has forgotten since; the host has not answered. */
async function lost(world: World) {
  await world.say(INITIALIZE)
  const first = await world.call(2)
  await first.say(ask(0, 'list files?'))
  world.forget()
  return first
}

/** The same, and the next call has asked under the same id in the next session. */
async function askedAgain(world = startForgetful()) {
  const first = await lost(world)
  await first.end()
  const second = await world.call(3)
  await second.say(ask(0, 'delete all?'))
  return { world, first, second, fresh: questions(world)[1]?.[0] }
}

describe('a question of a session that is lost', () => {
  test('is taken back, and the next one with its id has another one', async () => {
    const { world, fresh } = await askedAgain()
    expect(cancelled(world)).toEqual([0])
    expect(questions(world)).toEqual([
      [0, 'list files?'],
      [expect.stringMatching(/^mcp-oauth-bridge-r\d+$/), 'delete all?'],
    ])
    await world.say(accept(0))
    expect(world.answers).toEqual([])
    expect(world.log.entries.filter(({ event }) => event === 'proxy:dropped')).toHaveLength(1)
    await world.say(accept(fresh))
    expect(world.answers).toEqual([`s2 ${ACCEPTED}`])
  })

  test('is void at once for an answer that finds out that the session is lost', async () => {
    const world = startForgetful()
    await lost(world)
    await world.say(accept(0))
    expect([world.answers, cancelled(world)]).toEqual([[], []])
    // The host has answered: the id is free.
    await (await world.call(3)).say(ask(0, 'delete all?'))
    expect(questions(world).at(-1)).toEqual([0, 'delete all?'])
    await world.say(accept(0))
    expect(world.answers).toEqual([`s2 ${ACCEPTED}`])
  })

  test('is not answered by what comes while the session is made again', async () => {
    const [begun, gate] = [createGate(), createGate()]
    const renewing = () => {
      begun.open()
      return gate.passed
    }
    const world = startForgetful({ renewing })
    await (await lost(world)).end()
    const called = world.call(3)
    await begun.passed
    expect(cancelled(world)).toEqual([0])
    const answered = world.say(accept(0))
    gate.open()
    await answered
    await called
    expect(world.answers).toEqual([])
  })

  test('of the session that is being made again is answered at once: the server may wait for that', async () => {
    const opening = createStream()
    let begun = 0
    const world = startForgetful({
      instead: async ({ body }) =>
        body.includes('"initialize"') && ++begun === 2 ? opening.response({ 'mcp-session-id': 's2' }) : undefined,
    })
    await (await lost(world)).end()
    const called = world.call(3)
    await settled()
    await opening.say(ask('new', 'go on?'))
    await world.say(accept('new'))
    expect(world.answers).toEqual([`s2 ${ACCEPTED.replace('"id":0', '"id":"new"')}`])
    await opening.say({ id: 0, result: { protocolVersion: '2025-11-25' } })
    await opening.end()
    await called
  })

  test('is not answered by what was on its way before the session was made again', async () => {
    const busy = createGate()
    let refused = 0
    const world = startForgetful({
      async instead({ body }) {
        if (!body.includes('"accept"') || refused++ > 0) return undefined
        await busy.passed
        return respond(503, { 'retry-after': '1' })
      },
    })
    await lost(world)
    const answered = world.say(accept(0))
    await settled()
    const second = await world.call(3)
    await second.say(ask(0, 'delete all?'))
    busy.open()
    await settled()
    world.clock.advance(5_000)
    await answered
    expect(world.answers).toEqual([])
  })

  test.each(['leaves the conversation', 'begins anew'])(
    'is not answered by what was on its way when the host %s, and no session is made for that',
    async (what) => {
      let refused = 0
      const world = startForgetful({
        instead: async ({ body }) =>
          body.includes('"accept"') && refused++ === 0 ? respond(503, { 'retry-after': '1' }) : undefined,
      })
      await world.say(INITIALIZE)
      await (await world.call(2)).say(ask(0, 'list files?'))
      const answered = world.say(accept(0))
      await settled()
      if (what === 'begins anew') await world.say({ ...INITIALIZE, id: 9 })
      else world.conversation.leave?.(new BridgeError('cancelled'))
      world.clock.advance(5_000)
      await answered
      expect(world.answers).toEqual([])
      const begun = world.sent.filter(({ body }) => body.includes('"initialize"'))
      expect(begun).toHaveLength(what === 'begins anew' ? 2 : 1)
    },
  )

  test('is no question of a call that waited until the session was made again', async () => {
    let refused = 0
    const world = startForgetful({
      instead: async ({ body }) =>
        body.includes('"t9"') && refused++ === 0 ? respond(503, { 'retry-after': '1' }) : undefined,
    })
    await lost(world)
    void world.call(9)
    await settled()
    await world.call(3)
    world.clock.advance(5_000)
    const waited = await world.stream(9)
    await waited.say(ask(0, 'and this?'))
    const [id, message] = questions(world).at(-1) ?? []
    expect(message).toBe('and this?')
    await world.say(accept(id))
    expect(world.answers).toEqual([`s2 ${ACCEPTED}`])
  })

  test('with a text as its id, in whatever spelling, is void too', async () => {
    const world = startForgetful()
    await world.say(INITIALIZE)
    const first = await world.call(2)
    await first.sayText('{"jsonrpc":"2.0","id":"\\u0061","method":"roots/list"}')
    world.forget()
    const second = await world.call(3)
    await second.sayText('{ "id" : "a", "jsonrpc":"2.0","method":"roots/list","params":{"n":1.0} }')
    const [, , again = ''] = world.heard.filter((text) => !text.includes('"result"'))
    const [id] = /"mcp-oauth-bridge-r\d+"/.exec(again) ?? ['']
    expect(again).toBe(`{ "id" : ${id}, "jsonrpc":"2.0","method":"roots/list","params":{"n":1.0} }`)
    await world.sayText('{"jsonrpc":"2.0","id":"a","result":{}}')
    await world.sayText(`{"jsonrpc":"2.0","result":{ "roots":[1.0] } ,"id":${id}}`)
    expect(world.answers).toEqual(['s2 {"jsonrpc":"2.0","result":{ "roots":[1.0] } ,"id":"a"}'])
  })

  test('that the server had taken back already is not taken back once more, but an answer to it is dropped', async () => {
    const world = startForgetful()
    await world.say(INITIALIZE)
    const first = await world.call(2)
    await first.say(ask(0, 'list files?'))
    await first.say({ method: 'notifications/cancelled', params: { requestId: 0 } })
    world.forget()
    await (await world.call(3)).say(ask(0, 'delete all?'))
    expect(cancelled(world)).toEqual([0])
    await world.say(accept(0))
    expect(world.answers).toEqual([])
  })

  test('is not asked at all if its stream brings it after the loss, nor is another one taken back there', async () => {
    const world = startForgetful()
    const first = await lost(world)
    await (await world.call(3)).say(ask(0, 'delete all?'))
    await first.say(ask(1, 'and this?'))
    await first.say({ method: 'notifications/cancelled', params: { requestId: 0 } })
    await first.say({ method: 'notifications/message', params: { data: 'still here' } })
    expect(questions(world).map(([, message]) => message)).toEqual(['list files?', 'delete all?'])
    expect(cancelled(world)).toEqual([0])
    expect(world.heard.at(-1)).toContain('still here')
  })

  test('on HTTP+SSE is void with its stream', async () => {
    const world = startForgetful({ transport: 'sse' })
    await world.say(INITIALIZE)
    void world.say({ id: 2, method: 'tools/call' })
    const first = await world.stream('s1')
    await first.say(ask(0, 'list files?'))
    await first.end()
    expect(cancelled(world)).toEqual([0])
    await world.say(accept(0))
    void world.say({ id: 3, method: 'tools/call' })
    await (await world.stream('s2')).say(ask(0, 'delete all?'))
    await world.say(accept(0))
    expect(world.answers).toEqual([])
    await world.say(accept(questions(world)[1]?.[0]))
    expect(world.answers).toEqual([`s2 ${ACCEPTED}`])
  })
})

describe('a question under an id of ours', () => {
  test('is taken back by the server under its own', async () => {
    const { world, second, fresh } = await askedAgain()
    await second.say({ method: 'notifications/cancelled', params: { requestId: 0 } })
    expect(cancelled(world)).toEqual([0, fresh])
  })

  test('is void too when its session is lost, and every later one has an id of its own', async () => {
    const { world, fresh } = await askedAgain()
    world.forget()
    await (await world.call(4)).say(ask(0, 'and this?'))
    expect(cancelled(world)).toEqual([0, fresh])
    await world.say(accept(fresh))
    await world.say(accept(0))
    expect(world.answers).toEqual([])
    await world.say(accept(questions(world)[2]?.[0]))
    expect(world.answers).toEqual([`s3 ${ACCEPTED}`])
  })
})

describe('nothing changes', () => {
  test('of questions that were answered before the session was lost', async () => {
    const world = startForgetful()
    await world.say(INITIALIZE)
    await (await world.call(2)).say(ask(0, 'list files?'))
    await world.say(accept(0))
    world.forget()
    await (await world.call(3)).sayText('{ "jsonrpc":"2.0", "id":0, "method":"roots/list" }')
    expect(world.heard.at(-1)).toBe('{ "jsonrpc":"2.0", "id":0, "method":"roots/list" }')
    await world.sayText(' {"jsonrpc":"2.0","id":0 ,"result":{}}')
    expect(world.answers).toEqual([`s1 ${ACCEPTED}`, 's2  {"jsonrpc":"2.0","id":0 ,"result":{}}'])
    expect(cancelled(world)).toEqual([])
  })

  test('of an id that the lost session did not use, nor of answers to what nobody asked', async () => {
    const { world, second } = await askedAgain()
    await second.sayText('{"jsonrpc":"2.0","id": 7,"method":"roots/list"}')
    expect(world.heard.at(-1)).toBe('{"jsonrpc":"2.0","id": 7,"method":"roots/list"}')
    await world.sayText('{"jsonrpc":"2.0","id": 7,"result":{}}')
    await world.sayText('{"jsonrpc":"2.0","id": 8,"result":{}}')
    expect(world.answers).toEqual([7, 8].map((id) => `s2 {"jsonrpc":"2.0","id": ${id},"result":{}}`))
  })
})

describe('a batch of revision 2025-03-26', () => {
  const start = async () => {
    const world = startForgetful({ version: '2025-03-26' })
    await world.say(INITIALIZE)
    const first = await world.call(2)
    await first.sayText(
      '[{"jsonrpc":"2.0","id":0,"method":"roots/list"},{"jsonrpc":"2.0","id":1,"method":"roots/list"}]',
    )
    world.forget()
    return world
  }

  test('of questions is void, and the next one has ids of ours where they are the same', async () => {
    const world = await start()
    const second = await world.call(3)
    await second.sayText('[{"jsonrpc":"2.0","id":0,"method":"a"}, {"jsonrpc":"2.0","id":2,"method":"b"}]')
    expect(cancelled(world)).toEqual([0, 1])
    const [id] = /"mcp-oauth-bridge-r\d+"/.exec(world.heard.at(-1) ?? '') ?? ['']
    expect(world.heard.at(-1)).toBe(
      `[{"jsonrpc":"2.0","id":${id},"method":"a"}, {"jsonrpc":"2.0","id":2,"method":"b"}]`,
    )
    const answer = (of: unknown) => `{"jsonrpc":"2.0","id":${of},"result":{}}`
    await world.sayText(`[${answer(0)},${answer(id)}, ${answer(1)},${answer(2)}]`)
    await world.sayText(`[${answer(0)}]`)
    expect(world.answers).toEqual([`s2 [${answer(0)},${answer(2)}]`])
  })

  test('of answers and requests that finds out that the session is lost goes on without the answers', async () => {
    const world = await start()
    void world.sayText('[{"jsonrpc":"2.0","id":0,"result":{}},{"jsonrpc":"2.0","id":9,"method":"tools/list"}]')
    await world.stream(9)
    expect(world.sent.at(-1)?.body).toBe('[{"jsonrpc":"2.0","id":9,"method":"tools/list"}]')
    expect(world.sent.at(-1)?.headers['mcp-session-id']).toBe('s2')
  })
})

test('a host that initializes anew is not told, and its answers to what was asked before are dropped', async () => {
  const world = startForgetful()
  await lost(world)
  await world.say({ ...INITIALIZE, id: 5 })
  await (await world.call(3)).say(ask(0, 'delete all?'))
  expect(cancelled(world)).toEqual([])
  await world.say(accept(0))
  expect(world.answers).toEqual([])
  await world.say(accept(questions(world)[1]?.[0]))
  expect(world.answers).toEqual([`s2 ${ACCEPTED}`])
})

test('a host that talks to another conversation hears that all is void, and what this one still asks is not for it', async () => {
  const shared = createHostQuestions()
  const world = startForgetful({ options: { questions: shared } })
  await world.say(INITIALIZE)
  const first = await world.call(2)
  await first.say(ask(0, 'list files?'))
  world.conversation.leave?.(new BridgeError('session_lost'))
  expect(cancelled(world)).toEqual([0])
  await first.say(ask(1, 'and this?'))
  expect(questions(world)).toHaveLength(1)
  const next = startForgetful({ options: { questions: shared } })
  await next.say(INITIALIZE)
  await (await next.call(2)).say(ask(0, 'delete all?'))
  await next.say(accept(0))
  expect(next.answers).toEqual([])
  await next.say(accept(questions(next)[0]?.[0]))
  expect(next.answers).toEqual([`s1 ${ACCEPTED}`])
})

test('the end of the bridge tells the host nothing', async () => {
  const world = startForgetful({ transport: 'sse' })
  await world.say(INITIALIZE)
  const stream = await world.stream('s1')
  await stream.say(ask(0, 'list files?'))
  await world.conversation.end(new BridgeError('cancelled'))
  await stream.end()
  expect(cancelled(world)).toEqual([])
})
