// A message of the host that goes to another conversation than the one it was for: behind its back, or because the server did not look at it.
import type { Cause } from '../../ports.ts'
import type { Conversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import { ask, onlyAnswers } from '../message/ask.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import type { Message } from '../message/message.ts'

/** Resolves to its answer, which the host does not see; undefined for a notification. `deliver` gets answers to others. @throws BridgeError why there is none */
export const behindTheHost = (
  conversation: Pick<Conversation, 'exchange'>,
  inFlight: InFlight,
  message: Message,
  cause: Cause,
  deliver: Deliver,
): Promise<Message | undefined> =>
  ask(
    inFlight,
    message,
    cause,
    (pending, take) => conversation.exchange(pending, Promise.resolve(), take),
    onlyAnswers(deliver),
  )

/** A message that the server did not look at, once more. @throws BridgeError why there is no answer; the reason of its signal */
export async function sendAgain(
  conversation: Pick<Conversation, 'exchange'>,
  inFlight: InFlight,
  { message, cause, signal, open, finish }: PendingRequest,
  deliver: Deliver,
): Promise<void> {
  signal.throwIfAborted()
  const pending = inFlight.begin(message, cause)
  let isOver = false
  // A stream that goes on is waited for by nobody.
  void pending.done.then(() => isOver || finish())
  const stop = () => pending.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    await conversation.exchange(pending, Promise.resolve(), (one) => {
      for (const id of one.answers) open.delete(id)
      return deliver(one)
    })
  } finally {
    isOver = true
    signal.removeEventListener('abort', stop)
    inFlight.end(pending)
  }
}
