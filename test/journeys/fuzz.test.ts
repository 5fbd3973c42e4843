// Random bytes from both sides through the real program: stdout stays whole JSON-RPC lines, every request is answered exactly once.
// Reproducible: FUZZ_SEED and FUZZ_RUNS (default 120) choose what is tried; a failure prints its seed and its smallest case.
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { startHost } from '../servers/host.ts'
import { startMcpServer } from '../servers/mcpServer.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 120)
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_125)

interface Script {
  readonly status: number
  readonly type: string | undefined
  readonly chunks: readonly Uint8Array[]
  readonly cut: boolean
}

interface Entry {
  /** Gives the text with ids put in. */
  readonly body: (id: number) => Uint8Array
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))
const answerTo = (id: unknown, result: unknown = {}) => JSON.stringify({ jsonrpc: '2.0', id, result })

/** What a server may say in place of the one right answer; OTHER is an id nobody asked for. */
const message: fc.Arbitrary<(id: number) => string> = fc.oneof(
  { weight: 4, arbitrary: fc.json().map((json) => (id: number) => `{"jsonrpc":"2.0","id":${id},"result":${json}}`) },
  fc.constantFrom(
    (id: number) => `{\r\n  "result": { "x": 1.0 },\n  "id": ${id},\n  "jsonrpc": "2.0"\n}`,
    (id: number) => `\ufeff${answerTo(id)}`,
    (id: number) => `{"jsonrpc":"2.0","id":${id},"error":{"code":-32000,"message":"no"}}`,
    (id: number) => answerTo(String(id)),
    () => answerTo('nobody asked'),
    () => '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}}',
    (id: number) => answerTo(id).slice(0, -1),
    (id: number) => answerTo(id) + answerTo(id),
    (id: number) => `[${answerTo(id)}]`,
    (id: number) => `[${answerTo(id)},${answerTo(id)}]`,
    () => '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"\\u2028"}}',
    () => '{"jsonrpc":"2.0","id":"from the server","method":"roots/list"}',
    () => '<!doctype html><title>Sign in</title>',
    () => '[]',
    () => `${'['.repeat(20_000)}`,
    (id: number) => `{"__proto__":{"id":${id}},"jsonrpc":"2.0","result":{}}`,
    (id: number) => `{"jsonrpc":"2.0","id":${id},"id":"twice","result":{}}`,
  ),
  fc.string({ unit: 'binary' }).map((text) => () => text),
)

const event: fc.Arbitrary<(id: number) => string> = fc
  .tuple(
    message,
    fc.constantFrom('\n', '\r\n', '\r'),
    fc.constantFrom('', 'event: message', 'event: other', ': hi', 'id: 7', 'retry: 1'),
  )
  .map(([text, eol, field]) => (id: number) => {
    const data = text(id)
      .split(/\r\n|\n|\r/)
      .map((line) => `data: ${line}`)
    return [...(field === '' ? [] : [field]), ...data, '', ''].join(eol)
  })

const entry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 3, arbitrary: message.map((text) => ({ body: (id: number) => bytesOf(text(id)) })) },
  {
    weight: 3,
    arbitrary: fc
      .array(event, { maxLength: 4 })
      .map((events) => ({ body: (id: number) => bytesOf(events.map((one) => one(id)).join('')) })),
  },
  fc.uint8Array({ maxLength: 200 }).map((bytes) => ({ body: () => bytes })),
)

const answer = fc.record({
  entry,
  status: fc.oneof({ weight: 6, arbitrary: fc.constant(200) }, fc.constantFrom(202, 204, 400, 404, 405, 409, 500)),
  type: fc.constantFrom(
    'application/json',
    'application/json; charset=utf-8',
    'text/event-stream',
    'Text/Event-Stream;x=y',
    'text/html',
    undefined,
  ),
  cuts: fc.array(fc.nat(2_000), { maxLength: 5 }),
  cut: fc.boolean(),
})

