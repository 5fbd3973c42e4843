// A request of a 2025 host that a 2026 server answers: from the lists that are fresh, else in as many rounds as it takes.
import type { Deliver } from '../../http/body/messages.ts'
import type { Message } from '../../message/message.ts'
import { result } from '../../message/ours.ts'
import { type Bytes, find } from '../../message/pick.ts'
import type { Lists } from '../lists.ts'
import { idOf } from './answeredHere.ts'
import type { Rounds } from './rounds.ts'

export interface ToServerOptions {
  readonly rounds: Rounds
  readonly lists: Lists | undefined
  /** Called with each answer of the server, as it came. */
  readonly heard: ((answer: Message) => void) | undefined
}

/** @throws like `Rounds` */
export function createToServer({ rounds, lists, heard }: ToServerOptions): Rounds {
  return async (message, speaker, errand, deliver) => {
    const fresh = await lists?.find(message)
    if (fresh) return deliver(result(idOf(message), fresh))
    const asking = await lists?.begin(message)
    let answered: Message | undefined
    const take: Deliver = async (one) => {
      const written = deliver(one)
      if (answered && one.answers.length > 0) asking?.keep(answered, () => resultIn(one.bytes))
      await written
    }
    await rounds(message, speaker, errand, take, (answer) => {
      answered = answer
      heard?.(answer)
    })
  }
}

/** A copy, which keeps nothing else alive. */
function resultIn(bytes: Bytes): Bytes | undefined {
  const span = find(bytes, ['result'])
  return span && Buffer.from(bytes.subarray(span.start, span.end))
}
