// Around the conversation with the server: initialize is answered within a bound, by the server or in its place, and nobody waits
// in silence for a person. Once the server has answered by itself, messages go straight through.
import { asBridgeError, BridgeError } from '../../errors.ts'
import { memoizeAsync } from '../../memoizeAsync.ts'
import type { Conversation, LegacyConversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { InFlight } from '../message/inFlight.ts'
import { isAnswerTo, isInitialize, type Message } from '../message/message.ts'
import { result } from '../message/ours.ts'
import { methodNotFound } from '../message/rpcError.ts'
import type { InPlace, InPlaceOptions } from './inPlace.ts'
import { createSignInNotice } from './notice.ts'
import {
  bounded,
  type Carry,
  createPatience,
  isForHere,
  isForPerson,
  never,
  type Patience,
  serverOrHere,
} from './patience.ts'
import { createPhases, type Phases, type PhasesOptions } from './phases.ts'
import { createRecall, type Recall, type RecallOptions } from './recall.ts'

type Made = 'conversation' | 'phases' | 'recall' | 'notice' | 'toServer'
export type StandInOptions = RecallOptions & Omit<PhasesOptions, Made> & Omit<InPlaceOptions, Made>

/** What the host is told while the server is not there, to be laid around its conversation. */
export function createHostSignIn(
  options: StandInOptions,
): (conversation: LegacyConversation, inFlight: Pick<InFlight, 'unsent'>) => Conversation {
  return (conversation, inFlight) => standIn(conversation, inFlight, options)
}

const NOTHING = Promise.resolve()

function standIn(
  conversation: LegacyConversation,
  inFlight: Pick<InFlight, 'unsent'>,
  options: StandInOptions,
): Conversation {
  const { watch, write } = options
  const calls = () => inFlight.unsent().filter(({ cause }) => cause === 'call')
  const recall = createRecall(options)
  const notice = createSignInNotice({ ...options, calls })
  const phases = createPhases({ ...options, recall, notice })
  const patience = createPatience(options)

  const progress = memoizeAsync(async () => (await import('./progress.ts')).createProgress({ ...options, calls }))
  watch.onChange(() => {
    if (watch.waiting && calls().length > 0) void progress().then(({ look }) => look())
  })

  /** The host is told something in the server's place. */
  const inPlace = memoizeAsync(async () =>
    (await import('./inPlace.ts')).createInPlace({ ...options, conversation, phases, recall, toServer }),
  )

  /** Keeps the answer for the next time that the server is not there. */
  const learning: Learning = (message, deliver) => (answer) => {
    const written = deliver(answer)
    if (isAnswerTo(answer, message)) recall.learnSoon(message, answer)
    return written
  }

  const carryInitialize = initializeCarrier({ conversation, phases, inPlace, learning })
  const carryDiscover = discoverCarrier(conversation, phases, options)
  const carryList = listCarrier({ ...options, conversation, phases, recall, patience, inPlace, learning })
  const carryPing = pingCarrier(conversation, patience, write)

  const refusal: Conversation['refusal'] = (id, error) =>
    (phases.host.followsAddresses ? notice.refusal(id, error) : undefined) ?? conversation.refusal(id, error)

  function toServer(...[pending, before, deliver]: Parameters<Carry>): Promise<void> {
    const { message } = pending
    if (isPing(message)) return carryPing(pending, before, deliver)
    if (message.kind !== 'request') return conversation.exchange(pending, before, deliver)
    if (recall.learns(message)) return carryList(pending, before, deliver)
    // A call has its bound where it asks for the sign-in.
    if (pending.cause === 'call') return conversation.exchange(pending, before, deliver)
    const working = conversation.exchange(pending, before, async (answer) => {
      if (!pending.signal.aborted || !isAnswerTo(answer, message)) await deliver(answer)
    })
    return bounded({ watch, write, conversation: { refusal } }, pending, working, options.holdCallMs)
  }

  const exchange: Conversation['exchange'] = (pending, before, deliver) => {
    const { message } = pending
    if (isInitialize(message)) return carryInitialize(pending, before, deliver)
    if (message.kind === 'response' && notice.takeReply(message)) return NOTHING
    const { kind } = phases.now
    if (kind === 'connected') return toServer(pending, before, deliver)
    if (message.kind === 'request' && message.method === 'server/discover' && kind !== 'connectedLater')
      return carryDiscover(pending, NOTHING, deliver)
    // By then it is known who has answered initialize.
    const { held } = phases
    if (kind === 'waiting' && message.kind !== 'response' && held !== undefined)
      return held.then(() => exchange(pending, before, deliver))
    if (kind === 'waiting') return toServer(pending, before, deliver)
    return inPlace().then((made) => made.exchange(pending, before, deliver))
  }

  return {
    exchange,
    refusal,
    async end(reason) {
      await Promise.all([conversation.end(reason), recall.kept()])
    },
  }
}

const isPing = ({ kind, method }: Message) => kind === 'request' && method === 'ping'

const pong = ({ asks: [id = 'null'] }: Message): Uint8Array => result(id, '{}').bytes

/** Has the answer kept when it is delivered. */
type Learning = (message: Message, deliver: Deliver) => Deliver

interface InitializeOptions {
  readonly conversation: LegacyConversation
  readonly phases: Phases
  readonly inPlace: () => Promise<InPlace>
  readonly learning: Learning
}

/** Carries the host's initialize: the server's answer is for the host unless it has one already. */
function initializeCarrier({ conversation, phases, inPlace, learning }: InitializeOptions): Carry {
  /** The host's last initialize: of the phases, only that counts. */
  let latest: Message | undefined

  return async (pending, before, deliver) => {
    const { message, signal, done } = pending
    latest = message
    phases.hold(message, done)
    const pass = async (answer: Message) => {
      if (latest !== message) return phases.hasAnswered(message) ? undefined : deliver(answer)
      if (!(await phases.establish(answer))) return deliver(answer)
      if (phases.now.kind === 'answeredHere') (await inPlace()).failed(answer)
    }
    try {
      const take: Deliver = (answer) => (isAnswerTo(answer, message) ? pass(answer) : deliver(answer))
      await conversation.exchange(pending, before, learning(message, take))
    } catch (thrown) {
      if (signal.aborted) throw thrown
      if (latest !== message) {
        if (phases.hasAnswered(message)) return
        throw thrown
      }
      const error = asBridgeError(thrown)
      if (phases.now.kind === 'answeredHere') (await inPlace()).failed(error)
      else if (!(await phases.standInFor(message, error))) throw thrown
    }
  }
}

interface ListOptions extends InitializeOptions, Pick<StandInOptions, 'clock' | 'holdInitializeMs' | 'asks' | 'write'> {
  readonly recall: Recall
  readonly patience: Patience
}

/** Carries a list: one that would have to wait for a person, or fail for want of one or of the server, is answered here. */
function listCarrier(options: ListOptions): Carry {
  const { conversation, phases, recall, patience, inPlace, learning, clock, write } = options
  const isMet = () => conversation.isMet?.() ?? true

  /** The host was introduced to the server from memory: the list that is remembered is better than none within the bound. */
  const comesLate = async ({ method = '' }: Message, over: AbortSignal): Promise<'late'> => {
    await clock.sleep(options.holdInitializeMs, over)
    return (await recall.load(method)) === undefined ? never() : 'late'
  }

  return async (pending, before, deliver) => {
    const { message } = pending
    const take: Deliver = async (answer) => {
      if ('told' in phases.now && isAnswerTo(answer, message)) (await inPlace()).heard(message, answer)
      await deliver(answer)
    }
    const why = await serverOrHere<'person' | 'late'>(
      {
        exchange: (_, turn, heard) => conversation.exchange(pending, turn, learning(message, heard)),
        due(over) {
          const person = patience.person(pending, over).then(() => 'person' as const)
          return isMet() ? person : Promise.race([person, comesLate(message, over)])
        },
        answerHere(reason) {
          if (reason instanceof BridgeError && !isForHere(reason, options.asks, isMet())) return undefined
          const told = phases.stepIn()
          return told && inPlace().then(({ list }) => list(message, told, reason))
        },
        write,
      },
      [pending, before, take],
    )
    if (why === 'late') (await inPlace()).check()
  }
}

/** Carries a ping, which the server answers; but none waits for a person, or fails for want of one (MCP "Ping"). */
function pingCarrier(conversation: LegacyConversation, patience: Patience, write: StandInOptions['write']): Carry {
  return async (pending, before, deliver) => {
    await serverOrHere<'due'>(
      {
        exchange: conversation.exchange,
        due: (over) => patience.person(pending, over),
        answerHere: (why) => (why === 'due' || isForPerson(why) ? Promise.resolve(pong(pending.message)) : undefined),
        write,
      },
      [pending, before, deliver],
    )
  }
}

/**
 * Carries a server/discover, which never waits for a person, and not long for the server: hosts that speak both eras go on with
 * initialize after a refusal.
 */
function discoverCarrier(
  conversation: LegacyConversation,
  phases: Phases,
  { account, clock, write }: Pick<StandInOptions, 'account' | 'clock' | 'write'>,
): Carry {
  return async (pending, before, deliver) => {
    const [id = 'null'] = pending.message.asks
    if (phases.now.kind === 'answeredHere') return write(methodNotFound(id))
    await serverOrHere(
      {
        async exchange(...given) {
          if ((await account()).state === 'signedOut') throw new BridgeError('not_signed_in')
          await conversation.exchange(...given)
        },
        due: (over) => clock.sleep(phases.boundMs(), over).then(() => 'late' as const),
        answerHere: async () => methodNotFound(id),
        write,
      },
      [pending, before, deliver],
    )
  }
}
