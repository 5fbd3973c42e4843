// A host, the stand-in and a server whose every answer a test can change; time stands still until it is moved.
// What the program loads when it needs it: here ahead, so that a turn of the event loop is enough.
import '../../../../src/bridge/standIn/inPlace.ts'
import '../../../../src/bridge/standIn/progress.ts'
import type { Conversation, LegacyConversation } from '../../../../src/bridge/conversation.ts'
import type { HiddenTools } from '../../../../src/bridge/hideTools.ts'
import { createInFlight, type PendingRequest } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { rpcError } from '../../../../src/bridge/message/rpcError.ts'
import type { Account } from '../../../../src/bridge/standIn/signInTool.ts'
import { createHostSignIn } from '../../../../src/bridge/standIn/standIn.ts'
import { asBridgeError } from '../../../../src/errors.ts'
import type { Cause } from '../../../../src/ports.ts'
import { createPendingSignIn } from '../../../../src/signin/pending.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeLineWriter } from '../../../fakes/fakeLineWriter.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createGate, settled } from '../../../fakes/gate.ts'

export const SERVER = 'https://mcp.example.com/mcp'
export const ADDRESS = 'https://auth.example.com/authorize?state=s'
export const HOLD = 600
export const HOLD_CALL = 45_000

export const message = (value: object): Message =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value }))) as Message

export const INTRODUCTION = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {}, logging: {} },
  serverInfo: { name: 'everything', version: '2' },
}
export const TOOLS = [{ name: 'echo' }, { name: 'add' }]

/** What both hosts and both stand-ins have around them. */
export interface Surroundings {
  memory?: Record<string, unknown>
  account?: Account
  /** Nobody is ever asked. */
  never?: boolean
}

export function createSurroundings({ memory = {}, account = { state: 'signedIn' }, never = false }: Surroundings) {
  const clock = createFakeClock()
  const writer = createFakeLineWriter()
  const watch = createPendingSignIn(clock)
  const inFlight = createInFlight()
  const kept = new Map(Object.entries(memory))
  const state = { account }
  /** What the server gets to see: methods, and who asks for what the host does not. */
  const reached: string[] = []
  let reading = createGate()
  reading.open()
  const write = async (line: Uint8Array) => {
    await writer.write(line)
    await reading.passed
  }
  const heard = () => writer.lines.map((line) => JSON.parse(line))
  const answerTo = (id: unknown) => heard().find((one) => one.id === id && one.method === undefined)
  return {
    options: {
      ...{ watch, clock, log: createFakeLogger(), server: SERVER, version: () => '1.2.3', asks: !never },
      ...{ loginCommand: `mcp-oauth-bridge login ${SERVER}`, holdInitializeMs: HOLD, holdCallMs: HOLD_CALL },
      write,
      account: async () => state.account,
      known: {
        load: async (method: string) => kept.get(method),
        save: async (method: string, result: unknown) => void kept.set(method, result),
      },
    },
    /** As the relay does: one answer to each request. */
    async carry(host: Conversation, pending: PendingRequest, before: Promise<void>) {
      try {
        await host.exchange(pending, before, ({ bytes }) => write(bytes))
      } catch (thrown) {
        if (!pending.signal.aborted) for (const id of pending.open) await write(host.refusal(id, asBridgeError(thrown)))
      } finally {
        inFlight.end(pending)
      }
    },
    /** For the test. */
    seen: {
      ...{ heard, answerTo, reached, clock, watch, writer, kept, state, inFlight },
      /** The host does not take up any more what is written, until it reads on. */
      stopReading() {
        reading.open()
        reading = createGate()
      },
      readOn: () => reading.open(),
      /** The names of the tools in an answer. */
      toolsIn: (id: unknown): string[] => answerTo(id).result.tools.map(({ name }: { name: string }) => name),
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
    },
  }
}

/** The answer of a server as a test scripts it; a whole error answer is given as `{ error }`. */
export function answerWith(request: Message, found: unknown): Message {
  const { error } = (found ?? {}) as { error?: unknown }
  return message({ id: JSON.parse(request.asks[0] ?? ''), ...(error ? { error } : { result: found }) })
}

export interface World extends Surroundings {
  hiddenTools?: Promise<HiddenTools>
  /** The answer to initialize is from memory: the server is met with its first other answer. */
  introduced?: 'from memory'
}

/** What the server does with a request; a gate makes it slow. */
export type Answer = (message: Message, cause: Cause) => unknown

export function createWorld({ hiddenTools, introduced, ...world }: World = {}) {
  const { options, carry, seen } = createSurroundings(world)
  const { clock, writer, inFlight, reached, heard } = seen
  /** By method; a result, a whole error answer as `{ error }`, or a BridgeError that is thrown. */
  const server: Record<string, Answer> = {
    initialize: () => INTRODUCTION,
    'tools/list': () => ({ tools: TOOLS }),
  }
  const answer = async (request: Message, cause: Cause): Promise<Message | undefined> => {
    const found = await (server[request.method ?? ''] ?? (() => ({})))(request, cause)
    if (found instanceof Error) throw found
    if (request.asks.length === 0) return undefined
    return answerWith(request, found)
  }
  let said: Message | undefined
  /** Said on the stream of the next request, before its answer. */
  const beside: object[] = []
  let isMet = introduced === undefined
  const conversation: LegacyConversation = {
    async exchange(pending, before, deliver) {
      await before
      pending.signal.throwIfAborted()
      if (pending.message.method === 'initialize') said = pending.message
      reached.push(pending.message.method ?? pending.message.kind)
      const one = await answer(pending.message, pending.cause)
      if (!one) return
      if (pending.message.method !== 'initialize') isMet = true
      for (const id of one.answers) pending.open.delete(id)
      pending.transmission.sent = true
      for (const other of beside.splice(0)) await deliver(message(other))
      await deliver(one)
      pending.finish()
    },
    async initialize(cause) {
      reached.push(`initialize again: ${cause}`)
      return said && answer(said, cause)
    },
    async tell({ method }) {
      reached.push(`tell ${method}`)
    },
    async ask(request, cause) {
      reached.push(`ask ${request.method}`)
      return answer(request, cause)
    },
    refusal: rpcError,
    end: async () => undefined,
    isMet: () => isMet,
  }
  const host = createHostSignIn({ ...options, hiddenTools })(conversation, inFlight)

  let turn: Promise<void> = Promise.resolve()
  /** As the relay does: what follows initialize waits for it, but for answers. */
  const say = (value: object): Promise<void> => {
    const pending = inFlight.begin(message(value))
    const { method, asks, kind } = pending.message
    const done = carry(host, pending, kind === 'response' ? Promise.resolve() : turn)
    if (method === 'initialize' || method === 'notifications/initialized') turn = pending.done
    return asks.length > 0 ? done : settled()
  }
  return {
    ...seen,
    ...{ say, server, beside },
    /** initialize, and what it is answered with at its bound or before. */
    async initialize(params: object = {}) {
      void say({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, ...params } })
      await settled()
      clock.advance(HOLD)
      await writer.whenWritten(1)
      await settled()
      void say({ method: 'notifications/initialized' })
      await settled()
    },
    /** The names of the tools that the host is given now. */
    async tools(id: number): Promise<string[]> {
      await say({ id, method: 'tools/list' })
      return seen.toolsIn(id)
    },
    progress: () => heard().filter(({ method }) => method === 'notifications/progress'),
    questions: () => heard().filter(({ method }) => method === 'elicitation/create'),
  }
}
