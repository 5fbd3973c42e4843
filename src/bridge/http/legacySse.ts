// The HTTP+SSE transport of revision 2024-11-05: one event stream for all answers, and an endpoint for messages.
import { asBridgeError } from '../../errors.ts'
import type { Cause } from '../../ports.ts'
import { isInitialize } from '../message/message.ts'
import type { Exchange } from './exchange.ts'
import { type Connection, type ConnectionOptions, exchangeOn, openConnection } from './legacyConnection.ts'

export interface HttpSseOptions extends ConnectionOptions {
  /** Restores the session on a new stream; `cause`: why that was opened. */
  readonly restore: (exchange: Exchange, cause: Cause) => Promise<void>
}

export interface HttpSse {
  readonly exchange: Exchange
  /** Opens the stream. @throws BridgeError when this server does not speak HTTP+SSE, or cannot be reached */
  open(): Promise<void>
  /** Opens the stream again whenever it ends, until `signal` aborts. */
  listen(signal: AbortSignal): Promise<void>
}

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000

export function createHttpSse(options: HttpSseOptions): HttpSse {
  const { session, clock, log } = options
  let current: Promise<Connection> | undefined

  /** Makes a connection the current one, until it is over or could not be made. */
  const connect = (cause: Cause, prepare: (made: Connection) => Promise<void>): Promise<Connection> => {
    const leave = () => {
      // Another one may be current by now.
      if (current === own) current = undefined
    }
    const own: Promise<Connection> = openConnection(options, cause, leave)
      .then(async (made) => {
        await prepare(made).catch((thrown: unknown) => {
          made.end(asBridgeError(thrown))
          throw thrown
        })
        return made
      })
      .catch((thrown: unknown) => {
        leave()
        throw thrown
      })
    current = own
    return own
  }

  const connected = (cause: Cause): Promise<Connection> => current ?? connect(cause, async () => undefined)

  /** A stream after the first is a new session: it first gets the state of the old one. */
  const restored = (cause: Cause): Promise<Connection> => {
    if (current || session.version === undefined) return connected(cause)
    const restore = (made: Connection) =>
      options.restore((pending, take) => exchangeOn(made, pending, take, options), cause)
    return connect(cause, restore)
  }

  return {
    async exchange(pending, take) {
      if (isInitialize(pending.message)) {
        // What a session that is being made again agrees on would count for the new one.
        await current?.catch(() => undefined)
        session.remember(pending.message)
      }
      await exchangeOn(await restored(pending.cause), pending, take, options)
    },
    open: async () => void (await connected('start')),
    async listen(signal) {
      let wait = FIRST_WAIT_MS
      while (!signal.aborted) {
        const began = clock.awake()
        await restored('background').then(
          ({ over }) => over,
          (thrown: unknown) => log.debug('proxy:listen', { code: asBridgeError(thrown).code }),
        )
        if (clock.awake() - began > LONGEST_WAIT_MS) wait = FIRST_WAIT_MS
        await clock.sleep(wait * (1 + Math.random() / 4), signal).catch(() => undefined)
        wait = Math.min(wait * 2, LONGEST_WAIT_MS)
      }
    },
  }
}
