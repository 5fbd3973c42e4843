// The response to one message → its answers, taken off the table and handed on; what a revision of MCP wants beside that, its rules say.
import type { BridgeError } from '../../../errors.ts'
import type { Clock, HttpResponse } from '../../../ports.ts'
import type { InFlight, PendingRequest } from '../../message/inFlight.ts'
import type { Message, RawId } from '../../message/message.ts'
import {
  endedEarly,
  failure,
  isCut,
  noMessage,
  type ReadOptions,
  readAnswers,
  readStart,
  unexpected,
} from '../response.ts'
import type { StreamPosition } from './eventStream.ts'
import type { Grace } from './grace.ts'
import { type BodyOptions, type Deliver, isBrokenOff, NOTHING_MORE, type Receiver } from './messages.ts'

export interface Rules {
  /** What goes on of a message of the server; undefined: nothing. @throws BridgeError invalid_protocol for what must not come */
  admit(message: Message): Message | undefined
  /** An answer has been taken off the table. */
  settled?(answer: Message): void
  /** What the body of a response says whose status is not 2xx. `start`: its first 64 KiB */
  refusal(status: number, start: Buffer): Message | undefined
  /** Whether there is nothing more to take, although ids are open. */
  isOver(): boolean
  /** Whether the server may go on with the stream, although there is nothing to wait for. Left out: it ends it. */
  goesOn?(): boolean
  /** Gets the rest of a stream that ended before every id had its answer. */
  resume?(options: BodyOptions, receiver: Receiver): Promise<void>
}

export interface ReceiveOptions {
  readonly inFlight: Pick<InFlight, 'settle' | 'awaits'>
  readonly clock: Clock
  /** Largest message from the server, in bytes. */
  readonly limit: number
  /** Begins the time that the stream still gets once all answers are there. */
  readonly beginGrace: () => Grace
}

/** Resolves when every id of `pending` is answered, or the rules say that it is over. @throws BridgeError why there is no answer, or not all of them */
export async function receive(
  options: ReceiveOptions,
  response: HttpResponse,
  pending: PendingRequest,
  deliver: Deliver,
  rules: Rules,
): Promise<void> {
  const reception = new Reception(options, response, pending, deliver, rules)
  if (response.status < 200 || response.status > 299) return reception.refused()
  if (pending.message.asks.length === 0) pending.finish()
  try {
    await reception.all()
  } catch (thrown) {
    // Nobody waits for more.
    if (!reception.isDone || !isBrokenOff(thrown)) throw thrown
  } finally {
    reception.end()
  }
}

/** One response while it is read: a class, because what is made for each of its parts costs more than reading it. */
class Reception implements Receiver, ReadOptions {
  readonly limit: number
  readonly clock: Clock
  readonly asks: readonly RawId[]
  readonly position: StreamPosition = {}
  readonly #inFlight: ReceiveOptions['inFlight']
  readonly #response: HttpResponse
  readonly #pending: PendingRequest
  readonly #deliver: Deliver
  readonly #rules: Rules
  #nameless: BridgeError | undefined
  /** What came instead of an answer: the reason, if none comes beside it. */
  #instead: BridgeError | undefined
  /** Every id has had its answer here, although one that is kept back leaves its request open. */
  #hasAll = false
  readonly #beginGrace: ReceiveOptions['beginGrace']
  #grace: Grace | undefined

  constructor(
    { inFlight, clock, limit, beginGrace }: ReceiveOptions,
    response: HttpResponse,
    pending: PendingRequest,
    deliver: Deliver,
    rules: Rules,
  ) {
    this.limit = limit
    this.clock = clock
    this.asks = pending.message.asks
    this.#inFlight = inFlight
    this.#beginGrace = beginGrace
    this.#response = response
    this.#pending = pending
    this.#deliver = deliver
    this.#rules = rules
  }

  awaits(ids: readonly RawId[]): boolean {
    return ids.every((id) => this.#pending.open.has(id)) || this.#inFlight.awaits(ids)
  }

  odd(bytes: Uint8Array): void {
    this.#instead ??= noMessage(bytes)
  }

  async take(given: Message): Promise<void> {
    const one = this.#rules.admit(given)
    if (!one) return
    if (one.answers.length > 0) {
      if (one.answers[0] === 'null') this.#nameless = failure(this.#response, one.bytes)
      else if (!this.#inFlight.settle(one, this.#pending)) {
        this.#instead ??= unexpected(one)
        return
      }
      this.#rules.settled?.(one)
      this.#hasAll ||= this.#pending.open.size === 0
    }
    await this.#deliver(one)
    if (this.#pending.open.size === 0) this.#pending.finish()
  }

  /** A response whose status is not 2xx. */
  async refused(): Promise<void> {
    const { open } = this.#pending
    const start = await readStart(this.#response)
    const answer = this.#rules.refusal(this.#response.status, start)
    if (this.#rules.isOver()) return
    if (answer && answer.answers.length > 0 && answer.answers.every((id) => open.has(id))) return this.take(answer)
    throw failure(this.#response, start)
  }

  enough(): Promise<undefined> | undefined {
    // What was sent is sent again, or fails; or its answer is kept back, and what that means is found out elsewhere.
    if (this.#rules.isOver() || (this.#hasAll && this.#pending.open.size > 0)) return NOTHING_MORE
    // Beside an error without an id, the answer may still come.
    if ((!this.isAnswered && !this.#nameless) || this.#rules.goesOn?.()) return undefined
    this.#grace ??= this.#beginGrace()
    return this.#grace.over
  }

  end(): void {
    this.#grace?.end()
  }

  /** Every answer, from a body that may break off where the rest can be had. */
  async all(): Promise<void> {
    try {
      await readAnswers(this.#response, this, this)
    } catch (thrown) {
      if (!isCut(thrown) || !this.#mayResume) throw thrown
    }
    if (!this.isDone) await this.#makeUp()
  }

  /** Nothing is to be had any more. */
  get isDone(): boolean {
    return this.isAnswered || this.#rules.isOver()
  }

  get isAnswered(): boolean {
    return this.#hasAll || this.#pending.open.size === 0
  }

  get #mayResume(): boolean {
    return this.position.lastId !== undefined && this.#rules.resume !== undefined
  }

  /** Some id has no answer, and the body is over. */
  async #makeUp(): Promise<void> {
    if (this.#nameless) throw this.#nameless
    const { limit, position, clock } = this
    const read = { limit, position, clock, awaits: (ids: readonly RawId[]) => this.awaits(ids) }
    if (position.lastId !== undefined) await this.#rules.resume?.(read, this)
    if (!this.isDone) throw this.#nameless ?? this.#instead ?? endedEarly()
  }
}
