// Takes a request back whose answer is overdue (2025-11-25, "Lifecycle: Timeouts"): the end of its connection tells a server nothing.
import { asBridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import type { Exchange } from '../http/exchange.ts'
import { ask } from '../message/ask.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import type { RawId } from '../message/message.ts'
import { cancelled } from '../message/ours.ts'
import { find } from '../message/pick.ts'

/** `exchange`, whose server hears of each request that it has not answered in time; nobody waits for that. */
export function takingBack(
  exchange: Exchange,
  { inFlight, log }: { readonly inFlight: InFlight; readonly log: Logger },
): Exchange {
  const tell = (id: RawId) => {
    ask(inFlight, cancelled(id, 'The client does not wait for the answer any longer.'), 'background', exchange).catch(
      (thrown: unknown) => log.debug('proxy:cancel', { code: asBridgeError(thrown).code }),
    )
  }
  return async (pending, deliver) => {
    try {
      await exchange(pending, deliver)
    } catch (thrown) {
      if (asBridgeError(thrown).code === 'server_timeout' && isAtWork(pending)) for (const id of pending.open) tell(id)
      throw thrown
    }
  }
}

/** The server may be at work for it, and may be told to stop: not for initialize, nor for a task, which ends by `tasks/cancel` ("Cancellation"). */
const isAtWork = ({ message: { kind, method, bytes }, transmission, signal }: PendingRequest): boolean =>
  kind === 'request' &&
  method !== 'initialize' &&
  transmission.sent &&
  !signal.aborted &&
  find(bytes, ['params', 'task']) === undefined
