// Lists in the place of the server, and how the host learns which of them turned out to be others.
import { describe, expect, test } from 'vitest'
import { createHiddenTools } from '../../../../src/bridge/hideTools.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { createWorld, HOLD, INTRODUCTION, TOOLS, type World } from './world.ts'

const DOWN = new BridgeError('server_unreachable')
const NOBODY = new BridgeError('not_signed_in')
const KNOWN = { initialize: INTRODUCTION, 'tools/list': { tools: TOOLS } }
const NAMES = ['echo', 'add']
const CHANGED = 'notifications/tools/list_changed'

/** A host that was answered here, because the server is slow: it answers when the gate opens. */
async function slow(world: World = {}) {
  const made = createWorld(world)
  const gate = createGate<object>()
  made.server.initialize = () => gate.passed
  await made.initialize()
  return { ...made, gate }
}

/** The same, because the server has failed. */
async function failed(error: BridgeError, world: World = {}) {
  const made = createWorld(world)
  made.server.initialize = () => error
  await made.initialize()
  return made
}

describe('of a server that is known and slow', () => {
  test('come from memory at once, and nothing is announced when they are the same', async () => {
    const { tools, gate, heard, reached, say } = await slow({ memory: KNOWN })
    expect(await tools(2)).toEqual(NAMES)
    gate.open(INTRODUCTION)
    await settled()
    expect(reached).toEqual(['initialize', 'notifications/initialized', 'ask tools/list'])
    expect(heard().map(({ id }) => id)).toEqual([1, 2])
    await say({ id: 3, method: 'tools/call', params: { name: 'echo' } })
    expect(reached.at(-1)).toBe('tools/call')
  })

  test.each([
    ['another tool', { tools: [...TOOLS, { name: 'new' }] }],
    ['another description', { tools: [{ ...TOOLS[0], description: 'x' }, TOOLS[1]] }],
    ['a page more', { tools: TOOLS, nextCursor: 'x' }],
    ['an error', { error: { code: 1, message: 'no' } }],
    ['no list', 7],
  ])('are announced as changed where the server has %s', async (_, result) => {
    const { tools, gate, count, server } = await slow({ memory: KNOWN })
    server['tools/list'] = () => result
    await tools(2)
    gate.open(INTRODUCTION)
    await settled()
    expect(count(CHANGED)).toBe(1)
  })

  test('are the same whatever the order of their members, and only those that were told are asked for', async () => {
    const memory = { ...KNOWN, 'tools/list': { tools: [{ name: 'echo', title: 'Echo' }] } }
    const { tools, gate, count, server, reached } = await slow({ memory })
    server['tools/list'] = () => ({ tools: [{ title: 'Echo', name: 'echo' }] })
    await tools(2)
    gate.open({ ...INTRODUCTION, capabilities: { tools: {}, prompts: {}, resources: {} } })
    await settled()
    expect(count(CHANGED)).toBe(0)
    expect(reached.filter((one) => one.startsWith('ask'))).toEqual(['ask tools/list'])
  })

  test('that are announced are those of one capability, not of another', async () => {
    const memory = { ...KNOWN, 'prompts/list': { prompts: [{ name: 'p' }] } }
    const { tools, gate, count, server, say } = await slow({ memory })
    server['prompts/list'] = () => ({ prompts: [] })
    await tools(2)
    await say({ id: 3, method: 'prompts/list' })
    gate.open({ ...INTRODUCTION, capabilities: { tools: {}, prompts: {} } })
    await settled()
    expect([count(CHANGED), count('notifications/prompts/list_changed')]).toEqual([0, 1])
  })

  test('are remembered as the server gives them now', async () => {
    const { tools, gate, kept, server } = await slow({ memory: KNOWN })
    server['tools/list'] = () => ({ tools: [{ name: 'new' }] })
    await tools(2)
    gate.open(INTRODUCTION)
    await settled()
    expect(kept.get('tools/list')).toEqual({ tools: [{ name: 'new' }] })
  })

  test('hold no hidden tool', async () => {
    const hiddenTools = Promise.resolve(createHiddenTools(['add']))
    const { tools } = await slow({ memory: KNOWN, hiddenTools })
    expect(await tools(2)).toEqual(['echo'])
  })
})

