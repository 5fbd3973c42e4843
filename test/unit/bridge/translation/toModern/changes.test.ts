// What changes at a 2026 server reaches its 2025 host over one listen stream, whatever becomes of that.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../../src/errors.ts'
import { createFakeClock } from '../../../../fakes/fakeClock.ts'
import { json, respond } from '../../../../fakes/fakeHttp.ts'
import { settled } from '../../../../fakes/gate.ts'
import { createWorld, DISCOVER, type Json, type World } from './world.ts'

const LONGEST = 60_000 * 1.25

async function listening(world: World = {}) {
  const clock = createFakeClock()
  const made = createWorld({ ...world, clock })
  await made.open()
  const said = made.heard.length
  return {
    ...made,
    clock,
    /** What the host was told since then, by method. */
    since: () =>
      made.heard
        .slice(said)
        .map(({ method, params }: Json) => [method, ...(params?.uri ? [params.uri] : [])].join(' ')),
    async pass(ms: number) {
      clock.advance(ms)
      await settled()
    },
  }
}

const subscribe = (id: number, uri: unknown) => ({ id, method: 'resources/subscribe', params: { uri } })
const unsubscribe = (id: number, uri: unknown) => ({ id, method: 'resources/unsubscribe', params: { uri } })

describe('after initialized', () => {
  test('one stream is opened for the lists whose changes the server tells', async () => {
    const { listens, causes, since } = await listening()
    expect(listens.map(({ notifications }: Json) => notifications)).toEqual([
      { toolsListChanged: true, resourcesListChanged: true },
    ])
    expect(causes).toEqual(['background'])
    expect(since()).toEqual([])
  })

  test('it stays open when a call is answered on it, and the host gets the answer', async () => {
    const { listens, say, requests, answerTo } = await listening({ server: () => ({ open: [] }) })
    const calling = say({ id: 7, method: 'tools/call', params: { name: 'a' } })
    await settled()
    listens[0].say({ id: requests('tools/call')[0].id, result: { resultType: 'complete', content: [] } })
    expect(await calling).toBeUndefined()
    expect(answerTo(7).result).toEqual({ content: [] })
    expect(listens[0].signal.aborted).toBe(false)
  })

  test('none is opened where the server tells none', async () => {
    const { listens } = await listening({
      discover: { ...DISCOVER, capabilities: { tools: {}, resources: { subscribe: true } } },
    })
    expect(listens).toEqual([])
  })

  test('it is opened once, though the host says it twice', async () => {
    const { listens, say } = await listening()
    await say({ method: 'notifications/initialized' })
    await settled()
    expect(listens).toHaveLength(1)
  })

  test('another initialize ends it, and opens one of its own', async () => {
    const { listens, open } = await listening()
    await open()
    expect(listens.map(({ signal }: Json) => signal.aborted)).toEqual([true, false])
  })

  test('the end ends it', async () => {
    const { listens, conversation, pass } = await listening()
    await conversation.end(new BridgeError('server_unreachable'))
    await pass(LONGEST)
    expect(listens.map(({ signal }: Json) => signal.aborted)).toEqual([true])
  })

  test('it may idle for an hour', async () => {
    const { listens, pass, since } = await listening()
    await pass(3_600_000)
    listens[0].tell('notifications/tools/list_changed')
    await settled()
    expect(listens).toHaveLength(1)
    expect(since()).toEqual(['notifications/tools/list_changed'])
  })
})

test('a notification passes without what names its stream, and keeps the rest', async () => {
  const { listens, lines } = await listening()
  const id = JSON.stringify(listens[0].id)
  listens[0].say(
    `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":${id},"big":12345678901234567890}}}`,
  )
  listens[0].tell('notifications/resources/list_changed')
  await settled()
  expect(lines.slice(-2)).toEqual([
    '{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"big":12345678901234567890}}}',
    '{"jsonrpc":"2.0","method":"notifications/resources/list_changed","params":{}}',
  ])
})

