// The host's answers to what the server asks, and the questions that the host may leave unanswered because their session is over.
import { BridgeError } from '../../errors.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { Exchange } from '../http/exchange.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { cancelled } from '../message/ours.ts'
import type { Session } from '../session/session.ts'

export interface HostAnswersOptions {
  readonly session: Session
  readonly exchange: Exchange
  /** Sends a message of ours to the host. */
  readonly deliver: Deliver
}

export interface HostAnswers {
  /** A message of the host with answers in it; those to what is void are dropped. */
  readonly carry: Exchange
  /** What was asked is void, and the host has said so itself: it begins anew. */
  giveUp(): void
  /** What was asked is void, and the host hears of that. */
  takeBack(): void
  /** The same, because the host talks to another conversation from now on. */
  leave(): void
  /** The conversation is over: no answer is carried any more, and the host is told nothing. */
  end(): void
}

const LOST = 'The server has lost the session in which it asked.'

export function createHostAnswers({ session, exchange, deliver }: HostAnswersOptions): HostAnswers {
  const { questions } = session
  /** Answers on their way, in the session of their questions. */
  const sent = new Set<PendingRequest>()
  let isOver = false

  const giveUp = () => {
    // One that waits would go out in the next session, and one that is refused would have that made.
    for (const pending of sent) pending.abort(new BridgeError('cancelled', { message: LOST }))
    return questions.giveUp()
  }

  const takeBack = () => {
    if (isOver) return
    for (const id of giveUp()) void deliver(cancelled(id, LOST)).catch(() => undefined)
  }

  return {
    async carry(pending, take) {
      const message = isOver ? questions.withoutAnswers(pending.message) : questions.answer(pending.message)
      if (!message) return
      // The requests of a batch are not ended with its answers.
      const isTied = message.asks.length === 0
      if (isTied) sent.add(pending)
      try {
        await exchange(message === pending.message ? pending : { ...pending, message }, take)
      } finally {
        sent.delete(pending)
      }
    },
    giveUp: () => void giveUp(),
    takeBack,
    leave() {
      takeBack()
      session.leave()
      isOver = true
    },
    end() {
      isOver = true
    },
  }
}
