// One request of a 2025 host to a 2026 server: sent under ids of ours until its answer is a result. Questions on the way are put to
// the host, and the request goes out again with their answers (MCP 2026-07-28, "Multi Round-Trip Requests").
import { asBridgeError } from '../../../errors.ts'
import type { Cause, Clock } from '../../../ports.ts'
import type { Transmission } from '../../../records.ts'
import { reopen } from '../../era/hold.ts'
import type { Deliver } from '../../http/body/messages.ts'
import { createProgress } from '../../http/body/progress.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { InFlight } from '../../message/inFlight.ts'
import type { Message, RawId } from '../../message/message.ts'
import { createNames } from '../../message/names.ts'
import { result } from '../../message/ours.ts'
import type { TakeOn } from '../takers.ts'
import { fromModernAnswer, type InputRequired } from './fromModern.ts'
import { type HostMeta, type Round, toModernRequest } from './hostMeta.ts'
import { type Questions, unanswered } from './questions.ts'

export interface RoundsOptions {
  readonly exchange: Exchange
  /** The requests at the server, by ids of ours. */
  readonly upstream: InFlight
  readonly takeOn: TakeOn
  readonly questions: Questions
  readonly clock: Clock
  /** Aborts when nothing more is sent. */
  readonly ending: AbortSignal
}

/** On whose behalf, and why, something is sent. */
export interface Errand {
  readonly cause: Cause
  readonly signal: AbortSignal
  /** That of the host's message. */
  readonly transmission?: Transmission | undefined
  /** The host's requests without an answer: one that is there after it was delivered is kept back. Left out: none is. */
  readonly open?: ReadonlySet<RawId> | undefined
}

export interface Speaker {
  readonly host: HostMeta
  /** JSON text. */
  readonly logLevel: string | undefined
}

/**
 * Resolves when `deliver` has its answer, and everything that came beside it. `seen` gets the server's answer before it is translated.
 * @throws BridgeError why there is none, or the reason of the errand's signal
 */
export type Rounds = (
  request: Message,
  speaker: Speaker,
  errand: Errand,
  deliver: Deliver,
  seen?: (answer: Message) => void,
) => Promise<void>

const MOST_ROUNDS = 10
/** Before a request is sent again that nothing was asked for, in ms. */
const PAUSE_MS = 250

let sent = 0

export function createRounds({ exchange, upstream, takeOn, questions, clock, ending }: RoundsOptions): Rounds {
  const wrapped = createNames()

  const send = async (
    message: Message,
    request: Message,
    errand: Errand,
    deliver: Deliver,
    seen: (answer: Message) => void,
  ) => {
    const { cause, signal, transmission } = errand
    signal.throwIfAborted()
    ending.throwIfAborted()
    const sending = upstream.begin(message, cause, transmission)
    const abort = () => sending.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    let isOver = false
    let asks: (required: InputRequired) => void = () => undefined
    const asked = new Promise<InputRequired>((resolve) => {
      asks = resolve
    })
    const take: Deliver = async (one) => {
      seen(one)
      const answer = fromModernAnswer(one, request, wrapped)
      if ('questions' in answer) asks(answer)
      else {
        await deliver(answer)
        if (request.asks.some((own) => errand.open?.has(own))) reopen(sending)
      }
    }
    const [id] = message.asks
    const exchanged = takeOn({ id, take, deliver, exchange: (route) => exchange(sending, route) }).finally(() => {
      isOver = true
      signal.removeEventListener('abort', abort)
      upstream.end(sending)
    })
    const required = await Promise.race([exchanged, asked])
    if (!required) return undefined
    return {
      ...required,
      /** Its stream may stay open although nothing more can come. */
      async close() {
        if (!isOver) sending.abort(ANSWERED)
        await exchanged.catch(() => undefined)
      },
    }
  }

  const next = async ({ questions: all, requestState }: InputRequired, can: HostMeta['can'], signal: AbortSignal) => {
    if (all.length > 0) return { inputResponses: await questions.ask(all, can, signal), requestState }
    await clock.sleep(PAUSE_MS, signal)
    return { inputResponses: undefined, requestState }
  }

  const carry: Rounds = async (request, { host, logLevel }, errand, deliver, seen = () => undefined) => {
    let round: Round | undefined
    const progress = createProgress(request, deliver)
    for (let rounds = 0; ; rounds++) {
      const id: RawId = `"mcp-oauth-bridge-r${++sent}"`
      const message = toModernRequest(request, id, host, logLevel, round)
      const required = await send(message, request, errand, progress.take, seen)
      if (!required) return
      progress.again()
      try {
        if (rounds === MOST_ROUNDS)
          throw unanswered(`The server has asked ${MOST_ROUNDS} times for input and still gives no result.`)
        round = await next(required, host.can, errand.signal)
      } finally {
        await required.close()
      }
    }
  }

  return async (request, speaker, errand, deliver, seen) => {
    try {
      await carry(request, speaker, errand, deliver, seen)
    } catch (thrown) {
      const error = asBridgeError(thrown)
      // A model reads the result of its call, and may do without.
      if (errand.signal.aborted || error.code !== 'question_unanswered' || request.method !== 'tools/call') throw thrown
      const content = [{ type: 'text', text: `${error.message} ${error.hint}` }]
      await deliver(result(request.asks[0] as RawId, JSON.stringify({ content, isError: true })))
    }
  }
}

const ANSWERED = new Error('The server has asked, and its stream is over.')
