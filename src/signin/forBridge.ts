// What a bridge does that has no token and no person: asks for a sign-in, tells the address to its host and on stderr, and waits.
import type { Cause, Logger } from '../ports.ts'
import type { Challenge } from '../records.ts'
import { type AskOptions, askForLogin } from './attempt/request.ts'
import type { PendingSignIn } from './pending.ts'

export interface BridgeSignInOptions extends Omit<AskOptions, 'tell' | 'stillWaits'> {
  readonly pending: PendingSignIn
  readonly log: Logger
  readonly opensBrowser: () => Promise<boolean>
  /** Writes for the person, who may not see it. */
  readonly write: (text: string) => void
}

/** Resolves when somebody has signed in. @throws BridgeError as the attempt ended */
export function signInForBridge(options: BridgeSignInOptions, challenge: Challenge, cause: Cause): Promise<void> {
  const { pending, log, opensBrowser, write, key } = options
  return pending.during(({ tell: tellHost, stillWaits }) => {
    const tell = (url: string, whyNoTab?: string) => {
      tellHost(url, whyNoTab)
      log.info('oauth:sign-in', { server: key.server, outcome: 'waiting' })
      const text = `${whyNoTab === undefined ? '' : `${whyNoTab} `}Open this address to sign in: ${url}\n`
      const isShown = whyNoTab === undefined || cause === 'signIn' ? opensBrowser() : Promise.resolve(false)
      // A browser that opens shows it; a bridge has no terminal of its own.
      void isShown.then((shown) => shown || write(text))
    }
    return askForLogin({ ...options, tell, stillWaits }, challenge, cause)
  })
}