const OTHER = { id: 99, result: { content: [] } }

test('an answer to a call on the stream of a list is not remembered as one', async () => {
  const { initialize, tools, beside, answerTo, kept, server } = createWorld()
  await initialize()
  server['tools/list'] = () => ({ error: { code: 1, message: 'no' } })
  beside.push(OTHER)
  await tools(2).catch(() => undefined)
  await settled()
  expect(answerTo(99).result).toEqual(OTHER.result)
  expect(kept.has('tools/list')).toBe(false)
})

test('an answer to a call on the stream of an initialize that was answered here reaches the host', async () => {
  const { gate, beside, heard } = await slow({ memory: KNOWN })
  beside.push(OTHER)
  gate.open(INTRODUCTION)
  await settled()
  expect(heard().map(({ id }) => id)).toEqual([1, 99])
})

describe('of a server that is not known', () => {
  test.each<[string, World]>([
    ['somebody is signed in', {}],
    ['the server has never needed a sign-in', { memory: { initialize: INTRODUCTION }, account: { state: 'unknown' } }],
  ])('are its own, however late, where %s', async (_, world) => {
    const { say, gate, answerTo, clock, count } = await slow(world)
    void say({ id: 2, method: 'tools/list' })
    await settled()
    clock.advance(HOLD * 10)
    await settled()
    expect(answerTo(2)).toBeUndefined()
    gate.open(INTRODUCTION)
    await settled()
    expect(answerTo(2).result).toEqual({ tools: TOOLS })
    expect(count(CHANGED)).toBe(0)
  })

  test('are the tool that signs in where that fails, with the reason', async () => {
    const { say, gate, answerTo } = await slow()
    void say({ id: 2, method: 'tools/list' })
    await settled()
    gate.open(DOWN)
    await settled()
    const [tool, ...more] = answerTo(2).result.tools
    expect(more).toEqual([])
    expect(tool).toMatchObject({ name: 'sign_in', description: expect.stringContaining(DOWN.message) })
  })

  test('are the tool that signs in as soon as a person is waited for', async () => {
    const { say, answerTo, askPerson } = await slow()
    void say({ id: 2, method: 'tools/list' })
    await settled()
    expect(answerTo(2)).toBeUndefined()
    askPerson()
    await settled()
    expect(answerTo(2).result.tools).toMatchObject([{ name: 'sign_in' }])
  })

  test('are the tool that signs in after a moment where nobody was ever signed in; the truth follows', async () => {
    const { say, gate, answerTo, clock, count, tools } = await slow({ account: { state: 'unknown' } })
    void say({ id: 2, method: 'tools/list' })
    await settled()
    expect(answerTo(2)).toBeUndefined()
    clock.advance(HOLD / 2)
    await settled()
    expect(answerTo(2).result.tools).toMatchObject([{ name: 'sign_in' }])
    gate.open(INTRODUCTION)
    await settled()
    expect(count(CHANGED)).toBe(1)
    expect(await tools(3)).toEqual(NAMES)
  })

  test('that the server lacks are empty and not announced; what it has is', async () => {
    const { say, gate, answerTo, count, askPerson } = await slow({ account: { state: 'unknown' } })
    const person = askPerson()
    for (const [id, method] of [
      [2, 'tools/list'],
      [3, 'prompts/list'],
      [4, 'resources/templates/list'],
    ] as const)
      await say({ id, method })
    expect([answerTo(3).result, answerTo(4).result]).toEqual([{ prompts: [] }, { resourceTemplates: [] }])
    gate.open({ ...INTRODUCTION, capabilities: { tools: {} } })
    person.open()
    await settled()
    expect([count(CHANGED), count('notifications/prompts/list_changed')]).toEqual([1, 0])
    await say({ id: 5, method: 'prompts/list' })
    await say({ id: 6, method: 'logging/setLevel', params: { level: 'debug' } })
    expect([answerTo(5).result, answerTo(6).result]).toEqual([{ prompts: [] }, {}])
  })
})

