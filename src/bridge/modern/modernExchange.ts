// One request to a server of MCP 2026-07-28 → one POST with the headers that this revision wants → its answer; there is no session, and nothing is resumed.
import { BridgeError } from '../../errors.ts'
import type { Clock, KnownAnswers, Logger } from '../../ports.ts'
import { createGraces } from '../http/body/grace.ts'
import type { Deliver } from '../http/body/messages.ts'
import { ownId, underId } from '../http/body/ownId.ts'
import { receive } from '../http/body/receive.ts'
import { type Exchange, HEADERS, patiently } from '../http/exchange.ts'
import { createRetry } from '../http/retry.ts'
import type { Send } from '../http/send.ts'
import { type Following, follow, type StreamEnd } from '../http/standing.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import type { Message } from '../message/message.ts'
import { modernHeaders } from './headers.ts'
import { createMirrored } from './mirrored.ts'
import { createModernRules, refusedHeaders } from './rules.ts'

export interface ModernExchangeOptions {
  readonly send: Send
  readonly inFlight: InFlight
  readonly clock: Clock
  readonly log: Logger
  /** Largest message from the server, in bytes. */
  readonly limit: number
  /** Longest silence of the server in ms; 0: no limit. */
  readonly timeoutMs: number
  /** What the server answered last: its tools say which parameters are headers too. Left out: they are known once they are listed. */
  readonly known?: KnownAnswers | undefined
}

export const LISTEN = 'subscriptions/listen'

/**
 * Sends one message that is complete with its `_meta`, and delivers what comes back for it. `subscriptions/listen` has no bound on
 * silence, and its request is finished with the first notification, while the stream goes on. When its sign-in has ended, its stream is
 * cut off, as if the connection had broken.
 * @throws BridgeError why there is no answer; invalid_protocol for what a server must not send: a request, a batch
 */
export function createModernExchange(options: ModernExchangeOptions): Exchange {
  const { send, inFlight, clock, limit, timeoutMs } = options
  const streams = createStreams()
  const headersOf = createHeaders()
  const receiving = { inFlight, clock, limit, beginGrace: createGraces(clock) }
  const mirrored = createMirrored({ ...options, attempt: (pending, deliver) => attempt(pending, deliver) })

  const post = (pending: PendingRequest) => {
    const { message } = pending
    const own = headersOf(message)
    const soon = message.method === 'tools/call' ? mirrored.add(own, message) : own
    return soon instanceof Promise ? soon.then((headers) => postWith(pending, headers)) : postWith(pending, soon)
  }
  const postWith = (pending: PendingRequest, headers: Record<string, string>) => {
    const { message, cause, signal, transmission } = pending
    const request = { method: 'POST', headers, body: message.bytes, signal, transmission } as const
    if (message.method !== LISTEN) return send(request, cause)
    return send({ ...request, ...streams.begin(pending), idleMs: 0 }, cause)
  }
  const patientPost = patiently(post, { clock, timeoutMs })

  /** Resolves to the server's refusal of the headers, which it looks at before the message. */
  const attempt = async (pending: PendingRequest, deliver: Deliver): Promise<Message | undefined> => {
    const rules = createModernRules(pending)
    await receive(receiving, await patientPost(pending), pending, deliver, rules)
    return rules.refused()
  }

  /** A call whose headers are refused is made once more, with those that the server's tools ask for now. */
  const once: Exchange = async (pending, deliver) => {
    const { message, transmission, signal } = pending
    const take = message.method === 'tools/list' ? mirrored.learning(message, deliver) : deliver
    const since = mirrored.listings
    const refused = await attempt(pending, take)
    if (!refused) return
    transmission.sent = false
    if (message.method !== 'tools/call' || !(await mirrored.listAgain(pending, since, deliver)))
      throw refusedHeaders(refused)
    signal.throwIfAborted()
    const again = await attempt(pending, take)
    if (!again) return
    transmission.sent = false
    throw refusedHeaders(again)
  }

  /** No id is used twice (MCP 2026-07-28, "Requests"). */
  const underNewId: Exchange = (pending, deliver) =>
    pending.message.asks.length === 0
      ? once(pending, deliver)
      : underId(JSON.stringify(ownId()), once, inFlight)(pending, deliver)

  const retrying = createRetry(once, clock, underNewId)

  const listen: Exchange = async (pending, deliver) => {
    try {
      await retrying(pending, async (message) => {
        await deliver(message)
        if (message.kind === 'notification') pending.finish()
      })
    } finally {
      streams.end(pending)
    }
  }

  return (pending, deliver) => (pending.message.method === LISTEN ? listen : retrying)(pending, deliver)
}

/** The headers of a message: the same object for another one like it, so that what `send` derives from it is reused. */
function createHeaders() {
  let last: { of: Record<string, string>; headers: Record<string, string> } = { of: {}, headers: HEADERS }
  return (message: Message) => {
    const of = modernHeaders(message)
    if (!isSame(of, last.of)) last = { of, headers: { ...HEADERS, ...of } }
    return last.headers
  }
}

const isSame = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>) =>
  one['mcp-method'] === other['mcp-method'] &&
  one['mcp-name'] === other['mcp-name'] &&
  one['mcp-protocol-version'] === other['mcp-protocol-version']

const ENDS = {
  outlived: 'The sign-in of this stream has ended.',
  slept: 'The machine has slept, and the connection of this stream may be gone.',
}

/** The open streams: each is cut off with the sign-in that it was opened with. */
function createStreams() {
  const open = new Map<PendingRequest, Following>()
  const end = (pending: PendingRequest) => {
    open.get(pending)?.abort()
    open.delete(pending)
  }
  return {
    begin(pending: PendingRequest) {
      end(pending)
      const stream = follow(pending.signal)
      open.set(pending, stream)
      return {
        signal: stream.signal,
        whenOutlived(why: StreamEnd) {
          if (stream.signal.aborted) return
          stream.abort(new BridgeError('server_unreachable', { message: ENDS[why] }))
          pending.transmission.abort?.()
        },
      }
    },
    /** Nothing is cut off any more. */
    end,
  }
}
