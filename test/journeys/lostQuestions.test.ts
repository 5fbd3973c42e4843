// A server restarts while a person has its question: the answer to that goes to no question of the next session, although it has the same id.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Exchange, event, type Script } from '../servers/mcpServer.ts'
import { speakModern } from '../servers/modernScript.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'

type Stage = Awaited<ReturnType<typeof startScriptedStage>>
type Stream = ReturnType<Exchange['stream']>

let stage: Stage
/** What the server was answered, and in which session. */
let answers: string[]
beforeEach(() => {
  answers = []
})
afterEach(() => stage?.close())

/** Each session counts its questions from 0 on, as those of the SDK do. */
const question = (message: string) => ({
  ...{ jsonrpc: '2.0', id: 0, method: 'elicitation/create' },
  params: { message, requestedSchema: { type: 'object', properties: {} } },
})
const accept = (id: unknown) => ({ jsonrpc: '2.0', id, result: { action: 'accept', content: {} } })
const isQuestion = (message: string) => (one: { method?: string; params?: { message?: string } }) =>
  one.method === 'elicitation/create' && one.params?.message === message
const isCancelled = ({ method }: { method?: string }) => method === 'notifications/cancelled'

/** A call to a tool asks its name, and says what was answered. */
async function startHttp() {
  let live = 'session-1'
  let open: { stream: Stream; message: Exchange['message'] } | undefined
  const inSession = (handle: (exchange: Exchange) => void) => (exchange: Exchange) =>
    exchange.headers['mcp-session-id'] === live ? handle(exchange) : exchange.reply(404)
  stage = await startScriptedStage({
    'tools/call': inSession(({ message, stream }) => {
      open = { message, stream: stream() }
      open.stream.write(event(question(message.params.name)))
    }),
    POST: inSession(({ headers, message, reply }) => {
      answers.push(`${headers['mcp-session-id']} ${message.id} ${message.result.action}`)
      reply(202)
      const result = { content: [{ type: 'text', text: `${open?.message.params.name}: ${message.result.action}` }] }
      open?.stream.end(event({ jsonrpc: '2.0', id: open.message.id, result }))
    }),
  })
  return {
    restart() {
      live = 'session-2'
      open?.stream.destroy()
    },
  }
}

async function startSse() {
  const streams: Stream[] = []
  let call: Exchange['message']
  const say = (value: object) => streams.at(-1)?.write(event({ jsonrpc: '2.0', ...value }))
  const posted =
    (handle: (message: Exchange['message']) => void): Script[string] =>
    ({ path, message, reply }) => {
      if (path === '/mcp') return reply(405)
      reply(202)
      handle(message)
    }
  const serverInfo = { name: 'older', version: '1' }
  stage = await startScriptedStage({
    GET({ stream }) {
      streams.push(stream())
      streams.at(-1)?.write(`event: endpoint\ndata: /messages?session=session-${streams.length}\n\n`)
    },
    initialize: posted(({ id, params: { protocolVersion } }) =>
      say({ id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } }),
    ),
    'tools/call': posted((message) => {
      call = message
      say(question(message.params.name))
    }),
    POST({ path, message, reply }) {
      answers.push(`${path.split('=')[1]} ${message.id} ${message.result.action}`)
      reply(202)
      say({ id: call.id, result: { content: [{ type: 'text', text: `${call.params.name}: accept` }] } })
    },
  })
  return { restart: () => void streams.at(-1)?.destroy() }
}

describe.each([
  ['Streamable HTTP', startHttp],
  ['HTTP+SSE', startSse],
])('a 2025 host with a server over %s', (_, start) => {
  test('hears that the question is void, and answers the next one by another id', async () => {
    const server = await start()
    const host = stage.host()
    await host.initialize({ elicitation: {} })
    const first = host.request('tools/call', { name: 'list files' })
    expect((await host.hear(isQuestion('list files'))).id).toBe(0)
    server.restart()
    expect((await first).error.data.code).toBe('outcome_unknown')
    const second = host.request('tools/call', { name: 'delete all' })
    const asked = await host.hear(isQuestion('delete all'))
    expect((await host.hear(isCancelled)).params.requestId).toBe(0)
    expect(asked.id).not.toBe(0)
    host.send(accept(0))
    // What follows is carried behind it.
    await host.request('tools/list')
    expect(answers).toEqual([])
    host.send(accept(asked.id))
    expect((await second).result.content[0].text).toBe('delete all: accept')
    expect(answers).toEqual(['session-2 0 accept'])
    expect([await host.close(), host.rubbish]).toEqual([0, []])
  })
})

test('a 2026 host that comes back to a call of the lost session answers nothing in the next one', async () => {
  const server = await startHttp()
  const host = stage.host(['--protocol', '2025'])
  const { call } = speakModern(host, { elicitation: {} })
  const first = (await call('list files')).result
  server.restart()
  const second = (await call('delete all')).result
  const back = (name: string, { requestState, inputRequests }: typeof first, action: string) => {
    const [key = ''] = Object.keys(inputRequests)
    return call(name, {}, { requestState, inputResponses: { [key]: { action } } })
  }
  expect((await back('list files', first, 'accept')).error.data.code).toBe('outcome_unknown')
  expect((await back('delete all', second, 'decline')).result.content[0].text).toBe('delete all: decline')
  expect(answers).toEqual(['session-2 0 decline'])
  expect(await host.close()).toBe(0)
})
