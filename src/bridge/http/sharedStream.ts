// A request whose answer arrives on a shared stream: how long it waits, and what ends the wait.
import { BridgeError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import type { Patience } from '../../records.ts'
import type { Deliver } from './body/messages.ts'
import { follow } from './standing.ts'

export interface Waiting {
  readonly deliver: Deliver
  readonly answered: Promise<void>
  done(): void
  fail(reason: BridgeError): void
  /** The server is working: the timeout restarts. */
  heard(): void
  /** ms left; never more than a timer can count. */
  left(): number
}

const LONGEST_MS = 2 ** 31 - 1

/** `timeoutMs`: longest silence; 0: no limit. `patience`: when it does not count. */
export function waitFor(deliver: Deliver, clock: Clock, timeoutMs: number, patience?: Patience): Waiting {
  let done: () => void = () => undefined
  let fail: (reason: BridgeError) => void = () => undefined
  const answered = new Promise<void>((resolve, reject) => {
    done = resolve
    fail = reject
  })
  // It may fail while its request is still being sent, before it is awaited.
  answered.catch(() => undefined)
  let until = 0
  const heard = () => {
    until = timeoutMs === 0 ? Number.POSITIVE_INFINITY : clock.awake() + timeoutMs
  }
  heard()
  let turns = patience?.turns
  const left = () => {
    if (patience && (patience.held || patience.turns !== turns)) heard()
    turns = patience?.turns
    return Math.min(until - clock.awake(), LONGEST_MS)
  }
  return { deliver, answered, done, fail, heard, left }
}

/** @throws BridgeError server_timeout, why the wait failed, or the reason of `signal` */
export async function untilAnswered(one: Waiting, clock: Clock, signal: AbortSignal): Promise<void> {
  const over = follow(signal)
  const silence = async () => {
    for (let left = one.left(); left > 0; left = one.left()) await clock.sleep(left, over.signal)
    throw new BridgeError('server_timeout')
  }
  const bound = silence().catch((thrown: unknown) => {
    throw signal.aborted ? signal.reason : thrown
  })
  // Once the answer is there, the aborted wait does not matter.
  bound.catch(() => undefined)
  try {
    await Promise.race([one.answered, bound])
  } finally {
    over.abort()
  }
}