/** A line of a host that is no request of ours, without line feeds. */
const noise: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'binary' }).map(bytesOf),
    fc.json().map(bytesOf),
    fc
      .constantFrom(
        '',
        '\r',
        ' ',
        '\0',
        '[]',
        '{}',
        'null',
        '{"jsonrpc":"2.0"}',
        '{"jsonrpc":"2.0","id":{},"method":"x"}',
      )
      .map(bytesOf),
    fc
      .constantFrom(
        '{"jsonrpc":"2.0","id":007,"method":"x"}',
        '{"method":"x","id":"\\q"',
        '{"jsonrpc":"2.0","method":"notifications/x"}',
      )
      .map(bytesOf),
    fc.constantFrom('{"jsonrpc":"2.0","id":"a","result":{}}', '{"jsonrpc":"2.0","id":5,"error":{}}').map(bytesOf),
  )
  .map((bytes) => bytes.filter((byte) => byte !== 10))

let home: ReturnType<typeof makeHome>
let server: Awaited<ReturnType<typeof startMcpServer>>
let host: ReturnType<typeof startHost>
const scripts = new Map<number, Script>()

async function play({ status, type, chunks, cut }: Script, response: ServerResponse): Promise<void> {
  response.writeHead(status, type === undefined ? {} : { 'content-type': type })
  for (const chunk of chunks) {
    response.write(chunk)
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (cut) response.destroy()
  else response.end()
}

beforeAll(async () => {
  home = makeHome()
  server = await startMcpServer({
    '*': ({ message, response, reply }) => {
      const script = scripts.get(message?.params?.script)
      if (script) return void play(script, response)
      const answer = { jsonrpc: '2.0', id: message?.id ?? null, result: {} }
      return reply(200, JSON.stringify(answer), { 'content-type': 'application/json' })
    },
  })
  host = startHost([server.url, '--login', 'never'], home.environment)
  await host.initialize()
})

afterAll(async () => {
  await host.close()
  await server.close()
  home.remove()
})

const residentMb = () => {
  const status = readFileSync(`/proc/${host.child.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
}

let nextId = 1_000_000

test(
  `${RUNS} rounds of random bytes break nothing`,
  async () => {
    let settledMb = 0
    let round = 0
    const property = fc.asyncProperty(
      fc.array(answer, { minLength: 1, maxLength: 6 }),
      fc.array(noise, { maxLength: 6 }),
      async (answers, noises) => {
        const ids = answers.map(({ entry: { body }, status, type, cuts, cut }) => {
          const id = nextId++
          const bytes = body(id)
          const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
          const chunks = [0, ...places].map((from, at) => bytes.subarray(from, places[at] ?? bytes.length))
          scripts.set(id, { status, type, chunks, cut })
          return id
        })
        const heardBefore = host.heard.length
        for (const [at, id] of ids.entries()) {
          const garbage = noises[at]
          if (garbage) host.child.stdin.write(Buffer.concat([garbage, Buffer.of(10)]))
          host.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { script: id } })
        }
        // A request that is lost would be waited for without end: thousands of others are answered meanwhile, and it is not. One
        // whose stream broke off is resumed first.
        const missing = () =>
          ids.filter((id) => !host.heard.flat().some((one) => one.id === id && one.method === undefined))
        for (let others = 0; missing().length > 0 && others < 20_000; others++) await host.request('ping')
        expect(missing().map((id) => scripts.get(id))).toEqual([])
        expect((await host.request('ping')).result).toEqual({})
        // Of a batch, each member counts.
        const heard = host.heard.splice(0).slice(heardBefore).flat()
        for (const id of ids) {
          scripts.delete(id)
          expect(heard.filter((one) => one.id === id && one.method === undefined)).toHaveLength(1)
        }
        for (const one of heard) expect(one.jsonrpc).toBe('2.0')
        expect(host.rubbish).toEqual([])
        expect(host.child.exitCode).toBeNull()
        if (++round === 50) settledMb = residentMb()
      },
    )
    await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: process.env.CI !== undefined })
    if (RUNS > 100) expect(residentMb() - settledMb).toBeLessThan(80)
    expect(host.stderr).not.toContain('internal')
  },
  Math.max(300_000, RUNS * 1_000),
)
