// The response to one message → its answers, taken off the table and handed on; what a revision of MCP wants beside that, its rules say.
import type { BridgeError } from '../../../errors.ts'
import type { Clock, HttpResponse } from '../../../ports.ts'
import type { InFlight, PendingRequest } from '../../message/inFlight.ts'
import type { Message, RawId } from '../../message/message.ts'
import { endedEarly, failure, isCut, noMessage, readAnswers, readStart, unexpected } from '../response.ts'
import type { StreamPosition } from './eventStream.ts'
import type { BodyOptions, Deliver, Receiver } from './messages.ts'

export interface Rules {
  /** What goes on of a message of the server; undefined: nothing. @throws BridgeError invalid_protocol for what must not come */
  admit(message: Message): Message | undefined
  /** An answer has been taken off the table. */
  settled?(answer: Message): void
  /** What the body of a response says whose status is not 2xx. `start`: its first 64 KiB */
  refusal(status: number, start: Buffer): Message | undefined
  /** Whether there is nothing more to take, although ids are open. */
  isOver(): boolean
  /** Gets the rest of a stream that ended before every id had its answer. */
  resume?(options: BodyOptions, receiver: Receiver): Promise<void>
}

export interface ReceiveOptions {
  readonly inFlight: Pick<InFlight, 'settle' | 'awaits'>
  readonly clock: Clock
  /** Largest message from the server, in bytes. */
  readonly limit: number
}

/** Resolves when every id of `pending` is answered, or the rules say that it is over. @throws BridgeError why there is no answer, or not all of them */
export async function receive(
  { inFlight, clock, limit }: ReceiveOptions,
  response: HttpResponse,
  pending: PendingRequest,
  deliver: Deliver,
  rules: Rules,
): Promise<void> {
  const { message, open } = pending
  const position: StreamPosition = {}
  let nameless: BridgeError | undefined
  /** What came instead of an answer: the reason, if none comes beside it. */
  let instead: BridgeError | undefined
  const odd = (bytes: Uint8Array) => {
    instead ??= noMessage(bytes)
  }
  const take = async (given: Message) => {
    const one = rules.admit(given)
    if (!one) return
    if (one.answers.length > 0) {
      if (one.answers[0] === 'null') nameless = failure(response, one.bytes)
      else if (!inFlight.settle(one, pending)) {
        instead ??= unexpected(one)
        return
      }
      rules.settled?.(one)
    }
    await deliver(one)
    if (open.size === 0) pending.finish()
  }
  if (response.status < 200 || response.status > 299) {
    const start = await readStart(response)
    const answer = rules.refusal(response.status, start)
    if (rules.isOver()) return
    if (answer && answer.answers.length > 0 && answer.answers.every((id) => open.has(id))) return take(answer)
    throw failure(response, start)
  }
  if (message.asks.length === 0) pending.finish()
  const awaits = (ids: readonly RawId[]) => ids.every((id) => open.has(id)) || inFlight.awaits(ids)
  const read = { limit, position, clock, awaits }
  try {
    await readAnswers(response, { ...read, asks: message.asks }, { take, odd })
  } catch (thrown) {
    if (!isCut(thrown) || (open.size > 0 && (position.lastId === undefined || !rules.resume))) throw thrown
  }
  if (rules.isOver()) return
  if (open.size > 0 && nameless) throw nameless
  if (open.size > 0 && position.lastId !== undefined) await rules.resume?.(read, { take, odd })
  if (open.size > 0) throw instead ?? endedEarly()
}
