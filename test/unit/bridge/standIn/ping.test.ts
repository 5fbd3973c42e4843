// A ping says that this process is there: the server answers it, but it waits for no person and begins no sign-in (MCP "Ping").
import { expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { createWorld, HOLD } from './world.ts'

const PING = { id: 7, method: 'ping' }

test('a ping reaches a server that is there, in the background', async () => {
  const { initialize, say, server, reached, answerTo } = createWorld()
  await initialize()
  const causes: string[] = []
  server.ping = (_, cause) => {
    causes.push(cause)
    return { of: 'the server' }
  }
  await say(PING)
  expect([answerTo(7).result, causes]).toEqual([{ of: 'the server' }, ['background']])
  expect(reached).toContain('ping')
})

test('a ping that would fail for want of a person is answered here, whether somebody may be asked or not', async () => {
  for (const never of [false, true]) {
    const { initialize, say, server, answerTo } = createWorld({ never })
    await initialize()
    server.ping = () => new BridgeError('not_signed_in')
    await say(PING)
    expect(answerTo(7).result).toEqual({})
  }
})

test('a ping that would wait for a person is answered here after a moment, and once', async () => {
  const { initialize, say, server, answerTo, askPerson, clock, heard } = createWorld()
  await initialize()
  const gate = createGate()
  server.ping = () => gate.passed.then(() => ({ of: 'the server' }))
  askPerson()
  const said = say(PING)
  await settled()
  expect(answerTo(7)).toBeUndefined()
  clock.advance(HOLD)
  await said
  gate.open()
  await settled()
  expect(heard().filter(({ id }) => id === 7)).toEqual([{ jsonrpc: '2.0', id: 7, result: {} }])
})

test('a ping that fails for another reason fails', async () => {
  const { initialize, say, server, answerTo } = createWorld()
  await initialize()
  server.ping = () => new BridgeError('server_unreachable')
  await say(PING)
  expect(answerTo(7).error.data.code).toBe('server_unreachable')
})

test('a ping while initialize has no answer yet is answered at once', async () => {
  const { say, server, answerTo, reached } = createWorld()
  const gate = createGate()
  server.initialize = () => gate.passed
  void say({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {} } })
  await settled()
  void say(PING)
  await settled()
  expect([answerTo(7).result, answerTo(1), reached]).toEqual([{}, undefined, ['initialize']])
})
