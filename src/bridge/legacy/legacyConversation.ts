// The conversation of revisions 2024-11-05 to 2025-11-25, which MCP calls legacy: initialize, a session, and a stream for
// messages that the server initiates.
import type { BridgeError } from '../../errors.ts'
import type { Clock, Logger } from '../../ports.ts'
import type { LegacyConversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { Exchange } from '../http/exchange.ts'
import { noBatches, unexpected } from '../http/response.ts'
import type { Send } from '../http/send.ts'
import { type InFlight, OVER } from '../message/inFlight.ts'
import { isInitialize } from '../message/message.ts'
import { rpcError } from '../message/rpcError.ts'
import { endSession } from '../session/end.ts'
import { createHostQuestions, type HostQuestions } from '../session/hostQuestions.ts'
import { createSession, type Session } from '../session/session.ts'
import { createAgain } from './again.ts'
import { createHostAnswers } from './hostAnswers.ts'
import { takingBack } from './overdue.ts'
import { createStreamOpening, type StreamOpening } from './serverStream.ts'
import { createTransport } from './transport.ts'

export interface LegacyOptions {
  readonly url: URL
  readonly transport: 'auto' | 'http' | 'sse'
  readonly send: Send
  readonly inFlight: InFlight
  readonly clock: Clock
  readonly log: Logger
  /** Largest message from the server, in bytes. */
  readonly answerLimit: number
  /** Longest silence of the server in ms; 0: no limit. */
  readonly timeoutMs: number
  /** Takes a message that the server initiates. */
  readonly deliver: Deliver
  /** A lost session has been made again; with an error: the server refuses that. */
  readonly onRestored?: (refused?: BridgeError) => void
  /** What this host was asked, also in conversations before this one. Left out: nothing yet. */
  readonly questions?: HostQuestions
}

export function createLegacyConversation(options: LegacyOptions): LegacyConversation {
  const { send, inFlight, clock, log } = options
  const session = createSession(options.questions ?? createHostQuestions(log))
  const ending = new AbortController()
  let listening: AbortController | undefined
  let heard: Promise<void> | undefined
  const opening = createStreamOpening(clock, ending.signal)

  const accept = acceptInitiated(session, options)
  const deliver: Deliver = async (given) => accept(again.isOut ? await again.toHost(given) : given)

  const listen = () => {
    if (ending.signal.aborted) return
    listening?.abort()
    listening = new AbortController()
    const { signal } = listening
    heard = new Promise((resolve) => void transport.listen(signal, resolve).then(resolve))
    opening.begin(heard, OVER)
  }
  const transport = createTransport(
    {
      ...options,
      ...{ kind: options.transport, session, limit: options.answerLimit, ending: ending.signal, deliver },
      settled: options.deliver,
      onLost: () => answers.takeBack(),
    },
    () => listening && listen(),
  )
  const again = createAgain(takingBack(transport.exchange, options), { inFlight, session, clock })
  const { exchange } = again
  const answers = createHostAnswers({ session, exchange, deliver: options.deliver })

  /** A session that has begun is nobody's if its initialize has failed. */
  const orEnd = (hasFailed: () => boolean) => (thrown: unknown) => {
    if (hasFailed()) void endSession(session, send, log)
    throw thrown
  }

  /** A host that initializes again begins anew; the server need not keep what it had. */
  const beginAnew: Exchange = async (pending, take) => {
    listening?.abort()
    listening = undefined
    const renewing = session.settled()
    if (renewing !== undefined) await renewing
    answers.giveUp()
    void endSession(session, send, log)
    // Unless the host has begun anew meanwhile.
    const hasFailed = () => pending.open.size > 0 && session.initialize === pending.message
    await exchange(pending, take).catch(orEnd(hasFailed))
  }

  const listenAfter: Exchange = (pending, take) => {
    const exchanged = exchange(pending, take)
    // Its response may be a stream that goes on; else its exchange is over first.
    const taken = pending.done.then(() => new Promise((resolve) => setImmediate(resolve)))
    const listens = Promise.race([exchanged, taken]).then(() => {
      if (!listening) listen()
    })
    // A call that came with it is carried as soon as the server has taken it.
    opening.begin(listens, pending.done)
    return exchanged
  }

  const whenOpen = after(opening, exchange)
  const carry: Exchange = (pending, take) => {
    const { method } = pending.message
    if (isInitialize(pending.message)) return beginAnew(pending, take)
    if (method === 'notifications/initialized') return listenAfter(pending, take)
    if (method === 'notifications/cancelled') return again.cancel(pending, take)
    return opening.holds(method) ? whenOpen(pending, take) : exchange(pending, take)
  }

  return {
    async exchange(pending, before, take) {
      if (before !== OVER) await before
      pending.signal.throwIfAborted()
      await (pending.message.answers.length > 0 ? answers.carry(pending, take) : carry(pending, take))
    },
    refusal: rpcError,
    async initialize(cause) {
      const { initialize } = session
      const answer = await transport.initialize(cause).catch(orEnd(() => session.initialize === initialize))
      if (answer && !answer.failed && !listening) listen()
      return answer
    },
    tell: transport.tell,
    listening: () => heard ?? Promise.resolve(),
    leave: answers.leave,
    ask: (request, cause) => transport.behindTheHost(exchange, cause)(request),
    end(reason: BridgeError) {
      answers.end()
      listening?.abort(reason)
      ending.abort(reason)
      return endSession(session, send, log)
    },
  }
}

/** A server may put its question into the stream of its own, and forget it where that is not there yet. */
const after =
  (opening: StreamOpening, exchange: Exchange): Exchange =>
  async (pending, take) => {
    await opening.over()
    pending.signal.throwIfAborted()
    await exchange(pending, take)
  }

/** Takes messages that the server initiates; an answer among them must be one that somebody waits for. */
const acceptInitiated =
  (session: Session, { inFlight, log, deliver }: LegacyOptions): Deliver =>
  async (message) => {
    if (message.kind === 'batch' && !session.hasBatches)
      return log.warn('proxy:unexpected', { message: noBatches(message).message })
    if (message.answers.some((id) => id !== 'null') && !inFlight.settle(message))
      return log.warn('proxy:unexpected', { message: unexpected(message).message })
    await deliver(message)
  }