describe('a stream that ends', () => {
  test.each([
    ['with its answer', (stream: Json) => stream.say({ id: stream.id, result: { resultType: 'complete' } })],
    ['without', (stream: Json) => stream.end()],
    ['by a broken connection', (stream: Json) => stream.cut()],
    [
      'by notifications/cancelled',
      (stream: Json) => stream.say({ method: 'notifications/cancelled', params: { requestId: stream.id } }),
    ],
  ])('%s is opened again, and what may have been missed is said once', async (_, end) => {
    const { listens, pass, since, say } = await listening()
    await say(subscribe(1, 'test://one'))
    end(listens[1])
    await settled()
    expect(listens).toHaveLength(2)
    await pass(1_250)
    expect(listens).toHaveLength(3)
    expect(listens[2].notifications.resourceSubscriptions).toEqual(['test://one'])
    expect(since().slice(1)).toEqual([
      'notifications/tools/list_changed',
      'notifications/resources/list_changed',
      'notifications/resources/updated test://one',
    ])
  })

  test('again and again is opened less and less often', async () => {
    const { listens, pass, clock } = await listening({ agrees: () => respond(500) })
    for (let at = 0; at < 10; at++) await pass(LONGEST)
    expect(listens).toEqual([])
    const waits = clock.sleeps.filter((ms) => ms !== 60_000 && ms >= 1_000)
    expect(waits.at(-1)).toBeGreaterThanOrEqual(60_000)
    expect(waits[0]).toBeLessThan(1_300)
  })

  test('before it was ever acknowledged is told of when one opens: the host may have asked meanwhile', async () => {
    let isUp = false
    const { pass, since, listens } = await listening({ agrees: (uris) => (isUp ? uris : respond(500)) })
    isUp = true
    await pass(LONGEST)
    expect(listens).toHaveLength(1)
    expect(since()).toEqual(['notifications/tools/list_changed', 'notifications/resources/list_changed'])
  })

  test('for want of an acknowledgment is opened again', async () => {
    let isSilent = true
    const { pass, listens } = await listening({ agrees: (uris) => (isSilent ? 'never' : uris) })
    isSilent = false
    await pass(60_000)
    expect(listens[0].signal.aborted).toBe(true)
    await pass(1_250)
    expect(listens).toHaveLength(2)
  })

  test('by a refusal of the token waits until the server has answered something', async () => {
    let isRefused = true
    const refused = () => {
      throw new BridgeError('unauthorized')
    }
    const { pass, say, listens, sent } = await listening({
      agrees: (uris) => (isRefused ? refused() : uris),
      server: () => ({ resultType: 'complete', content: [] }),
    })
    await pass(10_000)
    expect(sent).toHaveLength(1)
    isRefused = false
    await say({ id: 1, method: 'tools/call', params: { name: 'a' } })
    await settled()
    expect(listens).toHaveLength(1)
  })

  test('because the server has none is not opened again', async () => {
    const none = (id: string) => json({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } }, 404)
    const { pass, sent, say, answerTo } = await listening({ agrees: (_, id) => none(id) })
    for (let at = 0; at < 5; at++) await pass(LONGEST)
    expect(sent).toHaveLength(1)
    await say(subscribe(1, 'test://one'))
    expect(answerTo(1).error.message).toContain('Method not found')
  })
})

