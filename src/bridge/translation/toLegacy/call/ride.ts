// One request of the host that waits for what a call brings: the call's first one, or one that came with the answers to its questions.
import type { Deliver } from '../../../http/body/messages.ts'
import type { PendingRequest } from '../../../message/inFlight.ts'
import type { Message } from '../../../message/message.ts'
import { severityOf } from '../logLevel.ts'
import type { Asked } from '../request.ts'

export interface Ride {
  readonly asked: Asked
  /** From which severity on it wants log messages; undefined: none. */
  readonly severity: number | undefined
  /** It has its answer, or is not awaited any more. */
  readonly isOver: boolean
  /** A message before the answer. */
  tell(message: Message): Promise<void>
  /** Its answer. Nothing if it is over. */
  answer(message: Message): Promise<void>
  fail(thrown: unknown): void
  /** Resolves when the host has its answer. @throws what it failed with */
  readonly ended: Promise<void>
}

/** No getter: an object with one of its own has a hidden class of its own, which holds all that the getter sees until a full garbage collection. */
export function createRide(pending: PendingRequest, asked: Asked, deliver: Deliver): Ride {
  let end: () => void
  let fail: (thrown: unknown) => void
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  ended.catch(() => undefined)
  const ride = {
    asked,
    severity: severityOf(asked.level),
    isOver: false,
    async tell(message: Message) {
      if (!ride.isOver) await deliver(message)
    },
    async answer(message: Message) {
      if (ride.isOver) return
      ride.isOver = true
      pending.open.clear()
      try {
        await deliver(message)
      } catch (thrown) {
        return fail(thrown)
      }
      pending.finish()
      end()
    },
    fail(thrown: unknown) {
      ride.isOver = true
      fail(thrown)
    },
    ended,
  }
  // The host takes a request back before its exchange is aborted, and hears nothing more of it.
  void pending.done.then(() => {
    ride.isOver = true
  })
  return ride
}
