// A 2025 host and a scripted 2026 server around the translation, with the real exchange between: what one says, what the other hears.
import { createInFlight } from '../../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../../src/bridge/message/message.ts'
import { createModernExchange } from '../../../../../src/bridge/modern/modernExchange.ts'
import type { Lists } from '../../../../../src/bridge/translation/lists.ts'
import { createToModern } from '../../../../../src/bridge/translation/toModern/toModern.ts'
import { asBridgeError, BridgeError } from '../../../../../src/errors.ts'
import type { Cause, Clock, HttpResponse } from '../../../../../src/ports.ts'
import { createFakeClock } from '../../../../fakes/fakeClock.ts'
import { respond } from '../../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../../fakes/fakeLogger.ts'
import { createFakeSend } from '../../../../fakes/fakeSend.ts'
import { settled } from '../../../../fakes/gate.ts'

export const DISCOVER = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: {
    tools: { listChanged: true },
    prompts: {},
    resources: { listChanged: true, subscribe: true },
    logging: {},
  },
  _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'modern', version: '3' } },
  ttlMs: 0,
  cacheScope: 'private',
}
export const CAPABILITIES = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  roots: { listChanged: true },
  tasks: {},
}
export const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'

export type Json = ReturnType<typeof JSON.parse>
/**
 * What comes of a request: a result, or the members of an answer, or messages and an answer; undefined: nothing, ever. In `open`: the same,
 * and the stream does not end.
 */
type Reply = Json

export interface World {
  readonly discover?: object
  readonly lists?: Lists
  readonly clock?: Clock
  readonly timeoutMs?: number
  readonly server?: (request: Json) => Reply | Promise<Reply>
  /** The URIs that a listen is acknowledged with; 'never': it is not. Default: all. */
  readonly agrees?: (uris: string[], id: string) => string[] | 'never' | HttpResponse
}

/** An event stream that the test writes. */
function createStream(signal: AbortSignal | undefined) {
  const parts: (Buffer | Error | undefined)[] = []
  let wake: () => void = () => undefined
  const push = (part: Buffer | Error | undefined) => {
    parts.push(part)
    wake()
  }
  const stop = () => push(signal?.reason)
  signal?.addEventListener('abort', stop)
  async function* body() {
    try {
      for (;;) {
        while (parts.length > 0) {
          const part = parts.shift()
          if (part === undefined) return
          if (part instanceof Error) throw part
          yield part
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }
  return {
    response: respond(200, { 'content-type': 'text/event-stream' }, body()),
    say: (message: string | object) =>
      push(
        Buffer.from(
          `data: ${typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`,
        ),
      ),
    end: () => push(undefined),
    cut: () => push(new BridgeError('server_unreachable')),
  }
}

export function createWorld(world: World = {}) {
  const clock = world.clock ?? createFakeClock()
  const log = createFakeLogger()
  const upstream = createInFlight()
  const hosts = createInFlight()
  /** What the host was sent, as text and read. */
  const lines: string[] = []
  const heard: Json[] = []
  const listens: Json[] = []
  const causes: Cause[] = []
  const write = async ({ bytes }: Message) => {
    lines.push(Buffer.from(bytes).toString())
    heard.push(JSON.parse(lines.at(-1) as string))
  }

  const { send, sent } = createFakeSend(async ({ body, signal, cause }) => {
    const request = JSON.parse(body)
    const stream = createStream(signal)
    causes.push(cause)
    if (request.method === 'subscriptions/listen') {
      const uris = request.params.notifications.resourceSubscriptions ?? []
      const agreed = world.agrees?.(uris, request.id) ?? uris
      if (!Array.isArray(agreed) && agreed !== 'never') return agreed
      const _meta = { [SUBSCRIPTION]: request.id }
      const tell = (method: string, params: object = {}) => stream.say({ method, params: { ...params, _meta } })
      listens.push({ ...request.params, id: request.id, signal, ...stream, tell })
      if (agreed !== 'never') tell(ACKNOWLEDGED, { notifications: { resourceSubscriptions: agreed } })
      return stream.response
    }
    const reply = await world.server?.(request)
    if (reply instanceof Object && 'status' in reply && 'body' in reply) return reply as HttpResponse
    const { id } = request
    const said = reply?.open ?? reply
    const parts: Json[] = Array.isArray(said) ? said : said === undefined ? [] : [said]
    for (const part of parts) {
      if (typeof part === 'string') stream.say(part.replaceAll('$ID', JSON.stringify(id)))
      else if (part.method) stream.say(part)
      else stream.say({ id, ...('error' in part ? part : { result: part }) })
    }
    if (reply !== undefined && !reply.open) stream.end()
    return stream.response
  })

  const conversation = createToModern({
    url: new URL('https://mcp.example.com/mcp'),
    exchange: createModernExchange({ send, inFlight: upstream, clock, log, limit: 10_000_000, timeoutMs: 60_000 }),
    upstream,
    deliver: write,
    discovered: async () => Buffer.from(JSON.stringify(world.discover ?? DISCOVER)),
    clock,
    log,
    timeoutMs: world.timeoutMs ?? 60_000,
    ...(world.lists ? { lists: world.lists } : {}),
  })

  /** One line of the host; resolves when it has been carried, or to the code why not. `taken`: the server has it. */
  const say = async (message: string | object, taken?: () => void): Promise<string | undefined> => {
    const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })
    const pending = hosts.begin(parseMessage(Buffer.from(text)) as Message, undefined, { sent: false, taken })
    try {
      await conversation.exchange(pending, Promise.resolve(), write)
      return undefined
    } catch (thrown) {
      const error = asBridgeError(thrown)
      if (!pending.signal.aborted)
        for (const id of pending.open) await write(parseMessage(conversation.refusal(id, error)) as Message)
      return error.code
    } finally {
      hosts.end(pending)
    }
  }

  return {
    conversation,
    clock,
    log,
    sent,
    causes,
    /** The bodies of requests of this method at the server. */
    requests: (method: string): Json[] =>
      sent.map(({ body }) => JSON.parse(body)).filter((one) => one.method === method),
    lines,
    heard,
    listens,
    say,
    /** As a host does at its start. */
    async open(capabilities: object = CAPABILITIES, protocolVersion = '2025-11-25') {
      await say({
        id: 0,
        method: 'initialize',
        params: { protocolVersion, capabilities, clientInfo: { name: 'host', version: '1' } },
      })
      await say({ method: 'notifications/initialized' })
      await settled()
    },
    /** The host takes its request back. */
    cancel: (id: number) => hosts.cancel(String(id))?.abort(new Error('The host has cancelled the request.')),
    answerTo: (id: unknown): Json => heard.find((one) => one.id === id && !one.method),
    /** What the host was asked, in order. */
    get questions(): Json[] {
      return heard.filter((one) => one.id !== undefined && one.method)
    },
    told: (method: string): Json[] => heard.filter((one) => one.method === method),
  }
}
