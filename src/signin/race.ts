// Runs the methods of one sign-in in parallel: the first to complete ends the others.
import { BridgeError } from '../errors.ts'
import type { Attempt } from '../records.ts'

/**
 * Offers one sign-in method until `signal` aborts, and then cleans up. The attempt's row records the outcome, not
 * the method; a method that resolves has ended, and one that rejects ends the attempt.
 */
export type SignInMethod = (attempt: Attempt, signal: AbortSignal) => Promise<void>

/** Settles as `home` does, or rejects with the first way that does; every way has ended by then. */
export async function raceSignInMethods(
  home: Promise<void>,
  ways: readonly SignInMethod[],
  attempt: Attempt,
): Promise<void> {
  const over = new AbortController()
  const offered = ways.map((way) => way(attempt, over.signal))
  try {
    await Promise.race([home, ...offered.map(onlyItsFailure)])
  } finally {
    over.abort()
    await Promise.allSettled(offered)
  }
}

const onlyItsFailure = (way: Promise<void>) => way.then(() => new Promise<never>(() => undefined))

const INTERRUPTED = 'interrupted'
export const isInterrupted = ({ details }: BridgeError) => details.reason === INTERRUPTED

/** A person pressed Ctrl-C, or the process was asked to end. */
export const interrupted = () =>
  new BridgeError('cancelled', {
    message: 'The sign-in was interrupted.',
    hint: 'Run the same command again. Browser tabs of this sign-in no longer work.',
    details: { reason: INTERRUPTED },
  })

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
