// Runs one sign-in attempt: first the port, then the plan, the browser, and the wait for its end.
import type { AuthorizationCodeFlow } from '../../auth/grants/authorizationCode.ts'
import { asBridgeError } from '../../errors.ts'
import type { Lease } from '../../ports.ts'
import type { Attempt } from '../../records.ts'
import type { SignInDeps } from '../deps.ts'
import { type AnsweredPort, answerOneOf, redirectCandidates } from './callbackPort.ts'
import { aborted, interruptionOf, raceSignInMethods, rejectOn, type SignInMethod } from './race.ts'
import { type AwaitOptions, awaitAttempt } from './request.ts'
import { ATTEMPT_LEASE_MS, attemptLease } from './serve.ts'
import { leftBy, resumable } from './takeOver.ts'

type RunDeps = Pick<
  SignInDeps,
  'attempts' | 'leases' | 'clock' | 'log' | 'settings' | 'authorizationCode' | 'listener' | 'health'
>

/** Called when the address is known and its redirect is awaited, never before. */
export interface SignInEvents {
  /** This process made the plan. */
  planned(url: URL, redirectUri: string): void
  /** Another one did, which still sees to it, and may have opened a tab. */
  joined(url: URL, redirectUri: string): void
  /** Another one did and is gone: this process goes on with it. `openedAt`: when its tab was opened, in ms since the epoch. */
  resumed(url: URL, redirectUri: string, openedAt: number | undefined): void
}

export interface SignInOptions {
  readonly events: SignInEvents
  /** In addition to the callback. */
  readonly methods: readonly SignInMethod[]
  /** `optional`: the attempt continues without a port. */
  readonly callback: 'needed' | 'optional'
}

/** Settles as the attempt does. */
type Settled = (more: Pick<AwaitOptions, 'tell' | 'watch' | 'delivered'>) => Promise<void>

/**
 * Resolves when the tokens are stored, by this process or another one. A process that something else ends leaves the attempt as it
 * is, for the next one. Resolves to the attempt that replaced it, which is then to be seen to.
 * @throws BridgeError as the attempt ended
 */
export async function runSignIn(
  deps: RunDeps,
  attempt: Attempt,
  ending: AbortSignal,
  options: SignInOptions,
): Promise<Attempt | undefined> {
  const { attempts, leases, clock, log } = deps
  const settled: Settled = (more) =>
    Promise.race([awaitAttempt({ attempts, clock, ...more }, attempt.id), rejectOn(ending)])
  const lease = await leases.take(attemptLease(attempt.id), ATTEMPT_LEASE_MS)
  const ours = lease
    ? { lease, attempt: (await attempts.byId(attempt.id)) ?? attempt }
    : await waitForOther(deps, attempt, settled, options)
  if (!ours) return undefined
  try {
    const left = await Promise.race([leftBy(ours.lease, ours.attempt, deps), rejectOn(ending)])
    const found = await resumable(deps, left)
    if (found.id !== attempt.id) return found
    await (isSettled(found) ? settled({ tell: () => undefined }) : runHere(deps, found, ending, options, settled))
    return undefined
  } catch (thrown) {
    const error = asBridgeError(thrown)
    const { code, message, hint } = error
    const by = interruptionOf(error)
    // The process that settled it has logged it, and after Ctrl-C no log is needed.
    const isKnown = by !== undefined || (await attempts.byId(attempt.id))?.status === 'failed'
    log[isKnown ? 'info' : 'warn']('oauth:sign-in-failed', { code, message })
    // The hint of Ctrl-C is for whoever pressed it.
    if (by === 'by a person') await attempts.settle(attempt.id, { status: 'failed', code, message })
    else if (by === undefined) await attempts.settle(attempt.id, { status: 'failed', code, message, hint })
    throw error
  } finally {
    await ours.lease.release()
  }
}

const isSettled = ({ status }: Attempt) => status === 'finished' || status === 'failed'

