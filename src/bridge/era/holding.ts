// One message to a server of 2026 whose answer is kept back if it raises the doubt whether the server is of that era.
import type { Conversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import { OVER, type PendingRequest } from '../message/inFlight.ts'
import { doubtsModern, doubtsModernThrown, type Shown } from './doubt.ts'
import { createHold, type Held } from './hold.ts'
import { isWithoutType } from './supported.ts'

export interface Proof extends Shown {
  isProven: boolean
  /** Its first result names no type: it may be of a server from before 2026 that has no sessions. */
  onWithoutType(): void
}

/** undefined: the host has its answer. @throws whatever else the exchange does */
export async function holdDoubtfulModern(
  conversation: Pick<Conversation, 'exchange'>,
  pending: PendingRequest,
  proof: Proof,
  deliver: Deliver,
): Promise<Held | undefined> {
  const hold = createHold(
    pending,
    (answer) => doubtsModern(answer, proof),
    (answer) => {
      if (answer.answers.length > 0 && !answer.failed && !proof.isProven) {
        proof.isProven = true
        if (isWithoutType(answer)) proof.onWithoutType()
      }
      return deliver(answer)
    },
  )
  try {
    await conversation.exchange(pending, OVER, hold.take)
  } catch (thrown) {
    if (pending.signal.aborted || !doubtsModernThrown(thrown)) throw thrown
    return { thrown }
  }
  return hold.held()
}

/** The doubt was wrong: it is the host's to know. */
export async function release({ answer, thrown }: Held, { open }: PendingRequest, deliver: Deliver): Promise<void> {
  if (!answer) throw thrown
  for (const id of answer.answers) open.delete(id)
  await deliver(answer)
}
