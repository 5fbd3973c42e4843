// The listen streams of a host: when one ends, the host is told in the words of a stdio server (MCP 2026-07-28, "Subscriptions", "Cancellation").
import { META } from '../era/revisions.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { Exchange } from '../http/exchange.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { type Message, parseMessage, type RawId } from '../message/message.ts'

export interface Listens {
  readonly listen: Exchange
  /** Tells the host that its streams have ended. Never throws. */
  end(): Promise<void>
}

/** `exchange` carries one listen request, and throws when its stream breaks. */
export function createListens(exchange: Exchange): Listens {
  const open = new Map<PendingRequest, Deliver>()

  const listen: Exchange = async (pending, deliver) => {
    const { message, signal } = pending
    const take: Deliver = (one) => {
      if (one.kind === 'notification') open.set(pending, deliver)
      return deliver(one)
    }
    try {
      await exchange(pending, take)
    } catch (thrown) {
      // Before the first message it is a request that failed, and gets an error.
      if (signal.aborted || !open.has(pending)) throw thrown
      await deliver(cancelled(message))
    } finally {
      open.delete(pending)
    }
  }

  return {
    listen,
    async end() {
      const last = [...open].map(([{ message }, deliver]) => deliver(complete(message)))
      await Promise.allSettled(last)
    },
  }
}

const made = (text: string) => parseMessage(Buffer.from(text)) as Message
const idOf = ({ asks: [id] }: Message): RawId => id ?? 'null'

/** The stream has ended, and nobody meant it to. */
const cancelled = (listen: Message) =>
  made(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${idOf(listen)}}}`)

/** The stream has ended as it should. */
const complete = (listen: Message) =>
  made(
    `{"jsonrpc":"2.0","id":${idOf(listen)},"result":{"resultType":"complete","_meta":{"${META.subscription}":${idOf(listen)}}}}`,
  )
