// The HTTP+SSE transport of revision 2024-11-05: one event stream for all answers, and an endpoint for messages.
import { createSleepWatch } from '../../bounds.ts'
import { asBridgeError } from '../../errors.ts'
import type { Cause } from '../../ports.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { isInitialize } from '../message/message.ts'
import { own } from '../message/ours.ts'
import type { Deliver } from './body/messages.ts'
import { ownId } from './body/ownId.ts'
import type { Exchange } from './exchange.ts'
import { type Connection, type ConnectionOptions, exchangeOn, openConnection } from './legacyConnection.ts'
import { endedEarly } from './response.ts'

export interface HttpSseOptions extends ConnectionOptions {
  /** Restores the session on a new stream; `cause`: why that was opened. */
  readonly restore: (exchange: Exchange, cause: Cause) => Promise<void>
  /** A stream is over, and its session with it. */
  readonly onLost?: (() => void) | undefined
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
/** How long the answer to a ping may take once the server has taken that, in ms. */
const PING_MS = 10_000

export function createHttpSse(options: HttpSseOptions): HttpSse {
  const { session, clock, log } = options
  let current: Promise<Connection> | undefined
  const hasSlept = createSleepWatch(clock)
  /** Whether the stream is still heard is being found out. */
  let checking: Promise<void> | undefined

  /** A network that has changed leaves a stream open on which nothing comes any more: what is posted there is never answered. */
  const endIfDead = async (connection: Connection) => {
    if (await isAlive(connection, options)) return
    log.info('proxy:listen', { reason: 'nothing comes on the stream any more' })
    connection.end(endedEarly())
  }
  const check = (connection: Promise<Connection>) => {
    checking ??= connection.then(endIfDead).finally(() => {
      checking = undefined
    })
    checking.catch(() => undefined)
  }

  /** A stream from before a sleep gets no message until it is known to live. */
  const checked = async (): Promise<void> => {
    // At once, so that what comes in the same moment waits too.
    if (hasSlept() && current) check(current)
    await checking?.catch(() => undefined)
  }

  const carry = async (connection: Connection, pending: PendingRequest, take: Deliver) => {
    const { pieces } = connection
    try {
      await exchangeOn(connection, pending, take, options)
    } catch (thrown) {
      if (asBridgeError(thrown).code === 'server_timeout' && connection.pieces === pieces)
        check(Promise.resolve(connection))
      throw thrown
    }
  }

  /** Makes a connection the current one, until it is over or could not be made. */
  const connect = (cause: Cause, prepare: (made: Connection) => Promise<void>): Promise<Connection> => {
    const leave = () => {
      // Another one may be current by now.
      if (current !== own) return
      current = undefined
      options.onLost?.()
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
      await checked()
      pending.signal.throwIfAborted()
      await carry(await restored(pending.cause), pending, take)
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

/** Whether anything comes on the stream once the server has taken a ping; a server that takes none may be busy. Never throws. */
async function isAlive(connection: Connection, options: HttpSseOptions): Promise<boolean> {
  const { inFlight, clock } = options
  const { pieces } = connection
  let isTaken = false
  const taken = () => {
    isTaken = true
    connection.waiting.get(pending)?.heard()
  }
  const ping = own(`{"jsonrpc":"2.0","id":"${ownId()}","method":"ping"}`)
  const pending: PendingRequest = inFlight.begin(ping, 'background', { sent: false, abort: undefined, taken })
  const over = new AbortController()
  const late = clock
    .sleep(PING_MS, over.signal)
    .then(() => isTaken || pending.abort(new Error('Nobody has taken the ping.')))
  late.catch(() => undefined)
  try {
    await exchangeOn(connection, pending, async () => undefined, { ...options, timeoutMs: PING_MS })
    return true
  } catch (thrown) {
    return !isTaken || connection.pieces !== pieces || asBridgeError(thrown).code !== 'server_timeout'
  } finally {
    over.abort()
    inFlight.end(pending)
  }
}
