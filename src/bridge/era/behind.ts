// A message of the host that goes to another conversation behind its back: a handshake that the server has not heard, for instance.
import type { Cause } from '../../ports.ts'
import type { Conversation } from '../conversation.ts'
import type { InFlight } from '../message/inFlight.ts'
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
