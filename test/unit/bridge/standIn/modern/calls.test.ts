// Calls of a host of 2026 while nobody is signed in: the sign-in is asked for in the answer where the host can show an address, and what
// was answered here never reaches the server.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../../src/errors.ts'
import { createGate, settled } from '../../../../fakes/gate.ts'
import { ADDRESS, HOLD_CALL, TOOLS } from '../world.ts'
import { createWorld, URLS, type World } from './world.ts'

const KEY = 'mcp-oauth-bridge-sign-in'
const call = (id: unknown, params: object = { name: 'echo' }) => ({ id, method: 'tools/call', params })

/** A server that wants a person. */
function locked(world: World = { account: { state: 'signedOut' }, era: '2026' }) {
  const made = createWorld(world)
  const lock = made.lock()
  /** The call again, with what the person did and the state that came. */
  const again = (
    id: unknown,
    asked: { readonly requestState?: string },
    action: string | undefined = 'accept',
    { method, params = { name: 'echo' } }: { method?: string; params?: object } = {},
  ) =>
    made.say(
      {
        id,
        method: method ?? 'tools/call',
        params: {
          ...params,
          ...(action === undefined ? {} : { inputResponses: { [KEY]: { action } } }),
          requestState: asked.requestState,
        },
      },
      URLS,
    )
  return { ...made, lock, again }
}

