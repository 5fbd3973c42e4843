// The methods of one sign-in side by side: the first that completes it ends the others.
import { BridgeError } from '../../errors.ts'
import type { Attempt } from '../../records.ts'

/**
 * Offers one method until `signal` aborts, and leaves nothing behind then. How the attempt ends is told by its row, not by
 * the method; a method that resolves has no more to offer, and one that rejects ends the attempt.
 */
export type SignInMethod = (attempt: Attempt, signal: AbortSignal) => Promise<void>

/** Settles as `settled` does, or rejects with the first method that does; every method has ended by then. */
export async function raceSignInMethods(
  settled: Promise<void>,
  methods: readonly SignInMethod[],
  attempt: Attempt,
): Promise<void> {
  const over = new AbortController()
  const offered = methods.map((method) => method(attempt, over.signal))
  try {
    await Promise.race([settled, ...offered.map(onlyItsFailure)])
  } finally {
    over.abort()
    await Promise.allSettled(offered)
  }
}

const onlyItsFailure = (method: Promise<void>) => method.then(() => new Promise<never>(() => undefined))

/** Whether a person ended the sign-in, or something ended this process. */
export type Interruption = 'by a person' | 'from outside'

export const interruptionOf = ({ details }: BridgeError): Interruption | undefined =>
  details.interrupted === 'by a person' || details.interrupted === 'from outside' ? details.interrupted : undefined

/** Ctrl-C ends what a person asked for. A process that is asked to end leaves its sign-in to the next one. */
export const interrupted = (by: Interruption) =>
  new BridgeError('cancelled', {
    message: 'The sign-in was interrupted.',
    hint:
      by === 'by a person'
        ? 'Run the same command again. Browser tabs of this sign-in no longer work.'
        : 'Run the same command again: it continues this sign-in, and its browser tab still works.',
    details: { interrupted: by },
  })

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Rejects when the process is asked to end. */
export function rejectOn(ending: AbortSignal): Promise<never> {
  return aborted(ending).then(() => {
    throw interrupted(ending.reason === 'SIGINT' ? 'by a person' : 'from outside')
  })
}