describe('with nobody signed in', () => {
  test('are the remembered ones and the tool that signs in, which is gone with the sign-in', async () => {
    const { tools, server, say, count } = await failed(NOBODY, { memory: KNOWN })
    expect(await tools(2)).toEqual([...NAMES, 'sign_in'])
    server.initialize = () => INTRODUCTION
    await say({ id: 3, method: 'tools/call', params: { name: 'echo' } })
    await settled()
    expect(count(CHANGED)).toBe(1)
    expect(await tools(4)).toEqual(NAMES)
  })

  test('show it before the server has said a word, where somebody has signed out', async () => {
    const { tools } = await slow({ memory: KNOWN, account: { state: 'signedOut' } })
    expect(await tools(2)).toEqual([...NAMES, 'sign_in'])
  })

  test('do not show it where the server has never needed a sign-in', async () => {
    const { tools } = await slow({ memory: KNOWN, account: { state: 'unknown' } })
    expect(await tools(2)).toEqual(NAMES)
  })

  test('are asked for again with it as soon as the server turns out to want a person', async () => {
    const { tools, askPerson, count } = await slow({ memory: KNOWN, account: { state: 'unknown' } })
    expect(await tools(2)).toEqual(NAMES)
    askPerson()
    await settled()
    expect(count(CHANGED)).toBe(1)
    expect(await tools(3)).toEqual([...NAMES, 'sign_in'])
  })

  test('give it another name where the server has a tool of that one', async () => {
    const memory = { ...KNOWN, 'tools/list': { tools: [{ name: 'sign_in' }] } }
    const { tools, say, reached, server } = await failed(NOBODY, { memory })
    expect(await tools(2)).toEqual(['sign_in', 'sign_in_to_server'])
    server.initialize = () => INTRODUCTION
    await say({ id: 3, method: 'tools/call', params: { name: 'sign_in' } })
    expect(reached.at(-1)).not.toBe('ask tools/list')
    expect(reached).toContain('tools/call')
  })
})

describe('with a server that is down', () => {
  test('are the remembered ones and the tool that says why', async () => {
    const { say, answerTo } = await failed(DOWN, { memory: KNOWN })
    await say({ id: 2, method: 'tools/list' })
    const { tools } = answerTo(2).result
    expect(tools.slice(0, 2)).toEqual(TOOLS)
    expect(tools[2].description).toContain(DOWN.message)
    expect(tools[2].description).toContain(DOWN.hint)
  })

  test('are asked for again when the reason comes to light later, once', async () => {
    const { tools, gate, count, server } = await slow({ memory: KNOWN })
    expect(await tools(2)).toEqual(NAMES)
    server.initialize = () => DOWN
    gate.open(DOWN)
    await settled()
    expect(count(CHANGED)).toBe(1)
    expect(await tools(3)).toEqual([...NAMES, 'sign_in'])
    await settled()
    expect(count(CHANGED)).toBe(1)
  })

  test('try again, and the truth follows when it is back', async () => {
    const { tools, server, count, reached } = await failed(DOWN, { memory: KNOWN })
    expect(await tools(2)).toEqual([...NAMES, 'sign_in'])
    server.initialize = () => INTRODUCTION
    await tools(3)
    await settled()
    expect(reached.filter((one) => one === 'initialize again: background')).toHaveLength(2)
    expect(count(CHANGED)).toBe(1)
    expect(await tools(4)).toEqual(NAMES)
  })

  test('ask nobody to sign in', async () => {
    const { tools, reached } = await failed(NOBODY)
    await tools(2)
    expect(reached).toEqual(['initialize', 'initialize again: background'])
  })
})