describe('where the host can show an address', () => {
  test.each([
    ['tools/call', { name: 'echo' }],
    ['prompts/get', { name: 'p' }],
    ['resources/read', { uri: 'file:///a' }],
  ])('%s asks for the sign-in in its answer as soon as the address is known', async (method, params) => {
    const { say, answerTo } = locked()
    await say({ id: 1, method, params }, URLS)
    expect(answerTo(1).result).toEqual({
      resultType: 'input_required',
      inputRequests: {
        [KEY]: {
          method: 'elicitation/create',
          params: { mode: 'url', url: ADDRESS, message: 'Please sign in to https://mcp.example.com/mcp.' },
        },
      },
      requestState: expect.any(String),
    })
  })

  test('a call that was answered so never reaches the server; its retry does once, as the host would have sent it', async () => {
    const { say, answerTo, again, lock, reached, seen } = locked()
    await say(call(1), URLS)
    const retry = again(2, answerTo(1).result)
    await settled()
    expect(answerTo(2)).toBeUndefined()
    await lock.open()
    await retry
    expect(answerTo(2).result).toEqual({ content: [] })
    expect(reached).toEqual(['tools/call'])
    expect(Object.keys(seen[0]?.params ?? {})).toEqual(['name', '_meta'])
    expect(seen[0]?.id).toBe(2)
  })

  test('a retry without the state, or with the state alone, is known all the same', async () => {
    const { say, answerTo, again, lock, seen } = locked()
    await say(call(1), URLS)
    const { requestState } = answerTo(1).result
    const withoutState = again(2, {})
    const stateAlone = again(3, { requestState }, undefined)
    await settled()
    await lock.open()
    await Promise.all([withoutState, stateAlone])
    expect(seen.map(({ params }) => Object.keys(params))).toEqual([
      ['name', '_meta'],
      ['name', '_meta'],
    ])
  })

  test('a retry waits for the bound of a call, and is asked again while nobody has come', async () => {
    const { say, answerTo, again, clock, reached } = locked()
    await say(call(1), URLS)
    void again(2, answerTo(1).result)
    await settled()
    clock.advance(HOLD_CALL - 1)
    await settled()
    expect(answerTo(2)).toBeUndefined()
    clock.advance(1)
    await settled()
    expect(answerTo(2).result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { [KEY]: { params: { url: ADDRESS } } },
    })
    expect(reached).toEqual([])
  })

  test('what the host had answered to the server goes with the retry, byte for byte', async () => {
    const { sayLine, answerTo, lock, seen } = locked()
    const meta =
      '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"url":{}}}}'
    const responses = '{"who":{"action":"accept","content":{"big":12345678901234567890.10,"odd":"\\ud800"}}}'
    const state = `"${'x'.repeat(1_000_000)}\\u0000\\ud800 \\"+/="`
    await sayLine(
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","inputResponses":${responses},"requestState":${state},${meta}}}`,
    )
    const { requestState } = answerTo(1).result
    const retry = sayLine(
      `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"a","inputResponses":{"${KEY}":{"action":"accept"}},"requestState":${JSON.stringify(requestState)},${meta}}}`,
    )
    await settled()
    await lock.open()
    await retry
    expect(seen[0]?.params).toMatchObject({ inputResponses: JSON.parse(responses), requestState: JSON.parse(state) })
  })

  test('a retry of a question of the server passes as it came', async () => {
    const { say, seen, server } = createWorld()
    server['tools/call'] = () => ({ content: [] })
    const params = { name: 'a', inputResponses: { who: { action: 'accept' } }, requestState: 'S' }
    await say(call(1, params), URLS)
    expect(seen[0]?.params).toMatchObject(params)
  })

  test.each(['decline', 'cancel'])('a person who says %s gets the error with the address at once', async (action) => {
    const { say, answerTo, again, clock, reached, lock } = locked()
    await say(call(1), URLS)
    clock.advance(1_000)
    void again(2, answerTo(1).result, action)
    await settled()
    clock.advance(0)
    await settled()
    expect(answerTo(2).error.data).toMatchObject({ code: 'sign_in_pending', url: ADDRESS })
    await lock.open()
    expect(reached).toEqual([])
  })

  test('a host that declines by itself is no person: the call waits, and fails without asking again', async () => {
    const { say, answerTo, again, clock } = locked()
    await say(call(1), URLS)
    clock.advance(999)
    void again(2, answerTo(1).result, 'cancel')
    await settled()
    clock.advance(0)
    await settled()
    expect(answerTo(2)).toBeUndefined()
    clock.advance(HOLD_CALL)
    await settled()
    expect(answerTo(2).error.data).toMatchObject({ code: 'sign_in_pending', url: ADDRESS })
  })

  test('a person who declined and has signed in all the same gets the result', async () => {
    const { say, answerTo, again, clock, lock } = locked()
    await say(call(1), URLS)
    clock.advance(5_000)
    await lock.open()
    await again(2, answerTo(1).result, 'decline')
    expect(answerTo(2).result).toEqual({ content: [] })
  })

  test('the question says why no tab opens by itself', async () => {
    const { say, answerTo, watch, server } = createWorld({ account: { state: 'signedOut' } })
    server['tools/call'] = () =>
      watch
        .bounded(
          () =>
            watch.during(({ tell }) => {
              tell(ADDRESS, 'The last sign-in failed.')
              return new Promise(() => undefined)
            }),
          HOLD_CALL,
        )
        .catch((thrown: unknown) => thrown)
    await say(call(1), URLS)
    expect(answerTo(1).result.inputRequests[KEY].params.message).toBe(
      'The last sign-in failed. Please sign in to https://mcp.example.com/mcp.',
    )
  })

  test('where no tab opens by itself, a retry waits all the same, for the one whose address it was shown', async () => {
    const { say, answerTo, watch, server, clock, reached } = createWorld({ account: { state: 'signedOut' } })
    const person = createGate()
    let isThere = false
    server['tools/call'] = () =>
      isThere
        ? { content: [] }
        : watch
            .bounded(
              () =>
                watch.during(({ tell }) => {
                  tell(ADDRESS, 'The last sign-in failed.')
                  return person.passed
                }),
              HOLD_CALL,
            )
            .catch((thrown: unknown) => thrown)
    await say(call(1), URLS)
    const inputResponses = { [KEY]: { action: 'accept' } }
    void say(call(2, { name: 'echo', inputResponses }), URLS)
    void say(call(3, { name: 'echo', inputResponses }), URLS)
    await settled()
    clock.advance(HOLD_CALL - 1)
    await settled()
    expect([answerTo(2), answerTo(3)]).toEqual([undefined, undefined])
    isThere = true
    person.open()
    await settled()
    expect(answerTo(2).result).toEqual({ content: [] })
    expect(reached).toEqual(['tools/call', 'tools/call'])
  })

  test('where no tab opens by itself, a retry is asked again at its bound', async () => {
    const { say, answerTo, watch, server, clock } = createWorld({ account: { state: 'signedOut' } })
    server['tools/call'] = () =>
      watch
        .bounded(
          () =>
            watch.during(({ tell }) => {
              tell(ADDRESS, 'The last sign-in failed.')
              return new Promise(() => undefined)
            }),
          HOLD_CALL,
        )
        .catch((thrown: unknown) => thrown)
    void say(call(2, { name: 'echo', inputResponses: { [KEY]: { action: 'accept' } } }), URLS)
    await settled()
    expect(answerTo(2)).toBeUndefined()
    clock.advance(HOLD_CALL)
    await settled()
    expect(answerTo(2).result.resultType).toBe('input_required')
  })

  test('ten calls at once are each asked, and each retry runs once', async () => {
    const { say, answerTo, again, lock, reached } = locked()
    const ids = Array.from({ length: 10 }, (_, at) => at + 1)
    await Promise.all(ids.map((id) => say(call(id), URLS)))
    const retries = ids.map((id) => again(id + 100, answerTo(id).result))
    await settled()
    await lock.open()
    await Promise.all(retries)
    expect(ids.map((id) => answerTo(id + 100).result)).toEqual(ids.map(() => ({ content: [] })))
    expect(reached).toEqual(ids.map(() => 'tools/call'))
  })

  test('a sign-in that fails is the error of the call that waits for it', async () => {
    const { say, answerTo, again, lock } = locked()
    await say(call(1), URLS)
    void again(2, answerTo(1).result)
    await settled()
    lock.fail(new BridgeError('access_denied', { message: 'They said no.' }))
    await settled()
    expect(answerTo(2).error).toMatchObject({ message: 'They said no.', data: { code: 'access_denied' } })
  })

  test('a call that the host cancels is not answered, whenever that is', async () => {
    const { say, answerTo, again, cancel, lock, reached } = locked()
    await say(call(1), URLS)
    void again(2, answerTo(1).result)
    await settled()
    cancel(2)
    await settled()
    await lock.open()
    expect(answerTo(2)).toBeUndefined()
    expect(reached).toEqual([])
  })

  test.each([
    ['a state that is no JSON', `${KEY}.${Buffer.from('{').toString('base64url')}`],
    ['members that are no JSON', `${KEY}.${Buffer.from('{"at":1,"inputResponses":"{,"}').toString('base64url')}`],
    ['no state', `${KEY}.`],
    ['another thing', `${KEY}.!!!`],
  ])('a retry with %s is carried out as if it had none', async (_, requestState) => {
    const { say, seen, server } = createWorld()
    server['tools/call'] = () => ({ content: [] })
    await say(call(1, { name: 'echo', requestState, inputResponses: { [KEY]: { action: 'accept' }, other: 1 } }), URLS)
    expect(seen[0]?.params).toMatchObject({ name: 'echo', inputResponses: { other: 1 } })
    expect(seen[0]?.params).not.toHaveProperty('requestState')
  })
})

