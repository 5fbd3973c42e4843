// Which transport carries a message: Streamable HTTP, or HTTP+SSE where a server speaks nothing else. A lost session is made again on both.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Cause, Clock, Logger } from '../../ports.ts'
import type { Deliver } from '../http/body/messages.ts'
import { createExchange, type Exchange } from '../http/exchange.ts'
import type { HttpSse } from '../http/legacySse.ts'
import { listen } from '../http/listen.ts'
import { ENDPOINT_REFUSED } from '../http/response.ts'
import type { Send } from '../http/send.ts'
import { ask } from '../message/ask.ts'
import type { InFlight } from '../message/inFlight.ts'
import { isInitialize, type Message, parseMessage } from '../message/message.ts'
import { endSession } from '../session/end.ts'
import type { Session } from '../session/session.ts'

export interface TransportOptions {
  readonly kind: 'auto' | 'http' | 'sse'
  readonly url: URL
  readonly send: Send
  readonly session: Session
  readonly inFlight: InFlight
  readonly clock: Clock
  readonly log: Logger
  readonly limit: number
  readonly timeoutMs: number
  /** Aborts when the bridge ends. */
  readonly ending: AbortSignal
  /** Takes a message that the server initiates. */
  readonly deliver: Deliver
  /** Takes an answer for the host that came on the stream of a request of ours: it is off the table already. */
  readonly settled: Deliver
  /** The session is over, though not for the host: what the server has asked in it is void. */
  readonly onLost?: (() => void) | undefined
  /** A lost session has been made again; with an error: the server refuses that. */
  readonly onRestored?: ((refused?: BridgeError) => void) | undefined
}

export interface Transport {
  readonly exchange: Exchange
  /** `exchange` for one message behind the host's back: resolves to its answer; what else comes is for the host. */
  behindTheHost(exchange: Exchange, cause?: Cause): (message: Message) => Promise<Message | undefined>
  /** Sends the host's own initialize, without its knowledge, and initialized; resolves to the answer. */
  initialize(cause: Cause): Promise<Message | undefined>
  /** One message of the host that it needs no answer to. */
  tell(message: Message): Promise<void>
  /** Listens for messages that the server initiates until `signal` aborts; `onAnswered`: the stream is open, or is not. Never throws. */
  listen(signal: AbortSignal, onAnswered?: () => void): Promise<void>
}

/** Answers to a POST of initialize after which a client looks for the older transport (2025-11-25, "Backwards Compatibility"). */
const NOT_STREAMABLE = [400, 404, 405]

export function createTransport(options: TransportOptions, onRenewed: () => void): Transport {
  const { kind, session, inFlight, log } = options

  const other: Deliver = (one) => (one.answers.length > 0 ? options.settled : options.deliver)(one)
  const behindTheHost: Transport['behindTheHost'] = (exchange, cause) => (message) =>
    ask(inFlight, message, cause, exchange, other)

  const restoreWith = async (exchange: Exchange, initialize: Message, cause: Cause) => {
    const { restore } = await import('../session/restore.ts')
    try {
      await restore(initialize, session, behindTheHost(exchange, cause), log)
    } catch (thrown) {
      if (asBridgeError(thrown).code === 'session_lost') options.onRestored?.(asBridgeError(thrown))
      throw thrown
    }
    options.onRestored?.()
  }

  const renew = async (lost: string, cause: Cause) => {
    await session.renew(lost, (initialize) => {
      // Before the next session can ask anything.
      options.onLost?.()
      return restoreWith(streamable.plain, initialize, cause).catch((thrown: unknown) => {
        // One that the server has begun, and nobody uses.
        void endSession(session, options.send, log)
        throw thrown
      })
    })
    onRenewed()
  }
  const streamable = createExchange({ ...options, renew })

  const createLegacySse = async (): Promise<HttpSse> => {
    const { createHttpSse } = await import('../http/legacySse.ts')
    const restore = async (exchange: Exchange, cause: Cause) => {
      if (session.initialize) await restoreWith(exchange, session.initialize, cause)
    }
    return createHttpSse({ ...options, restore })
  }
  let legacySse: Promise<HttpSse> | undefined = kind === 'sse' ? createLegacySse() : undefined

  /** Its stream is opened once: the stream of the check is then used. */
  const tryLegacySse = async (thrown: unknown): Promise<HttpSse | undefined> => {
    if (!(thrown instanceof BridgeError) || !NOT_STREAMABLE.includes(Number(thrown.details.status))) return undefined
    try {
      const made = await createLegacySse()
      await made.open()
      legacySse = Promise.resolve(made)
      return made
    } catch (none) {
      const { code, details } = asBridgeError(none)
      log.debug('proxy:transport', { code })
      // It does speak the older transport, and this is what is wrong with it.
      if (details.reason === ENDPOINT_REFUSED) throw none
      return undefined
    }
  }

  const streamableOrLegacySse: Exchange = async (pending, take) => {
    try {
      await streamable.exchange(pending, take)
    } catch (thrown) {
      const made = await tryLegacySse(thrown)
      if (!made) throw thrown
      await made.exchange(pending, take)
    }
  }

  const exchange: Exchange = (pending, take) => {
    if (legacySse) return legacySse.then(({ exchange }) => exchange(pending, take))
    const mayBeLegacy = kind === 'auto' && isInitialize(pending.message)
    return mayBeLegacy ? streamableOrLegacySse(pending, take) : streamable.exchange(pending, take)
  }

  return {
    exchange,
    behindTheHost,
    async initialize(cause) {
      if (!session.initialize) return undefined
      const { INITIALIZED } = await import('../session/restore.ts')
      const answer = await behindTheHost(exchange, cause)(session.initialize)
      if (!answer || answer.failed) return answer
      await behindTheHost(exchange, cause)(parseMessage(INITIALIZED) as Message)
      return answer
    },
    tell: async (message) => void (await behindTheHost(exchange)(message)),
    async listen(signal, onAnswered) {
      if (!legacySse) return listen({ ...options, awaits: inFlight.awaits, renew, onAnswered }, signal)
      // Its stream has been open since initialize.
      onAnswered?.()
      await (await legacySse).listen(signal)
    },
  }
}
