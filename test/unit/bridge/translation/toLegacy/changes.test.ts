// What a 2025 server says unasked, and how a 2026 host that listens for it hears it.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../../src/errors.ts'
import { initializeResult, plain, type Served } from '../../../../fakes/fakeLegacyServer.ts'
import { settled } from '../../../../fakes/gate.ts'
import { EVERYTHING, metaOf, setUp, type World } from './world.ts'

const TAG = 'io.modelcontextprotocol/subscriptionId'
const changed = (list: string) => ({ method: `notifications/${list}/list_changed` })
const updated = (uri: string) => ({ method: 'notifications/resources/updated', params: { uri } })
const ALL = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }

/** A listen that is acknowledged. */
async function listen({ ask, hear }: World, notifications: object, id: unknown = 'L') {
  const asking = ask('subscriptions/listen', { notifications }, metaOf(), id)
  const isIts = (one: { method?: string; params: { _meta?: Record<string, unknown> } }) =>
    one.method === 'notifications/subscriptions/acknowledged' && one.params._meta?.[TAG] === id
  return { asking, acknowledged: await hear(isIts) }
}

describe('a listen', () => {
  test('is acknowledged with what the server can do, and nothing else', async () => {
    const world = setUp((served) =>
      served.message.method === 'initialize'
        ? initializeResult({
            capabilities: { tools: { listChanged: true }, resources: {}, prompts: { listChanged: false } },
          })
        : {},
    )
    const filter = { ...ALL, resourceSubscriptions: ['a:b'], com: 1 }
    const { acknowledged, asking } = await listen(world, filter, 'x')
    expect(acknowledged).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: { _meta: { [TAG]: 'x' }, notifications: { toolsListChanged: true } },
    })
    expect(world.server.count('resources/subscribe')).toBe(0)
    await asking.pending.done
    expect(asking.pending.open.size).toBe(1)
  })

  test.each([
    ['none', {}],
    ['only no', { toolsListChanged: false, promptsListChanged: 'true' }],
    ['no list of URIs', { resourceSubscriptions: 'a:b' }],
  ])('that wants %s is acknowledged with nothing', async (_, filter) => {
    const { acknowledged } = await listen(setUp(), filter)
    expect(acknowledged.params.notifications).toEqual({})
  })

  test('hears each change that it asked for, with its own id', async () => {
    const world = setUp()
    await listen(world, { toolsListChanged: true }, 12345)
    await listen(world, ALL, 'b')
    await world.server.say({ ...changed('tools'), params: { _meta: { x: 1 }, more: 2 } })
    await world.server.say(changed('prompts'))
    await world.server.say(changed('resources'))
    await settled()
    expect(world.heard.slice(2)).toEqual([
      { jsonrpc: '2.0', ...changed('tools'), params: { _meta: { x: 1, [TAG]: 12345 }, more: 2 } },
      { jsonrpc: '2.0', ...changed('tools'), params: { _meta: { x: 1, [TAG]: 'b' }, more: 2 } },
      { jsonrpc: '2.0', ...changed('prompts'), params: { _meta: { [TAG]: 'b' } } },
      { jsonrpc: '2.0', ...changed('resources'), params: { _meta: { [TAG]: 'b' } } },
    ])
  })

  test('hears a change that comes on the stream of a call', async () => {
    const world = setUp()
    await listen(world, ALL)
    world.ask('tools/call', { name: 'a' })
    await (await world.server.untilMethod('tools/call')).say(changed('tools'))
    expect(world.heard.at(-1)).toMatchObject(changed('tools'))
  })

  test('subscribes to its URIs, and leaves out what the server refuses', async () => {
    const world = setUp((served) => {
      if (served.message.params?.uri !== 'b:no') return plain(served)
      void served.error({ code: -32002, message: 'no' })
      return undefined
    })
    const { acknowledged } = await listen(world, { resourceSubscriptions: ['a:b', 'b:no', 'a:b', 7, 'c:\ud800'] })
    expect(acknowledged.params.notifications).toEqual({ resourceSubscriptions: ['a:b', 'c:\ud800'] })
    await world.server.say(updated('b:no'))
    await world.server.say(updated('a:b'))
    await world.server.say(updated('a:b/part'))
    await world.server.say(updated('a:bc'))
    await settled()
    expect(world.heard.slice(1).map(({ params }) => params.uri)).toEqual(['a:b', 'a:b/part'])
  })

  test('counts a resource over all listens, and gives it up with the last of them', async () => {
    const world = setUp()
    const first = await listen(world, { resourceSubscriptions: ['a:b'] }, 1)
    const second = await listen(world, { resourceSubscriptions: ['a:b', 'c:d'] }, 2)
    expect(world.server.count('resources/subscribe')).toBe(2)
    await world.cancel(first.asking)
    await settled()
    expect(world.server.count('resources/unsubscribe')).toBe(0)
    await world.server.say(updated('a:b'))
    await settled()
    expect(world.heard.at(-1).params).toEqual({ uri: 'a:b', _meta: { [TAG]: 2 } })
    await world.cancel(second.asking)
    await settled()
    expect(world.server.count('resources/unsubscribe')).toBe(2)
    expect(world.server.count('notifications/cancelled')).toBe(0)
    await listen(world, { resourceSubscriptions: ['a:b'] }, 3)
    expect(world.server.count('resources/subscribe')).toBe(3)
  })

  test('hears what came before its acknowledgment after it', async () => {
    let subscribe: Served | undefined
    const world = setUp((served) => {
      if (served.message.method !== 'resources/subscribe') return plain(served)
      subscribe = served
      return undefined
    })
    world.ask('subscriptions/listen', { notifications: { ...ALL, resourceSubscriptions: ['a:b'] } })
    await world.server.untilMethod('resources/subscribe')
    await world.server.say(updated('a:b'))
    await settled()
    expect(world.heard).toEqual([])
    await subscribe?.result()
    await settled()
    expect(world.heard.map(({ method }) => method)).toEqual([
      'notifications/subscriptions/acknowledged',
      'notifications/resources/updated',
    ])
  })

  test('that the host takes back hears nothing more, and has no answer', async () => {
    const world = setUp()
    const { asking } = await listen(world, ALL)
    await world.cancel(asking)
    await asking.over
    await world.server.say(changed('tools'))
    await settled()
    expect(world.heard).toHaveLength(1)
  })

  test('ends with an answer when the bridge ends, and with the session its subscriptions', async () => {
    const world = setUp()
    const { asking } = await listen(world, { ...ALL, resourceSubscriptions: ['a:b'] }, 'x')
    await world.end()
    await asking.over
    expect(world.heard.slice(1)).toEqual([
      { jsonrpc: '2.0', id: 'x', result: { resultType: 'complete', _meta: { [TAG]: 'x' } } },
    ])
    expect(world.server.count('resources/unsubscribe')).toBe(0)
  })

  test('whose session was lost and made again says once that everything may have changed', async () => {
    const world = setUp()
    await listen(world, { toolsListChanged: true, resourceSubscriptions: ['a:b'] })
    world.server.lose()
    await settled()
    expect(world.heard.slice(1)).toMatchObject([changed('tools'), updated('a:b')])
  })

  test('whose session cannot be made again ends as one that was not meant to, and the next request begins anew', async () => {
    const world = setUp()
    const { asking } = await listen(world, ALL, 'x')
    world.server.lose(new BridgeError('session_lost'))
    await asking.over
    expect(world.heard.slice(1)).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { _meta: { [TAG]: 'x' }, requestId: 'x', reason: expect.any(String) },
      },
    ])
    expect(world.server.hasEnded(0)).toBe(true)
    await listen(world, ALL, 'y')
    expect(world.server.sessions).toBe(2)
  })

  test('does not keep a session from ending when the host declares other things', async () => {
    const world = setUp()
    const { asking } = await listen(world, ALL, 'x')
    for (const name of ['a', 'b', 'c']) await world.ask('tools/list', {}, metaOf({ [name]: {} })).over
    await world.ask('tools/list', {}, metaOf({ d: {} })).over
    expect(world.server.hasEnded(0)).toBe(false)
    for (const name of ['b', 'c', 'd']) world.ask('tools/call', { name }, metaOf({ [name]: {} }))
    await world.server.untilMethod('tools/call', 3)
    await world.ask('tools/list', {}, metaOf({ e: {} })).over
    await asking.over
    expect(world.heard.filter(({ method }) => method === 'notifications/cancelled')).toHaveLength(1)
  })
})

