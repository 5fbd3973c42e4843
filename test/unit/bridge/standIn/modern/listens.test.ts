// Listens of a host of 2026: acknowledged here while the server is not there, opened at the server when it is, and ended as they should.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../../src/errors.ts'
import { createGate, settled } from '../../../../fakes/gate.ts'
import { ADDRESS, HOLD } from '../world.ts'
import { createWorld, LISTEN_ID, type World } from './world.ts'

const DOWN = new BridgeError('server_unreachable')
const NOBODY = new BridgeError('not_signed_in')
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'
const CHANGED = 'notifications/tools/list_changed'
const subscribed = (uri: string) => ({ toolsListChanged: true, resourceSubscriptions: [uri] })

function failing(error: BridgeError, world: World = { era: '2026' }) {
  const made = createWorld(world)
  made.server['subscriptions/listen'] = () => error
  const acknowledged = () => made.heard().filter(({ method }) => method === ACKNOWLEDGED)
  return {
    ...made,
    acknowledged,
    /** The server is there again, as a request of the host shows. */
    async comeBack() {
      made.server['subscriptions/listen'] = () => ({})
      await made.say({ id: 99, method: 'x/y' })
      await settled()
    },
  }
}

test('a server that is there acknowledges itself, and its news pass as they are', async () => {
  const { listen, streams, heard, inFlight } = createWorld()
  await listen()
  await streams[0]?.say({ method: 'notifications/resources/updated', params: { uri: 'x', odd: 1e1 } })
  expect(heard().map(({ method }) => method)).toEqual([ACKNOWLEDGED, 'notifications/resources/updated'])
  await inFlight.idle()
})

describe.each([
  ['nobody is signed in', NOBODY],
  ['the server is down', DOWN],
])('where %s', (_, error) => {
  test('it is acknowledged here once, and opened when the server is there', async () => {
    const { listen, acknowledged, streams, comeBack, inFlight, reached } = failing(error)
    await listen()
    expect(acknowledged()).toMatchObject([
      {
        params: {
          _meta: { 'io.modelcontextprotocol/subscriptionId': LISTEN_ID },
          notifications: { toolsListChanged: true, promptsListChanged: true },
        },
      },
    ])
    await inFlight.idle()
    await comeBack()
    expect(streams).toHaveLength(1)
    expect(acknowledged()).toHaveLength(1)
    expect(reached).toEqual(['x/y', 'subscriptions/listen'])
  })

  test('its news pass once it is open', async () => {
    const { listen, comeBack, streams, count } = failing(error)
    await listen()
    await comeBack()
    await streams[0]?.say({ method: CHANGED })
    expect(count(CHANGED)).toBe(1)
  })

  test('a host that takes it back is not answered, and the server never sees it', async () => {
    const { listen, comeBack, cancel, streams, answerTo } = failing(error)
    await listen()
    cancel(LISTEN_ID)
    await settled()
    await comeBack()
    expect(streams).toEqual([])
    expect(answerTo(LISTEN_ID)).toBeUndefined()
  })

  test('the host hears that it ends with the bridge', async () => {
    const { listen, end, answerTo } = failing(error)
    await listen()
    await end()
    expect(answerTo(LISTEN_ID).result).toEqual({
      resultType: 'complete',
      _meta: { 'io.modelcontextprotocol/subscriptionId': LISTEN_ID },
    })
  })
})

test.each([
  ['is known to send', { capabilities: { resources: { subscribe: true } } }, subscribed('file:///a "b"')],
  ['is not known to send', { capabilities: { resources: {} } }, { toolsListChanged: true }],
])('news of single resources are promised where the server %s them', async (_, discover, notifications) => {
  const { listen, acknowledged } = failing(NOBODY, { era: '2026', discover })
  await listen(subscribed('file:///a "b"'))
  expect(acknowledged()[0].params.notifications).toEqual(notifications)
})

test('the same of a server of 2025', async () => {
  const memory = { initialize: { asked: '2025-11-25', result: { capabilities: { resources: { subscribe: true } } } } }
  const { listen, acknowledged } = failing(NOBODY, { era: '2025', memory })
  await listen(subscribed('a'))
  expect(acknowledged()[0].params.notifications).toEqual(subscribed('a'))
})

