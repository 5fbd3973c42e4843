// Calls while the server is not there: none waits in silence, each has a bound, and the tool that signs in tells the truth.
import { describe, expect, test } from 'vitest'
import { createHiddenTools } from '../../../../src/bridge/hideTools.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { ADDRESS, createWorld, HOLD_CALL, INTRODUCTION, TOOLS, type World } from './world.ts'

const DOWN = new BridgeError('server_unreachable')
const NOBODY = new BridgeError('not_signed_in')
const DENIED = new BridgeError('access_denied', { message: 'They said no.', hint: 'Ask.' })
const URLS = { capabilities: { elicitation: { url: {} } } }

const call = (id: number, name = 'echo', more: object = {}) => ({ id, method: 'tools/call', params: { name, ...more } })

/** A host that was answered here, because the server has failed so. */
async function failed(error: BridgeError = NOBODY, world: World = {}, params: object = {}) {
  const made = createWorld(world)
  made.server.initialize = () => error
  await made.initialize(params)
  const text = (id: number) => made.answerTo(id).result.content[0].text as string
  return { ...made, text }
}

/** The same, and the next call finds a server that wants a person, who comes when the gate opens. */
async function waiting(world: World = {}, params: object = {}) {
  const made = await failed(NOBODY, world, params)
  const person = createGate()
  made.server.initialize = async (_, cause) => {
    if (cause === 'background' || cause === 'start') return NOBODY
    await made.watch.during(({ tell }) => {
      tell(ADDRESS)
      return person.passed
    })
    return INTRODUCTION
  }
  return { ...made, person }
}

describe('a call', () => {
  test('initializes the server, and what the host said before reaches it', async () => {
    const { say, reached, server, answerTo } = await failed()
    server.initialize = () => INTRODUCTION
    await say({ id: 2, method: 'logging/setLevel', params: { level: 'debug' } })
    await say(call(3))
    expect(reached).toEqual(['initialize', 'initialize again: call', 'tell logging/setLevel', 'tools/call'])
    expect(answerTo(3).result).toEqual({})
  })

  test('fails with the reason each time the server is still not there, and works when it is', async () => {
    const { say, answerTo, server, reached } = await failed(DOWN)
    await say(call(2))
    await say(call(3))
    for (const id of [2, 3]) expect(answerTo(id).error.data).toMatchObject({ code: DOWN.code, hint: DOWN.hint })
    server.initialize = () => INTRODUCTION
    await say(call(4))
    expect(answerTo(4).result).toEqual({})
    expect(reached.filter((one) => one === 'initialize again: call')).toHaveLength(3)
  })

  test('that comes while the server’s answer is on its way waits for that', async () => {
    const made = createWorld()
    const gate = createGate<object>()
    made.server.initialize = () => gate.passed
    await made.initialize()
    void made.say(call(2))
    await settled()
    expect(made.answerTo(2)).toBeUndefined()
    gate.open(INTRODUCTION)
    await settled()
    expect(made.answerTo(2).result).toEqual({})
    expect(made.reached.slice(0, 3)).toEqual(['initialize', 'notifications/initialized', 'tools/call'])
  })

  test('that comes with others initializes the server once', async () => {
    const { say, reached, server } = await failed()
    server.initialize = () => INTRODUCTION
    await Promise.all([say(call(2)), say(call(3))])
    expect(reached.filter((one) => one.startsWith('initialize again'))).toHaveLength(1)
  })

  test('asks a person where a list on its way might not', async () => {
    const { say, answerTo, reached, person } = await waiting()
    void say({ id: 2, method: 'tools/list' })
    void say(call(3))
    await settled()
    person.open()
    await settled()
    expect(reached).toContain('initialize again: call')
    expect(answerTo(3).result).toEqual({})
  })

  test('of a hidden tool asks nobody to sign in', async () => {
    const { say, reached, answerTo } = await failed(NOBODY, { hiddenTools: Promise.resolve(createHiddenTools(['x'])) })
    await say(call(2, 'x'))
    expect(answerTo(2).error.data.code).toBe('tool_hidden')
    expect(reached).toEqual(['initialize'])
  })

  test('fails with the address at its bound, and the truth follows all the same', async () => {
    const { say, clock, answerTo, person, reached } = await waiting()
    void say(call(2))
    await settled()
    clock.advance(HOLD_CALL)
    await settled()
    expect(answerTo(2).error).toMatchObject({ data: { code: 'sign_in_pending', url: ADDRESS } })
    person.open()
    await settled()
    await say(call(3))
    expect(answerTo(3).result).toEqual({})
    expect(reached.filter((one) => one === 'tools/call')).toHaveLength(1)
  })

  test('of a host that follows addresses fails as the protocol names it', async () => {
    const { say, clock, answerTo } = await waiting({}, URLS)
    void say(call(2))
    await settled()
    clock.advance(HOLD_CALL)
    await settled()
    expect(answerTo(2).error).toMatchObject({
      code: -32042,
      data: {
        source: 'mcp-oauth-bridge',
        code: 'sign_in_pending',
        hint: expect.stringContaining('Finish the sign-in'),
        elicitations: [{ mode: 'url', url: ADDRESS }],
      },
    })
  })

  test('waits on where the bound is over and nobody is waited for: a slow server has a bound of its own', async () => {
    const made = createWorld()
    made.server.initialize = () => new Promise(() => undefined)
    await made.initialize()
    void made.say(call(2))
    await settled()
    made.clock.advance(HOLD_CALL * 2)
    await settled()
    expect(made.answerTo(2)).toBeUndefined()
  })
})