describe('progress', () => {
  const progress = (progressToken: unknown, step: number) => ({
    method: 'notifications/progress',
    params: { progressToken, progress: step },
  })

  test('comes with the token of the request that waits now: a retry has its own', async () => {
    const { ask, server, pass, heard } = setUp()
    const first = ask('tools/call', { name: 'a' }, metaOf(EVERYTHING, { progressToken: 'one' }))
    const served = await server.untilMethod('tools/call')
    expect(served.message.params._meta).toEqual({ progressToken: 'one' })
    await served.say(progress('one', 1))
    await served.say({ id: 7, method: 'roots/list' })
    await pass(20)
    await served.say(progress('one', 2))
    const { requestState, inputRequests } = (await first.answer).result
    const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, { roots: [] }]))
    ask('tools/call', { name: 'a', requestState, inputResponses }, metaOf(EVERYTHING, { progressToken: 2 }))
    await settled()
    await served.say(progress('one', 3))
    await server.say(progress('one', 4))
    expect(heard.filter(({ method }) => method).map(({ params }) => params)).toEqual([
      { progressToken: 'one', progress: 1 },
      { progressToken: 2, progress: 3 },
      { progressToken: 2, progress: 4 },
    ])
  })

  test('of a retry without a token is not told', async () => {
    const { asked, ask, heard } = setUp()
    const meta = metaOf(EVERYTHING, { progressToken: 1 })
    const { served, requestState } = await asked([{ id: 7, method: 'roots/list' }], 'greet', meta)
    ask('tools/call', { name: 'greet', requestState, inputResponses: {} })
    await served.say(progress(1, 3))
    expect(heard).toHaveLength(1)
  })

  test('of two calls with one token goes to each of them', async () => {
    const { asked, ask, server, heard } = setUp()
    const meta = metaOf(EVERYTHING, { progressToken: 1 })
    const { requestState } = await asked([{ id: 7, method: 'roots/list' }], 'greet', meta)
    ask('tools/call', { name: 'other' }, meta)
    const second = await server.untilMethod('tools/call', 2)
    const token = second.message.params._meta.progressToken
    expect(token).not.toBe(1)
    ask('tools/call', { name: 'greet', requestState, inputResponses: {} }, metaOf(EVERYTHING, { progressToken: 'r' }))
    await server.say(progress(token, 5))
    await server.say(progress(1, 6))
    expect(heard.slice(1).map(({ params }) => params)).toEqual([
      { progressToken: 1, progress: 5 },
      { progressToken: 'r', progress: 6 },
    ])
  })

  test('that belongs to nothing is dropped', async () => {
    const { ask, server, heard, log } = setUp()
    await ask('tools/list').over
    await server.say(progress(1, 1))
    expect(heard).toHaveLength(1)
    expect(log.entries.map(({ fields }) => fields.method)).toContain('notifications/progress')
  })
})