test('while a person is waited for, it is acknowledged after a moment, and once', async () => {
  const { listen, server, watch, clock, count, streams } = createWorld({ account: { state: 'unknown' } })
  const person = createGate()
  server['subscriptions/listen'] = async () => {
    await watch.during(({ tell }) => {
      tell(ADDRESS)
      return person.passed
    })
    return {}
  }
  await listen()
  expect(count(ACKNOWLEDGED)).toBe(0)
  clock.advance(HOLD)
  await settled()
  expect(count(ACKNOWLEDGED)).toBe(1)
  person.open()
  await settled()
  expect(streams).toHaveLength(1)
  expect(count(ACKNOWLEDGED)).toBe(1)
})

test('one that the server acknowledges at the bound is acknowledged once, though the host takes its time to read that', async () => {
  const { listen, clock, heard, stopReading, readOn } = createWorld()
  stopReading()
  await listen()
  clock.advance(HOLD)
  await settled()
  readOn()
  await settled()
  expect(heard().map(({ method }) => method)).toEqual([ACKNOWLEDGED])
})

test('a server that is slow does not keep the host waiting: it is acknowledged here at the bound, and once', async () => {
  const { listen, server, clock, count, streams } = createWorld({ era: '2026' })
  const gate = createGate<object>()
  server['subscriptions/listen'] = () => gate.passed
  await listen()
  expect(count(ACKNOWLEDGED)).toBe(0)
  clock.advance(HOLD)
  await settled()
  expect(count(ACKNOWLEDGED)).toBe(1)
  gate.open({})
  await settled()
  expect([streams.length, count(ACKNOWLEDGED)]).toEqual([1, 1])
})

test('one that was open and lost its sign-in is opened again, and the host asks again for what it may have missed', async () => {
  const { listen, streams, server, count, heard, say, inFlight } = createWorld()
  await listen()
  server['subscriptions/listen'] = () => NOBODY
  // The stream ends because its sign-in has.
  const [first] = streams
  first?.fail(NOBODY)
  await settled()
  expect(heard().map(({ method }) => method)).toEqual([ACKNOWLEDGED])
  server['subscriptions/listen'] = () => ({})
  await say({ id: 5, method: 'x/y' })
  await settled()
  expect(streams).toHaveLength(2)
  expect([count(ACKNOWLEDGED), count(CHANGED), count('notifications/prompts/list_changed')]).toEqual([1, 1, 1])
  await inFlight.idle()
})

test('one that the server refuses is refused, also after it was acknowledged here', async () => {
  const { listen, server, answerTo, say } = failing(DOWN)
  await listen()
  server['subscriptions/listen'] = () => ({ error: { code: -32601, message: 'no' } })
  await say({ id: 1, method: 'x/y' })
  await settled()
  expect(answerTo(LISTEN_ID).error).toEqual({ code: -32601, message: 'no' })
})

test('one that fails while the server is there fails', async () => {
  const { listen, tools, answerTo } = failing(DOWN)
  await tools(1)
  await listen()
  expect(answerTo(LISTEN_ID).error.data.code).toBe(DOWN.code)
})

test('one that fails each time is tried again only when the server is seen, and never twice for that', async () => {
  const { listen, server, say } = failing(NOBODY)
  let tries = 0
  server['subscriptions/listen'] = () => {
    tries++
    return NOBODY
  }
  await listen()
  await settled()
  expect(tries).toBe(1)
  await say({ id: 1, method: 'x/y' })
  await settled()
  expect(tries).toBe(2)
})

test.each([[{}], [{ toolsListChanged: false }], [{ toolsListChanged: 'yes' }], ['no'], [null], [undefined]])(
  'a listen with the filter %j hears no news of tools',
  async (notifications) => {
    const { say, server, count } = failing(NOBODY, { account: { state: 'signedOut' } })
    void say({ id: 1, method: 'subscriptions/listen', params: { notifications } })
    await settled()
    expect(count(ACKNOWLEDGED)).toBe(1)
    server['tools/list'] = () => NOBODY
    await say({ id: 2, method: 'tools/list' })
    server['tools/list'] = () => ({ tools: [] })
    await say({ id: 3, method: 'x/y' })
    await settled()
    expect(count(CHANGED)).toBe(0)
  },
)
