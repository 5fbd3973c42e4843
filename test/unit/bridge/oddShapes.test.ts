// Any JSON value in any member of any answer: the host hears exactly one answer to each request, and nothing breaks.
// What the program loads when it needs it: here ahead, so that a turn of the event loop is enough.
import '../../../src/bridge/standIn/inPlace.ts'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createHiddenTools } from '../../../src/bridge/hideTools.ts'
import { createRelay } from '../../../src/bridge/relay.ts'
import { createHostSignIn } from '../../../src/bridge/standIn/standIn.ts'
import type { HttpResponse } from '../../../src/ports.ts'
import { createPendingSignIn } from '../../../src/signin/pending.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { json, respond } from '../../fakes/fakeHttp.ts'
import { createFakeLineWriter } from '../../fakes/fakeLineWriter.ts'
import { createFakeLogger } from '../../fakes/fakeLogger.ts'
import { createFakeSend, type Sent } from '../../fakes/fakeSend.ts'
import { createGate, settled } from '../../fakes/gate.ts'

const NAMES =
  `protocolVersion capabilities serverInfo instructions tools prompts resources resourceTemplates logging listChanged
  name annotations readOnlyHint inputSchema nextCursor cursor elicitation url __proto__ toString constructor`.split(
    /\s+/,
  )
const LEAF = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, 1e308, '', 'a', 'hidden', 'tools', '2025-11-25'),
  fc.string(),
)
/** Values as they could stand anywhere: lists where objects belong, texts where lists do. */
const { any } = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    LEAF,
    fc.array(tie('any'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.constantFrom(...NAMES), tie('any')), { maxLength: 5 })
      .map(
        (members) =>
          JSON.parse(
            `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`,
          ) as unknown,
      ),
  ),
}))
const introduction = fc.oneof(
  any,
  fc.record({ protocolVersion: any, capabilities: any, serverInfo: any }, { requiredKeys: [] }),
  fc.record({
    protocolVersion: fc.constant('2025-11-25'),
    capabilities: fc.record({ tools: any, prompts: any, resources: any, logging: any }, { requiredKeys: [] }),
    serverInfo: any,
  }),
)
const list = fc.oneof(
  any,
  fc.record({ tools: any, nextCursor: any }, { requiredKeys: [] }),
  fc.record({ tools: fc.array(any) }),
)
const RUNS = { numRuns: 300 }

interface World {
  readonly memory?: unknown
  readonly answer: (sent: Sent) => HttpResponse | Promise<HttpResponse>
}

function setUp({ memory, answer }: World) {
  const { send, sent } = createFakeSend(answer)
  const [writer, clock, log] = [createFakeLineWriter(), createFakeClock(), createFakeLogger()]
  const watch = createPendingSignIn(clock)
  const hiddenTools = Promise.resolve(createHiddenTools(['hidden', 'h_*']))
  const legacy = createHostSignIn({
    ...{ watch, clock, log, hiddenTools, server: 'https://mcp.example.com/mcp', version: () => '1', asks: true },
    ...{ loginCommand: 'login', holdInitializeMs: 100, holdCallMs: 1000, write: writer.write },
    account: async () => ({ state: 'unknown' }),
    known: {
      load: async () => {
        if (memory === undefined) throw new Error('no memory')
        return memory
      },
      save: async () => undefined,
    },
  })
  const relay = createRelay({
    ...{ send, writer, clock, log, hiddenTools, answerLimit: 100_000, timeoutMs: 60_000, transport: 'http' },
    protocol: '2025',
    signIn: { legacy, isSignedOut: async () => false, modern: async (conversation) => conversation },
    url: new URL('https://mcp.example.com/mcp'),
  })
  const say = (value: object) => relay.line(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value })))
  const answersTo = (id: number) =>
    writer.lines.map((line) => JSON.parse(line)).filter((one) => one.id === id && !one.method)
  return { say, sent, writer, clock, watch, answersTo }
}

/** Anything that is thrown where nobody catches it fails the test that runs. */
function watchForStrays() {
  const strays: unknown[] = []
  const note = (thrown: unknown) => void strays.push(thrown)
  process.on('unhandledRejection', note).on('uncaughtException', note)
  onTestFinished(() => void process.off('unhandledRejection', note).off('uncaughtException', note))
  return strays
}