describe('under a waiting call, progress', () => {
  const asked = (id: number, progressToken: unknown) => call(id, 'echo', { _meta: { progressToken } })

  test('tells the address at once and every 10 seconds, growing, until the call goes on', async () => {
    const { say, clock, progress, person, answerTo } = await waiting()
    void say(asked(2, 'a'))
    await settled()
    expect(progress()).toMatchObject([{ params: { progressToken: 'a', message: expect.any(String) } }])
    expect(progress()[0].params.message).toContain(ADDRESS)
    for (let at = 0; at < 2; at++) {
      clock.advance(10_000)
      await settled()
    }
    const steps = progress().map(({ params }) => params.progress)
    expect(steps).toHaveLength(3)
    expect(steps).toEqual([...steps].sort((a, b) => a - b))
    expect(new Set(steps).size).toBe(3)
    // The server may begin its own with 0.
    expect(Math.max(...steps)).toBeLessThan(0)
    expect(Math.min(...steps)).toBeGreaterThan(-0.01)
    expect(progress().some(({ params }) => 'total' in params)).toBe(false)
    person.open()
    await settled()
    expect(answerTo(2).result).toEqual({})
    clock.advance(60_000)
    await settled()
    expect(progress()).toHaveLength(3)
  })

  test('is told to each call that wants it, once it waits, with its own token', async () => {
    const { say, progress } = await waiting()
    void say(asked(2, 7))
    await settled()
    void say(call(3))
    void say(asked(4, 'b'))
    await settled()
    expect(progress().map(({ params }) => params.progressToken)).toEqual([7, 'b'])
  })

  test('also tells it while the tool that signs in waits', async () => {
    const { say, progress, tools } = await waiting()
    await tools(2)
    void say(call(3, 'sign_in', { _meta: { progressToken: 1 } }))
    await settled()
    expect(progress()[0].params.message).toContain(ADDRESS)
  })

  test('is told in the middle of a session too, but not to a call that the server has seen', async () => {
    const { initialize, say, server, progress, watch, inFlight, clock } = createWorld()
    await initialize()
    server['tools/call'] = () => new Promise(() => undefined)
    void say(asked(2, 'seen'))
    void say(asked(3, 'lost'))
    await settled()
    for (const { message, transmission } of inFlight.unsent()) transmission.sent = message.asks[0] === '2'
    void watch.during(({ tell }) => {
      tell(ADDRESS)
      return new Promise(() => undefined)
    })
    await settled()
    clock.advance(10_000)
    await settled()
    expect(progress().map(({ params }) => params.progressToken)).toEqual(['lost', 'lost'])
  })

  test.each([[null], [{}], [[]], [true]])('is not told for the token %j', async (token) => {
    const { say, progress } = await waiting()
    void say(asked(2, token))
    await settled()
    expect(progress()).toEqual([])
  })
})

