// Chooses the transport: Streamable HTTP, or HTTP+SSE if a server supports nothing else; and restores a lost session for both.
import { asBridgeError, BridgeError } from '../errors.ts'
import type { Cause, Clock, Logger } from '../ports.ts'
import { createExchange, type Exchange } from './http/exchange.ts'
import type { HttpSse } from './http/legacySse.ts'
import { listen } from './http/listen.ts'
import type { Take } from './http/response.ts'
import type { Send } from './http/send.ts'
import type { InFlight } from './message/inFlight.ts'
import { type Message, parseMessage } from './message/message.ts'
import { createRepeat } from './retry.ts'
import type { Session } from './session/session.ts'

export interface TransportOptions {
  readonly kind: 'auto' | 'http' | 'sse'
  readonly url: URL
  readonly send: Send
  readonly session: Session
  readonly flights: InFlight
  readonly clock: Clock
  readonly log: Logger
  readonly limit: number
  readonly timeoutMs: number
  /** Aborts when the bridge ends. */
  readonly ending: AbortSignal
  /** Delivers messages that the server sends unprompted. */
  readonly deliver: Take
}

export interface Transport {
  readonly exchange: Exchange
  /** Sends the host's own initialize, without its knowledge, and initialized; resolves to the answer. */
  introduce(cause: Cause): Promise<Message | undefined>
  /** One message of the host that it needs no answer to. */
  tell(message: Message): Promise<void>
  /** Listens for messages that the server sends unprompted until `signal` aborts. Never throws. */
  listen(signal: AbortSignal): Promise<void>
}

/** Answers to a POST of initialize after which a client looks for the older transport (2025-11-25, "Backwards Compatibility"). */
const NOT_STREAMABLE = [400, 404, 405]

export function createTransport(options: TransportOptions, onRenewed: () => void): Transport {
  const { kind, session, flights, clock, log, deliver } = options
  const repeat = createRepeat(clock)

  /** Its answers are not for the host; what else comes is. */
  const behindTheHost = (exchange: Exchange, cause?: Cause) => async (message: Message) => {
    const flight = flights.begin(message, cause)
    let answer: Message | undefined
    try {
      await exchange(flight, async (one) => {
        if (one.answers.length > 0) answer = one
        else await deliver(one)
      })
    } finally {
      flights.end(flight)
    }
    return answer
  }

  const restoreWith = async (exchange: Exchange, initialize: Message) =>
    (await import('./session/restore.ts')).restore(initialize, session, behindTheHost(exchange), log)

  const renew = async (lost: string) => {
    await session.renew(lost, (initialize) => restoreWith(streamable.plain, initialize))
    onRenewed()
  }
  const streamable = createExchange({ ...options, renew })

  const createOlder = async (): Promise<HttpSse> => {
    const { createHttpSse } = await import('./http/legacySse.ts')
    const restore = async (exchange: Exchange) => {
      if (session.initialize) await restoreWith(exchange, session.initialize)
    }
    return createHttpSse({ ...options, restore })
  }
  let older: Promise<HttpSse> | undefined = kind === 'sse' ? createOlder() : undefined

  /** Its stream is opened once: the stream of the check is then used. */
  const findOlder = async (thrown: unknown): Promise<HttpSse | undefined> => {
    if (!(thrown instanceof BridgeError) || !NOT_STREAMABLE.includes(Number(thrown.details.status))) return undefined
    try {
      const made = await createOlder()
      await made.open()
      older = Promise.resolve(made)
      return made
    } catch (none) {
      log.debug('proxy:transport', { code: asBridgeError(none).code })
      return undefined
    }
  }

  const initialize: Exchange = async (flight, take) => {
    try {
      await streamable.exchange(flight, take)
    } catch (thrown) {
      const made = await findOlder(thrown)
      if (!made) throw thrown
      await made.exchange(flight, take)
    }
  }

  const attempt: Exchange = (flight, take) => {
    if (older) return older.then(({ exchange }) => exchange(flight, take))
    const find = kind === 'auto' && flight.message.method === 'initialize'
    return find ? initialize(flight, take) : streamable.exchange(flight, take)
  }

  return {
    exchange(flight, take) {
      if (flight.message.method !== 'tools/list') return repeat.run(flight, () => attempt(flight, take))
      return repeat.run(flight, () =>
        attempt(flight, (message) => {
          repeat.note(message)
          return take(message)
        }),
      )
    },
    async introduce(cause) {
      if (!session.initialize) return undefined
      const { INITIALIZED } = await import('./session/restore.ts')
      const answer = await behindTheHost(attempt, cause)(session.initialize)
      await behindTheHost(attempt, cause)(parseMessage(INITIALIZED) as Message)
      return answer
    },
    tell: async (message) => void (await behindTheHost(attempt)(message)),
    listen: async (signal) => (older ? (await older).listen(signal) : listen({ ...options, renew }, signal)),
  }
}
