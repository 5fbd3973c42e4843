// Requests that a host sends without an id: they are notifications, so that nobody answers them, whoever gives the answers.
import { describe, expect, test } from 'vitest'
import { createGate, settled } from '../../fakes/gate.ts'
import { createWorld as createModernWorld } from './standIn/modern/world.ts'
import { createWorld, HOLD } from './standIn/world.ts'

const PARAMS = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  name: 'sign_in',
  level: 'debug',
  uri: 'a:b',
  cursor: 'c',
}
const METHODS = [
  ...['initialize', 'ping', 'server/discover', 'subscriptions/listen', 'logging/setLevel', 'tools/list', 'tools/call'],
  ...['prompts/list', 'resources/list', 'resources/templates/list', 'resources/read', 'resources/subscribe'],
]

/** Lets every bound pass. */
async function wait({ clock }: Pick<ReturnType<typeof createWorld>, 'clock'>) {
  await settled()
  for (let times = 0; times < 3; times++) {
    clock.advance(HOLD)
    await settled()
  }
}

/** What the host hears but for news. */
const answers = (lines: readonly string[]) => lines.map((line) => JSON.parse(line)).filter(({ method }) => !method)

describe.each(METHODS)('%s without an id is not answered', (method) => {
  test('at the start', async () => {
    const world = createWorld()
    world.server[method] = () => createGate<object>().passed
    void world.say({ method, params: PARAMS })
    await wait(world)
    expect(world.writer.lines).toEqual([])
  })

  test('after the host was answered here', async () => {
    const world = createWorld()
    world.server.initialize = () => createGate<object>().passed
    await world.initialize()
    void world.say({ method, params: PARAMS })
    await wait(world)
    expect(answers(world.writer.lines).map(({ id }) => id)).toEqual([1])
  })

  test('of a host that speaks 2026', async () => {
    const world = createModernWorld()
    world.server[method] = () => createGate<object>().passed
    void world.sayLine(JSON.stringify({ jsonrpc: '2.0', method, params: PARAMS }))
    await wait(world)
    expect(world.writer.lines).toEqual([])
  })
})

test('initialize without an id takes nothing from a host that has said initialize', async () => {
  const { say, heard, clock } = createWorld()
  await say({ id: 1, method: 'initialize', params: PARAMS })
  void say({ method: 'initialize', params: PARAMS })
  await settled()
  clock.advance(HOLD)
  await say({ id: 2, method: 'tools/list' })
  expect(heard().map(({ id }) => id)).toEqual([1, 2])
})
