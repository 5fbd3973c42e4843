// Big messages, limits, and who waits for whom: memory follows the message in flight, not what is still to come.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { PROGRAM, startHost } from '../servers/host.ts'
import { event, startMcpServer } from '../servers/mcpServer.ts'

const MB = 1024 * 1024

let home: ReturnType<typeof makeHome>

beforeEach(() => {
  home = makeHome()
})

afterEach(() => home.remove())

/** MB of resident memory: at its highest, and the highest is then forgotten. proc_pid_status(5), proc_pid_clear_refs(5). */
function peakMb(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kb = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? /^VmRSS:\s+(\d+)/m.exec(status)?.[1])
  return kb / 1024
}

/** `echo` gives the arguments back, `make` an answer of so many MB, as JSON or as SSE. */
async function startBig() {
  const server = await startMcpServer({
    '*': ({ message, result, reply }) => {
      const { id, params } = message
      if (params?.name !== 'make') return result(params ?? {})
      const { megabytes, sse } = params.arguments
      const text = JSON.stringify({ jsonrpc: '2.0', id, result: { text: 'x'.repeat(megabytes * MB) } })
      const type = sse ? 'text/event-stream' : 'application/json'
      return reply(200, sse ? event(text) : text, { 'content-type': type })
    },
  })
  onTestFinished(() => server.close())
  return server
}

const make = (megabytes: number, sse: boolean) => ({ name: 'make', arguments: { megabytes, sse } })

describe('with the default limits', () => {
  const echoed = async (host: ReturnType<typeof startHost>) => {
    const text = 'ä'.repeat(15 * MB)
    expect((await host.request('tools/call', { name: 'echo', arguments: { text } })).result.arguments.text).toBe(text)
  }
  const made = (sse: boolean) => async (host: ReturnType<typeof startHost>) => {
    const { result } = await host.request('tools/call', make(30, sse))
    expect(result.text.length).toBe(30 * MB)
  }

  test.each([
    // It goes out, and comes back as the answer.
    ['of the host', echoed, 2],
    ['of the server as JSON', made(false), 1],
    ['of the server as SSE', made(true), 1],
  ])(
    '30 MB %s pass, and memory is at most four times the messages in flight',
    async (_, pass, messages) => {
      const server = await startBig()
      const host = startHost([server.url], home.environment)
      await host.initialize()
      const before = peakMb(host.child.pid)
      await pass(host)
      expect(peakMb(host.child.pid) - before).toBeLessThan(4 * 30 * messages)
      expect(await host.close()).toBe(0)
    },
    60_000,
  )
})

describe('over the limit', () => {
  async function startLimited() {
    const config = join(home.path, 'config.yaml')
    writeFileSync(config, 'limits: { host_message_mb: 1, server_message_mb: 2 }\n')
    const server = await startBig()
    const host = startHost([server.url, '--config', config], home.environment)
    await host.initialize()
    return { server, host }
  }

  test.each([
    ['first', (text: string) => `{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"text":"${text}"}}`],
    ['last', (text: string) => `{"method":"tools/call","params":{"text":"${text}"},"jsonrpc":"2.0","id":77}`],
  ])('a line of the host fails alone, with its id %s', async (_, line) => {
    const { server, host } = await startLimited()
    host.send(line('x'.repeat(3 * MB)))
    const { error } = await host.hear(({ id }: { id: unknown }) => id === 77)
    expect(error.data.code).toBe('message_too_large')
    expect((await host.request('tools/call', { name: 'echo' })).result).toEqual({ name: 'echo' })
    expect(server.seen.every(({ bytes }) => bytes.byteLength < MB)).toBe(true)
    expect(await host.close()).toBe(0)
    expect(host.rubbish).toEqual([])
  })

  test.each([false, true])('an answer of the server fails alone (SSE: %s)', async (sse) => {
    const { host } = await startLimited()
    const { error } = await host.request('tools/call', make(3, sse))
    expect(error.data.code).toBe('message_too_large')
    expect((await host.request('tools/call', make(1, sse))).result.text.length).toBe(MB)
    expect(await host.close()).toBe(0)
  })
})

