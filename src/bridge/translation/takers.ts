// Which request an answer is for: a server may give it on the stream of another one.
import type { Deliver } from '../http/body/messages.ts'
import type { RawId } from '../message/message.ts'

/** How one request is sent, and where what comes back for it goes. */
export interface Sending {
  readonly id: RawId | undefined
  /** Takes its answer. @throws BridgeError what is wrong with that */
  readonly take: Deliver
  /** Gets everything that answers no request of ours, such as an error without an id. */
  readonly deliver: Deliver
  readonly exchange: (deliver: Deliver) => Promise<void>
}

/** Sends a request; resolves when its answer is taken, on whichever stream that came. @throws what `exchange` and `take` do */
export type TakeOn = (sending: Sending) => Promise<void>

export function createTakers(): TakeOn {
  const takers = new Map<RawId | undefined, Deliver>()

  return async ({ id, take, deliver, exchange }) => {
    /** What has become of an answer that came on another stream. */
    let elsewhere: { readonly thrown?: unknown } | undefined
    takers.set(id, (one) =>
      take(one).then(
        () => {
          elsewhere = {}
        },
        (thrown: unknown) => {
          elsewhere = { thrown }
        },
      ),
    )
    try {
      await exchange((one) => (one.answers[0] === id ? take : (takers.get(one.answers[0]) ?? deliver))(one))
    } catch (thrown) {
      // After an answer on another stream, its own is given up.
      if (!elsewhere) throw thrown
      if ('thrown' in elsewhere) throw elsewhere.thrown
    } finally {
      takers.delete(id)
    }
  }
}
