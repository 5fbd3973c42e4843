// Around the conversation of a host that speaks MCP 2026-07-28: nobody waits in silence for a person. What the host asks at its start is
// answered from memory where the server does not, a call asks for the sign-in in its answer, and nothing is said outside a request.
import { asBridgeError, type BridgeError } from '../../../errors.ts'
import { memoizeAsync } from '../../../memoizeAsync.ts'
import type { Conversation, ModernConversation } from '../../conversation.ts'
import type { ServerEra } from '../../era/serverEra.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { InFlight, PendingRequest } from '../../message/inFlight.ts'
import type { Message } from '../../message/message.ts'
import { find, valueIn } from '../../message/pick.ts'
import { boundOf } from '../phases.ts'
import { createRecall } from '../recall.ts'
import type { StandInOptions } from '../standIn.ts'
import { until } from '../told.ts'
import { ANSWERED_HERE, bounded, type Carry, createCalls } from './calls.ts'
import type { ModernInPlace } from './inPlace.ts'
import type { Listens } from './listens.ts'

export interface ModernStandInOptions extends StandInOptions {
  readonly era: ServerEra
}

/** What the host is told while the server is not there, to be laid around its conversation. */
export function createModernStandIn(
  options: ModernStandInOptions,
): (conversation: ModernConversation, inFlight: Pick<InFlight, 'unsent'>) => Conversation {
  return (conversation, inFlight) => modernStandIn(conversation, inFlight, options)
}

const LISTS = new Set(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])

function modernStandIn(
  conversation: ModernConversation,
  inFlight: Pick<InFlight, 'unsent'>,
  options: ModernStandInOptions,
): Conversation {
  const { watch, clock, write, asks, era } = options
  const recall = createRecall(options)
  /** The server has answered something in this run. */
  let isMet = false
  let lastRequest: Message | undefined
  let made: ModernInPlace | undefined
  let listening: Listens | undefined
  const isMetNow = () => isMet

  const listens = memoizeAsync(async () => {
    const { createListens } = await import('./listens.ts')
    listening = createListens({ ...options, conversation, isMet: isMetNow, hasSubscriptions })
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

  const hasSubscriptions = async () => {
    const discover = (await era.known()) === '2026' ? await era.discovered() : undefined
    if (discover) return valueIn(discover, find(discover, ['capabilities', 'resources', 'subscribe'])) === true
    const { known } = await recall.loadInitialize()
    const { capabilities } = (known ?? {}) as { capabilities?: { resources?: { subscribe?: unknown } } }
    return capabilities?.resources?.subscribe === true
  }

  /** Hands on what the server answers, and takes note of it. */
  const hear =
    (request: Message, deliver: Deliver): Deliver =>
    (answer) => {
      const written = deliver(answer)
      if (answer.answers.length === 0) return written
      isMet = true
      made?.heard(request, answer)
      listening?.serverIsThere()
      if (recall.learns(request)) recall.learnSoon(request, answer)
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

  /** Whether the host is answered here instead of with this failure. */
  const isForHere = ({ code }: BridgeError) => (code === 'not_signed_in' ? asks : !isMet)

  /** The server's answer, or `answerHere` when that is `due`, or where it fails in a way that is not for the host to know. */
  const carryOr = async (
    [pending, before, deliver]: Parameters<Carry>,
    due: (over: AbortSignal) => Promise<'due'>,
    answerHere: (here: ModernInPlace, reason: BridgeError | undefined) => Promise<Uint8Array>,
  ) => {
    const { message, signal, open } = pending
    let isAnsweredHere = false
    const heard = hear(message, deliver)
    const over = new AbortController()
    const asking = conversation.exchange(pending, before, async (answer) => {
      if (!isAnsweredHere) await heard(answer)
    })
    let reason: BridgeError | undefined
    try {
      if ((await Promise.race([asking, due(over.signal)])) !== 'due') return
    } catch (thrown) {
      reason = asBridgeError(thrown)
      if (signal.aborted || open.size === 0 || !isForHere(reason)) throw thrown
    } finally {
      over.abort()
    }
    if (signal.aborted || open.size === 0) return asking
    isAnsweredHere = true
    asking.catch(() => undefined)
    const here = await inPlace()
    const line = await answerHere(here, reason)
    if (!signal.aborted) await write(line)
    pending.abort(ANSWERED_HERE)
  }

  let isFirst = true
  const bound = () => {
    const ms = boundOf(options, isFirst)
    isFirst = false
    return ms
  }
  const never = new Promise<never>(() => undefined)

  /** Somebody is waited for. A browser in which they are signed in already needs no more than a moment, and some hosts ask once. */
  const personWaitedFor = async ({ transmission }: PendingRequest, over: AbortSignal): Promise<'due'> => {
    const isWaiting = () => watch.waiting && !transmission.sent
    while (!over.aborted) {
      await until(watch, isWaiting, over)
      await clock.sleep(options.holdInitializeMs, over)
      if (isWaiting()) return 'due'
    }
    return never
  }

  /** A server that has not said a word yet is slow; the right list late is better than none at once, but not than the last one. */
  const slow = async ({ message }: PendingRequest, over: AbortSignal): Promise<'due'> => {
    const ms = bound()
    await clock.sleep(ms / 2, over)
    const what = await (await inPlace()).hasFor(message)
    if (what === 'nothing') return never
    if (what === 'the last list') await clock.sleep(ms / 2, over)
    return 'due'
  }

  const carryList: Carry = async (pending, before, deliver) => {
    const due = (over: AbortSignal) => {
      const person = personWaitedFor(pending, over)
      return isMet ? person : Promise.race([person, slow(pending, over)])
    }
    await carryOr([pending, before, deliver], due, async (here, reason) => {
      const line = await here.list(pending.message, reason)
      if (!reason && !watch.waiting) here.check()
      return line
    })
  }

  const carryDiscover: Carry = async (pending, before, deliver) => {
    const { message } = pending
    const line = isMet ? undefined : await (await inPlace()).discovered(message)
    if (line) {
      await write(line)
      if (era.now === '2026') made?.discoverAgain()
      return
    }
    const due = (over: AbortSignal) => (isMet ? never : clock.sleep(bound(), over).then(() => 'due' as const))
    await carryOr([pending, before, deliver], due, (here) => here.describe(message))
  }

  /** Nothing else waits for a person beyond the bound of a call. */
  const carryOther: Carry = async (pending, before, deliver) => {
    const working = conversation.exchange(pending, before, hear(pending.message, deliver))
    await bounded({ ...options, conversation }, pending, working, options.holdCallMs)
  }

  const carryOf = ({ message, cause }: PendingRequest): Carry => {
    const { kind, method = '', bytes } = message
    if (kind !== 'request') return conversation.exchange
    lastRequest = message
    if (cause === 'call') return calls.carry
    if (method === 'server/discover') return carryDiscover
    if (method === 'subscriptions/listen')
      return async (...given) => {
        await (await listens()).carry(...given)
      }
    // What follows the first page is the server's alone.
    return LISTS.has(method) && find(bytes, ['params', 'cursor']) === undefined ? carryList : carryOther
  }

  return {
    exchange: (pending, before, deliver) => carryOf(pending)(pending, before, deliver),
    refusal: conversation.refusal,
    async end(reason) {
      await Promise.all([listening?.end(), conversation.end(reason), recall.kept()])
    },
  }
}
