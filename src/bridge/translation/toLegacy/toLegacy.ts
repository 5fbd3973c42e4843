// A 2026 host with a 2025 server: each request in the session of what it declares, questions of the server as results, and the other way round.
import { BridgeError } from '../../../errors.ts'
import type { Clock, Logger } from '../../../ports.ts'
import type { ModernConversation } from '../../conversation.ts'
import { MODERN } from '../../era/revisions.ts'
import type { Deliver } from '../../http/body/messages.ts'
import { ask } from '../../message/ask.ts'
import { createInFlight, OVER, type PendingRequest } from '../../message/inFlight.ts'
import type { Message } from '../../message/message.ts'
import { INVALID_PARAMS, METHOD_NOT_FOUND, own, refusal, result } from '../../message/ours.ts'
import { rpcError } from '../../message/rpcError.ts'
import { toDiscoverResult } from '../describe.ts'
import { answerHere } from './answer.ts'
import { createRetries } from './call/retries.ts'
import { createVisits } from './call/visits.ts'
import { type Calls, createCalls } from './calls.ts'
import { createDeclared } from './declared.ts'
import type { CreateLegacy } from './link.ts'
import { severityOf } from './logLevel.ts'
import { type Asked, read, toLegacyNotification } from './request.ts'
import { createSessions, type Sessions } from './sessions.ts'

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

const NO_TASKS =
  'The server speaks an older revision of MCP, with which a call cannot become a task here. Make the call without it.'
const ENDED = () => new BridgeError('server_unreachable', { message: 'The session with the server has ended.' })

export function createToLegacy(options: ToLegacyOptions): ModernConversation {
  const { clock, log, holdCallMs } = options
  const declaredIn = createDeclared()
  const retries = createRetries()
  const visits = createVisits(clock)
  const sessions = createSessions({ ...options, retries, visits }, ENDED())
  const calls = createCalls({ sessions, retries, visits, declaredIn, holdCallMs })
  const asking = createInFlight()

  const carryRequest = async (pending: PendingRequest, deliver: Deliver) => {
    const { message } = pending
    const asked = read(message)
    const refused = refusalOf(asked)
    if (refused) return answerHere(pending, refused, deliver)
    if (asked.method === 'server/discover')
      return sessions.within(declaredIn(message), pending, ({ described }) =>
        answerHere(pending, result(asked.id, toDiscoverResult(described)), deliver),
      )
    if (asked.method === 'subscriptions/listen')
      return sessions
        .within(declaredIn(message), pending, async ({ listens }) => ({ over: listens.carry(pending, deliver) }))
        .then(({ over }) => over)
    await calls.carry(pending, asked, deliver)
  }

  const exchange: ModernConversation['exchange'] = async (pending, before, deliver) => {
    if (before !== OVER) await before
    pending.signal.throwIfAborted()
    const { kind } = pending.message
    if (kind === 'request') await carryRequest(pending, deliver)
    else if (kind === 'notification') await carryNotification(pending.message, { calls, sessions, log })
    else if (kind === 'batch') throw noBatch()
    else log.debug('proxy:dropped', { method: 'an answer' })
  }

  return {
    exchange,
    ask: (request, cause) => ask(asking, request, cause, (pending, take) => exchange(pending, OVER, take)),
    refusal: rpcError,
    async end(reason) {
      asking.abort(reason)
      retries.end(reason)
      await sessions.end(reason)
    },
  }
}

interface Out {
  readonly calls: Calls
  readonly sessions: Sessions
  readonly log: Logger
}

async function carryNotification(message: Message, { calls, sessions, log }: Out): Promise<void> {
  const { method = '' } = message
  if (method === 'notifications/cancelled') return calls.cancel(message)
  const session = GONE_NOTIFICATIONS.test(method) ? undefined : sessions.latest
  if (session) await session.say(own(toLegacyNotification(message)))
  else log.debug('proxy:dropped', { method })
}

/** What 2026 does not have, or what cannot be carried across; undefined: it goes on. */
function refusalOf({ id, method, level, isTask, lacks }: Asked): Message | undefined {
  if (GONE.test(method))
    return refusal(id, METHOD_NOT_FOUND, `Method not found: MCP ${MODERN} does not have ${method} here.`)
  if (lacks !== undefined) return refusal(id, INVALID_PARAMS, `Invalid params: _meta has no valid ${lacks}.`)
  if (isTask) return refusal(id, INVALID_PARAMS, NO_TASKS)
  const isOddLevel = level !== undefined && severityOf(level) === undefined
  return isOddLevel ? refusal(id, INVALID_PARAMS, 'Invalid log level in _meta.') : undefined
}

const noBatch = () =>
  new BridgeError('invalid_protocol', { message: `The host sent a batch, which MCP ${MODERN} does not have.` })
