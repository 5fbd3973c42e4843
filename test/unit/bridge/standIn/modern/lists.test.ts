// What a host of 2026 is told at its start while the server is not there, and how it hears what has become of that.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../../src/errors.ts'
import { createGate, settled } from '../../../../fakes/gate.ts'
import { ADDRESS, HOLD, INTRODUCTION, SERVER, TOOLS } from '../world.ts'
import { createWorld, LISTEN_ID, type World } from './world.ts'

const DOWN = new BridgeError('server_unreachable')
const KNOWN = { 'tools/list': { tools: TOOLS, resultType: 'complete', ttlMs: 60_000, cacheScope: 'public' } }
const SIGNED_OUT: World = { account: { state: 'signedOut' }, era: '2026', memory: KNOWN }
const CHANGED = 'notifications/tools/list_changed'
const NAMES = ['echo', 'add']
const DISCOVER = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {}, resources: { subscribe: true }, x: { big: 1 } },
  instructions: 'Be kind.',
  ttlMs: 3_600_000,
  cacheScope: 'public',
}
const discover = { id: 'probe', method: 'server/discover' }

describe('server/discover', () => {
  test('of a server that is known is answered from memory at once, as nothing that may be kept; the server is asked meanwhile', async () => {
    const { say, answerTo, eras, reached } = createWorld({ era: '2026', discover: DISCOVER })
    await say(discover)
    expect(answerTo('probe').result).toEqual({
      ...DISCOVER,
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, x: { big: 1 } },
      ttlMs: 0,
      cacheScope: 'private',
    })
    expect(eras.asked).toBe(1)
    expect(reached).toEqual([])
  })

  test('goes to the server once that has answered in this run', async () => {
    const { say, answerTo, tools, server, reached } = createWorld({ era: '2026', discover: DISCOVER })
    server['server/discover'] = () => ({ own: true })
    await tools(1)
    await say(discover)
    expect(answerTo('probe').result).toEqual({ own: true })
    expect(reached).toEqual(['tools/list', 'server/discover'])
  })

  test('of a server of which nothing is known is answered at once with what is certain, and nobody is asked', async () => {
    const { say, answerTo, eras, reached } = createWorld({ account: { state: 'unknown' } })
    await say(discover)
    expect(answerTo('probe').result).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true } },
      instructions: expect.stringContaining(SERVER),
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'mcp-oauth-bridge', version: '1.2.3' } },
      ttlMs: 0,
      cacheScope: 'private',
    })
    expect([eras.asked, reached]).toEqual([0, []])
  })

  test('of a server of 2025 is answered from its InitializeResult where nobody is signed in', async () => {
    const memory = { initialize: { asked: '2025-11-25', result: INTRODUCTION } }
    const { say, answerTo, reached } = createWorld({ account: { state: 'signedOut' }, era: '2025', memory })
    await say(discover)
    expect(answerTo('probe').result).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true }, logging: {} },
      _meta: { 'io.modelcontextprotocol/serverInfo': INTRODUCTION.serverInfo },
      ttlMs: 0,
      cacheScope: 'private',
    })
    expect(reached).toEqual([])
  })

  test('of a server of 2025 goes to it where somebody is signed in, and is answered here at its bound', async () => {
    const { say, answerTo, server, clock } = createWorld({ era: '2025' })
    server['server/discover'] = () => ({ own: true })
    await say(discover)
    expect(answerTo('probe').result).toEqual({ own: true })
    const slow = createWorld({ era: '2025' })
    slow.server['server/discover'] = () => new Promise(() => undefined)
    void slow.say(discover)
    await settled()
    slow.clock.advance(HOLD)
    await settled()
    expect(slow.answerTo('probe').result.capabilities).toEqual({ tools: { listChanged: true } })
    expect(clock.now()).toBeGreaterThan(0)
  })

  test('of a server that is down is answered here; of one that nobody will ever sign in to, with the error', async () => {
    const down = createWorld({ era: '2025' })
    down.server['server/discover'] = () => DOWN
    await down.say(discover)
    expect(down.answerTo('probe').result.supportedVersions).toEqual(['2026-07-28'])
    const never = createWorld({ account: { state: 'unknown' }, never: true })
    never.server['server/discover'] = () => new BridgeError('not_signed_in')
    await never.say(discover)
    expect(never.answerTo('probe').error.data.code).toBe('not_signed_in')
  })
})