/** The process that owned the attempt is gone: a waiting process takes over. */
class Orphaned extends Error {
  readonly lease: Lease
  readonly attempt: Attempt
  constructor(lease: Lease, attempt: Attempt) {
    super()
    this.lease = lease
    this.attempt = attempt
  }
}

/** Another process sees to the attempt. Resolves to nothing when that completed it, or to what it left when it is gone. */
async function waitForOther(
  { attempts, leases, log }: RunDeps,
  attempt: Attempt,
  settled: Settled,
  { events, methods }: SignInOptions,
): Promise<Orphaned | undefined> {
  const tell = (url: string) => events.joined(new URL(url), redirectOf(url))
  const watch = async () => {
    const lease = await leases.take(attemptLease(attempt.id), ATTEMPT_LEASE_MS)
    if (!lease) return
    // The process that released it may have just finished.
    const current = (await attempts.byId(attempt.id)) ?? attempt
    if (!isSettled(current)) throw new Orphaned(lease, current)
    await lease.release()
  }
  try {
    await raceSignInMethods(settled({ tell, watch }), methods, attempt)
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof Orphaned)) throw thrown
    log.info('oauth:sign-in', { outcome: 'taken over', server: attempt.server })
    return thrown
  }
}

/** This process sees to the attempt. */
async function runHere(
  deps: RunDeps,
  attempt: Attempt,
  ending: AbortSignal,
  { events, methods, callback }: SignInOptions,
  settled: Settled,
): Promise<void> {
  const { attempts, settings } = deps
  const login = await deps.authorizationCode()
  // An attempt that another process planned keeps its redirect URI: its tab may still be open.
  const candidates = attempt.plan
    ? [attempt.plan.redirectUri]
    : redirectCandidates(settings.callbackUrls, settings.clientId !== undefined)
  const otherwise = attempt.plan || settings.clientId !== undefined ? 'nothing' : 'any free port'
  const port = await answerPort(deps, login, { candidates, otherwise }, callback)
  const redirectUri = port?.redirectUri ?? candidates[0] ?? ''
  const delivered = async (query: string) => void (await login.handleCallback(new URLSearchParams(query)))
  const end = settled({ tell: () => undefined, delivered })
  // It may end, or be replaced, before anything is shown.
  end.catch(() => undefined)
  try {
    if (attempt.plan) events.resumed(new URL(attempt.plan.authorizationUrl), redirectUri, attempt.openedAt)
    else {
      const url = await Promise.race([login.start(attempt, redirectUri), end, rejectOn(ending)])
      if (url && (await attempts.byId(attempt.id))?.plan) events.planned(url, redirectUri)
    }
  } catch (thrown) {
    await port?.close()
    throw thrown
  }
  await raceSignInMethods(end, [...(port ? [byCallback(port)] : []), ...methods], attempt)
}

async function answerPort(
  { clock, log, health, leases, listener }: RunDeps,
  login: AuthorizationCodeFlow,
  { candidates, otherwise }: { candidates: readonly string[]; otherwise: 'any free port' | 'nothing' },
  callback: SignInOptions['callback'],
): Promise<AnsweredPort | undefined> {
  const options = { listener: await listener(), leases, clock, onCallback: login.handleCallback, health }
  try {
    const port = await answerOneOf(options, candidates, otherwise)
    log.info('oauth:callback', { outcome: 'listening', port: Number(new URL(port.redirectUri).port || 80) })
    return port
  } catch (thrown) {
    const error = asBridgeError(thrown)
    if (callback === 'needed' || error.code !== 'port_in_use') throw error
    log.warn('oauth:callback', { code: error.code, message: error.message })
    return undefined
  }
}

function byCallback(port: AnsweredPort): SignInMethod {
  return async (_attempt, signal) => {
    try {
      await Promise.race([port.lost, aborted(signal)])
    } finally {
      await port.close()
    }
  }
}

const redirectOf = (url: string) => new URL(url).searchParams.get('redirect_uri') ?? ''
