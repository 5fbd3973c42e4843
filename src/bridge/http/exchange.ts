// One message → one POST → its answers (MCP Streamable HTTP, "Sending Messages to the Server").
import type { BridgeError } from '../../errors.ts'
import type { Clock, HttpResponse } from '../../ports.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { isSessionLost, namesLostSession } from '../session/lost.ts'
import type { Session } from '../session/session.ts'
import type { StreamPosition } from './eventStream.ts'
import { endedEarly, failure, isCut, noBatches, readAnswers, readStart, type Take, unexpected } from './response.ts'
import type { Send } from './send.ts'

/** Delivers one message of the server; resolves when the host may be sent more. */
export type Deliver = Take

export interface ExchangeOptions {
  readonly send: Send
  readonly session: Session
  readonly flights: InFlight
  readonly clock: Clock
  /** Largest message from the server, in bytes. */
  readonly limit: number
  /** Longest silence in ms; 0: no limit. */
  readonly timeoutMs: number
  /** Restores the session with this id, once for all requests that lost it. */
  readonly renew: (lost: string) => Promise<void>
}

/**
 * Sends a message and delivers what comes back; for a request that includes its answer.
 * @throws BridgeError when no answer came, or not all of them
 */
export type Exchange = (flight: PendingRequest, deliver: Deliver) => Promise<void>

const HEADERS = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }

export interface Exchanger {
  readonly exchange: Exchange
  /** The same without a check of the session: for restoring one. */
  readonly plain: Exchange
}

export function createExchange(options: ExchangeOptions): Exchanger {
  const { send, session, flights, clock, limit, timeoutMs, renew } = options

  let merged: { of: object; headers: Record<string, string> } = { of: {}, headers: HEADERS }
  /** The same object from one call to the next: values derived from it are reused. */
  const headers = () => {
    const of = session.headers()
    if (merged.of !== of) merged = { of, headers: { ...HEADERS, ...of } }
    return merged.headers
  }

  const post = ({ message, cause, signal, wire }: PendingRequest) =>
    send({ method: 'POST', headers: headers(), body: message.bytes, signal, wire }, cause)

  /** 'lost': the server has forgotten the session and did not process the message. */
  const receive = async (response: HttpResponse, flight: PendingRequest, deliver: Deliver, sessionId?: string) => {
    const { message, open } = flight
    const position: StreamPosition = {}
    let lost = false
    /** Only its first message can say that the session is unknown: after another one, it has begun to process the request. */
    let mayBeLost = sessionId !== undefined
    let nameless: BridgeError | undefined
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
        else if (!flights.settle(answer, flight)) throw unexpected(answer)
        if (message.method === 'initialize') session.establish(response, answer)
        else session.note(message, answer)
      }
      await deliver(answer)
      if (open.size === 0) flight.finish()
    }
    if (response.status >= 200 && response.status < 300) {
      if (message.asks.length === 0) flight.finish()
      try {
        await readAnswers(response, { limit, asks: message.asks, position }, take)
      } catch (thrown) {
        if (position.lastId === undefined || open.size === 0 || !isCut(thrown)) throw thrown
      }
      mayBeLost = false
      if (lost) return 'lost'
      if (open.size > 0 && nameless) throw nameless
      if (open.size > 0 && position.lastId !== undefined)
        await (await import('./resume.ts')).resume({ send, session, clock, limit, timeoutMs }, flight, position, take)
      if (open.size > 0) throw endedEarly()
      return 'done'
    }
    const start = await readStart(response)
    if (sessionId !== undefined && isSessionLost(response.status, start)) return 'lost'
    const answer = parseMessage(start)
    if (answer && answer.answers.length > 0 && answer.answers.every((id) => open.has(id))) await take(answer)
    else throw failure(response, start)
    return lost ? 'lost' : 'done'
  }

  const exchange: Exchange = async (flight, deliver) => {
    const { message, wire } = flight
    if (message.method === 'initialize') session.remember(message)
    const renewing = session.settled()
    if (renewing !== undefined) await renewing
    const { id } = session
    let response = await post(flight)
    if (response.status === 429 || response.status === 503) {
      const again = () => post(flight)
      response = await (await import('./retryAfter.ts')).bePatient(response, again, { clock, timeoutMs, flight })
    }
    if ((await receive(response, flight, deliver, id)) === 'done' || id === undefined) return
    // The server did not process it, as if it had not been sent.
    wire.out = false
    await renew(id)
    // Messages of the old session have no meaning in the new one.
    if (message.kind === 'response' || message.method === 'notifications/cancelled') return
    await receive(await post(flight), flight, deliver)
  }

  return {
    exchange,
    plain: async (flight, deliver) => void (await receive(await post(flight), flight, deliver)),
  }
}
