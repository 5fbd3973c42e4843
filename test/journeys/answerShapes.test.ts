// Answers whose shape and not whose size asks for memory: the bound of largeMessages.test.ts holds for every one of them.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { startHost } from '../servers/host.ts'
import { startMcpServer } from '../servers/mcpServer.ts'

const MB = 1024 * 1024
/** `limits.server_message_mb` and `limits.host_message_mb` here. */
const LIMIT_MB = 16

/** What V8 lets lie about before it collects it. */
const GARBAGE_MB = 24

let home: ReturnType<typeof makeHome>
beforeEach(() => {
  home = makeHome()
})
afterEach(() => home.remove())

/** MB of resident memory at its highest; proc_pid_status(5). */
const peakMb = (pid: number | undefined) =>
  Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** `size` bytes of `unit` again and again between a beginning and an end. */
const fill = (unit: string, size: number, before = '', after = '') =>
  Buffer.concat([
    Buffer.from(before),
    Buffer.alloc(Math.floor(size / unit.length) * unit.length, unit),
    Buffer.from(after),
  ])
const listOf = (unit: string, id: number, size: number, member = 'tools') =>
  fill(`${unit},`, size, `{"jsonrpc":"2.0","id":${id},"result":{"${member}":[`, `${unit}]}}`)

type Shape = (id: number) => { type?: string; body: Buffer; coding?: string }
const SSE = 'text/event-stream'
const WITHIN = (LIMIT_MB - 1) * MB
const BEYOND = 4 * LIMIT_MB * MB
const SHAPES: Record<string, Shape> = {
  'empty data lines without an end': () => ({ type: SSE, body: fill('data\n', BEYOND) }),
  'data lines of one byte': () => ({ type: SSE, body: fill('data:x\n', BEYOND) }),
  'a comment without an end': () => ({ type: SSE, body: fill(':', BEYOND) }),
  'an id without an end': () => ({ type: SSE, body: fill('7', BEYOND, 'id:') }),
  'a large id, again and again': () => ({ type: SSE, body: fill(`id:${'7'.repeat(MB)}\n\n`, BEYOND) }),
  'a retry without an end': () => ({ type: SSE, body: fill('7', BEYOND, 'retry:') }),
  'an event name without an end': () => ({ type: SSE, body: fill('m', BEYOND, 'event:') }),
  'events without data': () => ({ type: SSE, body: fill('event:x\n\n', WITHIN) }),
  'events of another type': () => ({ type: SSE, body: fill('event:x\ndata:{}\n\n', WITHIN) }),
  'a batch of {}': () => ({ body: fill('{},', WITHIN, '[', '{}]') }),
  'a batch of []': () => ({ body: fill('[],', WITHIN, '[', '[]]') }),
  'a batch of notifications': () => ({
    body: fill('{"jsonrpc":"2.0","method":"a"},', WITHIN, '[', '{"jsonrpc":"2.0","method":"b"}]'),
  }),
  'a batch of answers': () => ({
    body: fill('{"jsonrpc":"2.0","id":7,"result":0},', WITHIN, '[', '{"jsonrpc":"2.0","id":8,"result":0}]'),
  }),
  'a list of []': (id) => ({ body: listOf('[]', id, WITHIN) }),
  'a list of {}': (id) => ({ body: listOf('{}', id, WITHIN) }),
  'a list of 0': (id) => ({ body: listOf('0', id, WITHIN) }),
  'a list of tools': (id) => ({ body: listOf('{"name":"a","annotations":{"readOnlyHint":true}}', id, WITHIN) }),
  'an object of lists named alike': (id) => ({
    body: fill('"tools":[],', WITHIN, `{"jsonrpc":"2.0","id":${id},"result":{`, '"tools":[]}}'),
  }),
  'a list as deep as it is long': (id) => ({
    body: Buffer.concat([
      fill('[', WITHIN / 2, `{"jsonrpc":"2.0","id":${id},"result":{"tools":`),
      fill(']', WITHIN / 2, '', '}}'),
    ]),
  }),
  'an error with a list of []': (id) => ({
    body: fill('[],', WITHIN, `{"jsonrpc":"2.0","id":${id},"error":{"code":-32600,"message":"x","data":[`, '0]}}'),
  }),
  'a JSON text beyond the limit': (id) => ({ body: listOf('"x"', id, BEYOND) }),
  'an event beyond the limit': (id) => ({
    type: SSE,
    body: Buffer.concat([Buffer.from('data:'), listOf('"x"', id, BEYOND)]),
  }),
  'an answer coded twice': () => ({ body: gzipSync(Buffer.alloc(4 * MB)), coding: 'gzip, gzip' }),
}
const CODERS: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: (bytes) => gzipSync(bytes, { level: 1 }),
  deflate: (bytes) => deflateSync(bytes, { level: 1 }),
  br: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
}