test('a level that was set here reaches the server, once', async () => {
  const { say, gate, reached } = await slow({ memory: KNOWN })
  await say({ id: 2, method: 'logging/setLevel', params: { level: 'debug' } })
  gate.open(INTRODUCTION)
  await settled()
  expect(reached).toEqual(['initialize', 'notifications/initialized', 'tell logging/setLevel'])
})

test('a server that fails at initialized does not keep the truth from the host', async () => {
  const { tools, gate, server, count } = await slow({ memory: KNOWN })
  server['notifications/initialized'] = () => DOWN
  server['tools/list'] = () => ({ tools: [] })
  await tools(2)
  gate.open(INTRODUCTION)
  await settled()
  expect(count(CHANGED)).toBe(1)
})

test('a list that the host has asked for again itself is not announced', async () => {
  const { tools, gate, count, server, say } = await slow({ memory: KNOWN, account: { state: 'signedOut' } })
  await tools(2)
  const truth = createGate<object>()
  server['tools/list'] = ({ asks }) => (String(asks[0]).includes('bridge') ? truth.passed : { tools: TOOLS })
  gate.open(INTRODUCTION)
  await settled()
  await say({ id: 3, method: 'tools/list' })
  truth.open({ tools: TOOLS })
  await settled()
  expect(count(CHANGED)).toBe(0)
})

test('no id of a request of ours is one of the host', async () => {
  const ids: string[] = []
  const { tools, gate, server } = await slow({ memory: KNOWN })
  server['tools/list'] = ({ asks }) => {
    ids.push(...asks)
    return { tools: TOOLS }
  }
  await tools(2)
  gate.open(INTRODUCTION)
  await settled()
  expect(ids).toEqual([expect.stringMatching(/^"mcp-oauth-bridge-[0-9a-f-]{36}"$/)])
})

describe('when the sign-in is lost in the middle of a session', () => {
  const connected = async (world: World = {}) => {
    const made = createWorld({ memory: KNOWN, ...world })
    await made.initialize()
    return made
  }

  test('come from memory with the tool that signs in, which is gone with the next sign-in', async () => {
    const { tools, server, say, answerTo, count, clock } = await connected()
    server['tools/list'] = () => NOBODY
    expect(await tools(2)).toEqual([...NAMES, 'sign_in'])
    server['tools/list'] = () => ({ tools: TOOLS })
    const called = say({ id: 3, method: 'tools/call', params: { name: 'sign_in' } })
    await settled()
    // This host does not load them.
    clock.advance(1_000)
    await called
    expect(answerTo(3).result.content[0].text).toContain('2 tools are available')
    expect(count(CHANGED)).toBe(1)
    expect(await tools(4)).toEqual(NAMES)
  })

  test('do so also while a person is waited for, and the late answer of the server comes to no host', async () => {
    const { say, server, answerTo, askPerson, heard, inFlight, clock } = await connected()
    const gate = createGate<object>()
    server['tools/list'] = () => gate.passed
    void say({ id: 2, method: 'tools/list' })
    await settled()
    expect(inFlight.unsent()).toHaveLength(1)
    askPerson()
    await settled()
    expect(answerTo(2)).toBeUndefined()
    clock.advance(HOLD)
    await settled()
    expect(answerTo(2).result.tools.map(({ name }: { name: string }) => name)).toEqual([...NAMES, 'sign_in'])
    gate.open({ tools: [] })
    await settled()
    expect(heard().filter(({ id }) => id === 2)).toHaveLength(1)
  })

  test('fail where nobody is ever asked, and with any other error', async () => {
    const never = await connected({ never: true })
    never.server['tools/list'] = () => NOBODY
    await never.say({ id: 2, method: 'tools/list' })
    expect(never.answerTo(2).error.data.code).toBe('not_signed_in')
    const down = await connected()
    down.server['tools/list'] = () => DOWN
    await down.say({ id: 2, method: 'tools/list' })
    expect(down.answerTo(2).error.data.code).toBe('server_unreachable')
  })
})

