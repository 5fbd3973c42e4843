// Forwards messages between host and server, answers the host with errors, and ends both sides.
import { asBridgeError, BridgeError } from '../errors.ts'
import type { Cause, Clock, Logger } from '../ports.ts'
import { withoutControls } from '../redaction/text.ts'
import type { HiddenTools } from './hideTools.ts'
import type { LineWriter } from './host/stdout.ts'
import { noBatches, unexpected } from './http/response.ts'
import type { Send } from './http/send.ts'
import { createInFlight, type PendingRequest } from './message/inFlight.ts'
import { guessId, guessIdAtEnd, type Message, nameOf, parseMessage, type RawId } from './message/message.ts'
import { find, valueIn } from './message/pick.ts'
import { rpcError } from './message/rpcError.ts'
import { endSession, LAST_WORDS_MS } from './session/end.ts'
import { createSession } from './session/session.ts'
import type { HostSignIn } from './standIn/standIn.ts'
import { createTransport } from './transport.ts'

export interface RelayOptions {
  readonly url: URL
  readonly send: Send
  readonly writer: LineWriter
  readonly clock: Clock
  readonly log: Logger
  /** Largest message from the server, in bytes. */
  readonly answerLimit: number
  /** Longest silence of the server in ms; 0: no limit. */
  readonly timeoutMs: number
  readonly transport: 'auto' | 'http' | 'sse'
  /** Omitted: answers are not recorded. */
  readonly hiddenTools?: Promise<HiddenTools>
  /** Omitted: the host waits for a sign-in without limit. */
  readonly signIn?: HostSignIn
}

export interface Relay {
  /** One line of the host, without its line feed; resolves when nothing more is to be done for it. */
  line(bytes: Uint8Array): Promise<void>
  /** A line that was over the limit; only its start and end are known. */
  tooLong(excerpt: Uint8Array): void
  /** Lets requests in flight finish for up to `graceMs`, aborts the rest and deletes the session. */
  close(graceMs: number): Promise<void>
}

const NOTHING = Promise.resolve()