/** Answers `tools/list`, `initialize` and calls in the shape whose name the host gives. */
async function startShaped(method: string, coding = 'gzip') {
  const server = await startMcpServer({
    '*': ({ message, result, reply }) => {
      const shape = message?.params?.cursor ?? message?.params?.name
      if (message?.method !== method || !shape) return result({})
      const { type = 'application/json', body, coding: own } = (SHAPES[shape] as Shape)(message.id)
      return reply(200, own ? body : CODERS[coding]?.(body), {
        'content-type': type,
        'content-encoding': own ?? coding,
      })
    },
  })
  onTestFinished(() => server.close())
  return server
}

async function startBridge(url: string, more = '') {
  const config = join(home.path, 'config.yaml')
  writeFileSync(config, `limits: { host_message_mb: ${LIMIT_MB}, server_message_mb: ${LIMIT_MB} }\n${more}`)
  const host = startHost([url, '--config', config], home.environment)
  await host.initialize()
  await host.request('tools/list', {})
  return host
}

describe.runIf(process.platform === 'linux')(
  'memory is at most four times the largest message, whatever its shape',
  () => {
    const within = async (host: ReturnType<typeof startHost>, before: number) => {
      expect(peakMb(host.child.pid) - before).toBeLessThan(4 * LIMIT_MB + GARBAGE_MB)
      expect((await host.request('ping')).result).toEqual({})
      expect(await host.close()).toBe(0)
      expect(host.rubbish).toEqual([])
    }

    test.each(Object.keys(SHAPES))(
      '%s',
      async (shape) => {
        const server = await startShaped('tools/list')
        const host = await startBridge(server.url)
        const before = peakMb(host.child.pid)
        const { error, result } = await host.request('tools/list', { cursor: shape })
        expect(error ?? result).toBeDefined()
        await within(host, before)
      },
      180_000,
    )

    test.each(['a list of []', 'a list of tools', 'a list as deep as it is long', 'a batch of answers'])(
      '%s while tools are hidden',
      async (shape) => {
        const server = await startShaped('tools/list')
        const host = await startBridge(server.url, 'response_transform: { hide_tools: [b, a*b*c] }\n')
        const before = peakMb(host.child.pid)
        await host.request('tools/list', { cursor: shape })
        await within(host, before)
      },
      180_000,
    )

    test.each(Object.keys(CODERS))(
      'a text of one letter in %s',
      async (coding) => {
        const server = await startShaped('tools/call', coding)
        const host = await startBridge(server.url)
        const before = peakMb(host.child.pid)
        const { error } = await host.request('tools/call', { name: 'a JSON text beyond the limit' })
        expect(error.data.code).toBe('message_too_large')
        await within(host, before)
      },
      180_000,
    )

    test.each([
      ['{},', '[', '{}]'],
      ['[],', '[', '[]]'],
      ['[', '', ''],
      ['{"jsonrpc":"2.0","method":"a"},', '[', '{"jsonrpc":"2.0","method":"b"}]'],
      ['[],', '{"jsonrpc":"2.0","id":90,"method":"tools/call","params":[', '0]}'],
    ])(
      'a line of %s from the host',
      async (unit, before, after) => {
        const server = await startShaped('tools/call')
        const host = await startBridge(server.url)
        const memory = peakMb(host.child.pid)
        host.send(fill(unit, WITHIN, before, after).toString())
        await host.request('ping')
        await within(host, memory)
      },
      180_000,
    )
  },
)
