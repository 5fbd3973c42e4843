// The listen streams of a host, which live as long as it wants them: one that breaks is opened again, and what may have been missed is said once.
import { asBridgeError } from '../../errors.ts'
import type { Clock, Logger } from '../../ports.ts'
import { META } from '../era/revisions.ts'
import type { Deliver } from '../http/body/messages.ts'
import { ownId, withId } from '../http/body/ownId.ts'
import type { Exchange } from '../http/exchange.ts'
import { createPauses } from '../http/pauses.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import { isForAnother, type Message, parseMessage, type RawId } from '../message/message.ts'
import { cancelled, own } from '../message/ours.ts'
import { eachElement, eachMember, find } from '../message/pick.ts'
import { textAt } from '../message/scan.ts'
import { splice } from '../message/splice.ts'

export interface ListensOptions {
  /** Carries one listen request, and throws when its stream breaks. */
  readonly exchange: Exchange
  readonly inFlight: Pick<InFlight, 'settle'>
  readonly clock: Clock
  readonly log: Logger
}

export interface Listens {
  /** @throws BridgeError why there is no stream; one that has begun never ends with an error */
  readonly listen: Exchange
  /** Tells the host that its streams have ended. Never throws. */
  end(): Promise<void>
}

interface Stream {
  readonly deliver: Deliver
  /** The host knows that there is one. */
  isBegun: boolean
  /** The server has ended it, and the host has heard that. */
  isEnded: boolean
  /** What came since it was opened last. */
  messages: number
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'
const CANCELLED = 'notifications/cancelled'

export function createListens({ exchange, inFlight, clock, log }: ListensOptions): Listens {
  const open = new Map<PendingRequest, Stream>()

  const first = (pending: PendingRequest, stream: Stream) =>
    exchange(pending, (one) => {
      if (!isForAnother(one, pending.message)) note(stream, one)
      return stream.deliver(one)
    })

  /** One in place of the one that broke. Resolves when it is over for good; throws when it breaks too. */
  const instead = async (pending: PendingRequest, stream: Stream) => {
    const { deliver } = stream
    const id = idOf(pending.message)
    const other: RawId = JSON.stringify(ownId())
    const message = withId(pending.message, other)
    const take: Deliver = async (one) => {
      if (isForAnother(one, message)) return deliver(one)
      note(stream, one)
      if (one.method === CANCELLED || one.failed) await deliver(cancelled(id))
      else if (one.method === ACKNOWLEDGED) for (const missed of missedBefore(one, id)) await deliver(missed)
      else if (one.kind === 'notification') await deliver(subscribed(one, ['params'], id))
      else {
        const named = withId(subscribed(one, ['result'], id), id)
        if (inFlight.settle(named, pending)) await deliver(named)
      }
    }
    // Nobody is asked to sign in for a stream of which the host does not know that it broke.
    await exchange({ ...pending, message, cause: 'background', open: new Set([other]) }, take)
  }

  const listen: Exchange = async (pending, deliver) => {
    const { message, signal } = pending
    const pauses = createPauses()
    const stream: Stream = { deliver, isBegun: false, isEnded: false, messages: 0 }
    open.set(pending, stream)
    try {
      for (let carry = first; ; carry = instead) {
        const began = clock.awake()
        stream.messages = 0
        try {
          return await carry(pending, stream)
        } catch (thrown) {
          // Before the first message it is a request that failed, and gets an error.
          if (signal.aborted || !stream.isBegun) throw thrown
          if (stream.isEnded) return
          const { code, message: why } = asBridgeError(thrown)
          log.debug('proxy:listen', { code, reason: why })
          if (isFinal(thrown)) return await deliver(cancelled(idOf(message)))
        }
        const pause = pauses.after({ messages: stream.messages, livedMs: clock.awake() - began })
        await clock.sleep(pause, signal).catch(() => undefined)
        signal.throwIfAborted()
      }
    } finally {
      open.delete(pending)
    }
  }

  return {
    listen,
    async end() {
      const live = [...open].filter(([, { isBegun, isEnded }]) => isBegun && !isEnded)
      await Promise.allSettled(live.map(([{ message }, { deliver }]) => deliver(complete(idOf(message)))))
    },
  }
}

function note(stream: Stream, { kind, method }: Message): void {
  if (kind === 'notification') stream.isBegun = true
  if (kind === 'response' || method === CANCELLED) stream.isEnded = true
  if (method !== ACKNOWLEDGED) stream.messages++
}

/** It will not be better later: the server does not take the request any more. Sign-ins and load pass. */
function isFinal(thrown: unknown): boolean {
  const { code, details } = asBridgeError(thrown)
  const status = Number(details.status)
  return code === 'server_error' && status >= 400 && status < 500 && ![401, 403, 408, 425, 429].includes(status)
}

const idOf = ({ asks: [id] }: Message): RawId => id ?? 'null'

const subscribed = (message: Message, at: readonly string[], id: RawId): Message =>
  parseMessage(splice(message.bytes, [{ path: [...at, '_meta', META.subscription], json: id }])) ?? message

const CHANGES: Readonly<Record<string, string>> = {
  toolsListChanged: 'tools',
  promptsListChanged: 'prompts',
  resourcesListChanged: 'resources',
}

/** Nothing is replayed in 2026: whatever the acknowledged stream tells of may have changed while there was none. */
function* missedBefore({ bytes }: Message, id: RawId): Generator<Message> {
  const filter = find(bytes, ['params', 'notifications'])
  if (!filter) return
  const meta = `"_meta":{"${META.subscription}":${id}}`
  const told: string[] = []
  eachMember(bytes, filter, (name, value) => {
    const list = Object.hasOwn(CHANGES, name) ? CHANGES[name] : undefined
    if (list && textAt(bytes, value) === 'true')
      told.push(`{"jsonrpc":"2.0","method":"notifications/${list}/list_changed","params":{${meta}}}`)
    if (name === 'resourceSubscriptions')
      eachElement(bytes, value, (uri) => {
        told.push(
          `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":${textAt(bytes, uri)},${meta}}}`,
        )
      })
  })
  for (const text of told) yield own(text)
}

/** The stream has ended as it should ("Subscriptions", Graceful Closure). */
const complete = (id: RawId) =>
  own(`{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete","_meta":{"${META.subscription}":${id}}}}`)
