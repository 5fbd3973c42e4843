// One message of our own to the server, whose answer the host does not see.
import type { Cause } from '../../ports.ts'
import type { InFlight, PendingRequest } from './inFlight.ts'
import type { Message } from './message.ts'

type Take = (message: Message) => Promise<void>

/**
 * Resolves to its answer; undefined for a notification. `carry` sends it and hands on what comes back; what is not an answer is given
 * to `other`, or to nobody.
 * @throws whatever `carry` does
 */
export async function ask(
  inFlight: Pick<InFlight, 'begin' | 'end'>,
  message: Message,
  cause: Cause | undefined,
  carry: (pending: PendingRequest, take: Take) => Promise<unknown>,
  other?: Take,
): Promise<Message | undefined> {
  const pending = inFlight.begin(message, cause)
  let answer: Message | undefined
  try {
    await carry(pending, async (one) => {
      if (one.answers.length > 0) answer = one
      else await other?.(one)
    })
  } finally {
    inFlight.end(pending)
  }
  return answer
}
