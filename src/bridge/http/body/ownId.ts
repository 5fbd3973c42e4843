// Ids of our own for requests to a server, and messages under another id than their own.
import { randomUUID } from 'node:crypto'
import type { InFlight } from '../../message/inFlight.ts'
import { type Message, parseMessage, type RawId } from '../../message/message.ts'
import { splice } from '../../message/splice.ts'
import type { Exchange } from '../exchange.ts'

/** A new one each time, without its quotation marks. */
export const ownId = () => `mcp-oauth-bridge-${randomUUID()}`

/** The same message under another id. */
export const withId = ({ bytes }: Message, id: RawId): Message =>
  parseMessage(splice(bytes, [{ path: ['id'], json: id }])) as Message

/** `exchange` of a request under another id, of which whoever waits for the answer sees nothing. */
export const underId =
  (other: RawId, exchange: Exchange, inFlight: Pick<InFlight, 'settle'>): Exchange =>
  (pending, deliver) => {
    const id = pending.message.asks[0] as RawId
    const message = withId(pending.message, other)
    return exchange({ ...pending, message, open: new Set([other]) }, async (answer) => {
      if (answer.answers[0] !== other) return deliver(answer)
      const named = withId(answer, id)
      if (inFlight.settle(named, pending)) await deliver(named)
    })
  }