/** A bridge whose stdout nobody reads until it is asked for. */
function startRaw(url: string) {
  const child = spawn(process.execPath, [PROGRAM, url], { env: home.environment, stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin.on('error', () => undefined)
  onTestFinished(() => void child.kill('SIGKILL'))
  const write = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`)
  write({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {} } })
  write({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return { child, write }
}

async function serveRaw(handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

test('a host that does not read pauses the server, and gets everything when it reads again', async () => {
  const EVENTS = 150
  let sent = 0
  let notes = 0
  let noted = () => {}
  const server = await startMcpServer({
    ping: ({ result }) => {
      notes++
      noted()
      result({})
    },
    'tools/call': async ({ message, stream }) => {
      const response = stream()
      const params = { level: 'info', data: 'x'.repeat(MB) }
      const big = event({ jsonrpc: '2.0', method: 'notifications/message', params })
      for (; sent < EVENTS; sent++) if (!response.write(big)) await once(response, 'drain')
      response.end(event({ jsonrpc: '2.0', id: message.id, result: {} }))
    },
  })
  onTestFinished(() => server.close())
  const { child, write } = startRaw(server.url)
  write({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'flood' } })
  // Other requests still reach the server meanwhile; when many have and it has not sent more, it waits.
  for (let quiet = 0, last = -1; quiet < 20; ) {
    const arrived = new Promise<void>((resolve) => {
      noted = resolve
    })
    write({ jsonrpc: '2.0', id: `ping-${notes}-${quiet}`, method: 'ping' })
    await arrived
    quiet = sent === last && sent > 0 ? quiet + 1 : 0
    last = sent
  }
  expect(sent).toBeLessThan(30)
  expect(peakMb(child.pid)).toBeLessThan(160)
  let lines = 0
  let done = false
  let tail = ''
  for await (const chunk of child.stdout) {
    const text = String(chunk)
    lines += text.split('notifications/message').length - 1
    tail = (tail + text).slice(-2_000)
    done = tail.includes('"id":1,"result"')
    if (done) break
  }
  expect([lines, done]).toEqual([EVENTS, true])
}, 120_000)

test('a server that does not read pauses the host, and gets everything when it reads again', async () => {
  const LINES = 24
  let read = 0
  let open = () => {}
  const released = new Promise<void>((resolve) => {
    open = resolve
  })
  let hang: (stream: ServerResponse) => void = () => {}
  const standing = new Promise<ServerResponse>((resolve) => {
    hang = resolve
  })
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'GET') return hang(response.writeHead(200, { 'content-type': 'text/event-stream' }))
    const big = Number(request.headers['content-length']) > MB
    if (big) await released
    const chunks: Buffer[] = []
    for await (const chunk of request) {
      if (big) read += chunk.length
      else chunks.push(chunk)
    }
    if (big) return void response.writeHead(500).end()
    const message = JSON.parse(String(Buffer.concat(chunks)) || '{}')
    if (message.id === undefined) return void response.writeHead(202).end()
    const result = { protocolVersion: '2025-11-25', capabilities: {} }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
  }
  const url = await serveRaw((request, response) => void respond(request, response))
  const { child } = startRaw(url)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const heard = async (text: string) => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done || String(value).includes(text)) return
    }
  }
  const stream = await standing
  let pushed = 0
  const whole = (id: number) =>
    `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"x":"${'x'.repeat(8 * MB)}"}}\n`
  const pushing = (async () => {
    for (let id = 1; id <= LINES; id++) {
      const line = Buffer.from(whole(id))
      for (let from = 0; from < line.length; from += MB) {
        await new Promise((resolve) => child.stdin.write(line.subarray(from, from + MB), resolve))
        pushed = (id - 1) * line.length + from
      }
    }
  })()
  // What the server says on its own still reaches the host; when much has and no more was taken in, the bridge waits.
  for (let quiet = 0, last = 0, note = 0; quiet < 100; note++) {
    stream.write(`data: {"jsonrpc":"2.0","method":"notifications/n${note}."}\n\n`)
    await heard(`/n${note}.`)
    quiet = pushed === last && pushed > 0 ? quiet + 1 : 0
    last = pushed
  }
  // 64 MB may wait, the line that goes over it, and what pipes hold.
  expect(pushed).toBeLessThan((64 + 8 + 8) * MB)
  expect(peakMb(child.pid)).toBeLessThan(4 * (64 + 8))
  open()
  await pushing
  for (let id = 1; id <= LINES; id++) await heard('"error"')
  expect(read).toBeGreaterThan(LINES * 8 * MB)
}, 120_000)
