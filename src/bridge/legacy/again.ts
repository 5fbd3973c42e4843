// A request that the server may have seen, sent once more: under another id, because none is used twice in a session (2025-11-25, "Overview: Requests").
import type { Clock } from '../../ports.ts'
import type { Exchange } from '../http/exchange.ts'
import { createRetry } from '../http/retry.ts'
import type { InFlight } from '../message/inFlight.ts'
import type { Message, RawId } from '../message/message.ts'
import { find, idIn } from '../message/pick.ts'
import type { Session } from '../session/session.ts'

export interface Again {
  /** Once, and once more where that is harmless; the host gets the answer under its own id. */
  readonly exchange: Exchange
  /** The same for a cancellation of the host, with the id that the server knows. */
  readonly cancel: Exchange
  /** Whether a request is out for the second time. */
  readonly isOut: boolean
  /** A message that came on another stream; an answer gets the id that the host knows. */
  toHost(message: Message): Promise<Message>
}

export interface AgainOptions {
  readonly inFlight: Pick<InFlight, 'settle'>
  readonly session: Pick<Session, 'hasBatches'>
  readonly clock: Clock
}

export function createAgain(once: Exchange, { inFlight, session, clock }: AgainOptions): Again {
  /** The ids at the server, by those of the host. */
  const out = new Map<RawId, RawId>()

  const twice: Exchange = async (pending, deliver) => {
    const [id] = pending.message.asks
    // Where there are batches, answers may come together with others.
    if (id === undefined || session.hasBatches || pending.message.kind === 'batch') return once(pending, deliver)
    const { ownId, underId } = await import('../http/body/ownId.ts')
    const other: RawId = JSON.stringify(ownId())
    out.set(id, other)
    try {
      await underId(other, once, inFlight)(pending, deliver)
    } finally {
      out.delete(id)
    }
  }

  const exchange = createRetry(once, clock, twice)

  return {
    exchange,
    async cancel(pending, deliver) {
      const { message } = pending
      const id = idIn(message.bytes, find(message.bytes, ['params', 'requestId']))
      const other = out.get(id ?? '')
      if (other === undefined) return exchange(pending, deliver)
      const { splice } = await import('../message/splice.ts')
      const bytes = splice(message.bytes, [{ path: ['params', 'requestId'], json: other }])
      await exchange({ ...pending, message: { ...message, bytes } }, deliver)
    },
    get isOut() {
      return out.size > 0
    },
    async toHost(message) {
      const [answered] = message.answers
      const [id] = [...out].find(([, other]) => message.kind === 'response' && other === answered) ?? []
      return id === undefined ? message : (await import('../http/body/ownId.ts')).withId(message, id)
    },
  }
}
