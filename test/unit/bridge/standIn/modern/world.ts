// A host of MCP 2026-07-28, its stand-in, and a server whose every answer a test can change; time stands still until it is moved.
// What the program loads when it needs it: here ahead, so that a turn of the event loop is enough.
import '../../../../../src/bridge/standIn/modern/description.ts'
import '../../../../../src/bridge/standIn/modern/inPlace.ts'
import '../../../../../src/bridge/standIn/modern/listens.ts'
import '../../../../../src/bridge/standIn/progress.ts'
import '../../../../../src/bridge/translation/describe.ts'
import type { ModernConversation } from '../../../../../src/bridge/conversation.ts'
import type { PendingRequest } from '../../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../../src/bridge/message/message.ts'
import { rpcError } from '../../../../../src/bridge/message/rpcError.ts'
import { createModernStandIn } from '../../../../../src/bridge/standIn/modern/modernStandIn.ts'
import type { Era } from '../../../../../src/eraMemory.ts'
import { asBridgeError, BridgeError } from '../../../../../src/errors.ts'
import type { Cause } from '../../../../../src/ports.ts'
import { createFakeServerEra } from '../../../../fakes/fakeServerEra.ts'
import { createGate, settled } from '../../../../fakes/gate.ts'
import { ADDRESS, answerWith, createSurroundings, HOLD_CALL, message, type Surroundings, TOOLS } from '../world.ts'

export const URLS = { elicitation: { form: {}, url: {} } }
export const LISTEN_ID = 'listen:0'

export interface World extends Surroundings {
  era?: Era
  discover?: object
}

interface Seen {
  readonly method: string
  readonly id: unknown
  readonly params: Readonly<Record<string, unknown>>
}

/** What the server does with a request; a gate makes it slow. */
export type Answer = (message: Message, cause: Cause) => unknown

export function createWorld({ era, discover, ...world }: World = {}) {
  const { options, carry, seen: around } = createSurroundings(world)
  const { inFlight, reached, watch } = around
  const eras = createFakeServerEra({ ...(era ? { known: era } : {}), ...(discover ? { discover } : {}) })
  /** What reached the server, as it came. */
  const seen: Seen[] = []
  /** By method; a result, a whole error answer as `{ error }`, or a BridgeError that is thrown. */
  const server: Record<string, Answer> = { 'tools/list': () => ({ tools: TOOLS }) }
  /** Said on the stream of the next request, before its answer. */
  const beside: object[] = []
  /** Listen streams that are open at the server. */
  const streams: { pending: PendingRequest; say(value: object): Promise<void>; fail(error: Error): void }[] = []
  const answer = async (request: Message, cause: Cause, signal?: AbortSignal): Promise<Message> => {
    const found = await (server[request.method ?? ''] ?? (() => ({})))(request, cause)
    signal?.throwIfAborted()
    if (found instanceof Error) throw found
    reached.push(`${signal ? '' : 'ask '}${request.method}`)
    seen.push(JSON.parse(Buffer.from(request.bytes).toString()) as Seen)
    return answerWith(request, found)
  }
  const conversation: ModernConversation = {
    async exchange(pending, before, deliver) {
      await before
      const { signal } = pending
      signal.throwIfAborted()
      if (pending.message.kind !== 'request') return
      const one = await answer(pending.message, pending.cause, signal)
      pending.transmission.sent = true
      if (pending.message.method === 'subscriptions/listen' && !one.failed) {
        const { notifications } = JSON.parse(Buffer.from(pending.message.bytes).toString()).params
        const say = (value: object) => deliver(message(value))
        const _meta = { 'io.modelcontextprotocol/subscriptionId': JSON.parse(pending.message.asks[0] ?? '') }
        const broken = createGate<never>()
        streams.push({ pending, say, fail: broken.fail })
        await say({ method: 'notifications/subscriptions/acknowledged', params: { _meta, notifications } })
        pending.finish()
        signal.addEventListener('abort', () => broken.fail(signal.reason))
        await broken.passed
      }
      for (const id of one.answers) pending.open.delete(id)
      for (const other of beside.splice(0)) await deliver(message(other))
      await deliver(one)
      pending.finish()
    },
    ask: (request, cause) => answer(request, cause),
    refusal: rpcError,
    end: async () => undefined,
  }
  const host = createModernStandIn({ ...options, era: eras.era })(conversation, inFlight)

  const pendings = new Map<unknown, PendingRequest>()
  /** As the relay does. */
  const sayLine = (line: string): Promise<void> => {
    const pending = inFlight.begin(parseMessage(Buffer.from(line)) as Message)
    pendings.set(JSON.parse(pending.message.asks[0] ?? 'null'), pending)
    return carry(host, pending, Promise.resolve())
  }
  /** A request of the host, complete with its `_meta`. */
  const say = (value: { id: unknown; method: string; params?: object }, capabilities: object = {}): Promise<void> => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'a host', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': capabilities,
      ...(value.params as { _meta?: object } | undefined)?._meta,
    }
    return sayLine(JSON.stringify({ jsonrpc: '2.0', ...value, params: { ...value.params, _meta } }))
  }
  return {
    ...around,
    ...{ say, sayLine, seen, server, streams, eras, beside },
    end: () => host.end(asBridgeError(new Error('over'))),
    cancel: (id: unknown) => pendings.get(id)?.abort(new Error('The host has cancelled the request.')),
    /** The host listens for what changes. */
    async listen(
      notifications: object = { toolsListChanged: true, promptsListChanged: true },
      id: unknown = LISTEN_ID,
    ) {
      void say({ id, method: 'subscriptions/listen', params: { notifications } })
      await settled()
    },
    /** The names of the tools that the host is given now. */
    async tools(id: number): Promise<string[]> {
      await say({ id, method: 'tools/list' })
      return around.toolsIn(id)
    },
    /** From now on, the server wants a person for calls, and takes nothing else without one, until the gate opens. */
    lock() {
      const gate = createGate()
      let isOpen = false
      const locked =
        (then: Answer): Answer =>
        async (request, cause) => {
          if (isOpen) return then(request, cause)
          if (cause !== 'call' && cause !== 'signIn') return NOBODY()
          // As the authorizer does it: a call waits within its bound.
          return watch
            .bounded(
              () =>
                watch.during(({ tell }) => {
                  tell(ADDRESS)
                  return gate.passed
                }),
              HOLD_CALL,
            )
            .then(
              () => then(request, cause),
              (thrown: unknown) => thrown,
            )
        }
      for (const method of ['tools/call', 'prompts/get', 'resources/read', 'completion/complete', 'tools/list', 'x/y'])
        server[method] = locked(server[method] ?? (() => ({ content: [] })))
      server['subscriptions/listen'] = locked(() => ({}))
      return {
        async open() {
          isOpen = true
          gate.open()
          await settled()
        },
        fail: gate.fail,
      }
    },
  }
}

const NOBODY = () => new BridgeError('not_signed_in')
