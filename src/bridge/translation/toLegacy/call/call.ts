// One call that is open at the server: it outlives the host's request as long as the host owes answers to the server's questions, and what
// it brings goes to the request that waits now (MCP 2026-07-28, "Multi Round-Trip Requests").
import type { Clock } from '../../../../ports.ts'
import { type Message, parseMessage, type RawId } from '../../../message/message.ts'
import { cancelled } from '../../../message/ours.ts'
import { splice } from '../../../message/splice.ts'
import { inputRequired } from '../answer.ts'
import type { Asked } from '../request.ts'
import { createOpenQuestions } from './openQuestions.ts'
import { answered, type Question, unanswered } from './questions.ts'
import type { Retries } from './retries.ts'
import type { Ride } from './ride.ts'

export interface CallOptions {
  readonly id: RawId
  /** The host's request. */
  readonly ride: Ride
  /** JSON text of the progressToken that the server knows; undefined: none. */
  readonly token: string | undefined
  readonly clock: Clock
  readonly retries: Retries
  /** Says something to the server. @throws BridgeError why it was not said */
  readonly say: (message: Message) => Promise<void>
  /** Ends its HTTP request. */
  readonly abort: (reason: unknown) => void
  /** The server's answer as that of the host's request. */
  readonly toHost: (answer: Message, ride: Ride) => Message
  /** Nothing more comes from the server; questions that the host has not seen are left. */
  readonly onOver: (left: readonly Question[]) => void
}

export interface Call {
  readonly id: RawId
  readonly asked: Asked
  readonly token: string | undefined
  /** The host's request that waits; undefined: the host owes answers. */
  readonly ride: Ride | undefined
  /** The silence of the server has a reason while the host owes answers. */
  readonly patience: { held: boolean; turns: number }
  /** The host has come back with answers, by their keys. */
  resume(ride: Ride, responses: ReadonlyMap<string, string>): void
  ask(question: Question): void
  /** The server takes back the question of this id; false: there is none here. */
  withdraw(id: RawId): boolean
  /** The server's answer, or why there is none. */
  finish(outcome: Outcome): Promise<void>
  progress(message: Message): Promise<void>
  log(message: Message, severity: number): Promise<void>
  /** The host does not want it any more. */
  drop(reason: unknown): void
}

export type Outcome = { readonly answer: Message } | { readonly thrown: unknown }

/** Questions that come within this time, in ms, are asked together. */
const TOGETHER_MS = 20
/** How long the host may owe its answers, in ms. */
const OWED_MS = 10 * 60_000

const ENDED = 'The call has ended.'
const ABANDONED = new Error('The host did not come back with the answers.')

export function createCall(options: CallOptions): Call {
  const { id, token, clock, retries, onOver } = options
  const questions = createOpenQuestions()
  const patience = { held: false, turns: 0 }
  let outcome: Outcome | undefined
  const gathering = createTimer(clock)
  const owed = createTimer(clock)

  const giveUp = (given: readonly Question[], why: string) =>
    Promise.all(given.map((question) => options.say(unanswered(question, why)).catch(() => undefined)))
  const gather = () => gathering.start(TOGETHER_MS, put)

  /** The host's request is answered with all questions that it has not heard. */
  const put = () => {
    const asking = questions.untold()
    const to = call.ride
    if (!to || to.isOver || outcome || asking.length === 0) return
    call.ride = undefined
    for (const question of asking) question.isTold = true
    const state = retries.add(call)
    patience.held = true
    owed.start(OWED_MS, () => {
      retries.remove(state)
      void abandon()
    })
    void to.answer(inputRequired(to.asked.id, new Map(asking.map(({ key, json }) => [key, json])), state))
  }

  const over = (result: Outcome) => {
    outcome = result
    gathering.stop()
    const left = questions.untold()
    questions.remove(left)
    onOver(left)
  }

  const bring = async (to: Ride, result: Outcome) =>
    'answer' in result ? to.answer(options.toHost(result.answer, to)) : to.fail(result.thrown)

  const abandon = async () => {
    await giveUp(questions.clear(), ABANDONED.message)
    if (outcome) return
    await options.say(cancelled(id)).catch(() => undefined)
    call.drop(ABANDONED)
  }

  /** A server that does not get what it waits for would wait on. */
  const answer = (question: Question, json: string) =>
    options.say(answered(question, json)).catch(async (thrown: unknown) => {
      await call.finish({ thrown })
      options.abort(thrown)
    })

  // No getter, as in ride.ts.
  const call: Call & { ride: Ride | undefined } = {
    id,
    asked: options.ride.asked,
    token,
    patience,
    ride: options.ride,
    resume(next, responses) {
      owed.stop()
      call.ride = next
      patience.held = false
      patience.turns++
      const hasMore = questions.untold().length > 0
      // What a call has asked is nobody's to answer once it has ended.
      for (const [question, json] of questions.answered(responses))
        void (outcome && question.isOfCall ? giveUp([question], ENDED) : answer(question, json))
      if (outcome) {
        void giveUp(questions.clear(), ENDED)
        void bring(next, outcome)
      } else if (hasMore) put()
      else if (questions.untold().length > 0) gather()
    },
    ask(question) {
      if (outcome || !questions.add(question)) void giveUp([question], 'The call has ended, or asks too much at once.')
      else if (call.ride) gather()
    },
    withdraw: questions.withdraw,
    async finish(result) {
      if (outcome) return
      over(result)
      if (call.ride) await bring(call.ride, result)
    },
    async progress(message) {
      if (call.ride) await tellProgress(call.ride, message, token)
    },
    async log(message, severity) {
      const { ride } = call
      if (ride?.severity !== undefined && severity >= ride.severity) await ride.tell(message)
    },
    drop(reason) {
      owed.stop()
      if (!outcome) over({ thrown: reason })
      options.abort(reason)
    },
  }
  return call
}

/** One thing to do later; what was to be done before it is not done any more. */
function createTimer(clock: Clock) {
  let over: AbortController | undefined
  return {
    start(ms: number, work: () => void) {
      over?.abort()
      over = new AbortController()
      clock.sleep(ms, over.signal).then(work, () => undefined)
    },
    stop: () => over?.abort(),
  }
}

/** Under the token of the request that waits; `known`: the one that the server has. */
async function tellProgress(ride: Ride, message: Message, known: string | undefined): Promise<void> {
  const { token } = ride.asked
  if (token === undefined) return
  if (token === known) return ride.tell(message)
  const bytes = splice(message.bytes, [{ path: ['params', 'progressToken'], json: token }])
  await ride.tell(parseMessage(bytes) ?? message)
}
