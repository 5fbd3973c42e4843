// Owns the callback port, or the next free one, under a lease, and listens there for redirects; another login process takes over when it ends.
import { callbackLease } from '../../auth/client/registrationRequest.ts'
import { BridgeError } from '../../errors.ts'
import type { CallbackListener, Clock, Health, Lease, Leases } from '../../ports.ts'
import type { CallbackPage } from '../../records.ts'
import { aborted } from './race.ts'

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
/** How often the heir of an owner that hangs tries to listen, in ms: each try looks for who has the port. */
const LISTEN_AGAIN_MS = 1_000
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
  const hung: Hung = new Map()
  const attempt = async (redirectUri: string) => {
    try {
      return await answer(options, redirectUri, hung, 'now')
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
  const [waiting] = hung.keys()
  if (waiting !== undefined) return await answer(options, waiting, hung, 'later')
  throw failure
}

/** Login processes that listen, as far as is known, and let their lease expire; by redirect URI. */
type Hung = Map<string, NonNullable<Lease['former']>>

/** `later`: it is enough that another login process answers, or will end. */
async function answer(
  { listener, leases, clock, onCallback, health }: CallbackPortOptions,
  redirectUri: string,
  hung: Hung,
  when: 'now' | 'later',
): Promise<AnsweredPort> {
  const stopping = new AbortController()
  const name = callbackLease(redirectUri)
  const take = () => leases.take(name, LEASE_MS)

  /** undefined: stopped. @throws BridgeError port_in_use, where it is not another login process that has the port */
  const listen = async (lease: Lease, patience: 'now' | 'later') => {
    for (;;) {
      try {
        return await listener.listen(redirectUri, onCallback, health)
      } catch (thrown) {
        // An owner that hangs, such as a stopped one, may go on: then it answers for us, or lets go.
        if (lease.former) hung.set(redirectUri, lease.former)
        if (patience === 'now' || !isInUse(thrown) || hung.get(redirectUri)?.isGone() !== false) throw thrown
      }
      await clock.sleep(LISTEN_AGAIN_MS, stopping.signal).catch(() => undefined)
      if (stopping.signal.aborted) return undefined
    }
  }

  /** undefined: another login process has the port. */
  const own = async (patience: 'now' | 'later'): Promise<(() => Promise<void>) | undefined> => {
    const lease = await take()
    if (!lease) return undefined
    try {
      const listening = await listen(lease, patience)
      if (!listening) return () => lease.release()
      const kept = keepLease(lease, take, clock)
      return async () => {
        await listening.close()
        await kept.release()
      }
    } catch (thrown) {
      await lease.release()
      throw thrown
    }
  }

  let owned = when === 'now' ? await own(when) : undefined
  const succeed = async (): Promise<never> => {
    while (!owned) {
      await clock.sleep(POLL_MS, stopping.signal)
      const taken = await own('later')
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

const isInUse = (thrown: unknown) => thrown instanceof BridgeError && thrown.code === 'port_in_use'

/** Whoever listens has the port, whatever became of the lease while this process hung: the lease is taken again when that is possible. */
function keepLease(first: Lease, take: () => Promise<Lease | undefined>, clock: Clock) {
  const over = new AbortController()
  const keep = async () => {
    let lease: Lease | undefined = first
    while (!over.signal.aborted) {
      if (lease) await Promise.race([aborted(lease.lost), aborted(over.signal)])
      else await clock.sleep(POLL_MS, over.signal).catch(() => undefined)
      if (!over.signal.aborted) lease = await take().catch(() => undefined)
    }
    await lease?.release()
  }
  const kept = keep()
  return {
    release() {
      over.abort()
      return kept
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