describe('inside a waiting call, a host that follows addresses', () => {
  test('is asked once per address, and hears when it is done', async () => {
    const { say, heard, questions, person } = await waiting({}, URLS)
    void say(call(2))
    void say(call(3))
    await settled()
    expect(questions()).toHaveLength(1)
    const [{ params, id }] = questions()
    expect(params).toMatchObject({ mode: 'url', url: ADDRESS, elicitationId: expect.any(String) })
    await say({ id, result: { action: 'accept' } })
    person.open()
    await settled()
    const done = heard().find(({ method }) => method === 'notifications/elicitation/complete')
    expect(done.params).toEqual({ elicitationId: params.elicitationId })
  })

  test('that declines by itself, sooner than a person can, goes on waiting', async () => {
    const { say, questions, answerTo, person, clock } = await waiting({}, URLS)
    void say(call(2))
    await settled()
    clock.advance(999)
    await say({ id: questions()[0].id, result: { action: 'decline' } })
    await settled()
    expect(answerTo(2)).toBeUndefined()
    person.open()
    await settled()
    expect(answerTo(2).result).toEqual({})
  })

  test('whose person declines gets the error with the address at once, and the sign-in goes on', async () => {
    const { say, questions, answerTo, person, watch, clock } = await waiting({}, URLS)
    void say(call(2))
    await settled()
    clock.advance(1_000)
    await say({ id: questions()[0].id, result: { action: 'decline' } })
    await settled()
    expect(answerTo(2).error).toMatchObject({ code: -32042, message: expect.stringContaining(ADDRESS) })
    expect(watch.waiting).toBe(true)
    // The next call is another chance.
    void say(call(3))
    await settled()
    expect(questions()).toHaveLength(2)
    person.open()
    await settled()
    expect(answerTo(3).result).toEqual({})
  })

  test.each([
    ['cancels', { result: { action: 'cancel' } }],
    ['cannot show it', { error: { code: -32603, message: 'no' } }],
  ])('that %s just waits on', async (_, reply) => {
    const { say, questions, answerTo, person } = await waiting({}, URLS)
    void say(call(2))
    await settled()
    await say({ id: questions()[0].id, ...reply })
    await settled()
    expect(answerTo(2)).toBeUndefined()
    person.open()
    await settled()
    expect(answerTo(2).result).toEqual({})
  })

  test('is asked nothing where it has not declared that', async () => {
    const { say, questions } = await waiting({}, { capabilities: { elicitation: { form: {} } } })
    void say(call(2))
    await settled()
    expect(questions()).toEqual([])
  })

  test('is asked nothing for what is no tools/call', async () => {
    const { say, questions } = await waiting({}, URLS)
    void say({ id: 2, method: 'prompts/get', params: { name: 'x' } })
    await settled()
    expect(questions()).toEqual([])
  })
})

