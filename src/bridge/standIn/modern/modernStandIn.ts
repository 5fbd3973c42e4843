// Around the conversation of a host that speaks MCP 2026-07-28: nobody waits in silence for a person. What the host asks at its start is
// answered from memory where the server does not, a call asks for the sign-in in its answer, and nothing is said outside a request.
import { memoizeAsync } from '../../../memoizeAsync.ts'
import type { Conversation, ModernConversation } from '../../conversation.ts'
import type { ServerEra } from '../../era/serverEra.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { InFlight, PendingRequest } from '../../message/inFlight.ts'
import { isForAnother, type Message } from '../../message/message.ts'
import { find, valueIn } from '../../message/pick.ts'
import { bounded, type Carry } from '../patience.ts'
import { createRecall, type Recall } from '../recall.ts'
import type { StandInOptions } from '../standIn.ts'
import { createCalls } from './calls.ts'
import type { ModernInPlace } from './inPlace.ts'
import type { Listens } from './listens.ts'
import { createOpening } from './opening.ts'

export interface ModernStandInOptions extends StandInOptions {
  readonly era: ServerEra
}

/** What the host is told while the server is not there, to be laid around its conversation. */
export function createModernStandIn(
  options: ModernStandInOptions,
): (conversation: ModernConversation, inFlight: Pick<InFlight, 'unsent'>) => Conversation {
  return (conversation, inFlight) => modernStandIn(conversation, inFlight, options)
}

function modernStandIn(
  conversation: ModernConversation,
  inFlight: Pick<InFlight, 'unsent'>,
  options: ModernStandInOptions,
): Conversation {
  const { watch, era } = options
  const recall = createRecall(options)
  /** The server has answered something in this run. */
  let isMet = false
  let lastRequest: Message | undefined
  let made: ModernInPlace | undefined
  let listening: Listens | undefined
  const isMetNow = () => isMet

  const listens = memoizeAsync(async () => {
    const { createListens } = await import('./listens.ts')
    listening = createListens({
      ...options,
      conversation,
      isMet: isMetNow,
      hasSubscriptions: () => hasSubscriptions(era, recall),
    })
    return listening
  })
  const inPlace = memoizeAsync(async () => {
    const { createModernInPlace } = await import('./inPlace.ts')
    made = createModernInPlace({
      ...options,
      ...{ conversation, recall, isMet: isMetNow },
      lastRequest: () => lastRequest as Message,
      announce: async (capability) => (await listening?.announce(capability)) ?? false,
      hears: (capability) => listening?.hears(capability) ?? false,
    })
    return made
  })

  /** Hands on what the server answers, and takes note of it. */
  const hear =
    (request: Message, deliver: Deliver): Deliver =>
    (answer) => {
      const written = deliver(answer)
      if (answer.answers.length === 0) return written
      isMet = true
      const isOwn = !isForAnother(answer, request)
      if (isOwn) made?.heard(request, answer)
      listening?.serverIsThere()
      if (isOwn && recall.learns(request)) recall.learnSoon(request, answer)
      return written
    }

  const calls = createCalls({ ...options, conversation, isMet: isMetNow, inPlace, made: () => made, hear })
  const waiting = () => inFlight.unsent().filter((pending) => pending.cause === 'call' && calls.waits(pending))
  const progress = memoizeAsync(async () =>
    (await import('../progress.ts')).createProgress({ ...options, calls: waiting }),
  )
  watch.onChange(() => {
    if (watch.waiting && waiting().length > 0) void progress().then(({ look }) => look())
  })

  const opening = createOpening({ ...options, conversation, recall, isMet: isMetNow, inPlace, hear })

  /** Nothing else waits for a person beyond the bound of a call. */
  const carryOther: Carry = async (pending, before, deliver) => {
    const working = conversation.exchange(pending, before, hear(pending.message, deliver))
    await bounded({ ...options, conversation }, pending, working, options.holdCallMs)
  }

  const carryOf = ({ message, cause }: PendingRequest): Carry => {
    const { kind, method, bytes } = message
    if (kind !== 'request') return conversation.exchange
    lastRequest = message
    if (cause === 'call') return calls.carry
    if (method === 'server/discover') return opening.discover
    if (method === 'subscriptions/listen')
      return async (...given) => {
        await (await listens()).carry(...given)
      }
    // What follows the first page is the server's alone.
    return recall.learns(message) && find(bytes, ['params', 'cursor']) === undefined ? opening.list : carryOther
  }

  return {
    exchange: (pending, before, deliver) => carryOf(pending)(pending, before, deliver),
    refusal: conversation.refusal,
    async end(reason) {
      await Promise.all([listening?.end(), conversation.end(reason), recall.kept()])
    },
  }
}

/** Whether the server is known to send news of single resources. */
async function hasSubscriptions(era: ServerEra, recall: Recall): Promise<boolean> {
  const discover = (await era.known()) === '2026' ? await era.discovered() : undefined
  if (discover) return valueIn(discover, find(discover, ['capabilities', 'resources', 'subscribe'])) === true
  const { known } = await recall.loadInitialize()
  const { capabilities } = (known ?? {}) as { capabilities?: { resources?: { subscribe?: unknown } } }
  return capabilities?.resources?.subscribe === true
}
