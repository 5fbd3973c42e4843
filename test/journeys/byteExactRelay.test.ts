// Messages pass byte by byte, and whatever a server sends, stdout carries whole JSON-RPC messages only.
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Exchange } from '../servers/mcpServer.ts'
import { event } from '../servers/mcpServer.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'

let stage: Awaited<ReturnType<typeof startScriptedStage>>
let host: ReturnType<typeof stage.host>
beforeAll(async () => {
  stage = await startScriptedStage()
  host = stage.host()
  await host.initialize()
})
beforeEach(() => {
  delete stage.server.script['tools/call']
})
afterAll(async () => {
  expect(host.rubbish).toEqual([])
  for (const message of host.heard) expect(message.jsonrpc).toBe('2.0')
  await stage.close()
})

const JSON_TYPE = { 'content-type': 'application/json' }
let calls = 0

/** Sends a call whose answer the script writes; the raw line the host hears for it. */
async function call(answer: (exchange: Exchange, id: string) => void): Promise<string> {
  const id = `call-${++calls}`
  stage.server.script['tools/call'] = (exchange) => answer(exchange, id)
  host.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'x' } })
  const heard = await host.hear((message: { id?: unknown }) => message.id === id)
  return host.lines[host.heard.indexOf(heard)] ?? ''
}

const codeOf = (line: string) => (JSON.parse(line) as { error?: { data?: { code: string } } }).error?.data?.code
const messageOf = (line: string) => (JSON.parse(line) as { error: { message: string } }).error.message

describe('from the host to the server', () => {
  test.each([
    [
      'an integer beyond 2^53',
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"a","params":{"n":12345678901234567890}}',
    ],
    ['a number written 1.0', '{"jsonrpc":"2.0","id":44.0,"method":"a","params":{"n":1.0,"m":1e2,"z":-0}}'],
    ['an odd key order and unknown fields', '{"method":"a","x":[{}],"id":"k","params":{"b":1,"a":2},"jsonrpc":"2.0"}'],
    ['white space', '{ "jsonrpc" : "2.0" , "id" : "w" ,\t"method":"a" }'],
    ['a lone surrogate', '{"jsonrpc":"2.0","id":"\\ud800","method":"a","params":{"s":"\\udc00 \\u0000"}}'],
    ['any Unicode', '{"jsonrpc":"2.0","id":"ü\u2028😀","method":"a","params":{"s":"\u2029\u200f\ufffd"}}'],
    [
      'keys of JavaScript',
      '{"jsonrpc":"2.0","id":"p","method":"a","params":{"__proto__":{"x":1},"constructor":1,"__proto__":2}}',
    ],
  ])('%s arrives as it was written, and its answer reaches the right request', async (_what, line) => {
    const idText = /"id"\s*:\s*("[^"]*"|[\d.]+)/.exec(line)?.[1] ?? ''
    const answer = `{"jsonrpc":"2.0","id":${idText},"result":{"same":true}}`
    stage.server.script.a = ({ reply }) => reply(200, answer, JSON_TYPE)
    host.send(line)
    const heard = await host.hear(
      (message: { id?: unknown }) => message.id === (JSON.parse(answer) as { id: unknown }).id,
    )
    expect(heard.result).toEqual({ same: true })
    expect(host.lines).toContain(answer)
    expect(stage.server.seen.map(({ text }) => text)).toContain(line)
  })
})

describe('from the server to the host', () => {
  test.each([
    ['integers beyond 2^53', '"result":{"n":12345678901234567890,"m":-9007199254740993}'],
    ['numbers written 1.0', '"result":{"n":1.0,"e":1E+2}'],
    ['unknown fields', '"result":{"b":1,"a":2},"extra":{"x":[1]}'],
    ['lone surrogates', '"result":{"s":"\\ud83d"}'],
    ['any Unicode', '"result":{"s":"\u2028 \u2029 \u0085 😀"}'],
    ['errors of its own', '"error":{"code":-32000,"message":"no","data":{"big":98765432109876543210}}'],
    ['twins of one key', '"result":{"a":1,"a":2,"__proto__":{}}'],
  ])('%s arrive as they were written, in JSON and in a stream', async (_what, rest) => {
    let sent = ''
    const write = (id: string) => {
      sent = `{"jsonrpc":"2.0","id":"${id}",${rest}}`
      return sent
    }
    expect(await call(({ reply }, id) => reply(200, write(id), JSON_TYPE))).toBe(sent)
    expect(await call(({ stream }, id) => void stream().end(event(write(id))))).toBe(sent)
  })

  test('line breaks outside strings become spaces, whatever their kind', async () => {
    const line = await call(({ reply }, id) =>
      reply(200, `{\r\n"jsonrpc":"2.0",\r"id":"${id}",\n"result":{"s":"a\\nb"}\n}\n`, JSON_TYPE),
    )
    expect(line).toMatch(/^\{ {2}"jsonrpc":"2.0", "id":"call-\d+", "result":\{"s":"a\\nb"\} \} $/)
  })

  test('a byte order mark is removed', async () => {
    const line = await call(({ reply }, id) =>
      reply(200, `\ufeff{"jsonrpc":"2.0","id":"${id}","result":{}}`, JSON_TYPE),
    )
    expect(JSON.parse(line).result).toEqual({})
  })

  test.each([
    ['under another type', 'text/plain; charset=utf-8', ''],
    ['without a type', undefined, ''],
    ['with a notification on the next line', 'application/json', '\n{"jsonrpc":"2.0","method":"notifications/x"}'],
  ])('an answer %s is delivered as it was written', async (_, type, more) => {
    const answer = (id: string) => `{"jsonrpc":"2.0","id":"${id}","result":{"n":1.0}}`
    const line = await call(({ reply }, id) => reply(200, answer(id) + more, type ? { 'content-type': type } : {}))
    expect(line).toBe(answer(JSON.parse(line).id))
  })

  test('an error without an id is delivered, and the request gets its own error', async () => {
    const nameless = '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"cannot parse"}}'
    const line = await call(({ reply }) => reply(200, nameless, JSON_TYPE))
    expect(host.lines).toContain(nameless)
    expect(codeOf(line)).toBe('server_error')
    expect(messageOf(line)).toContain('cannot parse')
  })

  test.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ])('an answer in the coding %s is decoded although it was not requested', async (coding, compress) => {
    const text = (id: string) => `{"jsonrpc":"2.0","id":"${id}","result":{"big":${'1'.repeat(30)}}}`
    const headers = { ...JSON_TYPE, 'content-encoding': coding }
    const line = await call(({ reply }, id) => reply(200, compress(text(id)), headers))
    expect(line).toContain(`"result":{"big":${'1'.repeat(30)}}`)
    const streamed = await call(({ reply }, id) =>
      reply(200, compress(event(text(id))), { 'content-type': 'text/event-stream', 'content-encoding': coding }),
    )
    expect(streamed).toContain('"result"')
  })
})