/** The names of the tools that the host was given. */
const shown = (lines: readonly string[]) =>
  lines
    .map((line) => (JSON.parse(line) as { result?: { tools?: unknown } | null }).result?.tools)
    .flatMap((tools) =>
      Array.isArray(tools) ? (tools as ({ name?: unknown } | null)[]).map((tool) => tool?.name) : [],
    )

const post = (sent: Sent) => JSON.parse(sent.body) as { id?: number; method: string }

describe('odd shapes of capabilities and lists never crash the bridge or leave a host without an answer', () => {
  test('of the server itself', async () => {
    const strays = watchForStrays()
    await fc.assert(
      fc.asyncProperty(introduction, list, fc.boolean(), async (first, tools, failed) => {
        const { say, answersTo, writer } = setUp({
          answer: (sent) => {
            if (sent.method !== 'POST') return respond(405)
            const { id, method } = post(sent)
            if (id === undefined) return respond(202)
            const value = method === 'initialize' ? first : tools
            return json({ jsonrpc: '2.0', id, [failed && id === 2 ? 'error' : 'result']: value }, 200, {
              'mcp-session-id': 's',
            })
          },
        })
        await say({ id: 1, method: 'initialize', params: {} })
        await say({ method: 'notifications/initialized' })
        for (const [id, method] of [
          [2, 'tools/list'],
          [3, 'prompts/list'],
          [4, 'tools/call'],
        ] as const)
          await say({ id, method, params: {} })
        await settled()
        for (const id of [1, 2, 3, 4]) expect(answersTo(id)).toHaveLength(1)
        // What answers something else is no list of tools, whatever it is called.
        const listed = writer.lines.filter((line) => line.includes('"id":2,'))
        expect(shown(listed)).not.toContain('hidden')
      }),
      RUNS,
    )
    expect(strays).toEqual([])
  })

  test('from memory, while a person is waited for', async () => {
    const strays = watchForStrays()
    await fc.assert(
      fc.asyncProperty(fc.option(introduction, { nil: undefined }), list, async (memory, tools) => {
        const joined =
          typeof memory === 'object' && memory !== null && !Array.isArray(memory)
            ? { ...(tools as object), ...memory }
            : memory
        const gate = createGate<HttpResponse>()
        const { say, clock, watch, answersTo, writer } = setUp({ memory: joined, answer: () => gate.passed })
        void watch.during(() => gate.passed.then(() => undefined))
        void say({ id: 1, method: 'initialize', params: { protocolVersion: tools } })
        await settled()
        clock.advance(100)
        await writer.whenWritten(1)
        expect(answersTo(1)).toHaveLength(1)
        for (const [id, method] of [
          [2, 'tools/list'],
          [3, 'resources/list'],
          [4, 'ping'],
        ] as const)
          void say({ id, method })
        await settled()
        for (const id of [2, 3, 4]) expect(answersTo(id)).toHaveLength(1)
        // The answer to initialize is no list of tools, whatever it holds.
        const listed = writer.lines.filter((line) => line.includes('"id":2,'))
        expect(shown(listed)).not.toContain('hidden')
      }),
      RUNS,
    )
    expect(strays).toEqual([])
  })

  test('of a server that creates a lost session again', async () => {
    const strays = watchForStrays()
    await fc.assert(
      fc.asyncProperty(introduction, async (again) => {
        let met = 0
        const { say, answersTo } = setUp({
          answer: (sent) => {
            if (sent.method !== 'POST') return respond(405)
            const { id, method } = post(sent)
            if (method === 'initialize')
              return json(
                { jsonrpc: '2.0', id, result: met++ === 0 ? { protocolVersion: '2025-11-25' } : again },
                200,
                { 'mcp-session-id': `s${met}` },
              )
            if (id === undefined) return respond(202)
            return sent.headers['mcp-session-id'] === 's1' ? respond(404) : json({ jsonrpc: '2.0', id, result: {} })
          },
        })
        await say({ id: 1, method: 'initialize' })
        await say({ id: 2, method: 'tools/call' })
        await settled()
        expect(answersTo(2)).toHaveLength(1)
      }),
      RUNS,
    )
    expect(strays).toEqual([])
  })
})
