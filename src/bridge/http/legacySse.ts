// The HTTP+SSE transport of revision 2024-11-05: one event stream for all answers, and an endpoint for messages.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { HttpResponse, Logger } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { isSessionLost } from '../session/lost.ts'
import { readEvents, type StreamEvent } from './eventStream.ts'
import type { Exchange, ExchangeOptions } from './exchange.ts'
import { endedEarly, failure, mediaType, readStart, type Take } from './response.ts'
import { untilAnswered, type Waiting, waitFor } from './sharedStream.ts'

export interface HttpSseOptions extends Omit<ExchangeOptions, 'renew'> {
  /** The server's own URL; messages are sent only to its origin. */
  readonly url: URL
  readonly log: Logger
  /** Aborts when the bridge ends. */
  readonly ending: AbortSignal
  /** Delivers messages that the server sends unprompted. */
  readonly deliver: Take
  /** Restores the session on a new stream. */
  readonly restore: (exchange: Exchange) => Promise<void>
}

export interface HttpSse {
  readonly exchange: Exchange
  /** Opens the stream. @throws BridgeError when this server does not speak HTTP+SSE, or cannot be reached */
  open(): Promise<void>
  /** Opens the stream again whenever it ends, until `signal` aborts. */
  listen(signal: AbortSignal): Promise<void>
}

interface Connection {
  readonly endpoint: URL
  readonly waiting: Map<PendingRequest, Waiting>
  /** Abandons it; the next message opens another one. */
  end(reason: BridgeError): void
  readonly over: Promise<void>
}

/** How long the first event may take, in ms. */
const ENDPOINT_MS = 10_000
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000

export function createHttpSse(options: HttpSseOptions): HttpSse {
  const { send, session, flights, clock, log, limit, timeoutMs, url, ending, deliver } = options
  let current: Promise<Connection> | undefined

  const connect = async (): Promise<Connection> => {
    const headers = { accept: 'text/event-stream' }
    const response = await send({ method: 'GET', headers, signal: ending, idleMs: 0 }, 'start')
    if (response.status !== 200 || mediaType(response) !== 'text/event-stream')
      throw failure(response, await readStart(response))
    const events = readEvents(response.body, {}, limit)
    const endpoint = await endpointOf(events, response)
    const waiting = new Map<PendingRequest, Waiting>()
    let finish: () => void
    const over = new Promise<void>((resolve) => {
      finish = resolve
    })
    const made: Connection = {
      endpoint,
      waiting,
      over,
      end(reason) {
        current = undefined
        response.discard()
        for (const one of waiting.values()) one.fail(reason)
        finish()
      },
    }
    void read(events, made)
    return made
  }

  const read = async (events: AsyncIterable<StreamEvent>, made: Connection) => {
    let reason = endedEarly()
    try {
      for await (const event of events)
        if (event.type === '' || event.type === 'message') await pass(parseMessage(event.data), made)
    } catch (thrown) {
      reason = asBridgeError(thrown)
    }
    made.end(reason)
  }

  const pass = async (message: Message | undefined, { waiting }: Connection) => {
    if (!message) return log.warn('proxy:listen', { reason: 'not an MCP message' })
    if (message.answers.length === 0) {
      if (message.method === 'notifications/progress') for (const one of waiting.values()) one.heard()
      return deliver(message)
    }
    const [flight, one] = [...waiting].find(([{ open }]) => message.answers.some((id) => open.has(id))) ?? []
    if (!flight || !one || !flights.settle(message, flight))
      return log.warn('proxy:listen', { reason: 'an answer to an unknown request' })
    if (flight.message.method === 'initialize') session.establish({ headers: {} }, message)
    else session.note(flight.message, message)
    await one.deliver(message)
    if (flight.open.size > 0) return
    flight.finish()
    one.done()
  }

  /** The first event names where messages go (2024-11-05, "HTTP with SSE"). */
  const endpointOf = async (events: AsyncGenerator<StreamEvent>, response: HttpResponse): Promise<URL> => {
    const late = new AbortController()
    const tooLate = clock.sleep(ENDPOINT_MS, late.signal).then(
      () => undefined,
      () => undefined,
    )
    const first = await Promise.race([events.next(), tooLate])
    late.abort()
    const text = first?.done === false && first.value.type === 'endpoint' ? utf8(first.value.data) : undefined
    const endpoint = text !== undefined && URL.canParse(text, url.href) ? new URL(text, url.href) : undefined
    if (endpoint?.origin === url.origin) return endpoint
    response.discard()
    const what = endpoint ? `names an endpoint on another origin: ${quote(endpoint.origin)}` : 'names no endpoint'
    throw new BridgeError('invalid_protocol', { message: `The server’s event stream ${what}.` })
  }

  const exchangeOn = async (made: Connection, flight: PendingRequest, take: Take) => {
    const { message, cause, signal, wire } = flight
    const one = waitFor(take, clock, timeoutMs)
    if (message.asks.length > 0) made.waiting.set(flight, one)
    try {
      const headers = { 'content-type': 'application/json' }
      const body = message.bytes
      const response = await send({ method: 'POST', url: made.endpoint, headers, body, signal, wire }, cause)
      if (response.status < 200 || response.status > 299) {
        const start = await readStart(response)
        if (!isSessionLost(response.status, start)) throw failure(response, start)
        // It was not processed, and nothing on this stream will be.
        wire.out = false
        made.end(endedEarly())
        throw endedEarly()
      }
      response.discard()
      if (message.asks.length > 0) await untilAnswered(one, clock, signal)
    } finally {
      made.waiting.delete(flight)
    }
  }

  const connected = (): Promise<Connection> => {
    current ??= connect()
    return current.catch((thrown: unknown) => {
      current = undefined
      throw thrown
    })
  }

  /** A stream after the first is a new session: it first gets the state of the old one. */
  const restored = async (): Promise<Connection> => {
    if (current || session.version === undefined) return connected()
    current = connect().then(async (made) => {
      await options.restore((flight, take) => exchangeOn(made, flight, take))
      return made
    })
    return connected()
  }

  return {
    async exchange(flight, take) {
      if (flight.message.method === 'initialize') session.remember(flight.message)
      await exchangeOn(await restored(), flight, take)
    },
    open: async () => void (await connected()),
    async listen(signal) {
      let wait = FIRST_WAIT_MS
      while (!signal.aborted) {
        const began = clock.awake()
        await restored().then(
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

const utf8 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