describe('what is not an answer becomes invalid_protocol with its first bytes', () => {
  test.each<[string, (exchange: Exchange, id: string) => void, string]>([
    [
      'a web page',
      ({ reply }) => reply(200, '<!doctype html><p>Log in', { 'content-type': 'text/html; charset=utf-8' }),
      'Log in',
    ],
    ['JSON that is no message, without a type', ({ reply }) => reply(200, '{}'), '{}'],
    [
      'truncated JSON',
      ({ reply }, id) => reply(200, `{"jsonrpc":"2.0","id":"${id}","result":{"a`, JSON_TYPE),
      '"result',
    ],
    [
      'the answer to another id',
      ({ reply }) => reply(200, '{"jsonrpc":"2.0","id":"other","result":{}}', JSON_TYPE),
      'other',
    ],
    ['nothing', ({ reply }) => reply(200, '', JSON_TYPE), 'nothing'],
    ['nothing and no type', ({ reply }) => reply(200), 'nothing'],
    ['202, as if it were a notification', ({ reply }) => reply(202), '202'],
    [
      'a batch where the revision has none',
      ({ reply }, id) => reply(200, `[{"jsonrpc":"2.0","id":"${id}","result":{}}]`, JSON_TYPE),
      '[{',
    ],
    ['an empty batch', ({ reply }) => reply(200, '[]', JSON_TYPE), '[]'],
    ['JSON that is no JSON-RPC', ({ reply }) => reply(200, '{"ok":true}', JSON_TYPE), 'ok'],
    ['a bare string', ({ reply }) => reply(200, '"hello"', JSON_TYPE), 'hello'],
    [
      'bytes that are no UTF-8',
      ({ reply }) => reply(200, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), JSON_TYPE),
      'not an MCP message',
    ],
    ['an event that is no message', ({ stream }) => void stream().end(event('hello there')), 'hello there'],
    [
      'an event with the answer to another id',
      ({ stream }) => void stream().end(event({ jsonrpc: '2.0', id: 'other', result: {} })),
      'other',
    ],
    ['a broken gzip', ({ reply }) => reply(200, 'no gzip', { ...JSON_TYPE, 'content-encoding': 'gzip' }), 'compressed'],
    ['a coding nobody knows', ({ reply }) => reply(200, 'x', { ...JSON_TYPE, 'content-encoding': 'rot13' }), 'rot13'],
  ])('%s', async (_what, answer, quoted) => {
    const line = await call(answer)
    expect(codeOf(line)).toBe('invalid_protocol')
    expect(messageOf(line)).toContain(JSON.stringify(quoted).slice(1, -1))
  })

  test('and the next call works', async () => {
    expect(JSON.parse(await call(({ result }) => result({ fine: true }))).result).toEqual({ fine: true })
  })
})

test('clientInfo and serverInfo are passed on unchanged', async () => {
  const own =
    '{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"x":1.0},"clientInfo":{"version":"1","name":"Ünïcode host","title":"T","extra":12345678901234567890}}}'
  const theirs =
    '{"jsonrpc":"2.0","id":"i","result":{"serverInfo":{"version":"0","name":"S","websiteUrl":"x","n":1.0},"protocolVersion":"2025-06-18","capabilities":{}}}'
  stage.server.script.initialize = ({ reply }) => reply(200, theirs, JSON_TYPE)
  host.send(own)
  await host.hear((message: { id?: unknown }) => message.id === 'i')
  expect(stage.server.seen.map(({ text }) => text)).toContain(own)
  expect(host.lines).toContain(theirs)
})
