// A call that the server carried out is not sent again, whatever its answer speaks of, and whatever came before the answer.
import { afterEach, describe, expect, test } from 'vitest'
import { type Exchange, event } from '../servers/mcpServer.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'

let stage: Awaited<ReturnType<typeof startScriptedStage>>
afterEach(() => stage?.close())

const JSON_TYPE = { 'content-type': 'application/json' }
const failed = (id: unknown, message: string, code = -32600) =>
  JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } })

async function call(answer: (exchange: Exchange) => void) {
  stage = await startScriptedStage({ 'tools/call': answer })
  const host = stage.host()
  await host.initialize()
  const heard = await host.request('tools/call', { name: 'pay' })
  const { server } = stage
  const times = { calls: server.count('tools/call'), initializes: server.count('initialize') }
  expect(await host.close()).toBe(0)
  return { ...heard, times }
}

const ONCE = { calls: 1, initializes: 1 }

describe('a failed call whose error contains the word "session" is passed on unchanged, and not sent again', () => {
  test.each<[string, (exchange: Exchange) => void, RegExp]>([
    ['400', ({ reply }) => reply(400, 'your session with the bank failed'), /session with the bank failed/],
    ['503', ({ reply }) => reply(503, '{"error":"Session quota exceeded"}', JSON_TYPE), /Session quota exceeded/],
    [
      '400 with a JSON-RPC error',
      ({ message, reply }) => reply(400, failed(message.id, 'invalid session cookie for upstream'), JSON_TYPE),
      /^invalid session cookie for upstream$/,
    ],
    [
      '200 with an Invalid Request',
      ({ message, reply }) => reply(200, failed(message.id, 'Your bank session was not found'), JSON_TYPE),
      /^Your bank session was not found$/,
    ],
    [
      'an Invalid Request in an event stream',
      ({ message, stream }) => stream().end(event(failed(message.id, 'The upstream session expired'))),
      /^The upstream session expired$/,
    ],
    [
      'words about the session after it has begun to work',
      ({ message, stream }) =>
        stream().end(
          event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'paying' } }) +
            event(failed(message.id, 'Session not found')),
        ),
      /^Session not found$/,
    ],
  ])('%s', async (_, answer, wanted) => {
    const { error, times } = await call(answer)
    expect(error.message).toMatch(wanted)
    expect(times).toEqual(ONCE)
  })

  test('404, or an error that says that this session is unknown, still creates it again', async () => {
    const lost = ({ headers, message, reply, result }: Exchange) => {
      if (headers['mcp-session-id'] !== 'session-1') return result({ paid: true })
      return reply(500, failed(message.id, 'Session not found'), JSON_TYPE)
    }
    const { result, times } = await call(lost)
    expect(result).toEqual({ paid: true })
    expect(times).toEqual({ calls: 2, initializes: 2 })
  })
})

describe('interim responses before the answer', () => {
  test.each([
    ['100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['103', 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n'],
    ['many', 'HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n'.repeat(100)],
  ])('%s end no call and repeat none', async (_, interim) => {
    const { result, times } = await call(({ response, result: answer }) => {
      response.socket?.write(interim)
      setImmediate(() => answer({ paid: true }))
    })
    expect(result).toEqual({ paid: true })
    expect(times).toEqual(ONCE)
  })

  test('without an answer after them: the call ends when its time is up', async () => {
    stage = await startScriptedStage({
      'tools/call': ({ response }) => {
        const timer = setInterval(() => response.socket?.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 50)
        response.once('close', () => clearInterval(timer))
      },
    })
    const host = stage.host(stage.config('request_timeout: 4000\n'))
    await host.initialize()
    expect((await host.request('tools/call', { name: 'pay' })).error.data.code).toBe('server_timeout')
    expect((await host.request('ping')).result).toEqual({})
    expect(await host.close()).toBe(0)
  })
})
