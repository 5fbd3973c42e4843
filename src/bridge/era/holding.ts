// One message to a server of 2026 whose answer is kept back if it raises the doubt whether the server is of that era.
import type { Conversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import type { Message } from '../message/message.ts'
import { reopen } from './behind.ts'
import { doubtsModern, doubtsModernThrown } from './doubt.ts'
import { isWithoutType } from './supported.ts'

/** What came instead of an answer that proves something. */
export interface Held {
  readonly answer?: Message | undefined
  readonly thrown?: unknown
}

export interface Proof {
  /** The server has shown in this run that it speaks 2026. */
  isProven: boolean
  /** Its first result names no type: it may be of a server from before 2026 that has no sessions. */
  onWithoutType(): void
}

/**
 * Keeps back the answer to a request if `isDoubtful`, and passes everything else on. `held` is what was kept: nothing, where the server
 * answered once more after it.
 */
export function createHold(pending: PendingRequest, isDoubtful: (answer: Message) => boolean, deliver: Deliver) {
  const { kind, asks } = pending.message
  let held: Held | undefined
  const take: Deliver = (answer) => {
    const isOwn = kind === 'request' && answer.answers.length === 1 && answer.answers[0] === asks[0]
    if (isOwn && !held && isDoubtful(answer)) {
      held = { answer }
      reopen(pending)
      return NOTHING
    }
    if (isOwn) held = undefined
    return deliver(answer)
  }
  return { take, held: () => held }
}

const NOTHING = Promise.resolve()

/** undefined: the host has its answer. @throws whatever else the exchange does */
export async function holdDoubtfulModern(
  conversation: Pick<Conversation, 'exchange'>,
  pending: PendingRequest,
  proof: Proof,
  deliver: Deliver,
): Promise<Held | undefined> {
  const hold = createHold(
    pending,
    (answer) => doubtsModern(answer, proof.isProven),
    (answer) => {
      if (answer.answers.length > 0 && !answer.failed && !proof.isProven) {
        proof.isProven = true
        if (isWithoutType(answer)) proof.onWithoutType()
      }
      return deliver(answer)
    },
  )
  try {
    await conversation.exchange(pending, NOTHING, hold.take)
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
