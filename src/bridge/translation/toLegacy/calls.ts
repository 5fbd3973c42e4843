// The host's calls: each becomes a call of the server, and the request with which the host comes back goes on with the same one.
import type { Deliver } from '../../http/body/messages.ts'
import type { PendingRequest } from '../../message/inFlight.ts'
import type { Message, RawId } from '../../message/message.ts'
import { INVALID_PARAMS, refusal } from '../../message/ours.ts'
import { find, idIn } from '../../message/pick.ts'
import { answerHere, toModernAnswer } from './answer.ts'
import type { Call } from './call/call.ts'
import { responsesIn } from './call/questions.ts'
import type { Retries } from './call/retries.ts'
import { createRide, type Ride } from './call/ride.ts'
import { isAccepted, type Visits } from './call/visits.ts'
import type { Declared } from './declared.ts'
import type { Asked } from './request.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'

export interface CallsOptions {
  readonly sessions: Sessions
  readonly retries: Retries
  readonly visits: Visits
  readonly declaredIn: (message: Message) => Declared
  /** How long a call may wait for a person, in ms. */
  readonly holdCallMs: number
}

export interface Calls {
  /** Resolves when the host has its answer. @throws BridgeError why there is none; the reason of its signal */
  carry(pending: PendingRequest, asked: Asked, deliver: Deliver): Promise<void>
  /** notifications/cancelled of the host. */
  cancel(notification: Message): Promise<void>
}

export function createCalls({ sessions, retries, visits, declaredIn, holdCallMs }: CallsOptions): Calls {
  /** The host's requests that wait, by their ids, with the calls that they wait for. */
  const open = new Map<RawId, { readonly session: Session; readonly call: Call }>()
  /** Where the calls are open to which the host comes back. */
  const homes = new WeakMap<Call, Session>()

  /** Waits until the host has its answer; taken back, the call ends at the server. */
  const follow = async (ride: Ride, call: Call, session: Session, { signal }: PendingRequest) => {
    const { id } = ride.asked
    const stop = () => {
      ride.fail(signal.reason)
      call.drop(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    open.set(id, { session, call })
    homes.set(call, session)
    try {
      await ride.ended
    } finally {
      signal.removeEventListener('abort', stop)
      open.delete(id)
    }
  }

  const carryCall = async (pending: PendingRequest, asked: Asked, deliver: Deliver) => {
    const { message, signal } = pending
    const responses = responsesIn(asked.responses)
    const visit = visits.returned(responses)
    const declared = declaredIn(message)
    if (visit && !isAccepted(visit, responses))
      return answerHere(pending, toModernAnswer(visit.refusal, { ...asked, can: declared.can }), deliver)
    if (visit) await visits.settled(visit, holdCallMs, signal)
    await sessions.within(declared, pending, async (session) => {
      const ride = createRide(pending, asked, deliver)
      const call = await session.open(message, ride, pending)
      await follow(ride, call, session, pending)
    })
  }

  /** The host comes back with answers to questions of a call that is open. */
  const carryRetry = async (pending: PendingRequest, asked: Asked, deliver: Deliver) => {
    const call = retries.take(asked)
    if (typeof call === 'string') return answerHere(pending, refusal(asked.id, INVALID_PARAMS, call), deliver)
    const session = homes.get(call) as Session
    const ride = createRide(pending, asked, deliver)
    // The server is at work for it.
    pending.transmission.sent = true
    pending.transmission.taken?.()
    call.resume(ride, responsesIn(asked.responses))
    void session.raiseLevel(ride, pending.cause)
    await follow(ride, call, session, pending)
  }

  return {
    carry: (pending, asked, deliver) =>
      asked.state === undefined ? carryCall(pending, asked, deliver) : carryRetry(pending, asked, deliver),
    async cancel(notification) {
      const { bytes } = notification
      const known = open.get(idIn(bytes, find(bytes, ['params', 'requestId'])) ?? '')
      await known?.session.cancel(known.call, notification)
    },
  }
}