describe('the tool that signs in', () => {
  test('answers after everything is done: who is signed in, what can be used, and list_changed is out', async () => {
    const { say, heard, text, person, tools, state, answerTo } = await waiting()
    await tools(2)
    void say(call(3, 'sign_in'))
    await settled()
    state.account = { state: 'signedIn', name: 'ada@example.test' } as never
    person.open()
    await settled()
    // The host loads the tools first, so that its model has them when it goes on.
    expect(answerTo(3)).toBeUndefined()
    expect(await tools(4)).toEqual(['echo', 'add'])
    await settled()
    expect(text(3)).toContain('You are signed in as ada@example.test. 2 tools are available')
    const order = heard().map(({ id, method }) => method ?? id)
    expect(order.indexOf('notifications/tools/list_changed')).toBeLessThan(order.indexOf(3))
    expect(order).toContain('notifications/tools/list_changed')
  })

  test('is known to a host from the process before this one, and answers without a list', async () => {
    const { say, text, person, reached, clock } = await waiting()
    void say(call(3, 'sign_in'))
    await settled()
    person.open()
    await settled()
    clock.advance(1_000)
    await settled()
    expect(text(3)).toContain('2 tools are available')
    void say(call(4, 'sign_in'))
    await settled()
    expect(text(4)).toContain('2 tools are available')
    expect(reached).not.toContain('tools/call')
  })

  test('of a server that has a tool of that name is that of the server, also without a list', async () => {
    const remembered = { 'tools/list': { tools: [{ name: 'sign_in' }] } }
    const { say, answerTo, server, reached } = await failed(NOBODY, { memory: remembered })
    server.initialize = () => INTRODUCTION
    await say(call(3, 'sign_in'))
    expect(answerTo(3).result).toEqual({})
    expect(reached.at(-1)).toBe('tools/call')
    await say(call(4, 'sign_in_to_server'))
    expect(answerTo(4).result.content[0].text).toContain('available')
  })

  test('is the server’s own once the host has its tools, on whichever page of them', async () => {
    const { say, answerTo, server, tools, reached } = await failed()
    await tools(2)
    server.initialize = () => INTRODUCTION
    server['tools/list'] = ({ bytes }) =>
      Buffer.from(bytes).includes('cursor') ? { tools: [{ name: 'sign_in' }] } : { tools: TOOLS, nextCursor: 'two' }
    await say(call(3))
    expect(await tools(4)).toEqual(['echo', 'add'])
    await say({ id: 5, method: 'tools/list', params: { cursor: 'two' } })
    await settled()
    await say(call(6, 'sign_in'))
    expect(answerTo(6).result).toEqual({})
    expect(reached.at(-1)).toBe('tools/call')
  })

  test('asks a person as itself', async () => {
    const { say, tools, reached } = await failed()
    await tools(2)
    await say(call(3, 'sign_in'))
    expect(reached).toContain('initialize again: signIn')
  })

  test('says where and to call again at its bound, then that it is done', async () => {
    const { say, text, person, tools, clock } = await waiting()
    await tools(2)
    void say(call(3, 'sign_in'))
    await settled()
    clock.advance(HOLD_CALL)
    await settled()
    expect(text(3)).toContain(ADDRESS)
    void say(call(4, 'sign_in'))
    await settled()
    person.open()
    await settled()
    // This host does not load the tools.
    clock.advance(1_000)
    await settled()
    expect(text(4)).toContain('2 tools are available')
  })

  test('that is called when somebody is signed in already says so at once', async () => {
    const { say, text, tools, server, clock } = await failed()
    await tools(2)
    server.initialize = () => INTRODUCTION
    await say(call(3))
    await settled()
    clock.advance(1_000)
    await say(call(4, 'sign_in'))
    expect(text(4)).toContain('You are signed in. 2 tools are available')
  })

  test('says of a host that reads the list once that it has to be restarted', async () => {
    const { say, text, tools, server } = await failed(NOBODY, {}, { clientInfo: { name: 'codex-mcp-client' } })
    await tools(2)
    server.initialize = () => INTRODUCTION
    await say(call(3, 'sign_in'))
    expect(text(3)).toContain('restart Codex')
  })

  test.each([
    ['the person says no', DENIED, 'They said no. Ask.'],
    ['the server is down', DOWN, `${DOWN.message} ${DOWN.hint}`],
    ['nobody may be asked', NOBODY, 'The user can also run: mcp-oauth-bridge login'],
  ])('says why and what to do where %s', async (_, error, words) => {
    const { say, text, tools, server, answerTo } = await failed()
    await tools(2)
    server.initialize = () => error
    await say(call(3, 'sign_in'))
    expect(text(3)).toContain(words)
    expect(answerTo(3).result.isError).toBe(true)
  })

  test('keeps the reason of a sign-in that failed in its description, and the host is told to look', async () => {
    const { say, person, tools, answerTo, count, text } = await waiting()
    await tools(2)
    void say(call(3, 'sign_in'))
    await settled()
    person.fail(DENIED)
    await settled()
    expect(text(3)).toContain('They said no. Ask.')
    expect(count('notifications/tools/list_changed')).toBe(1)
    await tools(4)
    expect(answerTo(4).result.tools[0].description).toMatch(/They said no\. .*Ask\./)
    await settled()
    expect(count('notifications/tools/list_changed')).toBe(1)
  })

  test('is the server’s own where that has one of this name and the host knows its list', async () => {
    const { say, tools, server, reached } = await failed()
    await tools(2)
    server.initialize = () => INTRODUCTION
    server['tools/list'] = () => ({ tools: [...TOOLS, { name: 'sign_in' }] })
    await say(call(3))
    await tools(4)
    await say(call(5, 'sign_in'))
    expect(reached.filter((one) => one === 'tools/call')).toHaveLength(2)
  })
})

test('a call that the host takes back gets no answer', async () => {
  const { say, inFlight, tools, person, heard } = await waiting()
  await tools(2)
  void say(call(3, 'sign_in'))
  await settled()
  const pending = inFlight.cancel('3')
  pending?.finish()
  pending?.abort(new Error('taken back'))
  person.open()
  await settled()
  expect(heard().filter(({ id }) => id === 3)).toEqual([])
})

test('a server that refuses to be initialized is the error of the call, in its own words', async () => {
  const { say, answerTo, server } = await failed()
  server.initialize = () => ({ error: { code: -32603, message: 'not today' } })
  await say(call(2))
  expect(answerTo(2).error.data.code).toBe('server_error')
  expect(answerTo(2).error.message).toContain('not today')
})
