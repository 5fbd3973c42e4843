// The pending sign-in that this process waits for: the bridge reports it to the host and limits the wait of every call.
import { asBridgeError, BridgeError } from '../errors.ts'
import type { Authorizer, Clock, SignInWatch } from '../ports.ts'

export interface PendingSignIn extends SignInWatch {
  /** Runs `ask`, which waits for a person; `tell` is for the address, when it is known, and for the reason where no tab opens. */
  during(ask: (tell: (authorizationUrl: string, whyNoTab?: string) => void) => Promise<void>): Promise<void>
}

export function createPendingSignIn(clock: Clock): PendingSignIn {
  const listeners = new Set<() => void>()
  /** Ends a wait with its error. */
  const bounds = new Set<() => void>()
  let asking = 0
  let address: string | undefined
  let failure: BridgeError | undefined
  let whyNoTab: string | undefined
  const changed = () => {
    for (const listener of [...listeners]) listener()
  }
  const whenWaiting = (over: AbortSignal) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (asking > 0) resolve()
      }
      listeners.add(look)
      over.addEventListener('abort', () => listeners.delete(look))
      look()
    })

  return {
    get waiting() {
      return asking > 0
    },
    get address() {
      return address
    },
    get failure() {
      return failure
    },
    get whyNoTab() {
      return whyNoTab
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async during(ask) {
      asking++
      failure = undefined
      changed()
      try {
        await ask((url, why) => {
          address = url
          whyNoTab = why
          changed()
        })
      } catch (thrown) {
        failure = asBridgeError(thrown)
        throw thrown
      } finally {
        asking--
        if (asking === 0) {
          address = undefined
          whyNoTab = undefined
        }
        changed()
      }
    },
    async bounded(work, ms) {
      const over = new AbortController()
      const bound = new Promise<never>((_, reject) => {
        const end = () => reject(pending(address, whyNoTab))
        // Nothing shows the address by itself, so a call says it at once.
        const look = () => whyNoTab !== undefined && address !== undefined && end()
        bounds.add(end)
        listeners.add(look)
        over.signal.addEventListener('abort', () => {
          bounds.delete(end)
          listeners.delete(look)
        })
        // A server that is merely slow has limits of its own.
        clock
          .sleep(ms, over.signal)
          .then(() => whenWaiting(over.signal))
          .then(end, () => undefined)
      })
      // The loser of the race is ignored.
      work.catch(() => undefined)
      bound.catch(() => undefined)
      changed()
      try {
        return await Promise.race([work, bound])
      } finally {
        over.abort()
      }
    },
    giveUp() {
      for (const end of [...bounds]) end()
    },
  }
}

function pending(address: string | undefined, whyNoTab: string | undefined): BridgeError {
  if (address === undefined) return new BridgeError('sign_in_pending')
  const message = `${whyNoTab === undefined ? '' : `${whyNoTab} `}You have to sign in first: ${address}`
  return new BridgeError('sign_in_pending', { message, details: { url: address } })
}

/** The same authorizer; a call waits at most `ms` for a person. */
export function boundCalls(authorizer: Authorizer, watch: Pick<SignInWatch, 'bounded'>, ms: number): Authorizer {
  return {
    ...authorizer,
    onChallenge: (answer, refused, cause) => {
      const renewed = authorizer.onChallenge(answer, refused, cause)
      return cause === 'call' || cause === 'signIn' ? watch.bounded(renewed, ms) : renewed
    },
  }
}