describe('where the host cannot', () => {
  test.each([
    ['it declares nothing', {}, 'tools/call'],
    ['it declares forms only', { elicitation: {} }, 'tools/call'],
    ['url is no object', { elicitation: { url: true } }, 'tools/call'],
    ['the request cannot be answered with a question', URLS, 'completion/complete'],
  ])('a call waits and fails with the address: %s', async (_, capabilities, method) => {
    const { say, answerTo, clock, reached, lock } = locked()
    void say({ id: 1, method, params: { name: 'echo' } }, capabilities)
    await settled()
    expect(answerTo(1)).toBeUndefined()
    clock.advance(HOLD_CALL)
    await settled()
    expect(answerTo(1).error).toMatchObject({ data: { code: 'sign_in_pending', url: ADDRESS } })
    await lock.open()
    expect(reached).toEqual([])
  })

  test('a waiting call tells the address as progress, under the token that it came with', async () => {
    const { say, heard, lock, answerTo } = locked()
    const waiting = say(call(1, { name: 'echo', _meta: { progressToken: 'p' } }))
    await settled()
    expect(heard()).toMatchObject([{ method: 'notifications/progress', params: { progressToken: 'p' } }])
    expect(heard()[0].params.message).toContain(ADDRESS)
    await lock.open()
    await waiting
    expect(answerTo(1).result).toEqual({ content: [] })
  })
})

