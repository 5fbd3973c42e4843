// The server as a host that begins with initialize has it: its own handshake where the server has one, else a translation. Which of
// both is decided at each initialize, and corrected where what is known of the server proves wrong.
import type { BridgeError } from '../../errors.ts'
import { memoizeAsync } from '../../memoizeAsync.ts'
import type { Cause, Logger } from '../../ports.ts'
import type { LegacyConversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import { type InFlight, OVER, type PendingRequest } from '../message/inFlight.ts'
import { isAnswerTo, isInitialize, type Message } from '../message/message.ts'
import { rpcError } from '../message/rpcError.ts'
import { doubtsHandshake, doubtsHandshakeThrown, isModernRefusal, type KnownErrors } from './doubt.ts'
import { createHold, type Held } from './hold.ts'
import { hostInfoIn } from './hostInfo.ts'
import type { ServerEra } from './serverEra.ts'

export interface HandshakeSideOptions {
  readonly era: ServerEra
  readonly inFlight: InFlight
  /** Sends a message of ours to the host. */
  readonly deliver: Deliver
  readonly log: Logger
  /** Made at the start, and again where a server that was of 2026 meanwhile has a handshake again. */
  readonly legacy: () => LegacyConversation
  /** Made when it is needed. `heard` is called with each answer of the server, as it came. */
  readonly toModern: (heard: (answer: Message) => void) => Promise<LegacyConversation>
}

/** Whom the host talks to since its last initialize. */
export interface Chosen {
  readonly conversation: LegacyConversation
  /** It is a translation. */
  readonly isModern: boolean
  readonly initialize: Message
  /** An answer of this run has shown that the server is of that era. */
  isProven: boolean
  /** An error of 2026 has raised the doubt whether the server still has its handshake, and it does. */
  isAsItWas?: boolean
  /** The same of a 4xx that says nothing else. */
  isAsItWasFor4xx?: boolean
  /** Errors that have raised the doubt whether the server still is of 2026, and it is. */
  known?: KnownErrors
}

export function createHandshakeSide(options: HandshakeSideOptions): LegacyConversation {
  const { era } = options
  /** The host's last initialize, which may have reached nobody. */
  let initialize: Message | undefined
  let chosen: Chosen | undefined
  const conversations = createConversations(options, (conversation, answer) => {
    const of = chosen
    if (of?.conversation === conversation) void healing().then((made) => made.heard(of, answer))
  })
  const { first } = conversations

  const healing = memoizeAsync(async () =>
    (await import('./handshakeHealing.ts')).createHandshakeHealing({
      ...options,
      conversations,
      use(next) {
        chosen = next
      },
    }),
  )

  const choose = async (message: Message, cause: Cause): Promise<Chosen> => {
    const wasKnown = era.now !== undefined || (await era.known()) !== undefined
    const found = era.now ?? (await era.find(hostInfoIn(message), cause))
    const isModern = found === '2026' && !(await import('./supported.ts')).hasHandshake(await era.discovered())
    const conversation = await conversations.open(isModern)
    return { conversation, isModern, initialize: message, isProven: !wasKnown && found !== undefined }
  }

  const begin = async (pending: PendingRequest, before: Promise<unknown>, deliver: Deliver) => {
    const { message, cause, signal } = pending
    initialize = message
    const next = await choose(message, cause)
    signal.throwIfAborted()
    chosen = next
    const { conversation } = next
    const askAgain = () => setImmediate(() => void era.askIfOld(hostInfoIn(message)))
    if (next.isModern || next.isProven) {
      await conversation.exchange(pending, before, deliver)
      // It was answered with what the server said of itself: the next start knows what it says now.
      if (next.isModern) askAgain()
      return
    }
    const held = await holdDoubtful(conversation, pending, before, deliver)
    if (held) await (await healing()).beginAgain(next, held, pending, deliver)
    else if (era.now !== '2026') askAgain()
  }

  /** Its session may be gone because the server speaks something else by now. */
  const carryLegacy = async (pending: PendingRequest, deliver: Deliver, of: Chosen) => {
    const hold = createHold(pending, (answer) => !of.isAsItWas && isModernRefusal(answer), deliver)
    let held: Held | undefined
    try {
      await of.conversation.exchange(pending, OVER, hold.take)
      held = hold.held()
    } catch (thrown) {
      if (!isAboutServer(thrown)) throw thrown
      held = { thrown }
    }
    if (held) await (await healing()).afterLegacy(of, held, pending, deliver)
  }

  return {
    async exchange(pending, before, deliver) {
      if (isInitialize(pending.message)) return begin(pending, before, deliver)
      await before
      if (!chosen) return first.exchange(pending, OVER, deliver)
      if (!chosen.isModern) return carryLegacy(pending, deliver, chosen)
      return (await healing()).carryModern(chosen, pending, deliver)
    },
    refusal: rpcError,
    async initialize(cause) {
      if (!initialize) return undefined
      const before = chosen
      const next = await choose(initialize, cause)
      // The host may have begun anew meanwhile.
      if (chosen !== before) return undefined
      chosen = next
      return (await healing()).introduce(next, cause)
    },
    tell: (message) => (chosen?.conversation ?? first).tell(message),
    ask: (request, cause) => (chosen?.conversation ?? first).ask(request, cause),
    isMet: () => chosen === undefined || !chosen.isModern || chosen.isProven,
    end: conversations.end,
  }
}

/** The conversation with a server of each era: one that has ended is made anew when it is needed again. */
export interface Conversations {
  readonly first: LegacyConversation
  open(isModern: boolean): Promise<LegacyConversation>
  /** Ends one when nobody waits for an answer any more. */
  retire(chosen: Chosen, reason: BridgeError): void
  end(reason: BridgeError): Promise<void>
}

function createConversations(
  { legacy, toModern, inFlight, log }: HandshakeSideOptions,
  heard: (conversation: LegacyConversation, answer: Message) => void,
): Conversations {
  const first = legacy()
  const open = new Set([first])
  const keep = (conversation: LegacyConversation) => {
    open.add(conversation)
    return conversation
  }
  const makeModern = () =>
    memoizeAsync(async () => {
      log.info('proxy:translated', { host: '2025', server: '2026' })
      const made: LegacyConversation = await toModern((answer) => heard(made, answer))
      return keep(made)
    })
  let handshake: LegacyConversation | undefined = first
  let translation = makeModern()
  return {
    first,
    async open(isModern) {
      if (isModern) return translation()
      handshake ??= keep(legacy())
      return handshake
    },
    retire({ conversation, isModern }, reason) {
      if (isModern) translation = makeModern()
      else if (handshake === conversation) handshake = undefined
      conversation.leave?.(reason)
      // What is still open there has its answer first.
      void inFlight.idle().then(() => {
        open.delete(conversation)
        return conversation.end(reason)
      })
    },
    async end(reason) {
      await Promise.all([...open].map((one) => one.end(reason)))
    },
  }
}

const isAboutServer = (thrown: unknown) => {
  const { code } = (thrown ?? {}) as Partial<BridgeError>
  return code === 'session_lost' || code === 'server_error'
}

/** What the server said to initialize, or why it said nothing, if that raises the doubt whether it has a handshake at all. */
async function holdDoubtful(
  legacy: LegacyConversation,
  pending: PendingRequest,
  before: Promise<unknown>,
  deliver: Deliver,
): Promise<Held | undefined> {
  let answer: Message | undefined
  const take: Deliver = async (one) => {
    if (!isAnswerTo(one, pending.message) || !doubtsHandshake(one)) return deliver(one)
    answer = one
    for (const id of pending.message.asks) pending.open.add(id)
  }
  try {
    await legacy.exchange(pending, before, take)
  } catch (thrown) {
    if (pending.signal.aborted || !doubtsHandshakeThrown(thrown)) throw thrown
    return { thrown }
  }
  return answer && { answer }
}
