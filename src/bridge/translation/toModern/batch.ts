// A batch of a host of revision 2025-03-26, carried message by message: 2026-07-28 has none. Its answers come back as one batch.
import { asBridgeError } from '../../../errors.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { Message } from '../../message/message.ts'
import { own } from '../../message/ours.ts'
import { rpcError } from '../../message/rpcError.ts'
import { partsOf } from '../parts.ts'

/** `carry` takes one message of it. @throws the reason of `signal` */
export async function carryBatch(
  batch: Message,
  carry: (one: Message, deliver: Deliver) => Promise<void>,
  deliver: Deliver,
  signal: AbortSignal,
): Promise<void> {
  const carryPart = async (part: Message): Promise<Uint8Array | undefined> => {
    let answer: Uint8Array | undefined
    try {
      await carry(part, async (one) => {
        if (one.answers.length > 0) answer = one.bytes
        else await deliver(one)
      })
    } catch (thrown) {
      if (signal.aborted) throw thrown
      const [id] = part.asks
      if (id !== undefined) answer ??= rpcError(id, asBridgeError(thrown))
    }
    return answer
  }
  const answers = (await Promise.all(partsOf(batch).map(carryPart))).filter((answer) => answer !== undefined)
  if (answers.length === 0) return
  const listed = answers.flatMap((answer, at) => [Buffer.from(at === 0 ? '[' : ','), answer])
  await deliver(own(Buffer.concat([...listed, Buffer.from(']')])))
}