test('another request that waits for a person has the bound of a call', async () => {
  const { say, answerTo, server, watch, clock, reached } = createWorld()
  server['x/y'] = () => watch.during(() => new Promise(() => undefined))
  void say({ id: 1, method: 'x/y' })
  await settled()
  clock.advance(HOLD_CALL)
  await settled()
  expect(answerTo(1).error.data.code).toBe('sign_in_pending')
  expect(reached).toEqual([])
})

describe('the tool that signs in', () => {
  const signIn = (id: number, params: object = {}) => call(id, { name: 'sign_in', ...params })

  test('says who is signed in and what can be used now, after the host has heard of it', async () => {
    const { say, tools, lock, answerTo, state, clock, listen, count } = locked({ account: { state: 'signedOut' } })
    await listen()
    expect(await tools(1)).toEqual(['sign_in'])
    const called = say(signIn(2))
    await settled()
    state.account = { state: 'signedIn', name: 'Ada' }
    await lock.open()
    expect(count('notifications/tools/list_changed')).toBe(1)
    clock.advance(1_000)
    await called
    expect(answerTo(2).result).toEqual({
      resultType: 'complete',
      content: [
        {
          type: 'text',
          text: 'You are signed in as Ada. 2 tools are available; the host has been told to load them, so they can be called now.',
        },
      ],
    })
  })

  test('does not say that the host was told where no listen of it is open', async () => {
    const { say, tools, lock, answerTo, state } = locked({ account: { state: 'signedOut' } })
    await tools(1)
    const called = say(signIn(2))
    await settled()
    state.account = { state: 'signedIn', name: 'Ada' }
    await lock.open()
    await called
    expect(answerTo(2).result.content[0].text).toContain('as soon as it asks for the list of tools again')
  })

  test('asks for the sign-in where the host can show an address', async () => {
    const { say, tools, answerTo, lock, again, state, clock } = locked({ account: { state: 'signedOut' } })
    await tools(1)
    await say(signIn(2), URLS)
    expect(answerTo(2).result.inputRequests[KEY].params.url).toBe(ADDRESS)
    const retry = again(3, answerTo(2).result, 'accept', { params: { name: 'sign_in' } })
    await settled()
    state.account = { state: 'signedIn' }
    await lock.open()
    clock.advance(1_000)
    await retry
    expect(answerTo(3).result.content[0].text).toMatch(/^You are signed in\. 2 tools/)
  })

  test('says where to sign in at its bound', async () => {
    const { say, tools, answerTo, clock } = locked({ account: { state: 'signedOut' } })
    await tools(1)
    void say(signIn(2))
    await settled()
    clock.advance(HOLD_CALL)
    await settled()
    expect(answerTo(2).result.content[0].text).toContain(`at this address: ${ADDRESS}`)
  })

  test('is known to a host that has its list from the process before this one', async () => {
    const world = { account: { state: 'signedOut' }, memory: { 'tools/list': { tools: TOOLS } } } as const
    const { say, answerTo, clock } = locked(world)
    void say(signIn(2))
    await settled()
    clock.advance(HOLD_CALL)
    await settled()
    expect(answerTo(2).result.content[0].text).toContain(ADDRESS)
  })

  test('is the server’s where it has one of that name', async () => {
    const { say, server, answerTo } = createWorld()
    server['tools/call'] = () => ({ content: [{ type: 'text', text: 'mine' }] })
    await say(signIn(2))
    expect(answerTo(2).result.content[0].text).toBe('mine')
  })
})
