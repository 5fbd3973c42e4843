// One event stream of the HTTP+SSE transport (revision 2024-11-05): where its messages go, and whose answers come on it.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Cause, Clock, Logger } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { isSessionLost } from '../session/lost.ts'
import type { Deliver } from './body/messages.ts'
import { EVENT_STREAM } from './body/reader.ts'
import type { ExchangeOptions } from './exchange.ts'
import { ENDPOINT_REFUSED, endedEarly, failure, mediaType, opensStream, readMessages, readStart } from './response.ts'
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
  /** How often anything has come on the stream, be it a comment. */
  readonly pieces: number
  /** A message of the server as the host gets it; undefined: it is not for the host any more. */
  hear(message: Message): Message | undefined
  /** Gives it up. */
  end(reason: BridgeError): void
  readonly over: Promise<void>
}

/** How long the first event may deliver, in ms. */
const ENDPOINT_MS = 10_000

/** `onOver` is called when the stream has ended or was given up. @throws BridgeError when this server offers no such stream */
export async function openConnection(
  options: ConnectionOptions,
  cause: Cause,
  onOver: () => void,
): Promise<Connection> {
  const { send, ending, clock, url, session } = options
  const headers = { accept: EVENT_STREAM }
  const response = await send({ method: 'GET', headers, signal: ending, idleMs: 0 }, cause)
  if (!opensStream(response)) throw failure(response, await readStart(response))
  const waiting = new Map<PendingRequest, Waiting>()
  let finish: () => void
  const over = new Promise<void>((resolve) => {
    finish = resolve
  })
  let isOver = false
  const end = (reason: BridgeError) => {
    if (isOver) return
    isOver = true
    onOver()
    response.discard()
    for (const one of waiting.values()) one.fail(reason)
    finish()
  }
  const hear = (message: Message) =>
    isOver ? session.questions.withoutQuestions(message) : session.hear(message, undefined)
  const named = createNamed(clock)
  const take = (message: Message) => {
    named.settle(undefined)
    return pass(message, { waiting, hear }, options)
  }
  const odd = () => options.log.warn('proxy:listen', { reason: 'not an MCP message' })
  // Everything the server says, until the stream ends.
  let pieces = 0
  const body = counted(response.body, () => pieces++)
  const reading = readMessages({ ...response, body }, readOptions(options), { take, odd, endpoint: named.settle })
  const ended = reading.then(endedEarly, asBridgeError)
  try {
    const name = await Promise.race([named.name, reading.then(() => undefined)])
    const endpoint = endpointOf(name, url)
    void ended.then(end)
    return {
      ...{ endpoint, waiting, hear, over, end },
      get pieces() {
        return pieces
      },
    }
  } catch (thrown) {
    response.discard()
    throw thrown
  } finally {
    named.settle(undefined)
  }
}

async function* counted(body: AsyncIterable<Uint8Array>, count: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    count()
    yield piece
  }
}

const readOptions = ({ limit, clock, inFlight }: ConnectionOptions) => ({
  limit,
  clock,
  position: {},
  awaits: inFlight.awaits,
})

/** @throws BridgeError invalid_protocol: nothing is sent to another origin */
function endpointOf(name: string | undefined, url: URL): URL {
  const endpoint = name !== undefined && URL.canParse(name, url.href) ? new URL(name, url.href) : undefined
  if (endpoint?.origin === url.origin) return endpoint
  if (endpoint)
    throw new BridgeError('invalid_protocol', {
      message: `The server’s event stream names an endpoint on another origin: ${quote(endpoint.href)}.`,
      hint: `Tell the server’s owner that messages and tokens are sent only to ${url.origin}; behind a proxy, the server has to be told this address.`,
      details: { reason: ENDPOINT_REFUSED },
    })
  const what = name === undefined ? 'names no endpoint' : `names an endpoint that is not an address: ${quote(name)}`
  throw new BridgeError('invalid_protocol', { message: `The server’s event stream ${what}.` })
}

/** The endpoint that the first message of a stream comes after (2024-11-05, "HTTP with SSE"); undefined: none in time. */
function createNamed(clock: Clock) {
  const late = new AbortController()
  let resolve: (name: string | undefined) => void
  const name = new Promise<string | undefined>((resolveName) => {
    resolve = resolveName
  })
  const settle = (data: Uint8Array | undefined) => {
    late.abort()
    resolve(data && utf8(data).trim())
  }
  clock.sleep(ENDPOINT_MS, late.signal).then(
    () => settle(undefined),
    () => undefined,
  )
  return { name, settle }
}

async function pass(
  given: Message,
  { waiting, hear }: Pick<Connection, 'waiting' | 'hear'>,
  { session, inFlight, log, deliver }: ConnectionOptions,
): Promise<void> {
  const message = given.kind === 'response' ? given : hear(given)
  if (!message) return
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
  options: ConnectionOptions,
): Promise<void> {
  const { send, clock, timeoutMs } = options
  const { message, cause, signal, transmission } = pending
  const one = waitFor(deliver, clock, timeoutMs, transmission.patience)
  if (message.asks.length > 0) connection.waiting.set(pending, one)
  try {
    const headers = { 'content-type': 'application/json', ...versionFor(message, options.session.version) }
    const { endpoint: url } = connection
    const response = await send({ method: 'POST', url, headers, body: message.bytes, signal, transmission }, cause)
    if (response.status < 200 || response.status > 299) {
      const start = await readStart(response)
      if (!isSessionLost(response.status, start)) {
        const answer = parseMessage(start)
        if (!answer?.answers.some((id) => pending.open.has(id))) throw failure(response, start)
        return await pass(answer, connection, options)
      }
      // It was not processed, and nothing on this stream will be.
      transmission.sent = false
      connection.end(endedEarly())
      throw endedEarly()
    }
    const passOn = (answer: Message) => pass(answer, connection, options)
    // Some answer here what belongs on the stream; nobody waits for the end of this body.
    if (mediaType(response) === 'application/json')
      readMessages(response, readOptions(options), { take: passOn, odd: () => undefined }).catch(() => undefined)
    else response.discard()
    if (message.asks.length > 0) await untilAnswered(one, clock, signal)
  } finally {
    connection.waiting.delete(pending)
  }
}

/** Of the revisions that know this header, all want it after initialize (2025-06-18, "Protocol Version Header"). */
const versionFor = ({ method }: Message, version: string | undefined) =>
  version === undefined || version < '2025-06-18' || method === 'initialize' ? {} : { 'mcp-protocol-version': version }

const utf8 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
