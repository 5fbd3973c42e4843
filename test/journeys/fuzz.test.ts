// Random bytes from both sides through the real program, whatever revisions of MCP either side speaks: stdout stays whole JSON-RPC
// lines, every request is answered exactly once.
// Reproducible: FUZZ_SEED and FUZZ_RUNS (default 120) choose what is tried; a failure prints its seed and its smallest case.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { startHost } from '../servers/host.ts'
import { type Exchange, startMcpServer } from '../servers/mcpServer.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 120)
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_125)

/** What a server does with one request. */
interface Script {
  readonly status: number
  readonly type: string | undefined
  readonly body: Body
  readonly cuts: readonly number[]
  readonly cut: boolean
}

/** Gives the bytes for the request with this id, which is JSON text: between two eras, it is not the host's. */
type Body = (id: string) => Uint8Array

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))
const answerTo = (id: string, result = '{}') => `{"jsonrpc":"2.0","id":${id},"result":${result}}`
/** The same id of another type. */
const retyped = (id: string) => (id.startsWith('"') ? '7' : `"${id}"`)

/** The id of a request before this one. */
const earlier = (id: string) => id.replace(/\d+(?=\D*$)/, (digits) => String(Number(digits) - 1))

/** What a server may say in place of the one right answer. */
const message: fc.Arbitrary<(id: string) => string> = fc.oneof(
  { weight: 4, arbitrary: fc.json().map((json) => (id: string) => answerTo(id, json)) },
  {
    weight: 2,
    arbitrary: fc
      .json()
      .map((json) => (id: string) => answerTo(id, `{"resultType":"complete","structuredContent":${json}}`)),
  },
  fc
    .json()
    .map((json) => (id: string) => answerTo(id, `{"resultType":"input_required","inputRequests":{"a":${json}}}`)),
  fc.json().map((json) => (id: string) => answerTo(id, `{"resultType":${json},"ttlMs":${json},"_meta":${json}}`)),
  fc.constantFrom(
    (id: string) => `{\r\n  "result": { "x": 1.0 },\n  "id": ${id},\n  "jsonrpc": "2.0"\n}`,
    (id: string) => `\ufeff${answerTo(id)}`,
    (id: string) => `{"jsonrpc":"2.0","id":${id},"error":{"code":-32000,"message":"no"}}`,
    (id: string) => answerTo(retyped(id)),
    () => answerTo('"nobody asked"'),
    () => '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}}',
    (id: string) => answerTo(id).slice(0, -1),
    (id: string) => answerTo(earlier(id)),
    (id: string) => answerTo(id) + answerTo(id),
    (id: string) => `[${answerTo(id)}]`,
    (id: string) => `[${answerTo(id)},${answerTo(id)}]`,
    () => '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"\\u2028"}}',
    () => '{"jsonrpc":"2.0","id":"from the server","method":"roots/list"}',
    () => '{"jsonrpc":"2.0","id":"from the server","method":"elicitation/create","params":{"message":7}}',
    (id: string) => `{"jsonrpc":"2.0","id":${id},"error":{"code":-32020,"message":"headers"}}`,
    (id: string) =>
      `{"jsonrpc":"2.0","id":${id},"error":{"code":-32022,"message":"version","data":{"supported":["2025-11-25"]}}}`,
    (id: string) =>
      `{"jsonrpc":"2.0","id":${id},"error":{"code":-32042,"message":"visit","data":{"elicitations":[7]}}}`,
    () => '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
    () => '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":"x"}}',
    () => '<!doctype html><title>Sign in</title>',
    () => '[]',
    () => `${'['.repeat(20_000)}`,
    (id: string) => `{"__proto__":{"id":${id}},"jsonrpc":"2.0","result":{}}`,
    (id: string) => `{"jsonrpc":"2.0","id":${id},"id":"twice","result":{}}`,
  ),
  fc.string({ unit: 'binary' }).map((text) => () => text),
)

const event: fc.Arbitrary<(id: string) => string> = fc
  .tuple(
    message,
    fc.constantFrom('\n', '\r\n', '\r'),
    fc.constantFrom('', 'event: message', 'event: other', ': hi', 'id: 7', 'retry: 1'),
  )
  .map(([text, eol, field]) => (id: string) => {
    const data = text(id)
      .split(/\r\n|\n|\r/)
      .map((line) => `data: ${line}`)
    return [...(field === '' ? [] : [field]), ...data, '', ''].join(eol)
  })

const body: fc.Arbitrary<Body> = fc.oneof(
  { weight: 3, arbitrary: message.map((text) => (id: string) => bytesOf(text(id))) },
  {
    weight: 3,
    arbitrary: fc
      .array(event, { maxLength: 4 })
      .map((events) => (id: string) => bytesOf(events.map((one) => one(id)).join(''))),
  },
  fc.uint8Array({ maxLength: 200 }).map((bytes) => () => bytes),
)

/** A failure shows what the server said, not the function that made it. */
const shown = body.map((give) =>
  Object.assign(give, { [fc.toStringMethod]: () => JSON.stringify(Buffer.from(give('ID')).toString()) }),
)

