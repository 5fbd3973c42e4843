// Whatever the server does and whenever the host gives up: each request is answered once, and no call runs twice.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRelay } from '../../../../src/bridge/relay.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { json, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLineWriter } from '../../../fakes/fakeLineWriter.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const METHODS = ['tools/list', 'tools/call', 'resources/read', 'subscriptions/listen'] as const
const DEEDS = ['answers', 'streams', 'breaks', 'breaksOff', 'refusesHeaders', 'fails', 'answersTwice'] as const

interface Rpc {
  readonly id?: string
  readonly method?: (typeof METHODS)[number]
  readonly params?: { readonly requestId?: string; readonly name?: string }
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A server that does one thing after the other, and notes each call that it runs. */
function createServer(deeds: readonly (typeof DEEDS)[number][], delays: readonly number[]) {
  const ran: (string | undefined)[] = []
  let asked = 0
  const answer = async (body: string, signal: AbortSignal): Promise<HttpResponse> => {
    const { id, method, params } = JSON.parse(body) as Rpc
    const deed = deeds[asked % deeds.length]
    const delay = delays[asked++ % delays.length] ?? 0
    await turns(delay)
    signal.throwIfAborted()
    if (deed === 'refusesHeaders') return json({ jsonrpc: '2.0', id, error: { code: -32020, message: 'no' } }, 400)
    if (method === 'tools/call') ran.push(params?.name)
    if (deed === 'breaks') throw new BridgeError('server_unreachable')
    if (deed === 'fails') return respond(500, {}, 'down')
    const said = JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', tools: [] } })
    const note =
      '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true}}}'
    async function* events() {
      yield Buffer.from(`data: ${note}\n\n`)
      await turns(delay)
      signal.throwIfAborted()
      if (deed === 'breaksOff') throw new BridgeError('server_unreachable')
      yield Buffer.from(`data: ${said}\n\n`)
      if (deed === 'answersTwice') yield Buffer.from(`data: ${said}\n\n`)
    }
    return deed === 'answers' ? json(JSON.parse(said)) : respond(200, { 'content-type': 'text/event-stream' }, events())
  }
  return { ran, answer }
}

test('each request is answered once, none after it was given up, and no call runs twice', async () => {
  const request = fc.record({
    method: fc.constantFrom(...METHODS),
    before: fc.nat(3),
    cancelAfter: fc.option(fc.nat(12), { nil: undefined }),
  })
  const given = [
    fc.array(request, { minLength: 1, maxLength: 6 }),
    fc.array(fc.constantFrom(...DEEDS), { minLength: 1, maxLength: 8 }),
    fc.array(fc.nat(4), { minLength: 1, maxLength: 8 }),
  ] as const
  await fc.assert(
    fc.asyncProperty(...given, async (requests, deeds, delays) => {
      // A server that never does anything else would be asked for ever.
      const server = createServer([...deeds, 'answers'], delays)
      const writer = createFakeLineWriter()
      const clock = createHurryingClock()
      const relay = createRelay({
        send: ({ body, signal, transmission }) => {
          if (transmission) transmission.sent = true
          return server.answer(Buffer.from(body ?? '').toString('utf8'), signal as AbortSignal)
        },
        writer,
        clock,
        log: createFakeLogger(),
        answerLimit: 100_000,
        url: new URL('https://mcp.example.com/mcp'),
        timeoutMs: 60_000,
        transport: 'auto',
        protocol: '2026',
      })
      const linesOf = (id: string) => writer.lines.filter((line) => (JSON.parse(line) as Rpc).id === id)
      const say = (value: object) => relay.line(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value })))
      const cancelled = new Map<string, number>()
      const one = async ({ method, before, cancelAfter }: (typeof requests)[number], index: number) => {
        const id = `r${index}`
        await turns(before)
        const done = say({ id, method, params: { name: id, uri: 'a:b', notifications: {}, _meta: META } })
        if (cancelAfter !== undefined) {
          await turns(cancelAfter)
          cancelled.set(id, linesOf(id).length)
          void say({ method: 'notifications/cancelled', params: { requestId: id } })
        }
        await done
      }
      await Promise.all(requests.map(one))
      await turns(200)
      await relay.close(0)
      for (const [index, { method }] of requests.entries()) {
        const id = `r${index}`
        const lines = linesOf(id)
        expect(lines.length).toBeLessThanOrEqual(1)
        if (cancelled.has(id)) expect(lines).toHaveLength(cancelled.get(id) ?? 0)
        else if (method !== 'subscriptions/listen') expect(lines).toHaveLength(1)
        expect(server.ran.filter((name) => name === id).length).toBeLessThanOrEqual(1)
      }
    }),
    { numRuns: 300 },
  )
})
