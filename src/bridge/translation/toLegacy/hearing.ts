// What a 2025 server says besides answers: its questions go to a call that may ask them, its notifications to whoever wants them.
import { asBridgeError } from '../../../errors.ts'
import type { Clock, Logger } from '../../../ports.ts'
import { mayAsk } from '../../era/revisions.ts'
import type { Message, RawId } from '../../message/message.ts'
import { METHOD_NOT_FOUND, refusal } from '../../message/ours.ts'
import { find, idIn, stringIn, valueIn } from '../../message/pick.ts'
import type { HostCan } from '../hostCan.ts'
import type { Call } from './call/call.ts'
import { type Question, toQuestion, unanswered } from './call/questions.ts'
import type { Visits } from './call/visits.ts'
import type { Listens } from './listens.ts'
import { severityIn } from './logLevel.ts'

export interface HearingOptions {
  readonly can: HostCan
  /** Those that are open at the server, the oldest first. */
  readonly calls: ReadonlyMap<RawId, Call>
  readonly visits: Visits
  /** undefined: the server has not described itself yet. */
  readonly listens: () => Listens | undefined
  readonly say: (message: Message) => Promise<void>
  readonly clock: Clock
  readonly log: Logger
}

export interface Hearing {
  hear(message: Message, call?: Call): Promise<void>
  /** A call has begun; questions that have waited for one are asked with it. */
  begun(call: Call): void
  /** Questions of a call that has ended before the host heard them. */
  left(questions: readonly Question[]): void
  end(): void
}

/** How long a question waits for a call to be asked with, in ms. */
const ALONE_MS = 10_000
const NO_CALL = 'The host can be asked only during a call, and no call is open.'

export function createHearing({ can, calls, visits, listens, say, clock, log }: HearingOptions): Hearing {
  /** Questions without a call, and what ends their wait. */
  const alone = new Map<Question, AbortController>()

  const tell = (message: Message) =>
    void say(message).catch((thrown: unknown) => log.debug('proxy:question', { code: asBridgeError(thrown).code }))

  /** Rather one whose request the host waits for now. */
  const youngest = (fits: (call: Call) => boolean): Call | undefined => {
    const fitting = [...calls.values()].filter(fits).reverse()
    return fitting.find(({ ride }) => ride) ?? fitting[0]
  }

  const place = (question: Question) => {
    const call = youngest(({ asked }) => mayAsk(asked.method))
    if (call) return call.ask(question)
    const over = new AbortController()
    alone.set(question, over)
    clock.sleep(ALONE_MS, over.signal).then(
      () => alone.delete(question) && tell(refusal(question.id, METHOD_NOT_FOUND, NO_CALL)),
      () => undefined,
    )
  }

  const asked = (message: Message, call: Call | undefined) => {
    const owner = call && mayAsk(call.asked.method) ? call : undefined
    const question = toQuestion(message, can, owner !== undefined)
    if (!('key' in question)) return tell(question)
    if (owner) owner.ask(question)
    else place(question)
  }

  const takenBack = ({ bytes }: Message) => {
    const id = idIn(bytes, find(bytes, ['params', 'requestId']))
    if (id === undefined) return
    for (const call of calls.values()) if (call.withdraw(id)) return
    for (const [question, over] of alone)
      if (question.id === id) {
        alone.delete(question)
        over.abort()
      }
  }

  const progressed = async (message: Message) => {
    const { bytes } = message
    const token = valueIn(bytes, find(bytes, ['params', 'progressToken']))
    for (const call of calls.values())
      if (call.token !== undefined && JSON.parse(call.token) === token) return call.progress(message)
    dropped(message)
  }

  /** One that is not on the stream of a call goes to a call that wants any: 2026 has no other place for it. */
  const logged = async (message: Message, call: Call | undefined) => {
    const level = stringIn(message.bytes, find(message.bytes, ['params', 'level']))
    const severity = severityIn(level)
    const owner = call ?? youngest(({ ride }) => ride?.severity !== undefined && severity >= ride.severity)
    if (owner) await owner.log(message, severity)
    else dropped(message)
  }

  const dropped = ({ method }: Message) => log.debug('proxy:dropped', { method })

  return {
    async hear(message, call) {
      const { kind, method } = message
      if (kind === 'request') return asked(message, call)
      if (method === 'notifications/progress') return progressed(message)
      if (method === 'notifications/message') return logged(message, call)
      if (method === 'notifications/cancelled') return takenBack(message)
      if (method === 'notifications/elicitation/complete') return visits.completed(message)
      if (!(await listens()?.notify(message))) dropped(message)
    },
    begun(call) {
      if (!mayAsk(call.asked.method)) return
      for (const [question, over] of alone) {
        over.abort()
        call.ask(question)
      }
      alone.clear()
    },
    left(questions) {
      for (const question of questions)
        if (question.isOfCall) tell(unanswered(question, 'The call has ended.'))
        else place(question)
    },
    end() {
      for (const over of alone.values()) over.abort()
      alone.clear()
    },
  }
}
