// Answers as real servers write them, through the real program: the host gets each of them once, and nothing else.
import { afterEach, describe, expect, test } from 'vitest'
import { event } from '../servers/mcpServer.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'

let stage: Awaited<ReturnType<typeof startScriptedStage>>
afterEach(() => stage?.close())

const STREAM = 'text/event-stream'
type Written = { type?: string; body: (answer: string) => string; open?: boolean; status?: number }

const WRITTEN: Record<string, Written> = {
  'a stream without its empty line that stays open': {
    type: STREAM,
    body: (a) => `event: message\ndata: ${a}\n`,
    open: true,
  },
  'a stream without its line feed that stays open': { type: STREAM, body: (a) => `data: ${a}`, open: true },
  'a stream without its empty line': { type: STREAM, body: (a) => `event: message\r\ndata: ${a}\r\n` },
  'a stream with [DONE]': { type: STREAM, body: (a) => `data: ok\n\ndata: {}\n\ndata: ${a}\n\ndata: [DONE]\n\n` },
  'an event of another name': {
    type: STREAM,
    body: (a) => `id: 1\nretry: 1000\ndata:\n\nevent: result\ndata: ${a}\n\n`,
  },
  'two messages in one event': {
    type: STREAM,
    body: (a) => `data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\ndata: ${a}\n\n`,
  },
  'JSON as text': { type: 'text/plain', body: (a) => a },
  'JSON without a type': { body: (a) => `\ufeff${a}\n` },
  'JSON that is called a stream': { type: STREAM, body: (a) => a },
  'JSON that stays open': { type: 'application/json', body: (a) => a, open: true },
  'a stream that is called JSON': { type: 'application/json', body: (a) => `data: ${a}\n\n` },
  'a status of its own': { type: 'application/problem+json', body: (a) => a, status: 422 },
}

test.each(Object.keys(WRITTEN))('%s is an answer to every request', async (name) => {
  const { type, body, open, status = 200 } = WRITTEN[name] as Written
  stage = await startScriptedStage()
  const { server } = stage
  const write: NonNullable<Parameters<typeof startScriptedStage>[0]>[string] = ({ message, response }) => {
    if (message.id === undefined) return response.writeHead(202, { 'content-type': 'text/plain' }).end('Accepted')
    const { protocolVersion = '2025-11-25' } = message.params ?? {}
    const result = {
      protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'odd', version: '1' },
      tools: [],
    }
    response.writeHead(status, type === undefined ? {} : { 'content-type': type })
    response.write(body(JSON.stringify({ jsonrpc: '2.0', id: message.id, result })))
    return open ? undefined : response.end()
  }
  for (const method of ['initialize', 'notifications/initialized', '*']) server.script[method] = write
  const host = stage.host()
  expect((await host.initialize()).result.serverInfo.name).toBe('odd')
  expect((await host.request('tools/list')).result.tools).toEqual([])
  expect((await host.request('tools/call', { name: 'x' })).result.serverInfo.name).toBe('odd')
  expect(server.count('tools/call')).toBe(1)
  expect(host.heard.filter(({ id }) => id !== undefined).map(({ id }) => id)).toEqual([1, 2, 3])
  expect(host.rubbish).toEqual([])
  expect(await host.close()).toBe(0)
})

describe('an answer that is none', () => {
  test.each([
    ['a page that holds a message', 'text/html', (a: string) => a, 'text/html'],
    ['a page', 'text/plain', () => '<html>Sign in</html>', 'Sign in'],
    ['a word', STREAM, () => 'data: busy, come back later\n\n', 'busy, come back later'],
    ['nothing', 'application/json', () => '', 'nothing, but this request needs an answer'],
  ])('is %s: the error says what came', async (_, type, body, words) => {
    stage = await startScriptedStage({
      'tools/call': ({ message, reply }) =>
        reply(200, body(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} })), { 'content-type': type }),
    })
    const host = stage.host()
    await host.initialize()
    const { error } = await host.request('tools/call', { name: 'x' })
    expect(error.data.code).toBe('invalid_protocol')
    expect(error.message).toContain(words)
  })
})

test('an older stream whose endpoint is refused is named, although the server was found by itself', async () => {
  stage = await startScriptedStage({
    initialize: ({ reply }) => reply(405),
    GET: ({ stream }) =>
      void stream().write(event('http://other.example/messages?key=k').replace('data', 'event: endpoint\ndata')),
  })
  const error = await stage.host().failure()
  expect(error.message).toContain('an endpoint on another origin: "http://other.example/messages?…"')
  expect(error.data.hint).toContain(stage.server.origin)
})
