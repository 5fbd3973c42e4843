// The conversation of a host and a server that both speak MCP 2026-07-28: each message says by itself what it needs said, and its bytes pass.
import { BridgeError } from '../../errors.ts'
import type { ModernConversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import { ask, onlyAnswers } from '../message/ask.ts'
import { OVER, type PendingRequest } from '../message/inFlight.ts'
import { rpcError } from '../message/rpcError.ts'
import { createListens } from './listens.ts'
import { createModernExchange, LISTEN, type ModernExchangeOptions } from './modernExchange.ts'

export interface ModernOptions extends Omit<ModernExchangeOptions, 'limit'> {
  /** Largest message from the server, in bytes. */
  readonly answerLimit: number
  /** Takes a message that belongs to no request of the host. */
  readonly deliver: Deliver
}

export function createModernConversation(options: ModernOptions): ModernConversation {
  const { inFlight, log } = options
  const exchange = createModernExchange({ ...options, limit: options.answerLimit })
  const listens = createListens({ ...options, exchange })

  const carry = (pending: PendingRequest, deliver: Deliver): Promise<void> | undefined => {
    const { kind, method } = pending.message
    if (kind === 'batch') throw noBatchesHere()
    // Nothing is asked of a host outside an answer, so that it has nothing to answer.
    if (kind === 'response') {
      log.debug('proxy:unexpected', { message: 'The host answered a request that was never sent.' })
      return undefined
    }
    // Over HTTP, the end of the request says it ("Cancellation").
    if (method === 'notifications/cancelled') return undefined
    return method === LISTEN ? listens.listen(pending, deliver) : exchange(pending, deliver)
  }

  return {
    async exchange(pending, before, deliver) {
      if (before !== OVER) await before
      pending.signal.throwIfAborted()
      await carry(pending, deliver)
    },
    refusal: rpcError,
    ask: (request, cause) => ask(inFlight, request, cause, exchange, onlyAnswers(options.deliver)),
    end: listens.end,
  }
}

const noBatchesHere = () =>
  new BridgeError('invalid_protocol', {
    message: 'The host sent a batch, which MCP 2026-07-28 does not have.',
    hint: 'Send each message on a line of its own.',
  })
