// One message → one POST → its answers (MCP Streamable HTTP, "Sending Messages to the Server").
import { BridgeError } from '../../errors.ts'
import type { Cause, Clock, HttpResponse } from '../../ports.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { isSessionLost, namesLostSession } from '../session/lost.ts'
import type { Session } from '../session/session.ts'
import type { Deliver } from './body/messages.ts'
import type { StreamPosition } from './eventStream.ts'
import { endedEarly, failure, isCut, noBatches, noMessage, readAnswers, readStart, unexpected } from './response.ts'
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

const HEADERS = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }

export interface Exchanger {
  readonly exchange: Exchange
  /** The same without looking after the session: for making one again. */
  readonly plain: Exchange
}

export function createExchange(options: ExchangeOptions): Exchanger {
  const { send, session, inFlight, clock, limit, timeoutMs, renew } = options

  const headers = createHeaders(session)
  const post = ({ message, cause, signal, transmission }: PendingRequest) =>
    send({ method: 'POST', headers: headers(), body: message.bytes, signal, transmission }, cause)

  /** 'lost': the server has forgotten the session and did not process the message. */
  const receive = async (response: HttpResponse, pending: PendingRequest, deliver: Deliver, sessionId?: string) => {
    const { message, open } = pending
    const position: StreamPosition = {}
    let lost = false
    /** Only its first message can say that it does not know the session: a server that has said more has begun to work. */
    let mayBeLost = sessionId !== undefined
    let nameless: BridgeError | undefined
    /** What came instead of an answer: the reason, if none comes beside it. */
    let instead: BridgeError | undefined
    const odd = (bytes: Uint8Array) => {
      instead ??= noMessage(bytes)
    }
    const take = async (answer: Message) => {
      if (answer.kind === 'batch' && message.kind !== 'batch' && !session.hasBatches) throw noBatches(answer)
      if (lost) return
      const first = mayBeLost
      mayBeLost = false
      if (answer.answers.length > 0) {
        if (first && namesLostSession(answer)) {
          lost = true
          return
        }
        if (answer.answers[0] === 'null') nameless = failure(response, answer.bytes)
        else if (!inFlight.settle(answer, pending)) {
          instead ??= unexpected(answer)
          return
        }
        if (message.method === 'initialize') session.establish(response, answer)
        else session.note(message, answer)
      }
      await deliver(answer)
      if (open.size === 0) pending.finish()
    }
    if (response.status >= 200 && response.status < 300) {
      if (message.asks.length === 0) pending.finish()
      const read = { limit, position, clock, awaits: inFlight.awaits }
      try {
        await readAnswers(response, { ...read, asks: message.asks }, { take, odd })
      } catch (thrown) {
        if (!isCut(thrown) || (open.size > 0 && position.lastId === undefined)) throw thrown
      }
      mayBeLost = false
      if (lost) return 'lost'
      if (open.size > 0 && nameless) throw nameless
      if (open.size > 0 && position.lastId !== undefined)
        await (await import('./resume.ts')).resume({ ...read, send, session, timeoutMs }, pending, { take, odd })
      if (open.size > 0) throw instead ?? endedEarly()
      return 'done'
    }
    const start = await readStart(response)
    if (sessionId !== undefined && isSessionLost(response.status, start)) return 'lost'
    const answer = parseMessage(start)
    if (answer && answer.answers.length > 0 && answer.answers.every((id) => open.has(id))) await take(answer)
    else throw failure(response, start)
    return lost ? 'lost' : 'done'
  }

  const patientPost = async (pending: PendingRequest) => {
    const response = await post(pending)
    if (response.status !== 429 && response.status !== 503) return response
    const again = () => post(pending)
    return (await import('./retryAfter.ts')).awaitRetryAfter(response, again, { clock, timeoutMs, pending })
  }

  const exchange: Exchange = async (pending, deliver) => {
    const { message, transmission } = pending
    if (message.method === 'initialize') session.remember(message)
    const renewing = session.settled()
    if (renewing !== undefined) await renewing
    const { id } = session
    const response = await patientPost(pending).catch(unlessLost)
    if (response !== 'lost' && (await receive(response, pending, deliver, id)) === 'done') return
    if (id === undefined) return
    // The server did not process it, as if it had not been sent.
    transmission.sent = false
    await renew(id, pending.cause)
    // Messages of the old session have no meaning in the new one.
    if (message.kind === 'response' || message.method === 'notifications/cancelled') return
    await receive(await post(pending), pending, deliver)
  }

  return {
    exchange,
    plain: async (pending, deliver) => void (await receive(await post(pending), pending, deliver)),
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
