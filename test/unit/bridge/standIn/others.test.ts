// Requests that are neither calls nor lists: no ping waits for a person, and nothing else does beyond the bound of a call.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { ADDRESS, createWorld, HOLD, HOLD_CALL, type World } from './world.ts'

const DOWN = new BridgeError('server_unreachable')
const ping = (id: number) => ({ id, method: 'ping' })

/** A host that the server itself has answered. */
async function connected(world: World = {}) {
  const made = createWorld(world)
  await made.initialize()
  made.reached.length = 0
  return made
}

describe('a ping', () => {
  test('goes to the server, and its answer is the server’s', async () => {
    const { say, answerTo, reached, server } = await connected()
    server.ping = () => ({ _meta: { from: 'server' } })
    await say(ping(2))
    expect([answerTo(2).result, reached]).toEqual([{ _meta: { from: 'server' } }, ['ping']])
  })

  test('asks nobody to sign in', async () => {
    const { say, server } = await connected()
    const causes: string[] = []
    server.ping = (_, cause) => {
      causes.push(cause)
      return {}
    }
    await say(ping(2))
    expect(causes).toEqual(['background'])
  })

  test.each(['not_signed_in', 'sign_in_pending', 'unauthorized', 'insufficient_scope'] as const)(
    'that the server refuses with %s is answered here, also where nobody is ever asked',
    async (code) => {
      for (const never of [false, true]) {
        const { say, answerTo, server } = await connected({ never })
        server.ping = () => new BridgeError(code)
        await say(ping(2))
        expect(answerTo(2).result).toEqual({})
      }
    },
  )

  test('that waits while somebody signs in is answered here, once', async () => {
    const { say, answerTo, heard, server, askPerson, clock } = await connected()
    const gate = createGate<object>()
    server.ping = () => gate.passed
    askPerson()
    void say(ping(2))
    await settled()
    clock.advance(HOLD)
    await settled()
    expect(answerTo(2).result).toEqual({})
    gate.open({})
    await settled()
    expect(heard().filter(({ id }) => id === 2)).toHaveLength(1)
  })

  test('of a server that is down fails, and of one that is silent waits: the host asks for that', async () => {
    const { say, answerTo, server, clock } = await connected()
    server.ping = () => DOWN
    await say(ping(2))
    expect(answerTo(2).error.data.code).toBe('server_unreachable')
    server.ping = () => new Promise(() => undefined)
    void say(ping(3))
    await settled()
    clock.advance(HOLD_CALL * 2)
    await settled()
    expect(answerTo(3)).toBeUndefined()
  })
})

describe.each(['logging/setLevel', 'resources/subscribe', 'odd/method'])('%s', (method) => {
  test('that has to wait for a person fails with the address at the bound of a call', async () => {
    const { say, answerTo, heard, server, askPerson, clock } = await connected()
    const gate = createGate<object>()
    server[method] = () => gate.passed
    const person = askPerson()
    void say({ id: 2, method })
    await settled()
    clock.advance(HOLD_CALL)
    await settled()
    expect(answerTo(2).error).toMatchObject({ data: { code: 'sign_in_pending', url: ADDRESS } })
    person.open()
    gate.open({})
    await settled()
    expect(heard().filter(({ id }) => id === 2)).toHaveLength(1)
  })

  test('of a slow server waits on', async () => {
    const { say, answerTo, server, clock } = await connected()
    const gate = createGate<object>()
    server[method] = () => gate.passed
    void say({ id: 2, method })
    await settled()
    clock.advance(HOLD_CALL * 2)
    await settled()
    expect(answerTo(2)).toBeUndefined()
    gate.open({ done: true })
    await settled()
    expect(answerTo(2).result).toEqual({ done: true })
  })

  test('that the server works on waits on, whoever else waits for a person', async () => {
    const { say, answerTo, heard, server, askPerson, clock, inFlight } = await connected()
    const gate = createGate<object>()
    server[method] = () => gate.passed
    void say({ id: 2, method })
    await settled()
    for (const { transmission } of inFlight.unsent()) transmission.sent = true
    askPerson()
    clock.advance(HOLD_CALL)
    await settled()
    expect(answerTo(2)).toBeUndefined()
    gate.open({ done: true })
    await settled()
    expect(heard().filter(({ id }) => id === 2)).toEqual([{ jsonrpc: '2.0', id: 2, result: { done: true } }])
  })
})
