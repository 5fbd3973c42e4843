// A 2026 host with a 2025 server: each request in the session of what it declares, questions of the server as results, and the other way round.
import { BridgeError } from '../../../errors.ts'
import type { Clock, Logger } from '../../../ports.ts'
import type { ModernConversation } from '../../conversation.ts'
import { MODERN } from '../../era/revisions.ts'
import type { Deliver } from '../../http/body/messages.ts'
import { createInFlight, type PendingRequest } from '../../message/inFlight.ts'
import { type Message, parseMessage, type RawId } from '../../message/message.ts'
import { find, valueIn } from '../../message/pick.ts'
import { rpcError } from '../../message/rpcError.ts'
import { toDiscoverResult } from '../describe.ts'
import { INVALID_PARAMS, METHOD_NOT_FOUND, refusal, result, toModernAnswer } from './answer.ts'
import type { Call } from './call/call.ts'
import { responsesIn } from './call/questions.ts'
import { createRetries } from './call/retries.ts'
import { createRide, type Ride } from './call/ride.ts'
import { createVisits, isAccepted } from './call/visits.ts'
import { createDeclared } from './declared.ts'
import type { CreateLegacy } from './link.ts'
import { severityOf } from './logLevel.ts'
import { type Asked, read, toLegacyNotification } from './request.ts'
import type { Session } from './session.ts'
import { createSessions } from './sessions.ts'

export interface ToLegacyOptions {
  readonly clock: Clock
  readonly log: Logger
  /** How long a call may wait for a person, in ms. */
  readonly holdCallMs: number
  /** Called once for each session. */
  readonly createLegacy: CreateLegacy
}

/** What 2026 has no more, and what is a task. */
const GONE = /^(initialize|ping|logging\/setLevel|resources\/(un)?subscribe|tasks\/.*)$/
/** Notifications of hosts that 2026 does not have. */
const GONE_NOTIFICATIONS = /^notifications\/(initialized|roots\/list_changed|progress|tasks\/.*)$/

const ENDED = () => new BridgeError('server_unreachable', { message: 'The session with the server has ended.' })

export function createToLegacy(options: ToLegacyOptions): ModernConversation {
  const { clock, log, holdCallMs } = options
  const declaredIn = createDeclared()
  const retries = createRetries()
  const visits = createVisits(clock)
  const sessions = createSessions({ ...options, retries, visits }, ENDED())
  /** The host's requests that wait, by their ids, with the calls that they wait for. */
  const open = new Map<RawId, { readonly session: Session; readonly call: Call }>()
  /** Where the calls are open to which the host comes back. */
  const homes = new WeakMap<Call, Session>()
  const asking = createInFlight()

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
    if (visit && !isAccepted(visit, responses))
      return answer(pending, toModernAnswer(visit.refusal, asked.id, asked.method), deliver)
    if (visit) await visits.settled(visit, holdCallMs, signal)
    await sessions.within(declaredIn(message), pending, async (session) => {
      const ride = createRide(pending, asked, deliver)
      const call = await session.open(message, ride, pending)
      await follow(ride, call, session, pending)
    })
  }

  /** The host comes back with answers to questions of a call that is open. */
  const carryRetry = async (pending: PendingRequest, asked: Asked, deliver: Deliver) => {
    const call = retries.take(asked)
    if (typeof call === 'string') return answer(pending, refusal(asked.id, INVALID_PARAMS, call), deliver)
    const session = homes.get(call) as Session
    const ride = createRide(pending, asked, deliver)
    // The server is at work for it.
    pending.transmission.sent = true
    call.resume(ride, responsesIn(asked.responses))
    void session.raiseLevel(ride, pending.cause)
    await follow(ride, call, session, pending)
  }

  const refusalOf = ({ id, method, level, isTask }: Asked): Message | undefined => {
    if (GONE.test(method))
      return refusal(id, METHOD_NOT_FOUND, `Method not found: ${method} is not available in MCP ${MODERN} here.`)
    if (isTask)
      return refusal(
        id,
        INVALID_PARAMS,
        'The server speaks an older revision of MCP, with which a call cannot be made a task here. Call without it.',
      )
    if (level !== undefined && severityOf(level) === undefined)
      return refusal(id, INVALID_PARAMS, 'Invalid log level in _meta.')
    return undefined
  }

  const carryRequest = async (pending: PendingRequest, deliver: Deliver) => {
    const { message } = pending
    const asked = read(message)
    const refused = refusalOf(asked)
    if (refused) return answer(pending, refused, deliver)
    if (asked.state !== undefined) return carryRetry(pending, asked, deliver)
    if (asked.method === 'server/discover')
      return sessions.within(declaredIn(message), pending, ({ described }) =>
        answer(pending, result(asked.id, toDiscoverResult(described)), deliver),
      )
    if (asked.method === 'subscriptions/listen')
      return sessions
        .within(declaredIn(message), pending, async ({ listens }) => ({ over: listens.carry(pending, deliver) }))
        .then(({ over }) => over)
    await carryCall(pending, asked, deliver)
  }

  const carryNotification = async ({ message }: PendingRequest) => {
    const { method = '', bytes } = message
    if (method === 'notifications/cancelled') {
      const id = valueIn(bytes, find(bytes, ['params', 'requestId']))
      for (const [known, { session, call }] of open) if (JSON.parse(known) === id) await session.cancel(call, message)
      return
    }
    const session = GONE_NOTIFICATIONS.test(method) ? undefined : sessions.latest
    if (session) await session.say(parseMessage(toLegacyNotification(message)) as Message)
    else log.debug('proxy:dropped', { method })
  }

  const exchange: ModernConversation['exchange'] = async (pending, before, deliver) => {
    await before
    pending.signal.throwIfAborted()
    const { kind } = pending.message
    if (kind === 'request') await carryRequest(pending, deliver)
    else if (kind === 'notification') await carryNotification(pending)
    else if (kind === 'batch') throw noBatch()
    else log.debug('proxy:dropped', { method: 'an answer' })
  }

  return {
    exchange,
    async ask(request, cause) {
      const pending = asking.begin(request, cause)
      let heard: Message | undefined
      try {
        await exchange(pending, Promise.resolve(), async (one) => {
          if (one.answers.length > 0) heard = one
        })
      } finally {
        asking.end(pending)
      }
      return heard
    },
    refusal: rpcError,
    async end(reason) {
      asking.abort(reason)
      await sessions.end(reason)
    },
  }
}

/** The host is answered here. */
async function answer({ open, finish }: PendingRequest, message: Message, deliver: Deliver): Promise<void> {
  open.clear()
  await deliver(message)
  finish()
}

const noBatch = () =>
  new BridgeError('invalid_protocol', { message: `The host sent a batch, which MCP ${MODERN} does not have.` })
