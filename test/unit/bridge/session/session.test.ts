// The session: what it sends along, and how it is made again once for all.
import { describe, expect, test } from 'vitest'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createSession } from '../../../../src/bridge/session/session.ts'
import { respond } from '../../../fakes/fakeHttp.ts'
import { createGate } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const message = (text: string) => parseMessage(Buffer.from(text)) as Message
const INITIALIZE = message('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}')
const answer = (version: unknown = '2025-11-25') =>
  message(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { protocolVersion: version } }))

function established(id = 'one') {
  const session = createSession()
  session.remember(INITIALIZE)
  session.establish(respond(200, { 'mcp-session-id': id }), answer())
  return session
}

describe('the headers of a session', () => {
  test('are empty before it is established', () => {
    expect(createSession().headers()).toEqual({})
  })

  test('are the id and version of the answer to initialize', () => {
    expect(established().headers()).toEqual({ 'mcp-session-id': 'one', 'mcp-protocol-version': '2025-11-25' })
  })

  test('are only the version if the server gives no id', () => {
    const session = createSession()
    session.establish(respond(200), answer('2025-03-26'))
    expect(session.headers()).toEqual({ 'mcp-protocol-version': '2025-03-26' })
    expect(session.id).toBeUndefined()
  })

  test.each([
    ['a space', 'a b'],
    ['a line break', 'a\nb'],
    ['nothing', ''],
    ['non-ASCII', 'ä'],
    ['two of them', ['a', 'b']],
  ])('have no id when it holds %s', (_, id) => {
    const session = createSession()
    session.establish(respond(200, { 'mcp-session-id': id }), answer())
    expect(session.id).toBeUndefined()
  })

  test.each([
    ['a line break', '2025\n'],
    ['a number', 2025],
    ['41 characters', 'x'.repeat(41)],
    ['nothing', null],
  ])('have no version if it is %s', (_, version) => {
    const session = createSession()
    session.establish(respond(200), answer(version))
    expect(session.headers()).toEqual({})
  })

  test('have no id after it was forgotten', () => {
    const session = established()
    session.forget()
    expect(session.headers()).toEqual({ 'mcp-protocol-version': '2025-11-25' })
  })

  test('are reset by a new initialize', () => {
    const session = established()
    session.remember(INITIALIZE)
    expect(session.headers()).toEqual({})
  })
})

describe('a lost session', () => {
  test('is created again with the host’s own initialize', async () => {
    const session = established()
    await session.renew('one', async (initialize) => {
      expect(initialize.bytes).toBe(INITIALIZE.bytes)
      expect(session.id).toBeUndefined()
      session.establish(respond(200, { 'mcp-session-id': 'two' }), answer())
    })
    expect(session.id).toBe('two')
  })

  test('is created again once for all who lost it', async () => {
    const session = established()
    const gate = createGate()
    let exchanges = 0
    const exchange = async () => {
      exchanges++
      await gate.passed
      session.establish(respond(200, { 'mcp-session-id': 'two' }), answer())
    }
    const all = Array.from({ length: 20 }, () => session.renew('one', exchange))
    gate.open()
    await Promise.all(all)
    expect(exchanges).toBe(1)
    expect(session.id).toBe('two')
  })

  test('is not created again for one who lost it long ago', async () => {
    const session = established('two')
    await session.renew('one', () => Promise.reject(new Error('not needed')))
    expect(session.id).toBe('two')
  })

  test('keeps its id if it could not be created again, so that the next message tries again', async () => {
    const session = established()
    const failure = new Error('down')
    await expect(session.renew('one', () => Promise.reject(failure))).rejects.toBe(failure)
    expect(session.id).toBe('one')
    await session.renew('one', async () => session.establish(respond(200, { 'mcp-session-id': 'two' }), answer()))
    expect(session.id).toBe('two')
  })

  test('cannot be created again if there was no initialize', async () => {
    expect(await codeOf(createSession().renew(undefined, async () => undefined))).toBe('session_lost')
  })
})

describe('what a session that is created again restores', () => {
  const sent = (method: string, params: object) => message(JSON.stringify({ jsonrpc: '2.0', id: 2, method, params }))
  const ok = message('{"jsonrpc":"2.0","id":2,"result":{}}')
  const no = message('{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"no"}}')
  const subscribe = (uri: string) => sent('resources/subscribe', { uri })

  test('is the last log level and the subscriptions that were not ended', () => {
    const session = established()
    const levels = ['info', 'debug'].map((level) => sent('logging/setLevel', { level }))
    const [a, b] = [subscribe('a'), subscribe('b')]
    for (const one of [...levels, a, b, sent('tools/call', {}), sent('resources/unsubscribe', { uri: 'b' })])
      session.note(one, ok)
    expect(session.kept).toEqual([levels[1], a])
  })

  test('excludes what the server refused, and everything of the session before', () => {
    const session = established()
    session.note(subscribe('a'), no)
    expect(session.kept).toEqual([])
    session.note(subscribe('a'), ok)
    session.remember(INITIALIZE)
    expect(session.kept).toEqual([])
  })
})
