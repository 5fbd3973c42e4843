// The pending sign-in that this process waits for: the bridge reports it to the host and limits the wait of every call.
import { asBridgeError, BridgeError } from '../errors.ts'
import type { Authorizer, Clock, SignInWatch } from '../ports.ts'

export interface PendingSignIn extends SignInWatch {
  /** Runs `ask`, which waits for a person. */
  during(ask: (told: PendingEvents) => Promise<void>): Promise<void>
}

export interface PendingEvents {
  /** For the address, when it is known, and for the reason where no tab opens. */
  tell(authorizationUrl: string, whyNoTab?: string): void
  /** Each time it was seen that the sign-in has not ended yet. */
  stillWaits(): void
}

interface State {
  asking: number
  /** How often it was seen that somebody is waited for: what was seen before a call came may be over. */
  sightings: number
  address: string | undefined
  failure: BridgeError | undefined
  whyNoTab: string | undefined
}

/** A wait that may end. */
interface Bound {
  /** Called each time it was seen that somebody is waited for. */
  look(): void
  /** Ends it with its error. */
  end(): void
}

export function createPendingSignIn(clock: Clock): PendingSignIn {
  const listeners = new Set<() => void>()
  const bounds = new Set<Bound>()
  const state: State = { asking: 0, sightings: 0, address: undefined, failure: undefined, whyNoTab: undefined }
  const changed = () => {
    for (const listener of [...listeners]) listener()
  }
  const onChange = (listener: () => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  const whenWaiting = (over: AbortSignal) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (state.asking > 0) resolve()
      }
      over.addEventListener('abort', onChange(look))
      look()
    })
  const stillWaits = () => {
    state.sightings++
    for (const { look } of [...bounds]) look()
  }
  /** Rejects when the work may not wait any longer. */
  const bound = (ms: number, over: AbortSignal) =>
    new Promise<never>((_, reject) => {
      const end = () => reject(pending(state))
      // Nothing shows the address by itself, so a call says it at once, where the sign-in is not over yet.
      const look = () => {
        if (state.whyNoTab !== undefined && state.address !== undefined) end()
      }
      const own = { look, end }
      bounds.add(own)
      over.addEventListener('abort', () => bounds.delete(own))
      // A server that is merely slow has limits of its own.
      clock
        .sleep(ms, over)
        .then(() => whenWaiting(over))
        .then(end, () => undefined)
    })

  return {
    get waiting() {
      return state.asking > 0
    },
    get address() {
      return state.address
    },
    get failure() {
      return state.failure
    },
    get whyNoTab() {
      return state.whyNoTab
    },
    onChange,
    async during(ask) {
      state.asking++
      state.failure = undefined
      changed()
      try {
        await ask({
          tell(address, whyNoTab) {
            Object.assign(state, { address, whyNoTab })
            changed()
            stillWaits()
          },
          stillWaits,
        })
      } catch (thrown) {
        state.failure = asBridgeError(thrown)
        throw thrown
      } finally {
        state.asking--
        if (state.asking === 0) Object.assign(state, { address: undefined, whyNoTab: undefined })
        changed()
      }
    },
    async bounded(work, ms) {
      const over = new AbortController()
      const late = bound(ms, over.signal)
      const done = workAnew(state, work)
      // The loser of the race is ignored.
      done.catch(() => undefined)
      late.catch(() => undefined)
      changed()
      try {
        return await Promise.race([done, late])
      } finally {
        over.abort()
      }
    },
    giveUp() {
      for (const { end } of [...bounds]) end()
    },
  }
}

/** Once more where it joined a sign-in that had failed already, which was not seen yet. */
async function workAnew<T>(state: State, work: () => Promise<T>): Promise<T> {
  const { sightings, address } = state
  try {
    return await work()
  } catch (thrown) {
    const wasOver = address !== undefined && state.sightings === sightings && state.failure !== undefined
    if (!wasOver) throw thrown
    return await work()
  }
}

function pending({ address, whyNoTab }: State): BridgeError {
  if (address === undefined)
    return new BridgeError('sign_in_pending', {
      message: 'A person has to sign in first; the address for it is not known yet.',
      hint: 'Try again in a moment: the answer then has the address to open. Or run mcp-oauth-bridge login.',
    })
  const message = `${whyNoTab === undefined ? '' : `${whyNoTab} `}You have to sign in first: ${address}`
  return new BridgeError('sign_in_pending', { message, details: { url: address } })
}

/** The same authorizer; a call waits at most `ms` for a person. */
export function boundCalls(authorizer: Authorizer, watch: Pick<SignInWatch, 'bounded'>, ms: number): Authorizer {
  return {
    ...authorizer,
    onChallenge: (answer, refused, cause) => {
      const renew = () => authorizer.onChallenge(answer, refused, cause)
      return cause === 'call' || cause === 'signIn' ? watch.bounded(renew, ms) : renew()
    },
  }
}