export function createRelay(options: RelayOptions): Relay {
  const { send, writer, clock, log, hiddenTools, signIn } = options
  const session = createSession()
  const flights = createInFlight()
  const ending = new AbortController()
  let listening: AbortController | undefined
  /** What follows initialize or initialized needs what they establish. */
  let turn: Promise<void> = Promise.resolve()
  /** Notifications keep their order. */
  let noted: Promise<void> = turn

  /** Made only when somebody reads it: messages cost nothing more otherwise. */
  const trace = log.wants?.('proxy:request')
    ? (event: string, ids: readonly RawId[], method?: string) =>
        log.debug(event, { request: withoutControls(nameOf(ids)), method })
    : undefined

  const write = (message: Message) => {
    trace?.('proxy:answer', message.answers, message.method)
    return writer.write(message.bytes)
  }

  /** Messages that the server sends unprompted; an answer among them must match a pending request. */
  const deliver = async (message: Message) => {
    if (message.kind === 'batch' && !session.hasBatches)
      return log.warn('proxy:unexpected', { message: noBatches(message).message })
    if (message.answers.some((id) => id !== 'null') && !flights.settle(message))
      return log.warn('proxy:unexpected', { message: unexpected(message).message })
    const hidden = hiddenTools && (await hiddenTools)
    await write(hidden ? hidden.strip(message) : message)
  }

  const startListening = () => {
    if (ending.signal.aborted) return
    listening?.abort()
    listening = new AbortController()
    void transport.listen(listening.signal)
  }
  const transport = createTransport(
    {
      ...{ url: options.url, send, session, flights, clock, log, deliver, ending: ending.signal },
      ...{ kind: options.transport, limit: options.answerLimit, timeoutMs: options.timeoutMs },
    },
    () => listening && startListening(),
  )

  const handle = async (flight: PendingRequest): Promise<void> => {
    const { message, signal } = flight
    try {
      const hidden = hiddenTools && (await hiddenTools)
      hidden?.refuse(message)
      signal.throwIfAborted()
      if (signIn?.serverNotInitialized && message.method !== 'initialize') {
        // Nobody is there to hear a notification; initialized is said when the server is met.
        if (message.asks.length === 0) return
        await meet(flight.cause)
      }
      // A host that initializes again starts a new session; the server can drop the old one.
      if (message.method === 'initialize') void endSession(session, send, log)
      await transport.exchange(flight, (answer) => hand(hidden ? hidden.strip(answer, message) : answer, message))
      if (message.method === 'notifications/initialized') await initialized()
    } catch (thrown) {
      if (!signal.aborted) await fail(flight, asBridgeError(thrown))
    } finally {
      flights.end(flight)
    }
  }

  /** One message of the exchange with `message`, for the host unless it has that answer already. */
  const hand = (answer: Message, message: Message): Promise<void> => {
    if (answer.answers.length === 0) return write(answer)
    const written = message.method === 'initialize' && signIn ? introduce(signIn, answer) : write(answer)
    signIn?.learn(message, answer)
    return written
  }

  const introduce = async (host: HostSignIn, answer: Message) => {
    if (!(await host.establish(answer))) await write(answer)
  }

  const initialized = async () => {
    if (!listening) startListening()
    for (const message of signIn?.pendingReplays() ?? []) await transport.tell(message)
  }

  let meeting: Promise<void> | undefined
  /** The host was answered in the server's place, and the sign-in failed then: now somebody asks again. */
  const meet = (cause: Cause) => {
    meeting ??= (async () => {
      const answer = await transport.introduce(cause)
      if (answer) await signIn?.establish(answer)
      if (signIn?.serverNotInitialized)
        throw new BridgeError('server_error', { message: 'The server refuses to initialize.' })
      await initialized()
    })().finally(() => {
      meeting = undefined
    })
    return meeting
  }

  const fail = async ({ message, open }: PendingRequest, error: BridgeError) => {
    if (message.method !== 'initialize' || !(await signIn?.deferInitializeError(message, error)))
      await refuse([...open], error, message.method)
  }

  /** A notification is never answered; its failure is only logged. */
  const refuse = async (ids: RawId[], error: BridgeError, method?: string) => {
    const request = ids.length === 0 ? undefined : withoutControls(nameOf(ids))
    log.warn('proxy:request-failed', { request, method, code: error.code, message: error.message })
    for (const id of ids) await writer.write(signIn?.refusal(id, error) ?? rpcError(id, error))
  }

  /** A request of a host that we answered in place of the server: answered here, or given some time. */
  const standIn = async (flight: PendingRequest, before: Promise<void>) => {
    try {
      const asked = () => before.then(() => (signIn?.serverNotInitialized ? meet(flight.cause) : undefined))
      if (await signIn?.answerLocally(flight.message, asked)) return flights.end(flight)
      await signIn?.patiently(before)
    } catch (thrown) {
      await refuse([...flight.open], asBridgeError(thrown), flight.message.method)
      return flights.end(flight)
    }
    await handle(flight)
  }

  const take = (message: Message) => {
    trace?.('proxy:request', message.asks, message.method)
    const flight = flights.begin(message)
    const { method } = message
    if (method === 'initialize') {
      listening?.abort()
      listening = undefined
      signIn?.hold(message, flight.done)
    }
    if (method === 'notifications/initialized') signIn?.ready()
    if (message.kind === 'notification') noted = Promise.all([turn, noted]).then(() => handle(flight))
    else if (signIn?.stands && message.kind === 'request' && method !== 'initialize') void standIn(flight, turn)
    else void turn.then(() => handle(flight))
    if (method === 'initialize' || method === 'notifications/initialized') turn = flight.done
    return flight
  }

  /** Sent to the server only after the request; a request that was not sent needs no cancellation. */
  const cancel = (message: Message): Promise<void> => {
    const target = flights.cancel(valueIn(message.bytes, find(message.bytes, ['params', 'requestId'])))
    if (!target) return take(message).done
    const reason = new Error('The host has cancelled the request.')
    target.finish()
    if (target.wire.out) return take(message).done.then(() => target.abort(reason))
    target.abort(reason)
    return NOTHING
  }

  return {
    line(bytes) {
      const message = parseMessage(bytes)
      if (message?.method === 'notifications/cancelled') return cancel(message)
      if (message?.kind === 'response' && signIn?.isReplyToUs(message)) return NOTHING
      if (message) return take(message).done
      if (bytes.some((byte) => byte > 0x20)) {
        const error = new BridgeError('invalid_protocol', {
          message: 'The host sent a line that is not one JSON-RPC message.',
        })
        const id = guessId(bytes.subarray(0, 64 * 1024))
        return refuse(id === undefined ? [] : [id], error)
      }
      return NOTHING
    },
    tooLong(excerpt) {
      const id = guessId(excerpt) ?? guessIdAtEnd(excerpt)
      void refuse(id === undefined ? [] : [id], new BridgeError('message_too_large'))
    },
    async close(graceMs) {
      await within(graceMs, flights.idle())
      const reason = new BridgeError('server_unreachable', { message: 'The bridge is ending.' })
      flights.abort(reason)
      listening?.abort(reason)
      ending.abort(reason)
      await within(LAST_WORDS_MS, Promise.all([endSession(session, send, log), writer.flush()]))
    },
  }

  async function within(ms: number, work: Promise<unknown>): Promise<void> {
    const over = new AbortController()
    await Promise.race([work, clock.sleep(ms, over.signal).catch(() => undefined)])
    over.abort()
  }
}
