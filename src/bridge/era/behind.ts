// A message of the host that goes to another conversation than the one it was for: behind its back, or because the server did not look at it.
import type { Cause } from '../../ports.ts'
import type { Conversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import type { Message } from '../message/message.ts'

/** Resolves to its answer, which the host does not see; undefined for a notification. @throws BridgeError why there is none */
export async function behindTheHost(
  conversation: Pick<Conversation, 'exchange'>,
  inFlight: InFlight,
  message: Message,
  cause: Cause,
): Promise<Message | undefined> {
  const pending = inFlight.begin(message, cause)
  let answer: Message | undefined
  try {
    await conversation.exchange(pending, Promise.resolve(), async (one) => {
      if (one.answers.length > 0) answer = one
    })
  } finally {
    inFlight.end(pending)
  }
  return answer
}

/** An answer that the host does not get: its request is still to be answered, and may be cancelled. */
export function reopen({ message, open }: PendingRequest): void {
  for (const id of message.asks) open.add(id)
}

/** A message that the server did not look at, once more. @throws BridgeError why there is no answer; the reason of its signal */
export async function sendAgain(
  conversation: Pick<Conversation, 'exchange'>,
  inFlight: InFlight,
  { message, cause, signal, open }: PendingRequest,
  deliver: Deliver,
): Promise<void> {
  signal.throwIfAborted()
  const pending = inFlight.begin(message, cause)
  const stop = () => pending.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    await conversation.exchange(pending, Promise.resolve(), (one) => {
      for (const id of one.answers) open.delete(id)
      return deliver(one)
    })
  } finally {
    signal.removeEventListener('abort', stop)
    inFlight.end(pending)
  }
}
