// Sends a request again after the connection broke, where that is harmless or it was never sent.
import { BridgeError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import { createHarmless } from '../message/harmless.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { isForAnother, type Message } from '../message/message.ts'
import type { Deliver } from './body/messages.ts'
import { createProgress } from './body/progress.ts'
import type { Exchange } from './exchange.ts'
import { isCut } from './response.ts'

/** A server that was just restarted is given this long, in ms. */
const PAUSE_MS = 250
/** A host that does not know whether it is initialized, or subscribed, asks again anyway. */
const ASKED_AGAIN = ['initialize', 'subscriptions/listen']

/**
 * `exchange`, and once more where the connection broke and doing it twice is harmless or the message was never sent. What it
 * throws is outcome_unknown where the message may have been carried out and nobody can tell. `again`: how a message is sent once more
 * that the server may have seen; left out, like the first time.
 */
export function createRetry(exchange: Exchange, clock: Clock, again: Exchange = exchange): Exchange {
  const { mayRunTwice, learn } = createHarmless()

  const mayRetry = ({ message, open, transmission, signal }: PendingRequest, thrown: unknown): boolean =>
    isCut(thrown) &&
    !signal.aborted &&
    open.size === message.asks.length &&
    // A host that waits for initialize is told at once; what it asks next is the next try.
    message.method !== 'initialize' &&
    (!transmission.sent || mayRunTwice(message))

  const outcome = (thrown: unknown, { transmission, message }: PendingRequest) => {
    if (!isCut(thrown) || !transmission.sent || message.asks.length === 0) return thrown
    if (ASKED_AGAIN.includes(message.method ?? '')) return thrown
    return mayRunTwice(message) ? thrown : new BridgeError('outcome_unknown', { cause: thrown })
  }

  /** What it is told about tools decides how calls to them are treated from then on. */
  const learning =
    (message: Message, deliver: Deliver): Deliver =>
    (answer) => {
      if (!isForAnother(answer, message)) learn(answer)
      return deliver(answer)
    }

  return async (pending, deliver) => {
    const { message } = pending
    const progress = createProgress(message, message.method === 'tools/list' ? learning(message, deliver) : deliver)
    try {
      return await exchange(pending, progress.take)
    } catch (thrown) {
      if (!mayRetry(pending, thrown)) throw outcome(thrown, pending)
    }
    const repeat = pending.transmission.sent ? again : exchange
    pending.transmission.sent = false
    progress.again()
    await clock.sleep(PAUSE_MS * (1 + Math.random()), pending.signal)
    try {
      await repeat(pending, progress.take)
    } catch (thrown) {
      throw outcome(thrown, pending)
    }
  }
}
