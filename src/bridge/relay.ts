// The host's side: each of its lines becomes a message of the conversation with the server, each of its requests is answered once.
import { asBridgeError, BridgeError } from '../errors.ts'
import { withoutControls } from '../redaction/text.ts'
import { type ConverseOptions, converse } from './converse.ts'
import type { LineWriter } from './host/stdout.ts'
import { createInFlight, OVER, type PendingRequest } from './message/inFlight.ts'
import { guessId, guessIdAtEnd, type Message, nameOf, parseMessage, type RawId } from './message/message.ts'
import { find, idIn } from './message/pick.ts'
import { LAST_WORDS_MS } from './session/end.ts'

export interface RelayOptions extends ConverseOptions {
  readonly writer: LineWriter
}

export interface Relay {
  /** One line of the host, without its line feed; resolves when nothing more is to be done for it. `taken`: the server has it. */
  line(bytes: Uint8Array, taken?: () => void): Promise<void>
  /** A line that was over the limit; only its start and end are known. */
  tooLong(excerpt: Uint8Array): void
  /** Lets requests in flight finish for up to `graceMs`, aborts the rest and ends the conversation. */
  close(graceMs: number): Promise<void>
}

const NOTHING = Promise.resolve()

export function createRelay(options: RelayOptions): Relay {
  const { writer, clock, log } = options
  const inFlight = createInFlight()
  /** What follows initialize or initialized needs what they establish, but for answers: the server may wait for one before its own. */
  let turn: Promise<void> = NOTHING
  /** Notifications keep their order: each is sent when the server has taken the one before, whose response may be a stream that goes on. */
  let notified: Promise<void> = NOTHING

  /** Made only when somebody reads it: messages cost nothing more otherwise. */
  const trace = log.wants?.('proxy:request')
    ? (event: string, ids: readonly RawId[], method?: string) =>
        log.debug(event, { request: withoutControls(nameOf(ids)), method })
    : undefined

  const write = (message: Message) => {
    trace?.('proxy:answer', message.answers, message.method)
    return writer.write(message.bytes)
  }
  const conversation = converse(options, inFlight, write)

  /** A notification is never answered; its failure is only logged. */
  const refuse = async (ids: RawId[], error: BridgeError, method?: string) => {
    const request = ids.length === 0 ? undefined : withoutControls(nameOf(ids))
    log.warn('proxy:request-failed', { request, method, code: error.code, message: error.message })
    for (const id of ids) await writer.write(conversation.refusal(id, error))
  }

  const exchange = async (pending: PendingRequest, before: Promise<unknown>): Promise<void> => {
    try {
      await conversation.exchange(pending, before, write)
    } catch (thrown) {
      const { open, message, signal } = pending
      if (!signal.aborted) await refuse([...open], asBridgeError(thrown), message.method)
    } finally {
      inFlight.end(pending)
    }
  }

  const take = (message: Message, taken?: () => void): Promise<void> => {
    trace?.('proxy:request', message.asks, message.method)
    const pending = inFlight.begin(message, undefined, { sent: false, abort: undefined, taken })
    if (message.kind === 'notification') {
      void exchange(pending, Promise.all([turn, notified]))
      notified = pending.done
    } else void exchange(pending, message.kind === 'response' ? OVER : turn)
    if (message.method === 'initialize' || message.method === 'notifications/initialized') turn = pending.done
    return pending.done
  }

  /** Sent to the server only after the request; a request that was not sent needs no cancellation. */
  const cancel = (message: Message): Promise<void> => {
    const target = inFlight.cancel(idIn(message.bytes, find(message.bytes, ['params', 'requestId'])))
    if (!target) return take(message)
    const reason = new Error('The host has cancelled the request.')
    target.finish()
    if (target.transmission.sent) return take(message).then(() => target.abort(reason))
    target.abort(reason)
    return NOTHING
  }

  return {
    line(bytes, taken) {
      const message = parseMessage(bytes)
      if (message?.method === 'notifications/cancelled') return cancel(message)
      if (message) return take(message, taken)
      if (!bytes.some((byte) => byte > 0x20)) return NOTHING
      const id = guessId(bytes.subarray(0, 64 * 1024))
      return refuse(id === undefined ? [] : [id], notOneMessage())
    },
    tooLong(excerpt) {
      const id = guessId(excerpt) ?? guessIdAtEnd(excerpt)
      void refuse(id === undefined ? [] : [id], new BridgeError('message_too_large'))
    },
    async close(graceMs) {
      await within(graceMs, inFlight.idle())
      const reason = new BridgeError('server_unreachable', { message: 'The bridge is ending.' })
      inFlight.abort(reason)
      await within(LAST_WORDS_MS, Promise.all([conversation.end(reason), writer.flush()]))
    },
  }

  async function within(ms: number, work: Promise<unknown>): Promise<void> {
    const over = new AbortController()
    await Promise.race([work, clock.sleep(ms, over.signal).catch(() => undefined)])
    over.abort()
  }
}

const notOneMessage = () =>
  new BridgeError('invalid_protocol', { message: 'The host sent a line that is not one JSON-RPC message.' })
