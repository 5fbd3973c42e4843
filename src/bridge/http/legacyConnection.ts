// One event stream of the HTTP+SSE transport (revision 2024-11-05): where its messages go, and whose answers come on it.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Cause, HttpResponse, Logger } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { isSessionLost } from '../session/lost.ts'
import { readEvents, type StreamEvent } from './eventStream.ts'
import type { ExchangeOptions } from './exchange.ts'
import { type Deliver, endedEarly, failure, mediaType, readStart } from './response.ts'
import { untilAnswered, type Waiting, waitFor } from './sharedStream.ts'

export interface ConnectionOptions extends Omit<ExchangeOptions, 'renew'> {
  /** The server's own URL; messages are sent only to its origin. */
  readonly url: URL
  readonly log: Logger
  /** Aborts when the bridge ends. */
  readonly ending: AbortSignal
  /** Takes a message that the server initiates. */
  readonly deliver: Deliver
}

export interface Connection {
  readonly endpoint: URL
  readonly waiting: Map<PendingRequest, Waiting>
  /** Gives it up. */
  end(reason: BridgeError): void
  readonly over: Promise<void>
}

/** How long the first event may deliver, in ms. */
const ENDPOINT_MS = 10_000

/** `onOver` is called when the stream has ended or was given up. @throws BridgeError when this server offers no such stream */
export async function openConnection(
  options: ConnectionOptions,
  onOver: () => void,
  cause: Cause = 'start',
): Promise<Connection> {
  const headers = { accept: 'text/event-stream' }
  const response = await options.send({ method: 'GET', headers, signal: options.ending, idleMs: 0 }, cause)
  if (response.status !== 200 || mediaType(response) !== 'text/event-stream')
    throw failure(response, await readStart(response))
  const events = readEvents(response.body, {}, options.limit)
  const endpoint = await readEndpoint(events, response, options)
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
      onOver()
      response.discard()
      for (const one of waiting.values()) one.fail(reason)
      finish()
    },
  }
  void readMessages(events, made, options)
  return made
}

/** The first event names where messages go (2024-11-05, "HTTP with SSE"). */
async function readEndpoint(
  events: AsyncGenerator<StreamEvent>,
  response: HttpResponse,
  { clock, url }: ConnectionOptions,
): Promise<URL> {
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

/** Everything the server says, until the stream ends. Never throws. */
async function readMessages(
  events: AsyncIterable<StreamEvent>,
  connection: Connection,
  options: ConnectionOptions,
): Promise<void> {
  let reason = endedEarly()
  try {
    for await (const event of events)
      if (event.type === '' || event.type === 'message') await pass(parseMessage(event.data), connection, options)
  } catch (thrown) {
    reason = asBridgeError(thrown)
  }
  connection.end(reason)
}

async function pass(
  message: Message | undefined,
  { waiting }: Connection,
  { session, inFlight, log, deliver }: ConnectionOptions,
): Promise<void> {
  if (!message) return log.warn('proxy:listen', { reason: 'not an MCP message' })
  if (message.answers.length === 0) {
    if (message.method === 'notifications/progress') for (const one of waiting.values()) one.heard()
    return deliver(message)
  }
  const [pending, one] = [...waiting].find(([{ open }]) => message.answers.some((id) => open.has(id))) ?? []
  if (!pending || !one || !inFlight.settle(message, pending))
    return log.warn('proxy:listen', { reason: 'an answer to an unknown request' })
  if (pending.message.method === 'initialize') session.establish({ headers: {} }, message)
  else session.note(pending.message, message)
  await one.deliver(message)
  if (pending.open.size > 0) return
  pending.finish()
  one.done()
}

/** Posts one message and waits for its answer on the stream. */
export async function exchangeOn(
  connection: Connection,
  pending: PendingRequest,
  deliver: Deliver,
  { send, clock, timeoutMs }: ConnectionOptions,
): Promise<void> {
  const { message, cause, signal, transmission } = pending
  const one = waitFor(deliver, clock, timeoutMs)
  if (message.asks.length > 0) connection.waiting.set(pending, one)
  try {
    const headers = { 'content-type': 'application/json' }
    const { endpoint: url } = connection
    const response = await send({ method: 'POST', url, headers, body: message.bytes, signal, transmission }, cause)
    if (response.status < 200 || response.status > 299) {
      const start = await readStart(response)
      if (!isSessionLost(response.status, start)) throw failure(response, start)
      // It was not processed, and nothing on this stream will be.
      transmission.sent = false
      connection.end(endedEarly())
      throw endedEarly()
    }
    response.discard()
    if (message.asks.length > 0) await untilAnswered(one, clock, signal)
  } finally {
    connection.waiting.delete(pending)
  }
}

const utf8 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
