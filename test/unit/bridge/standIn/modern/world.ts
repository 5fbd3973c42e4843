// A host of MCP 2026-07-28, its stand-in, and a server whose every answer a test can change; time stands still until it is moved.
// What the program loads when it needs it: here ahead, so that a turn of the event loop is enough.
import '../../../../../src/bridge/standIn/modern/description.ts'
import '../../../../../src/bridge/standIn/modern/inPlace.ts'
import '../../../../../src/bridge/standIn/modern/listens.ts'
import '../../../../../src/bridge/standIn/progress.ts'
import '../../../../../src/bridge/translation/describe.ts'
import type { ModernConversation } from '../../../../../src/bridge/conversation.ts'
import { createInFlight, type PendingRequest } from '../../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../../src/bridge/message/message.ts'
import { rpcError } from '../../../../../src/bridge/message/rpcError.ts'
import { createModernStandIn } from '../../../../../src/bridge/standIn/modern/modernStandIn.ts'
import type { Account } from '../../../../../src/bridge/standIn/signInTool.ts'
import type { Era } from '../../../../../src/eraMemory.ts'
import { asBridgeError, BridgeError } from '../../../../../src/errors.ts'
import type { Cause } from '../../../../../src/ports.ts'
import { createPendingSignIn } from '../../../../../src/signin/pending.ts'
import { createFakeClock } from '../../../../fakes/fakeClock.ts'
import { createFakeLineWriter } from '../../../../fakes/fakeLineWriter.ts'
import { createFakeLogger } from '../../../../fakes/fakeLogger.ts'
import { createFakeServerEra } from '../../../../fakes/fakeServerEra.ts'
import { createGate, settled } from '../../../../fakes/gate.ts'
import { ADDRESS, HOLD, HOLD_CALL, message, SERVER, TOOLS } from '../world.ts'

export const URLS = { elicitation: { form: {}, url: {} } }
export const LISTEN_ID = 'listen:0'

export interface World {
  memory?: Record<string, unknown>
  account?: Account
  era?: Era
  discover?: object
  /** Nobody is ever asked. */
  never?: boolean
}

interface Seen {
  readonly method: string
  readonly id: unknown
  readonly params: Readonly<Record<string, unknown>>
}

/** What the server does with a request; a gate makes it slow. */
export type Answer = (message: Message, cause: Cause) => unknown

export function createWorld({ memory = {}, account = { state: 'signedIn' }, era, discover, never }: World = {}) {
  const clock = createFakeClock()
  const writer = createFakeLineWriter()
  const watch = createPendingSignIn(clock)
  const inFlight = createInFlight()
  const kept = new Map(Object.entries(memory))
  const state = { account }
  const eras = createFakeServerEra({ ...(era ? { known: era } : {}), ...(discover ? { discover } : {}) })
  /** What the server gets to see: methods, and who asks for what the host does not. */
  const reached: string[] = []
  /** The same, as it came. */
  const seen: Seen[] = []
  /** By method; a result, a whole error answer as `{ error }`, or a BridgeError that is thrown. */
  const server: Record<string, Answer> = { 'tools/list': () => ({ tools: TOOLS }) }
  /** Listen streams that are open at the server. */
  const streams: { pending: PendingRequest; say(value: object): Promise<void>; fail(error: Error): void }[] = []
  const answer = async (request: Message, cause: Cause, signal?: AbortSignal): Promise<Message> => {
    const found = await (server[request.method ?? ''] ?? (() => ({})))(request, cause)
    signal?.throwIfAborted()
    if (found instanceof Error) throw found
    reached.push(`${signal ? '' : 'ask '}${request.method}`)
    seen.push(JSON.parse(Buffer.from(request.bytes).toString()) as Seen)
    const { error } = (found ?? {}) as { error?: unknown }
    return message({ id: JSON.parse(request.asks[0] ?? ''), ...(error ? { error } : { result: found }) })
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
        return broken.passed
      }
      for (const id of one.answers) pending.open.delete(id)
      await deliver(one)
      pending.finish()
    },
    ask: (request, cause) => answer(request, cause),
    refusal: rpcError,
    end: async () => undefined,
  }
  const host = createModernStandIn({
    ...{ watch, clock, log: createFakeLogger(), server: SERVER, version: () => '1.2.3', asks: !never, era: eras.era },
    ...{ loginCommand: `mcp-oauth-bridge login ${SERVER}`, holdInitializeMs: HOLD, holdCallMs: HOLD_CALL },
    write: writer.write,
    account: async () => state.account,
    known: {
      load: async (method) => kept.get(method),
      save: async (method, result) => void kept.set(method, result),
    },
  })(conversation, inFlight)

  const pendings = new Map<unknown, PendingRequest>()
  const carry = async (pending: PendingRequest) => {
    try {
      await host.exchange(pending, Promise.resolve(), ({ bytes }) => writer.write(bytes))
    } catch (thrown) {
      if (!pending.signal.aborted)
        for (const id of pending.open) await writer.write(host.refusal(id, asBridgeError(thrown)))
    } finally {
      inFlight.end(pending)
    }
  }
  /** As the relay does. */
  const sayLine = (line: string): Promise<void> => {
    const pending = inFlight.begin(parseMessage(Buffer.from(line)) as Message)
    pendings.set(JSON.parse(pending.message.asks[0] ?? 'null'), pending)
    return carry(pending)
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
  const heard = () => writer.lines.map((line) => JSON.parse(line))
  const answerTo = (id: unknown) => heard().find((one) => one.id === id && one.method === undefined)
  return {
    ...{ say, sayLine, heard, answerTo, reached, seen, server, streams, clock, watch, writer, kept, state, inFlight },
    eras,
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
      return answerTo(id).result.tools.map(({ name }: { name: string }) => name)
    },
    /** How often the host was told so. */
    count: (method: string) => heard().filter((one) => one.method === method).length,
    /** A person is waited for, at an address, until the gate opens. */
    askPerson() {
      const gate = createGate()
      const over = watch.during(({ tell }) => {
        tell(ADDRESS)
        return gate.passed
      })
      over.catch(() => undefined)
      return { ...gate, over }
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
