// Sends a request again after the connection broke, where that is harmless or it was never sent.
import { BridgeError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { Exchange } from '../http/exchange.ts'
import { isCut } from '../http/response.ts'
import { createHarmless } from '../message/harmless.ts'
import type { PendingRequest } from '../message/inFlight.ts'

/** A server that was just restarted is given this long, in ms. */
const PAUSE_MS = 250

/**
 * `exchange`, and once more where the connection broke and doing it twice is harmless or the message was never sent. What it
 * throws is outcome_unknown where the message may have been carried out and nobody can tell.
 */
export function createRetry(exchange: Exchange, clock: Clock): Exchange {
  const { mayRunTwice, learn } = createHarmless()

  const mayRetry = ({ message, open, transmission, signal }: PendingRequest, thrown: unknown): boolean =>
    isCut(thrown) &&
    !signal.aborted &&
    open.size === message.asks.length &&
    // A host that waits for initialize is told at once; what it asks next is the next try.
    message.method !== 'initialize' &&
    (!transmission.sent || mayRunTwice(message))

  const outcome = (thrown: unknown, { transmission, message }: PendingRequest) => {
    // A host that does not know whether it is initialized asks again anyway.
    if (!isCut(thrown) || !transmission.sent || message.asks.length === 0 || message.method === 'initialize')
      return thrown
    return mayRunTwice(message) ? thrown : new BridgeError('outcome_unknown', { cause: thrown })
  }

  /** What it is told about tools decides how calls to them are treated from then on. */
  const learning =
    (deliver: Deliver): Deliver =>
    (answer) => {
      learn(answer)
      return deliver(answer)
    }

  return async (pending, deliver) => {
    const take = pending.message.method === 'tools/list' ? learning(deliver) : deliver
    try {
      return await exchange(pending, take)
    } catch (thrown) {
      if (!mayRetry(pending, thrown)) throw outcome(thrown, pending)
    }
    pending.transmission.sent = false
    await clock.sleep(PAUSE_MS * (1 + Math.random()), pending.signal)
    try {
      await exchange(pending, take)
    } catch (thrown) {
      throw outcome(thrown, pending)
    }
  }
}