describe('lists', () => {
  test('of a server that is there are its own, byte for byte, and are remembered', async () => {
    const { say, answerTo, kept, server, clock } = createWorld()
    server['tools/list'] = () => ({ tools: TOOLS, ttlMs: 5, cacheScope: 'public', resultType: 'complete' })
    await say({ id: 1, method: 'tools/list' })
    await settled()
    expect(answerTo(1).result).toEqual({ tools: TOOLS, ttlMs: 5, cacheScope: 'public', resultType: 'complete' })
    expect(kept.get('tools/list')).toMatchObject({ tools: TOOLS })
    expect(clock.now()).toBeGreaterThan(0)
  })

  test.each([
    ['tools/list', 'tools'],
    ['prompts/list', 'prompts'],
    ['resources/list', 'resources'],
    ['resources/templates/list', 'resourceTemplates'],
  ])('with nobody signed in, %s comes from memory as nothing that may be kept', async (method, member) => {
    const { say, answerTo, server } = createWorld({
      account: { state: 'signedOut' },
      memory: { [method]: { [member]: [{ name: 'one' }], nextCursor: 'x', ttlMs: 60_000, cacheScope: 'public' } },
    })
    server[method] = () => new BridgeError('not_signed_in')
    await say({ id: 1, method })
    const { [member]: entries, ...rest } = answerTo(1).result
    expect(entries[0]).toEqual({ name: 'one' })
    expect(entries).toHaveLength(method === 'tools/list' ? 2 : 1)
    expect(rest).toEqual({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' })
  })

  test('are the tool that signs in where nothing is remembered, and those of the server after the sign-in', async () => {
    const { lock, tools, listen, count } = createWorld({ account: { state: 'signedOut' } })
    const locked = lock()
    await listen()
    expect(await tools(1)).toEqual(['sign_in'])
    const { open } = locked
    await open()
    expect(await tools(2)).toEqual(NAMES)
    expect(count(CHANGED)).toBe(0)
  })

  test('come in a moment while a person is waited for', async () => {
    const { say, answerTo, server, watch, clock } = createWorld({ account: { state: 'unknown' } })
    server['tools/list'] = () =>
      watch.during(({ tell }) => {
        tell(ADDRESS)
        return new Promise(() => undefined)
      })
    void say({ id: 1, method: 'tools/list' })
    await settled()
    expect(answerTo(1)).toBeUndefined()
    clock.advance(HOLD)
    await settled()
    expect(answerTo(1).result.tools).toMatchObject([{ name: 'sign_in' }])
  })

  test('of a server that is slow come from memory at the bound, and those that turn out to be others are announced', async () => {
    const { say, answerTo, server, clock, listen, count, tools } = createWorld({ era: '2026', memory: KNOWN })
    const gate = createGate<object>()
    server['tools/list'] = () => gate.passed
    await listen()
    void say({ id: 1, method: 'tools/list' })
    for (let step = 0; step < 2; step++) {
      await settled()
      expect(answerTo(1)).toBeUndefined()
      clock.advance(HOLD / 2)
    }
    await settled()
    expect(answerTo(1).result).toEqual({ resultType: 'complete', tools: TOOLS, ttlMs: 0, cacheScope: 'private' })
    gate.open({ tools: [{ name: 'new' }] })
    await settled()
    expect(count(CHANGED)).toBe(1)
    expect(await tools(2)).toEqual(['new'])
    await settled()
    expect(count(CHANGED)).toBe(1)
  })

  test('of a server that is slow to fail come from memory, and again with the reason once that is known', async () => {
    const { say, answerTo, server, clock, listen, count } = createWorld({ era: '2026', memory: KNOWN })
    await listen()
    server['tools/list'] = () => new Promise(() => undefined)
    void say({ id: 1, method: 'tools/list' })
    for (let step = 0; step < 2; step++) {
      await settled()
      server['tools/list'] = () => DOWN
      clock.advance(HOLD / 2)
    }
    await settled()
    expect(answerTo(1).result.tools).toEqual(TOOLS)
    expect(count(CHANGED)).toBe(1)
    await say({ id: 2, method: 'tools/list' })
    await settled()
    expect(answerTo(2).result.tools[2].description).toContain(DOWN.message)
    expect(count(CHANGED)).toBe(1)
  })

  test('of a slow server that was never seen are its own, however late', async () => {
    const { say, answerTo, server, clock } = createWorld()
    const gate = createGate<object>()
    server['tools/list'] = () => gate.passed
    void say({ id: 1, method: 'tools/list' })
    await settled()
    clock.advance(HOLD / 2)
    await settled()
    clock.advance(HOLD * 10)
    await settled()
    expect(answerTo(1)).toBeUndefined()
    gate.open({ tools: TOOLS })
    await settled()
    expect(answerTo(1).result).toEqual({ tools: TOOLS })
  })

  test('of a server that is down are the remembered ones and the tool that says why; a call fails with the reason', async () => {
    const { say, answerTo, server, tools } = createWorld({ era: '2026', memory: KNOWN })
    server['tools/list'] = () => DOWN
    server['tools/call'] = () => DOWN
    await say({ id: 1, method: 'tools/list' })
    const [, , signIn] = answerTo(1).result.tools
    expect(signIn.description).toContain(DOWN.message)
    await say({ id: 2, method: 'tools/call', params: { name: 'echo' } })
    expect(answerTo(2).error.data).toMatchObject({ code: DOWN.code, hint: DOWN.hint })
    server['tools/list'] = () => ({ tools: TOOLS })
    expect(await tools(3)).toEqual(NAMES)
  })

  test('of a server that fails after it was there fail', async () => {
    const { say, answerTo, server, tools } = createWorld({ era: '2026', memory: KNOWN })
    await tools(1)
    server['tools/list'] = () => DOWN
    await say({ id: 2, method: 'tools/list' })
    expect(answerTo(2).error.data.code).toBe(DOWN.code)
  })

  test('whose sign-in is lost in the middle come from memory with the tool that signs in, which is gone with the next', async () => {
    const { server, tools, listen, count, say } = createWorld({ era: '2026', memory: KNOWN })
    await listen()
    await tools(1)
    server['tools/list'] = () => new BridgeError('not_signed_in')
    expect(await tools(2)).toEqual([...NAMES, 'sign_in'])
    server['tools/list'] = () => ({ tools: TOOLS })
    await say({ id: 3, method: 'tools/call', params: { name: 'echo' } })
    await settled()
    expect(count(CHANGED)).toBe(1)
    expect(await tools(4)).toEqual(NAMES)
  })

  test('that follow the first page are the server’s alone', async () => {
    const { say, answerTo, server } = createWorld(SIGNED_OUT)
    server['tools/list'] = () => new BridgeError('not_signed_in')
    await say({ id: 1, method: 'tools/list', params: { cursor: 'x' } })
    expect(answerTo(1).error.data.code).toBe('not_signed_in')
  })

  test('fail where nobody is ever asked', async () => {
    const { say, answerTo, server } = createWorld({ ...SIGNED_OUT, never: true })
    server['tools/list'] = () => new BridgeError('not_signed_in')
    await say({ id: 1, method: 'tools/list' })
    expect(answerTo(1).error.data.code).toBe('not_signed_in')
  })

  test('name the reason as soon as a call has found it out', async () => {
    const { say, answerTo, server, listen, count, clock } = createWorld({ era: '2026', memory: KNOWN })
    await listen()
    server['tools/list'] = () => new Promise(() => undefined)
    void say({ id: 1, method: 'tools/list' })
    for (let step = 0; step < 2; step++) {
      await settled()
      clock.advance(HOLD / 2)
    }
    await settled()
    server['tools/call'] = () => new BridgeError('access_denied')
    await say({ id: 2, method: 'tools/call', params: { name: 'echo' } })
    await settled()
    expect(count(CHANGED)).toBe(1)
    server['tools/list'] = () => DOWN
    await say({ id: 3, method: 'tools/list' })
    expect(answerTo(3).result.tools.at(-1).name).toBe('sign_in')
  })
})

test('what is said to the host unasked is list_changed on its listens, and nothing else', async () => {
  const { say, heard, listen, lock, tools } = createWorld({ account: { state: 'signedOut' } })
  const locked = lock()
  await listen({ toolsListChanged: true }, 7)
  await listen({ promptsListChanged: true }, 'other')
  await tools(1)
  void say({ id: 2, method: 'tools/call', params: { name: 'echo' } })
  await settled()
  await locked.open()
  const unasked = heard().filter(({ method }) => method !== undefined)
  const subscription = (id: unknown) => ({ 'io.modelcontextprotocol/subscriptionId': id })
  expect(unasked).toEqual([
    {
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: { _meta: subscription(7), notifications: { toolsListChanged: true } },
    },
    {
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: { _meta: subscription('other'), notifications: { promptsListChanged: true } },
    },
    { jsonrpc: '2.0', method: CHANGED, params: { _meta: subscription(7) } },
  ])
  expect(LISTEN_ID).not.toBe(7)
})

test('what the server said last is kept also where the host ends at once', async () => {
  const { say, kept, end } = createWorld()
  await say({ id: 1, method: 'tools/list' })
  await end()
  expect(kept.get('tools/list')).toEqual({ tools: TOOLS })
})

test('an answer to a call on the stream of a list is not remembered as one', async () => {
  const { say, beside, answerTo, kept, server } = createWorld({ era: '2026' })
  server['tools/list'] = () => ({ error: { code: 1, message: 'no' } })
  beside.push({ id: 99, result: { content: [] } })
  await say({ id: 2, method: 'tools/list' })
  await settled()
  expect(answerTo(99).result).toEqual({ content: [] })
  expect(kept.has('tools/list')).toBe(false)
})