describe('a subscription', () => {
  test('is there once the server has acknowledged it, and then the former stream is closed', async () => {
    const { say, listens, answerTo } = await listening({ agrees: (uris) => (uris.length > 0 ? 'never' : uris) })
    void say(subscribe(1, 'test://one'))
    await settled()
    expect(answerTo(1)).toBeUndefined()
    expect(listens.map(({ signal }: Json) => signal.aborted)).toEqual([false, false])
    listens[1].tell('notifications/subscriptions/acknowledged', {
      notifications: { resourceSubscriptions: ['test://one'] },
    })
    await settled()
    expect(answerTo(1).result).toEqual({})
    expect(listens.map(({ signal }: Json) => signal.aborted)).toEqual([true, false])
  })

  test('brings its updates, and says nothing of what was not missed', async () => {
    const { say, listens, since } = await listening()
    await say(subscribe(1, 'test://one'))
    listens[1].tell('notifications/resources/updated', { uri: 'test://one/part' })
    await settled()
    expect(since().slice(1)).toEqual(['notifications/resources/updated test://one/part'])
  })

  test('with others at once needs few streams, and each is answered', async () => {
    const { say, listens, answerTo } = await listening()
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((uri, at) => say(subscribe(at + 1, `test://${uri}`))))
    for (const id of [1, 2, 3, 4, 5]) expect(answerTo(id).result).toEqual({})
    expect(listens.length).toBeLessThanOrEqual(3)
    expect(listens.at(-1).notifications.resourceSubscriptions).toHaveLength(5)
    expect(listens.filter(({ signal }: Json) => !signal.aborted)).toHaveLength(1)
  })

  test('said twice is one', async () => {
    const { say, listens, answerTo } = await listening()
    await say(subscribe(1, 'test://one'))
    await say(subscribe(2, 'test://one'))
    expect(answerTo(2).result).toEqual({})
    expect(listens).toHaveLength(2)
  })

  test('that the server leaves out is refused in words, and not asked for again', async () => {
    const { say, listens, answerTo } = await listening({ agrees: (uris) => uris.filter((uri) => uri !== 'test://no') })
    await say(subscribe(1, 'test://no'))
    expect(answerTo(1).error).toMatchObject({ code: -32602, message: expect.stringContaining('resource') })
    await say(subscribe(2, 'test://yes'))
    expect(answerTo(2).result).toEqual({})
    expect(listens.at(-1).notifications.resourceSubscriptions).toEqual(['test://yes'])
  })

  test.each([[undefined], [5], [null]])('of %j is refused', async (uri) => {
    const { say, listens, answerTo } = await listening()
    await say(subscribe(1, uri))
    expect(answerTo(1).error.code).toBe(-32602)
    expect(listens).toHaveLength(1)
  })

  test('at a server without any is refused in words', async () => {
    const { say, answerTo } = await listening({ discover: { ...DISCOVER, capabilities: { resources: {} } } })
    await say(subscribe(1, 'test://one'))
    expect(answerTo(1).error.code).toBe(-32602)
  })

  test('that fails is the error of its request, and the stream of before stays', async () => {
    const { say, listens, answerTo } = await listening({
      agrees: (uris) => (uris.length > 0 ? respond(500, {}, 'broken') : uris),
    })
    await say(subscribe(1, 'test://one'))
    expect(answerTo(1).error.data.code).toBe('server_error')
    listens[0].tell('notifications/tools/list_changed')
    await settled()
    expect(listens.map(({ signal }: Json) => signal.aborted)).toEqual([false])
  })

  test('that is taken back while it waits is over', async () => {
    const { say, cancel, answerTo } = await listening({ agrees: (uris) => (uris.length > 0 ? 'never' : uris) })
    const said = say(subscribe(1, 'test://one'))
    await settled()
    cancel(1)
    await said
    expect(answerTo(1)).toBeUndefined()
  })

  test('ends with unsubscribe, and the stream goes on without it', async () => {
    const { say, listens, answerTo } = await listening()
    await say(subscribe(1, 'test://one'))
    await say(unsubscribe(2, 'test://one'))
    expect(answerTo(2).result).toEqual({})
    expect(listens.at(-1).notifications).not.toHaveProperty('resourceSubscriptions')
    await say(unsubscribe(3, 'test://never'))
    expect(answerTo(3).result).toEqual({})
    expect(listens).toHaveLength(3)
  })

  test('that was the last thing to listen for closes the stream', async () => {
    const { say, listens } = await listening({
      discover: { ...DISCOVER, capabilities: { resources: { subscribe: true } } },
    })
    await say(subscribe(1, 'test://one'))
    await say(unsubscribe(2, 'test://one'))
    await settled()
    expect(listens.map(({ signal }: Json) => signal.aborted)).toEqual([true])
  })

  test('that fails is not tried again, also where the server agreed to it once and the stream has ended since', async () => {
    let isDown = false
    let opened = 0
    const { say, answerTo, pass } = await listening({
      discover: { ...DISCOVER, capabilities: { resources: { subscribe: true } } },
      agrees(uris) {
        opened++
        return isDown ? respond(500, {}, 'broken') : uris
      },
    })
    await say(subscribe(1, 'test://one'))
    await say(unsubscribe(2, 'test://one'))
    isDown = true
    await say(subscribe(3, 'test://one'))
    expect(answerTo(3).error.data.code).toBe('server_error')
    isDown = false
    await pass(LONGEST)
    expect(opened).toBe(2)
  })

  test('during a pause after a broken stream opens the next one at once', async () => {
    const { say, listens, answerTo, since } = await listening()
    listens[0].cut()
    await settled()
    await say(subscribe(1, 'test://one'))
    await settled()
    expect(answerTo(1).result).toEqual({})
    expect(listens).toHaveLength(2)
    expect(since()).toContain('notifications/tools/list_changed')
  })
})
