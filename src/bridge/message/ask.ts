// One message of our own to the server, whose answer the host does not see.
import type { Cause } from '../../ports.ts'
import type { InFlight, PendingRequest } from './inFlight.ts'
import type { Message } from './message.ts'

type Take = (message: Message) => Promise<void>

/**
 * Resolves to the answer to `message` as soon as it has come, because a server may leave its stream open; undefined: none came. `carry`
 * hands on what comes; what answers somebody else, or nobody, is given to `other`.
 * @throws whatever `carry` does before there is an answer
 */
export const answerTo = (
  { asks }: Message,
  carry: (take: Take) => Promise<unknown>,
  other?: Take,
): Promise<Message | undefined> =>
  new Promise((resolve, reject) => {
    const take: Take = async (one) => {
      const [id] = one.answers
      if (id !== undefined && asks.includes(id)) resolve(one)
      else if (id !== 'null') await other?.(one)
    }
    carry(take).then(() => resolve(undefined), reject)
  })

/** What of `other` is an answer: a server may give it on another stream than it should. */
export const onlyAnswers =
  (deliver: Take): Take =>
  async (one) => {
    if (one.answers.length > 0) await deliver(one)
  }

/** The same with its place in the table; undefined also for a notification, once the server has taken that. */
export const ask = (
  inFlight: Pick<InFlight, 'begin' | 'end'>,
  message: Message,
  cause: Cause | undefined,
  carry: (pending: PendingRequest, take: Take) => Promise<unknown>,
  other?: Take,
): Promise<Message | undefined> =>
  answerTo(
    message,
    (take) => {
      const pending = inFlight.begin(message, cause)
      const carried = carry(pending, take)
      const taken = message.asks.length > 0 ? carried : Promise.race([carried, pending.done])
      // Only now: the end of a notification that has failed must not pass for its being taken.
      const end = () => inFlight.end(pending)
      carried.then(end, end)
      return taken
    },
    other,
  )
