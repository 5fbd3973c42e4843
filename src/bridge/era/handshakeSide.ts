// The server as a host that begins with initialize has it: its own handshake where the server has one, else a translation. Which of
// both is decided at each initialize, and corrected where what is known of the server proves wrong.
import type { BridgeError } from '../../errors.ts'
import { memoizeAsync } from '../../memoizeAsync.ts'
import type { Cause, Logger } from '../../ports.ts'
import type { LegacyConversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import type { Message } from '../message/message.ts'
import { rpcError } from '../message/rpcError.ts'
import { doubtsHandshake, doubtsHandshakeThrown } from './doubt.ts'
import { hostInfoIn } from './hostInfo.ts'
import type { ServerEra } from './serverEra.ts'

export interface HandshakeSideOptions {
  readonly era: ServerEra
  readonly inFlight: InFlight
  /** Sends a message of ours to the host. */
  readonly deliver: Deliver
  readonly log: Logger
  readonly legacy: LegacyConversation
  /** Made when it is needed. `heard` is called with each answer of the server, as it came. */
  readonly toModern: (heard: (answer: Message) => void) => Promise<LegacyConversation>
}

/** Whom the host talks to since its last initialize. */
export interface Chosen {
  readonly conversation: LegacyConversation
  readonly initialize: Message
  /** An answer of this run has shown that the server is of that era. */
  isProven: boolean
}

export function createHandshakeSide(options: HandshakeSideOptions): LegacyConversation {
  const { era, log, legacy } = options
  /** The host's last initialize, which may have reached nobody. */
  let initialize: Message | undefined
  let chosen: Chosen | undefined
  let made: LegacyConversation | undefined

  const toModern = memoizeAsync(async () => {
    log.info('proxy:translated', { host: '2025', server: '2026' })
    made = await options.toModern(heard)
    return made
  })
  const healing = memoizeAsync(async () =>
    (await import('./handshakeHealing.ts')).createHandshakeHealing({
      ...options,
      toModern,
      use(next) {
        chosen = next
      },
    }),
  )

  const heard = (answer: Message) => {
    const of = chosen
    if (of && of.conversation === made) void healing().then((made) => made.heard(of, answer))
  }

  const choose = async (message: Message, cause: Cause): Promise<Chosen> => {
    const wasKnown = era.now !== undefined || (await era.known()) !== undefined
    const found = era.now ?? (await era.find(hostInfoIn(message), cause))
    const isModern = found === '2026' && !(await import('./supported.ts')).hasHandshake(await era.discovered())
    const conversation = isModern ? await toModern() : legacy
    return { conversation, initialize: message, isProven: !wasKnown && found !== undefined }
  }

  const begin = async (pending: PendingRequest, before: Promise<unknown>, deliver: Deliver) => {
    const { message, cause, signal } = pending
    initialize = message
    const next = await choose(message, cause)
    signal.throwIfAborted()
    chosen = next
    if (next.conversation !== legacy || next.isProven) return next.conversation.exchange(pending, before, deliver)
    const held = await holdDoubtful(legacy, pending, before, deliver)
    if (held) await (await healing()).beginAgain(next, held, pending, deliver)
    else setImmediate(() => void era.askIfOld(hostInfoIn(message)))
  }

  /** Its session may be gone because the server speaks something else by now. */
  const carryLegacy = async (pending: PendingRequest, before: Promise<unknown>, deliver: Deliver, of: Chosen) => {
    try {
      await legacy.exchange(pending, before, deliver)
    } catch (thrown) {
      if (!isAboutServer(thrown)) throw thrown
      await (await healing()).afterLegacy(of, thrown, pending, deliver)
    }
  }

  return {
    async exchange(pending, before, deliver) {
      const { method } = pending.message
      if (method === 'initialize') return begin(pending, before, deliver)
      await before
      if (!chosen) return legacy.exchange(pending, before, deliver)
      if (chosen.conversation === legacy) return carryLegacy(pending, before, deliver, chosen)
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
    tell: (message) => (chosen?.conversation ?? legacy).tell(message),
    ask: (request, cause) => (chosen?.conversation ?? legacy).ask(request, cause),
    isMet: () => chosen === undefined || chosen.conversation === legacy || chosen.isProven,
    async end(reason) {
      await Promise.all([legacy.end(reason), made?.end(reason)])
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
): Promise<{ readonly answer?: Message; readonly thrown?: unknown } | undefined> {
  let answer: Message | undefined
  const take: Deliver = async (one) => {
    if (one.answers.length === 0 || !doubtsHandshake(one)) return deliver(one)
    answer = one
  }
  try {
    await legacy.exchange(pending, before, take)
  } catch (thrown) {
    if (pending.signal.aborted || !doubtsHandshakeThrown(thrown)) throw thrown
    return { thrown }
  }
  return answer && { answer }
}