describe('log messages', () => {
  const said = (level: unknown) => ({ method: 'notifications/message', params: { level, data: 'x' } })
  const leveled = (level: string) => metaOf(EVERYTHING, { 'io.modelcontextprotocol/logLevel': level })

  test('come as the request wants them, and the server is told once', async () => {
    const { ask, server, heard } = setUp()
    ask('tools/call', { name: 'a' }, leveled('warning'))
    const served = await server.untilMethod('tools/call')
    expect(server.methods().slice(2)).toEqual(['logging/setLevel', 'tools/call'])
    expect(server.served[2]?.message.params).toEqual({ level: 'warning' })
    for (const level of ['debug', 'notice', 'warning', 'emergency', 'odd']) await served.say(said(level))
    expect(heard.map(({ params }) => params.level)).toEqual(['warning', 'emergency', 'odd'])
    ask('tools/call', { name: 'b' }, leveled('warning'))
    await server.untilMethod('tools/call', 2)
    expect(server.count('logging/setLevel')).toBe(1)
  })

  test('of a request that wants none are not told', async () => {
    const { ask, server, heard } = setUp()
    ask('tools/call', { name: 'a' })
    await (await server.untilMethod('tools/call')).say(said('emergency'))
    expect(heard).toEqual([])
    expect(server.count('logging/setLevel')).toBe(0)
  })

  test('come as the most verbose of the open requests wants them, to each as it wants', async () => {
    const { ask, server, heard } = setUp()
    ask('tools/call', { name: 'a' }, leveled('debug'))
    const first = await server.untilMethod('tools/call')
    ask('tools/call', { name: 'b' }, leveled('error'))
    const second = await server.untilMethod('tools/call', 2)
    expect(server.count('logging/setLevel')).toBe(1)
    await second.say(said('debug'))
    await first.say(said('debug'))
    expect(heard).toHaveLength(1)
    await first.result()
    ask('tools/call', { name: 'c' }, leveled('error'))
    await server.untilMethod('tools/call', 3)
    expect(server.served.filter(({ message }) => message.method === 'logging/setLevel').at(-1)?.message.params).toEqual(
      { level: 'error' },
    )
  })

  test('on no stream of a call go to an open request that wants them', async () => {
    const { ask, server, heard } = setUp()
    ask('tools/call', { name: 'a' }, leveled('info'))
    ask('tools/call', { name: 'b' })
    await server.untilMethod('tools/call', 2)
    await server.say(said('info'))
    await server.say(said('debug'))
    expect(heard).toEqual([{ jsonrpc: '2.0', ...said('info') }])
  })

  test('are not asked of a server that has none', async () => {
    const { ask, server } = setUp((served) =>
      served.message.method === 'initialize' ? initializeResult({ capabilities: {} }) : {},
    )
    await ask('tools/list', {}, leveled('debug')).over
    expect(server.count('logging/setLevel')).toBe(0)
  })

  test('that the server refuses to send do not hold up the request', async () => {
    const { ask } = setUp((served) => {
      if (served.message.method === 'logging/setLevel') served.fail(new BridgeError('server_error'))
      return served.message.method === 'logging/setLevel' ? undefined : plain(served)
    })
    const asking = ask('tools/list', {}, leveled('debug'))
    expect((await asking.answer).result.resultType).toBe('complete')
    expect(await asking.over).toBeUndefined()
  })
})

