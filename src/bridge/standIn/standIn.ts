// Around the conversation with the server while a person signs in: initialize is held for a while and then answered here, lists
// come from memory, calls wait within bounds; when the server is there, what was said in its place is made true.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Cause } from '../../ports.ts'
import type { Conversation, LegacyConversation } from '../conversation.ts'
import type { Deliver } from '../http/response.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import type { Message } from '../message/message.ts'
import { createLocalAnswers, type LocalAnswers, type LocalAnswersOptions } from './localAnswers.ts'
import { createSignInNotice, type SignInNotice } from './notice.ts'
import { createPhases, type Phases, type PhasesOptions } from './phases.ts'
import { createRecall, type RecallOptions } from './recall.ts'

type Given = 'recall' | 'notice' | 'phases'
export type StandInOptions = RecallOptions & Omit<PhasesOptions, Given> & Omit<LocalAnswersOptions, Given>

export interface Parts {
  readonly phases: Phases
  readonly local: LocalAnswers
  readonly notice: SignInNotice
}

/** What the host is told while a person signs in, to be laid around its conversation. */
export function createHostSignIn(options: StandInOptions): (conversation: LegacyConversation) => Conversation {
  const parts = createParts(options)
  return (conversation) => standIn(conversation, parts, options)
}

export function createParts(options: StandInOptions): Parts {
  const recall = createRecall(options)
  const notice = createSignInNotice(options)
  const phases = createPhases({ ...options, recall, notice })
  return { phases, notice, local: createLocalAnswers({ ...options, recall, phases }) }
}

const NOTHING = Promise.resolve()

function standIn(
  conversation: LegacyConversation,
  { phases, local, notice }: Parts,
  { watch, holdCallMs, hiddenTools }: StandInOptions,
): Conversation {
  const replay = async () => {
    for (const message of phases.pendingReplays()) await conversation.tell(message)
  }

  let initializing: Promise<void> | undefined
  /** The host was answered in the server's place, and the sign-in failed then: now somebody asks again. */
  const initializeServer = (cause: Cause) => {
    initializing ??= initializeAndReplay(cause).finally(() => {
      initializing = undefined
    })
    return initializing
  }
  const initializeAndReplay = async (cause: Cause) => {
    const answer = await conversation.initialize(cause)
    if (answer) await phases.establish(answer)
    if (phases.now.kind === 'answeredHere')
      throw new BridgeError('server_error', { message: 'The server refuses to initialize.' })
    await replay()
  }

  /** Held for a while; the server's answer is for the host unless it has one already. */
  const carryInitialize = async (pending: PendingRequest, before: Promise<unknown>, deliver: Deliver) => {
    const { message, signal, done } = pending
    phases.hold(message, done)
    const pass = async (answer: Message) => {
      if (!(await phases.establish(answer))) await deliver(answer)
    }
    try {
      const take: Deliver = (answer) => (answer.answers.length > 0 ? pass(answer) : deliver(answer))
      await conversation.exchange(pending, before, learning(message, take))
    } catch (thrown) {
      if (signal.aborted || !(await phases.deferInitializeError(message, asBridgeError(thrown)))) throw thrown
    }
  }

  /** Keeps the answer for the next time that the server is not there. */
  const learning =
    (message: Message, deliver: Deliver): Deliver =>
    (answer) => {
      const written = deliver(answer)
      if (answer.answers.length > 0) local.learn(message, answer)
      return written
    }

  /** To the server, which may have to be initialized first. */
  const carry = async (pending: PendingRequest, before: Promise<unknown>, deliver: Deliver) => {
    const { message, cause, signal } = pending
    await before
    if (phases.now.kind === 'answeredHere') {
      // Nobody is asked to sign in for a call that is not allowed anyway.
      if (hiddenTools) (await hiddenTools).refuse(message)
      signal.throwIfAborted()
      // Nobody is there to hear a notification; initialized is said after the server’s initialize.
      if (message.asks.length === 0) return
      await initializeServer(cause)
    }
    await conversation.exchange(pending, before, deliver)
    if (message.method === 'notifications/initialized') await replay()
  }

  /** A request of a host that was told something in the server's place: answered here, or given some time. */
  const answerOrWait = async (pending: PendingRequest, before: Promise<unknown>, deliver: Deliver) => {
    const initializeNow = () =>
      before.then(() => (phases.now.kind === 'answeredHere' ? initializeServer(pending.cause) : undefined))
    if (await local.answerLocally(pending.message, initializeNow)) return
    await watch.bounded(before, holdCallMs)
    await carry(pending, before, deliver)
  }

  return {
    exchange(pending, before, deliver) {
      const { message } = pending
      if (message.method === 'initialize') return carryInitialize(pending, before, deliver)
      if (message.method === 'notifications/initialized') phases.ready()
      if (message.kind === 'response' && notice.isReplyToUs(message)) return NOTHING
      const take = local.learns(message) ? learning(message, deliver) : deliver
      const { kind } = phases.now
      if (kind === 'connected') return conversation.exchange(pending, before, take)
      if (kind !== 'waiting' && message.kind === 'request') return answerOrWait(pending, before, take)
      return carry(pending, before, take)
    },
    refusal: (id, error) =>
      (phases.followsAddresses ? notice.refusal(id, error) : undefined) ?? conversation.refusal(id, error),
    end: (reason) => conversation.end(reason),
  }
}
