// One message → one POST → its answers (MCP Streamable HTTP, "Sending Messages to the Server").
import { BridgeError } from '../../errors.ts'
import type { Cause, Clock, HttpResponse } from '../../ports.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import { isForAnother, isInitialize, type Message, parseMessage } from '../message/message.ts'
import { isSessionLost, namesLostSession } from '../session/lost.ts'
import type { Session } from '../session/session.ts'
import { createGraces } from './body/grace.ts'
import type { BodyOptions, Deliver, Receiver } from './body/messages.ts'
import { type Rules, receive } from './body/receive.ts'
import { noBatches } from './response.ts'
import type { RetryAfterOptions } from './retryAfter.ts'
import type { Send } from './send.ts'

export interface ExchangeOptions {
  readonly send: Send
  readonly session: Session
  readonly inFlight: InFlight
  readonly clock: Clock
  /** Largest message from the server, in bytes. */
  readonly limit: number
  /** Longest silence in ms; 0: no limit. */
  readonly timeoutMs: number
  /** Restores the session with this id, once for all requests that lost it; `cause`: why the first of them was sent. */
  readonly renew: (lost: string, cause: Cause) => Promise<void>
}

/**
 * Sends a message and delivers what comes back; for a request that includes its answer.
 * @throws BridgeError when no answer came, or not all of them
 */
export type Exchange = (pending: PendingRequest, deliver: Deliver) => Promise<void>

/** The headers of every POST. */
export const HEADERS = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }

export interface Exchanger {
  readonly exchange: Exchange
  /** The same without looking after the session: for making one again. */
  readonly plain: Exchange
}

export function createExchange(options: ExchangeOptions): Exchanger {
  const { send, session, clock, timeoutMs, renew } = options
  const receiving = { ...options, beginGrace: createGraces(clock) }

  const headers = createHeaders(session)
  const post = ({ message, cause, signal, transmission }: PendingRequest) =>
    send({ method: 'POST', headers: headers(), body: message.bytes, signal, transmission }, cause)

  /** 'lost': the server has forgotten the session and did not process the message. */
  const receiveIn = async (response: HttpResponse, pending: PendingRequest, deliver: Deliver, sent: SentIn) => {
    if (isInitialize(pending.message) && response.status < 300) session.begin(response)
    const rules = new SessionRules(options, response, pending, sent)
    await receive(receiving, response, pending, deliver, rules)
    return rules.isOver() ? 'lost' : 'done'
  }

  const exchange: Exchange = async (pending, deliver) => {
    const { message, transmission } = pending
    const renewing = session.settled()
    // What the server asks while the session is made again, it may wait for before it goes on.
    if (renewing !== undefined && (message.kind !== 'response' || session.id === undefined)) await renewing
    if (isInitialize(message)) session.remember(message)
    let { id } = session
    // After a wait, it goes out in the session that there is then.
    const postNow = (one: PendingRequest) => {
      id = session.id
      return post(one)
    }
    const response = await patiently(postNow, { clock, timeoutMs })(pending).catch(unlessLost)
    const first = { id, mayBeLost: id !== undefined }
    if (response !== 'lost' && (await receiveIn(response, pending, deliver, first)) === 'done') return
    if (id === undefined) return
    // Of a session that has just begun, nobody else waits for more than initialize.
    if (message.kind === 'response' && (session.version === undefined || session.settled() !== undefined)) return
    // The server did not process it, as if it had not been sent.
    transmission.sent = false
    await renew(id, pending.cause)
    // Messages of the old session have no meaning in the new one.
    const rest = message.method === 'notifications/cancelled' ? undefined : session.questions.withoutAnswers(message)
    if (rest) await plain(rest === message ? pending : { ...pending, message: rest }, deliver)
  }

  const plain: Exchange = async (pending, deliver) => {
    const { id } = session
    await receiveIn(await post(pending), pending, deliver, { id, mayBeLost: false })
  }

  return { exchange, plain }
}

/** The session that a request was sent in, and whether its response may say that there is none: only once for each message. */
interface SentIn {
  readonly id: string | undefined
  readonly mayBeLost: boolean
}

/** What a response says of the session of its request. */
class SessionRules implements Rules {
  readonly #options: ExchangeOptions
  readonly #response: HttpResponse
  readonly #pending: PendingRequest
  readonly #sent: SentIn
  #lost = false
  /** The answer to its initialize has come. */
  #begins = false
  /** Only its first message can say that it does not know the session: a server that has said more has begun to work. */
  #mayBeLost: boolean

  constructor(options: ExchangeOptions, response: HttpResponse, pending: PendingRequest, sent: SentIn) {
    this.#options = options
    this.#response = response
    this.#pending = pending
    this.#sent = sent
    this.#mayBeLost = sent.mayBeLost
  }

  admit(answer: Message): Message | undefined {
    const { session } = this.#options
    if (answer.kind === 'batch' && this.#pending.message.kind !== 'batch' && !session.hasBatches)
      throw noBatches(answer)
    const first = this.#mayBeLost
    this.#mayBeLost = false
    this.#lost ||= first && answer.answers.length > 0 && namesLostSession(answer)
    if (this.#lost) return undefined
    return answer.kind === 'response' ? answer : session.hear(answer, this.#sent.id)
  }

  settled(answer: Message): void {
    const { session } = this.#options
    const { message } = this.#pending
    if (isForAnother(answer, message)) return
    if (message.method === 'initialize') {
      session.establish(this.#response, answer)
      this.#begins = !answer.failed
    } else session.note(message, answer)
  }

  refusal(status: number, start: Buffer): Message | undefined {
    this.#lost = this.#sent.mayBeLost && isSessionLost(status, start)
    return parseMessage(start)
  }

  isOver(): boolean {
    return this.#lost
  }

  /** Servers without a standing stream say there what they have to say; a session has one of each. */
  goesOn(): boolean {
    return this.#begins || this.#pending.message.method === 'notifications/initialized'
  }

  async resume(read: BodyOptions, receiver: Receiver): Promise<void> {
    this.#mayBeLost = false
    const { send, session, timeoutMs } = this.#options
    await (await import('./resume.ts')).resume({ ...read, send, session, timeoutMs }, this.#pending, receiver)
  }
}

/** `post`, and again after the wait that a busy server asks for. */
export function patiently(
  post: (pending: PendingRequest) => Promise<HttpResponse>,
  options: Omit<RetryAfterOptions, 'pending'>,
): (pending: PendingRequest) => Promise<HttpResponse> {
  return async (pending) => {
    const response = await post(pending)
    if (response.status !== 429 && response.status !== 503) return response
    const { awaitRetryAfter } = await import('./retryAfter.ts')
    return awaitRetryAfter(response, () => post(pending), { ...options, pending })
  }
}

/** The headers of a message: the same object from one call to the next, so that values derived from it are reused. */
function createHeaders(session: Session) {
  let merged: { of: object; headers: Record<string, string> } = { of: {}, headers: HEADERS }
  return () => {
    const of = session.headers()
    if (merged.of !== of) merged = { of, headers: { ...HEADERS, ...of } }
    return merged.headers
  }
}

/** The refusal of a session as a value: the server did not process the message. */
function unlessLost(thrown: unknown): 'lost' {
  if (thrown instanceof BridgeError && thrown.code === 'session_lost') return 'lost'
  throw thrown
}
