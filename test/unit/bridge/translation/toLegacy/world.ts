// A 2026 host, the translation, and a 2025 server that a test plays.
import { createInFlight, type PendingRequest } from '../../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../../src/bridge/message/message.ts'
import { createToLegacy } from '../../../../../src/bridge/translation/toLegacy/toLegacy.ts'
import { asBridgeError, BridgeError } from '../../../../../src/errors.ts'
import { createFakeClock } from '../../../../fakes/fakeClock.ts'
import { createFakeLegacyServer, type Served } from '../../../../fakes/fakeLegacyServer.ts'
import { createFakeLogger } from '../../../../fakes/fakeLogger.ts'
import { settled } from '../../../../fakes/gate.ts'
import type { Message as Json } from '../../../../servers/mcpServer.ts'

export const EVERYTHING = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }

export const metaOf = (capabilities: object = EVERYTHING, more: object = {}) => ({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': capabilities,
  'io.modelcontextprotocol/clientInfo': { name: 'host', version: '9' },
  ...more,
})

export interface Asking {
  readonly pending: PendingRequest
  /** Resolves when its exchange is over; to what it threw. */
  readonly over: Promise<unknown>
  /** The answer. */
  readonly answer: Promise<Json>
}

/** `reply` as for the fake server. */
export function setUp(reply?: (served: Served) => unknown) {
  const clock = createFakeClock()
  const log = createFakeLogger()
  const server = createFakeLegacyServer(reply)
  const inFlight = createInFlight()
  const conversation = createToLegacy({ clock, log, holdCallMs: 45_000, createLegacy: server.createLegacy })
  /** What the host has heard, in order: the texts. */
  const lines: string[] = []
  const heard: Json[] = []
  let watchers: { passes: (one: Json) => boolean; resolve: (one: Json) => void }[] = []

  const deliver = async ({ bytes }: Message) => {
    const text = Buffer.from(bytes).toString('utf8')
    lines.push(text)
    const one = JSON.parse(text)
    heard.push(one)
    const now = watchers.filter(({ passes }) => passes(one))
    watchers = watchers.filter((watcher) => !now.includes(watcher))
    for (const { resolve } of now) resolve(one)
  }

  const hear = (passes: (one: Json) => boolean): Promise<Json> => {
    const found = heard.find(passes)
    return found ? Promise.resolve(found) : new Promise((resolve) => watchers.push({ passes, resolve }))
  }

  /** A line as the host writes it. */
  const line = (text: string): Asking => {
    const message = parseMessage(Buffer.from(text)) as Message
    const pending = inFlight.begin(message)
    const id: unknown = message.asks[0] === undefined ? undefined : JSON.parse(message.asks[0])
    const over = conversation
      .exchange(pending, Promise.resolve(), deliver)
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      .finally(() => inFlight.end(pending))
    return { pending, over, answer: hear((one) => one.method === undefined && one.id === id) }
  }

  let ids = 0
  const ask = (method: string, params: object = {}, meta: object = metaOf(), id: unknown = ++ids): Asking =>
    line(JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } }))

  /** The time goes on once somebody waits for it. */
  const pass = async (ms: number) => {
    await settled()
    clock.advance(ms)
    await settled()
  }

  return {
    clock,
    log,
    server,
    conversation,
    lines,
    heard,
    hear,
    line,
    ask,
    /** As the relay does it. */
    async cancel({ pending }: Asking) {
      const id = pending.message.asks[0]
      inFlight.cancel(id)
      pending.finish()
      const reason = new Error('The host has cancelled the request.')
      if (pending.transmission.sent)
        await line(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`).over
      pending.abort(reason)
    },
    /** A call whose server has asked `questions` on its stream; what the host got, and the server's side. */
    async asked(questions: readonly object[], name = 'greet', meta: object = metaOf()) {
      const asking = ask('tools/call', { name }, meta)
      const served = await server.until(
        (one) => one.message.method === 'tools/call' && one.message.params.name === name,
      )
      for (const question of questions) await served.say(question)
      await pass(20)
      return { asking, served, ...(await asking.answer).result }
    },
    pass,
    async end() {
      const reason = new BridgeError('server_unreachable', { message: 'The bridge is ending.' })
      inFlight.abort(reason)
      await conversation.end(reason)
      await settled()
    },
    codeOf: async ({ over }: Asking) => asBridgeError(await over).code,
  }
}

export type World = ReturnType<typeof setUp>

export const FORM = { mode: 'form', message: 'Name?', requestedSchema: { type: 'object', properties: {} } }
export const elicit = (id: unknown, params: object = FORM) => ({ id, method: 'elicitation/create', params })
export const ADA = { action: 'accept', content: { name: 'Ada' } }

/** The host's answers to all of them. */
export const answersTo = (inputRequests: object, answer: unknown = ADA) =>
  Object.fromEntries(Object.keys(inputRequests).map((key) => [key, answer]))
