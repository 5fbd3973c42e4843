// A 2025 server at the other end of `createToLegacy`: a test sees each message that comes, and answers it when it wants to.
import type { Deliver } from '../../src/bridge/http/body/messages.ts'
import { createInFlight } from '../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../src/bridge/message/message.ts'
import { rpcError } from '../../src/bridge/message/rpcError.ts'
import type { CreateLegacy } from '../../src/bridge/translation/toLegacy/link.ts'
import type { BridgeError } from '../../src/errors.ts'
import type { Cause } from '../../src/ports.ts'
import type { Transmission } from '../../src/records.ts'
import type { Message as Json } from '../servers/mcpServer.ts'

/** One message of ours, as the server has it. */
export interface Served {
  /** Parsed; whatever a test looks for is in it. */
  readonly message: Json
  readonly text: string
  readonly cause: Cause
  readonly signal: AbortSignal
  readonly transmission: Transmission
  /** Which session, from 0 on. */
  readonly session: number
  /** Says something on the stream of this request. */
  say(value: object): Promise<void>
  /** The same, as JSON text. */
  sayText(text: string): Promise<void>
  /** Several messages in one, as revision 2025-03-26 has them. */
  batch(values: readonly object[]): Promise<void>
  result(result?: unknown): Promise<void>
  /** The same with the JSON text of the result. */
  raw(result: string): Promise<void>
  error(error: object): Promise<void>
  /** Its stream ends without an answer. */
  fail(error: BridgeError): void
}

const RESULT = {
  protocolVersion: '2025-11-25',
  capabilities: {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    logging: {},
    tasks: {},
  },
  serverInfo: { name: 'old', version: '1.2' },
  instructions: 'Be kind.',
}

export const initializeResult = (changes: object = {}) => ({ ...RESULT, ...changes })

/** `reply`: what it answers by itself; undefined: it waits for the test. Left out: `{}`, but for calls. */
export function createFakeLegacyServer(reply: (served: Served) => unknown = plain) {
  const served: Served[] = []
  const sessions: {
    readonly deliver: Deliver
    readonly onRestored: (refused?: BridgeError) => void
    readonly end: () => boolean
  }[] = []
  let watchers: { passes: (one: Served) => boolean; resolve: (one: Served) => void }[] = []

  let failing: BridgeError | undefined

  const createLegacy: CreateLegacy = (deliver, onRestored) => {
    const inFlight = createInFlight()
    const session = sessions.length
    let isOver = false
    sessions.push({ deliver, onRestored, end: () => isOver })
    const conversation: ReturnType<CreateLegacy>['conversation'] = {
      async exchange(pending, before, take) {
        await before
        pending.signal.throwIfAborted()
        const { message, signal, transmission, cause } = pending
        const text = Buffer.from(message.bytes).toString('utf8')
        transmission.sent = true
        await new Promise<void>((resolve, reject) => {
          const say = (value: object) => take(messageOf(value))
          const answer = async (member: string, json: string) => {
            const answered = parse(`{"jsonrpc":"2.0","id":${message.asks[0]},"${member}":${json}}`)
            if (!inFlight.settle(answered, pending)) return
            await take(answered)
            resolve()
          }
          const one: Served = {
            message: JSON.parse(text),
            text,
            cause,
            signal,
            transmission,
            session,
            say,
            sayText: (said) => take(parse(said)),
            async batch(values) {
              const all = parse(JSON.stringify(values))
              if (inFlight.settle(all, pending)) await take(all)
              resolve()
            },
            result: (result = {}) => answer('result', JSON.stringify(result)),
            raw: (result) => answer('result', result),
            error: (error) => answer('error', JSON.stringify(error)),
            fail: reject,
          }
          signal.addEventListener('abort', () => reject(signal.reason), { once: true })
          served.push(one)
          const now = watchers.filter(({ passes }) => passes(one))
          watchers = watchers.filter((watcher) => !now.includes(watcher))
          for (const { resolve: tell } of now) tell(one)
          if (message.kind === 'response' && failing) return reject(failing)
          if (message.asks.length === 0) return resolve()
          const result = reply(one)
          if (result !== undefined) void one.result(result)
        })
      },
      refusal: rpcError,
      initialize: async () => undefined,
      tell: async () => undefined,
      ask: async () => undefined,
      async end() {
        isOver = true
      },
    }
    return { conversation, inFlight }
  }

  return {
    createLegacy,
    served,
    methods: () => served.map(({ message }) => message.method ?? 'answer'),
    count: (method: string) => served.filter(({ message }) => message.method === method).length,
    get sessions() {
      return sessions.length
    },
    hasEnded: (session: number) => sessions[session]?.end(),
    /** Says something outside of any exchange. */
    say: (value: object, session = 0) => sessions[session]?.deliver(messageOf(value)),
    /** Has lost the session, and has made it again or refuses that. */
    lose: (refused?: BridgeError, session = 0) => sessions[session]?.onRestored(refused),
    /** Answers to its questions do not reach it any more. */
    failAnswers(reason: BridgeError) {
      failing = reason
    },
    /** The first message that passes, also one that came before. */
    until(passes: (one: Served) => boolean): Promise<Served> {
      const found = served.find(passes)
      return found ? Promise.resolve(found) : new Promise((resolve) => watchers.push({ passes, resolve }))
    },
    untilMethod(method: string, nth = 1): Promise<Served> {
      const isIt = ({ message }: Served) => message.method === method
      return this.until((one) => isIt(one) && served.slice(0, served.indexOf(one) + 1).filter(isIt).length === nth)
    },
    /** The answer to the question of this id. */
    untilAnswer(id: unknown): Promise<Served> {
      return this.until(({ message }) => message.method === undefined && message.id === id)
    },
  }
}

export function plain({ message }: Served): unknown {
  if (message.method === 'initialize') return RESULT
  return /^(tools\/call|prompts\/get|resources\/read)$/.test(message.method) ? undefined : {}
}

const parse = (text: string): Message => parseMessage(Buffer.from(text)) as Message
const messageOf = (value: object): Message => parse(JSON.stringify({ jsonrpc: '2.0', ...value }))
