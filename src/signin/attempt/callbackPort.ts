// Owns the callback port, or the next free one, under a lease, and listens there for redirects; another login process takes over when it ends.
import { callbackLease } from '../../auth/client/registrationRequest.ts'
import { BridgeError } from '../../errors.ts'
import type { CallbackListener, Clock, Health, Leases } from '../../ports.ts'
import type { CallbackPage } from '../../records.ts'

export interface CallbackPortOptions {
  readonly listener: CallbackListener
  readonly leases: Leases
  readonly clock: Clock
  readonly onCallback: (query: URLSearchParams) => Promise<CallbackPage>
  readonly health?: Health
}

export interface AnsweredPort {
  readonly redirectUri: string
  /** Rejects when the port was lost to another program. */
  readonly lost: Promise<never>
  close(): Promise<void>
}

const LEASE_MS = 3_000
/** How long nobody answers after the owner has ended, in ms. */
const POLL_MS = 50
const NEIGHBOURS = 9

/** How often another port is tried that was free a moment ago. */
const FREE_PORTS = 3

/**
 * The first of `redirectUris` that is served, by us or by an earlier login process. `otherwise`: what is done where the system keeps
 * ports for itself, as Windows does in blocks of a hundred.
 * @throws BridgeError port_in_use when other programs use every port
 */
export async function answerOneOf(
  options: CallbackPortOptions,
  redirectUris: readonly string[],
  otherwise: 'any free port' | 'nothing',
): Promise<AnsweredPort> {
  let failure: BridgeError | undefined
  let isReserved = false
  const attempt = async (redirectUri: string) => {
    try {
      return await answer(options, redirectUri)
    } catch (thrown) {
      if (!(thrown instanceof BridgeError) || thrown.code !== 'port_in_use') throw thrown
      failure ??= thrown
      isReserved ||= thrown.details.system === 'EACCES'
      return undefined
    }
  }
  for (const redirectUri of redirectUris) {
    const port = await attempt(redirectUri)
    if (port) return port
  }
  const [first] = redirectUris
  for (let left = FREE_PORTS; left > 0 && isReserved && first !== undefined && otherwise !== 'nothing'; left--) {
    const port = await attempt(await options.listener.onFreePort(first))
    if (port) return port
  }
  throw failure
}

async function answer(
  { listener, leases, clock, onCallback, health }: CallbackPortOptions,
  redirectUri: string,
): Promise<AnsweredPort> {
  const stopping = new AbortController()
  const name = callbackLease(redirectUri)

  /** undefined: another login process has the port. */
  const own = async (): Promise<(() => Promise<void>) | undefined> => {
    const lease = await leases.take(name, LEASE_MS)
    if (!lease) return undefined
    try {
      const listening = await listener.listen(redirectUri, onCallback, health)
      return async () => {
        await listening.close()
        await lease.release()
      }
    } catch (thrown) {
      await lease.release()
      throw thrown
    }
  }

  let owned = await own()
  const succeed = async (): Promise<never> => {
    while (!owned) {
      await clock.sleep(POLL_MS, stopping.signal)
      const taken = await own()
      if (!stopping.signal.aborted) owned = taken
      else await taken?.()
    }
    return new Promise<never>(() => undefined)
  }
  const lost = succeed()
  lost.catch(() => undefined)

  return {
    redirectUri,
    lost,
    async close() {
      stopping.abort()
      await owned?.()
    },
  }
}

/**
 * The redirect URIs to try. A dynamically registered client may use one of the next loopback ports
 * (RFC 8252 section 7.3); a configured one only its registered redirect URIs.
 */
export function redirectCandidates(configured: readonly string[], registeredByHand: boolean): string[] {
  const [first] = configured
  if (registeredByHand || first === undefined) return [...configured]
  const port = Number(new URL(first).port || 80)
  const step = port + NEIGHBOURS > 65_535 ? -1 : 1
  const neighbours = Array.from({ length: NEIGHBOURS }, (_, index) => {
    const url = new URL(first)
    url.port = String(port + step * (index + 1))
    return url.href
  })
  return [...configured, ...neighbours]
}
