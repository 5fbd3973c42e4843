// The pauses before a stream is opened again: longer each time, until one was of use.

export interface Ended {
  /** How many messages came on the stream. */
  readonly messages: number
  readonly livedMs: number
  /** When the server wants it to be opened again, in ms. */
  readonly retryMs?: number | undefined
}

/** All in ms, and a little longer at random: clients that a server has lost at once do not come back at once. */
export interface Pauses {
  after(stream: Ended): number
  longest(): number
}

const FIRST_MS = 1_000
const LONGEST_MS = 60_000
const SHORTEST_MS = 100
/** A server may ask for longer pauses than our own back-off has, up to this. */
const LONGEST_RETRY_MS = 10 * 60_000
/** A stream that lived this long, in ms, was useful even without a message. */
const WORTHWHILE_MS = 5_000

export function createPauses(): Pauses {
  let next = FIRST_MS
  return {
    after({ messages, livedMs, retryMs }) {
      // A server that ends every stream at once is not polled each second, whatever `retry` it sends.
      if (messages > 0 || livedMs >= WORTHWHILE_MS) next = FIRST_MS
      const asked = Math.min(retryMs ?? 0, LONGEST_RETRY_MS)
      const pause = next === FIRST_MS && retryMs !== undefined ? asked : Math.max(asked, next)
      next = Math.min(next * 2, LONGEST_MS)
      return jittered(Math.max(pause, SHORTEST_MS))
    },
    longest: () => jittered(LONGEST_MS),
  }
}

const jittered = (ms: number) => ms * (1 + Math.random() / 4)
