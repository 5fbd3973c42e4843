// The pending sign-in that this process waits for: the bridge reports it to the host and limits the wait of every call.
import { BridgeError } from '../errors.ts'
import type { Authorizer, Clock, SignInWatch } from '../ports.ts'

export interface PendingSignIn extends SignInWatch {
  /** Runs `ask`, which waits for a person; `tell` is for the address, when it is known. */
  during(ask: (tell: (authorizationUrl: string) => void) => Promise<void>): Promise<void>
}

export function createPendingSignIn(clock: Clock): PendingSignIn {
  const listeners = new Set<() => void>()
  let asking = 0
  let address: string | undefined
  const changed = () => {
    for (const listener of [...listeners]) listener()
  }

  return {
    get waiting() {
      return asking > 0
    },
    get address() {
      return address
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async during(ask) {
      asking++
      changed()
      try {
        await ask((url) => {
          address = url
          changed()
        })
      } finally {
        asking--
        if (asking === 0) address = undefined
        changed()
      }
    },
    async bounded(work, ms) {
      const over = new AbortController()
      const bound = clock.sleep(ms, over.signal).then(
        () => {
          throw pending(address)
        },
        () => new Promise<never>(() => undefined),
      )
      // The loser of the race is ignored.
      work.catch(() => undefined)
      bound.catch(() => undefined)
      try {
        return await Promise.race([work, bound])
      } finally {
        over.abort()
      }
    },
  }
}

const pending = (address: string | undefined) =>
  new BridgeError('sign_in_pending', {
    ...(address === undefined ? {} : { message: `You have to sign in first: ${address}`, details: { url: address } }),
  })

/** The same authorizer; a call waits at most `ms` for a person. */
export function boundCalls(authorizer: Authorizer, watch: Pick<SignInWatch, 'bounded'>, ms: number): Authorizer {
  return {
    ...authorizer,
    onChallenge: (answer, refused, cause) => {
      const renewed = authorizer.onChallenge(answer, refused, cause)
      return cause === 'call' ? watch.bounded(renewed, ms) : renewed
    },
  }
}
