// A batch of a host of revision 2025-03-26, carried message by message: 2026-07-28 has none. Its answers come back as one batch.
import { asBridgeError } from '../../../errors.ts'
import type { Transmission } from '../../../records.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { Message } from '../../message/message.ts'
import { own } from '../../message/ours.ts'
import { rpcError } from '../../message/rpcError.ts'
import { partsOf } from '../parts.ts'
import type { Errand } from './rounds.ts'

/** `carry` takes one message of it. @throws the reason of the errand's signal */
export async function carryBatch(
  batch: Message,
  carry: (one: Message, errand: Errand, deliver: Deliver) => Promise<void>,
  deliver: Deliver,
  errand: Errand,
): Promise<void> {
  const { cause, signal, transmission } = errand
  const parts = partsOf(batch)
  /** Parts that wait here to be sent, or to be answered without. */
  const waiting = new Set(parts)
  const took = (part: Message) => {
    if (waiting.delete(part) && waiting.size === 0) transmission?.taken?.()
  }

  const carryPart = async (part: Message): Promise<Uint8Array | undefined> => {
    let answer: Uint8Array | undefined
    // Each is a request of its own: whether one was sent says nothing of another.
    const own: Transmission = { sent: false, abort: undefined, taken: () => took(part) }
    try {
      await carry(part, { cause, signal, transmission: own }, async (one) => {
        if (one.answers.length > 0) answer = one.bytes
        else await deliver(one)
      })
    } catch (thrown) {
      if (signal.aborted) throw thrown
      const [id] = part.asks
      if (id !== undefined) answer ??= rpcError(id, asBridgeError(thrown))
    } finally {
      took(part)
    }
    return answer
  }
  const answers = (await Promise.all(parts.map(carryPart))).filter((answer) => answer !== undefined)
  if (answers.length === 0) return
  const listed = answers.flatMap((answer, at) => [Buffer.from(at === 0 ? '[' : ','), answer])
  await deliver(own(Buffer.concat([...listed, Buffer.from(']')])))
}