describe('notifications that 2026 has no place for', () => {
  test.each(['notifications/com.example', 'notifications/tasks/status', 'notifications/elicitation/complete'])(
    '%s of the server is dropped',
    async (method) => {
      const { ask, server, heard } = setUp()
      ask('tools/call', { name: 'a' })
      await (await server.untilMethod('tools/call')).say({ method, params: { elicitationId: 'x' } })
      await server.say({ method })
      expect(heard).toEqual([])
    },
  )

  test.each(['notifications/initialized', 'notifications/roots/list_changed', 'notifications/progress'])(
    '%s of the host is dropped',
    async (method) => {
      const { ask, line, server } = setUp()
      await ask('tools/list').over
      const before = server.served.length
      await line(JSON.stringify({ jsonrpc: '2.0', method })).over
      expect(server.served).toHaveLength(before)
    },
  )

  test('but others of the host pass, without the members of the protocol', async () => {
    const { ask, line, server } = setUp()
    const said = { jsonrpc: '2.0', method: 'notifications/com.example', params: { a: 1 } }
    await line(JSON.stringify(said)).over
    await ask('tools/list').over
    await line(JSON.stringify({ ...said, params: { a: 1, _meta: metaOf() } })).over
    expect(server.served.filter(({ message }) => message.method === said.method).map(({ message }) => message)).toEqual(
      [said],
    )
  })

  test('an answer of the host, which asks nothing of it, is dropped', async () => {
    const { line, server } = setUp()
    expect(await line('{"jsonrpc":"2.0","id":1,"result":{}}').over).toBeUndefined()
    expect(server.sessions).toBe(0)
  })
})