const script: fc.Arbitrary<Script> = fc.record({
  body: shown,
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

type Era = '2025' | '2026'

const VERSION = 'io.modelcontextprotocol/protocolVersion'
const META = {
  [VERSION]: '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'fuzz', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
}

async function play({ status, type, body, cuts, cut }: Script, { message, response }: Exchange): Promise<void> {
  const bytes = body(JSON.stringify(message.id))
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  response.writeHead(status, type === undefined ? {} : { 'content-type': type })
  for (const [at, from] of [0, ...places].entries()) {
    response.write(bytes.subarray(from, places[at] ?? bytes.length))
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (cut) response.destroy()
  else response.end()
}

/** A server of one era, which plays a script for each call that names one. */
function startServer(era: Era, scripts: ReadonlyMap<number, Script>, played: Set<number>) {
  const unknown = ({ message, reply }: Exchange) =>
    reply(
      era === '2025' ? 200 : 404,
      JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } }),
      { 'content-type': 'application/json' },
    )
  const modern = {
    initialize: unknown,
    'server/discover': ({ result }: Exchange) =>
      result({
        resultType: 'complete',
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {} },
        ttlMs: 0,
        cacheScope: 'private',
      }),
  }
  return startMcpServer({
    ...(era === '2025' ? { 'server/discover': unknown } : modern),
    '*': (exchange) => {
      const { message, reply } = exchange
      const script = scripts.get(message?.params?.script)
      if (script) {
        played.add(message.params.script)
        return void play(script, exchange)
      }
      const result = era === '2025' ? {} : { resultType: 'complete' }
      const answer = { jsonrpc: '2.0', id: message?.id ?? null, result }
      return reply(200, JSON.stringify(answer), { 'content-type': 'application/json' })
    },
  })
}

const residentMb = (pid: number | undefined) => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
}

let nextId = 1_000_000

/** Runs the rounds between a host and a server of these eras. */
async function fuzz(hostEra: Era, serverEra: Era): Promise<void> {
  const home = makeHome()
  const scripts = new Map<number, Script>()
  const played = new Set<number>()
  const server = await startServer(serverEra, scripts, played)
  const host = startHost([server.url, '--login', 'never'], home.environment)
  const params = (own: object) => (hostEra === '2025' ? own : { ...own, _meta: META })
  // A request that every server of its era answers.
  const ping = () => host.request(hostEra === '2025' ? 'ping' : 'completion/complete', params({}))
  if (hostEra === '2025') await host.initialize()
  else expect((await ping()).result).toBeDefined()
  let settledMb = 0
  let round = 0
  let asked = 0
  const property = fc.asyncProperty(
    fc.array(script, { minLength: 1, maxLength: 6 }),
    fc.array(noise, { maxLength: 6 }),
    async (wanted, noises) => {
      const ids = wanted.map((one) => {
        const id = nextId++
        scripts.set(id, one)
        asked++
        return id
      })
      const heardBefore = host.heard.length
      for (const [at, id] of ids.entries()) {
        const garbage = noises[at]
        if (garbage) host.child.stdin.write(Buffer.concat([garbage, Buffer.of(10)]))
        host.send({ jsonrpc: '2.0', id, method: 'tools/call', params: params({ name: 'any', script: id }) })
      }
      // A request that is lost would be waited for without end: thousands of others are answered meanwhile, and it is not. One
      // whose stream broke off is resumed first.
      const missing = () =>
        ids.filter((id) => !host.heard.flat().some((one) => one.id === id && one.method === undefined))
      for (let others = 0; missing().length > 0 && others < 20_000; others++) await ping()
      expect(missing().map((id) => scripts.get(id))).toEqual([])
      expect((await ping()).error).toBeUndefined()
      // Of a batch, each member counts.
      const heard = host.heard.splice(0).slice(heardBefore).flat()
      for (const id of ids) {
        scripts.delete(id)
        expect(heard.filter((one) => one.id === id && one.method === undefined)).toHaveLength(1)
      }
      for (const one of heard) expect(one.jsonrpc).toBe('2.0')
      // A host of 2026 is asked nothing outside an answer.
      if (hostEra === '2026')
        expect(heard.filter((one) => one.id !== undefined && one.method !== undefined)).toEqual([])
      expect(host.rubbish).toEqual([])
      expect(host.child.exitCode).toBeNull()
      if (++round === 50) settledMb = residentMb(host.child.pid)
    },
  )
  try {
    await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: process.env.CI !== undefined })
    // Not all: a call whose answer has come on the stream of another one is given up, perhaps before the server reads it.
    expect(played.size).toBeGreaterThan(asked / 2)
    if (RUNS > 100) expect(residentMb(host.child.pid) - settledMb).toBeLessThan(80)
    expect(host.stderr).not.toContain('internal')
  } finally {
    await host.close()
    await server.close()
    home.remove()
  }
}

describe.each<[Era, Era]>([
  ['2025', '2025'],
  ['2026', '2026'],
  ['2025', '2026'],
  ['2026', '2025'],
])('between a host of %s and a server of %s', (hostEra, serverEra) => {
  test(`${RUNS} rounds of random bytes break nothing`, () => fuzz(hostEra, serverEra), Math.max(300_000, RUNS * 1_000))
})
