// An answer that is kept back because it raises the doubt whether the server is of the era that it is taken for.
import type { Deliver } from '../http/body/messages.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import type { Message } from '../message/message.ts'

/** What came instead of an answer that proves something. */
export interface Held {
  readonly answer?: Message | undefined
  readonly thrown?: unknown
}

/**
 * Keeps back the answer to a request if `isDoubtful`, and passes everything else on. `held` is what was kept: nothing, where the server
 * answered once more in the same breath.
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

/** An answer that the host does not get: its request is still to be answered, and may be cancelled. */
export function reopen({ message, open }: PendingRequest): void {
  for (const id of message.asks) open.add(id)
}
