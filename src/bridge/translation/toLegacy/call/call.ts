// One call that is open at the server: it outlives the host's request as long as the host owes answers to the server's questions, and what
// it brings goes to the request that waits now (MCP 2026-07-28, "Multi Round-Trip Requests").
import type { Clock } from '../../../../ports.ts'
import { type Message, parseMessage, type RawId } from '../../../message/message.ts'
import { splice } from '../../../message/splice.ts'
import { inputRequired, own } from '../answer.ts'
import type { Asked } from '../request.ts'
import { answered, type Question, unanswered } from './questions.ts'
import type { Retries } from './retries.ts'
import type { Ride } from './ride.ts'

export interface CallOptions {
  readonly id: RawId
  readonly asked: Asked
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
  board(ride: Ride): void
  /** The host has come back with answers, by their keys. */
  resume(ride: Ride, responses: ReadonlyMap<string, string>): void
  ask(question: Question): void
  /** The server takes back the question of this id; false: there is none here. */
  withdraw(id: unknown): boolean
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
/** Questions of one call that have no answer yet. */
const MOST_QUESTIONS = 100

const ABANDONED = new Error('The host did not come back with the answers.')

export function createCall(options: CallOptions): Call {
  const { id, asked, token, clock, retries, say, onOver } = options
  const questions = new Map<string, Question>()
  const patience = { held: false, turns: 0 }
  let ride: Ride | undefined
  let outcome: Outcome | undefined
  let gathering = new AbortController()
  let owed = new AbortController()

  const after = (ms: number, { signal }: AbortController, work: () => void) =>
    void clock.sleep(ms, signal).then(
      () => !signal.aborted && work(),
      () => undefined,
    )
  const untold = () => [...questions.values()].filter(({ isTold }) => !isTold)

  const gather = () => {
    gathering.abort()
    gathering = new AbortController()
    after(TOGETHER_MS, gathering, put)
  }

  /** The host's request is answered with all questions that it has not heard. */
  const put = () => {
    const asking = untold()
    if (!ride || ride.isOver || outcome || asking.length === 0) return
    const to = ride
    ride = undefined
    for (const question of asking) question.isTold = true
    const state = retries.add(call)
    patience.held = true
    owed = new AbortController()
    after(OWED_MS, owed, () => {
      retries.remove(state)
      void abandon()
    })
    void to.answer(inputRequired(to.asked.id, new Map(asking.map(({ key, json }) => [key, json])), state))
  }

  const over = (result: Outcome) => {
    outcome = result
    gathering.abort()
    const left = untold()
    for (const { key } of left) questions.delete(key)
    onOver(left)
  }

  const bring = async (to: Ride, result: Outcome) => {
    if ('answer' in result) await to.answer(options.toHost(result.answer, to))
    else to.fail(result.thrown)
  }

  const giveUp = (all: Iterable<Question>) =>
    Promise.all(
      [...all].map((question) => {
        questions.delete(question.key)
        return say(unanswered(question, ABANDONED.message)).catch(() => undefined)
      }),
    )

  const abandon = async () => {
    await giveUp(questions.values())
    if (outcome) return
    await say(own(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`)).catch(
      () => undefined,
    )
    call.drop(ABANDONED)
  }

  const answer = (question: Question, json: string) => {
    questions.delete(question.key)
    say(answered(question, json)).catch((thrown: unknown) => {
      // The server waits for what it will not get.
      if (!outcome) void call.finish({ thrown }).then(() => options.abort(thrown))
    })
  }

  const call: Call = {
    id,
    asked,
    token,
    patience,
    get ride() {
      return ride
    },
    board(first) {
      ride = first
    },
    resume(next, responses) {
      owed.abort()
      ride = next
      patience.held = false
      patience.turns++
      const later = untold().length > 0
      for (const question of [...questions.values()].filter(({ isTold }) => isTold)) {
        const json = responses.get(question.key)
        if (json === undefined) question.isTold = false
        else answer(question, json)
      }
      if (outcome) {
        void giveUp(questions.values())
        void bring(next, outcome)
      } else if (later) put()
      else if (untold().length > 0) gather()
    },
    ask(question) {
      if (outcome || questions.size >= MOST_QUESTIONS) {
        void say(unanswered(question, 'The call has ended, or it asks too much at once.')).catch(() => undefined)
        return
      }
      questions.set(question.key, question)
      if (ride) gather()
    },
    withdraw(wanted) {
      for (const { key, id: known } of questions.values())
        if (JSON.parse(known) === wanted) {
          questions.delete(key)
          return true
        }
      return false
    },
    async finish(result) {
      if (outcome) return
      over(result)
      if (ride) await bring(ride, result)
    },
    async progress(message) {
      const wanted = ride?.asked.token
      if (!ride || wanted === undefined) return
      if (wanted === token) return ride.tell(message)
      const bytes = splice(message.bytes, [{ path: ['params', 'progressToken'], json: wanted }])
      await ride.tell(parseMessage(bytes) ?? message)
    },
    async log(message, severity) {
      if (ride?.severity !== undefined && severity >= ride.severity) await ride.tell(message)
    },
    drop(reason) {
      owed.abort()
      questions.clear()
      if (!outcome) over({ thrown: reason })
      options.abort(reason)
    },
  }
  return call
}