describe('of a server that the host was introduced to from memory', () => {
  const introduced = async (world: World = { memory: KNOWN }) => {
    const made = createWorld({ ...world, introduced: 'from memory' })
    await made.initialize()
    return made
  }

  test('are its own where it is quick', async () => {
    const { tools, count, reached } = await introduced()
    expect(await tools(2)).toEqual(NAMES)
    expect([count(CHANGED), reached.filter((one) => one.includes('tools/list')).length]).toEqual([0, 1])
  })

  test('come from memory at the bound where it is slow, and those that turn out to be others are announced', async () => {
    const { say, server, clock, answerTo, count, tools } = await introduced()
    const gate = createGate<object>()
    server['tools/list'] = () => gate.passed
    void say({ id: 2, method: 'tools/list' })
    await settled()
    expect(answerTo(2)).toBeUndefined()
    clock.advance(HOLD)
    await settled()
    expect(answerTo(2).result.tools).toEqual(TOOLS)
    gate.open({ tools: [{ name: 'new' }] })
    await settled()
    expect(count(CHANGED)).toBe(1)
    expect(await tools(3)).toEqual(['new'])
  })

  test('are its own alone where they come at the bound, and the host takes its time to read them', async () => {
    const { say, clock, heard, stopReading, readOn } = await introduced()
    stopReading()
    void say({ id: 2, method: 'tools/list' })
    await settled()
    clock.advance(HOLD)
    await settled()
    readOn()
    await settled()
    expect(heard().filter(({ id }) => id === 2)).toMatchObject([{ result: { tools: TOOLS } }])
  })

  test('are its own, however late, where nothing is remembered', async () => {
    const { say, server, clock, answerTo } = await introduced({})
    const gate = createGate<object>()
    server['tools/list'] = () => gate.passed
    void say({ id: 2, method: 'tools/list' })
    await settled()
    clock.advance(HOLD * 10)
    await settled()
    expect(answerTo(2)).toBeUndefined()
    gate.open({ tools: TOOLS })
    await settled()
    expect(answerTo(2).result).toEqual({ tools: TOOLS })
  })

  test('are the remembered ones and the tool that says why where it is down; once it was there, they fail', async () => {
    const { say, server, answerTo, tools } = await introduced()
    server['tools/list'] = () => DOWN
    await say({ id: 2, method: 'tools/list' })
    expect(answerTo(2).result.tools[2].description).toContain(DOWN.message)
    server['tools/list'] = () => ({ tools: TOOLS })
    expect(await tools(3)).toEqual(NAMES)
    server['tools/list'] = () => DOWN
    await say({ id: 4, method: 'tools/list' })
    expect(answerTo(4).error.data.code).toBe(DOWN.code)
  })
})

test('that a host of 2026 was given are told in the words of 2025, and are the same as what the server then says', async () => {
  const odd = { name: 'odd', outputSchema: { type: 'array', items: {} } }
  const wrapped = {
    name: 'odd',
    outputSchema: { type: 'object', properties: { result: odd.outputSchema }, required: ['result'] },
  }
  const memory = { ...KNOWN, 'tools/list': { resultType: 'complete', ttlMs: 5, cacheScope: 'public', tools: [odd] } }
  const { say, answerTo, gate, server, count } = await slow({ memory })
  server['tools/list'] = () => ({ tools: [wrapped] })
  await say({ id: 2, method: 'tools/list' })
  expect(answerTo(2).result).toEqual({ tools: [wrapped] })
  gate.open(INTRODUCTION)
  await settled()
  expect(count(CHANGED)).toBe(0)
})

test('that a host asks for before its initialize are the server\u2019s alone, and so is the failure', async () => {
  const { say, heard, server } = createWorld({ memory: KNOWN })
  server['tools/list'] = () => new BridgeError('not_signed_in')
  await say({ id: 2, method: 'tools/list' })
  expect(heard()).toMatchObject([{ id: 2, error: { data: { code: 'not_signed_in' } } }])
})
