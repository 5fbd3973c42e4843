// Runs one sign-in attempt: first the port, then the plan, the browser, and the wait for its end.

import type { Login } from '../auth/grants/authorizationCode.ts'
import type { App } from '../compose/app.ts'
import { asBridgeError } from '../errors.ts'
import type { Attempt } from '../records.ts'
import { type AnsweredPort, answerOneOf, redirectCandidates } from './callbackPort.ts'
import { aborted, interrupted, isInterrupted, raceSignInMethods, type SignInMethod } from './race.ts'
import { type AwaitOptions, attemptLease, awaitAttempt } from './request.ts'

/** If a login process dies, another one takes over after this time, in ms. */
export const LEASE_MS = 3_000

/** Called when the address is known and its redirect is awaited, never before. */
export interface SignInEvents {
  /** This process made the plan. */
  planned(url: URL, redirectUri: string): void
  /** Another one did, and may have opened a tab. */
  joined(url: URL, redirectUri: string): void
}

export interface SignInOptions {
  readonly telling: SignInEvents
  /** In addition to the callback. */
  readonly ways: readonly SignInMethod[]
  /** `optional`: the attempt continues without a port. */
  readonly callback: 'needed' | 'optional'
}

/**
 * Resolves when the tokens are stored, by this process or another one.
 * @throws BridgeError as the attempt ended
 */
export async function runSignIn(
  composed: App,
  attempt: Attempt,
  ending: AbortSignal,
  offered: SignInOptions,
): Promise<void> {
  const { attempts, leases } = await composed.store()
  const { clock } = composed
  const settled = (more: Pick<AwaitOptions, 'tell' | 'watch' | 'delivered'>) =>
    Promise.race([awaitAttempt({ attempts, clock, ...more }, attempt.id), rejectOn(ending)])
  const take = () => leases.take(attemptLease(attempt.id), LEASE_MS)
  let mine = await take()
  let current = attempt
  if (!mine) {
    const tell = (url: string) => offered.telling.joined(new URL(url), redirectOf(url))
    const watch = async () => {
      mine = await take()
      if (!mine) return
      // The process that released it may have just finished.
      current = (await attempts.byId(attempt.id)) ?? attempt
      if (current.status === 'waiting') throw new Orphaned()
      mine.release()
      mine = undefined
    }
    try {
      return await raceSignInMethods(settled({ tell, watch }), offered.ways, attempt)
    } catch (thrown) {
      if (!(thrown instanceof Orphaned) || !mine) throw thrown
      composed.log.info('oauth:sign-in', { outcome: 'taken over', server: attempt.server })
    }
  }
  try {
    await host(composed, current, ending, offered, settled)
  } catch (thrown) {
    const error = asBridgeError(thrown)
    const { code, message, hint } = error
    // The process that settled it has logged it, and after Ctrl-C no log is needed.
    const isKnown = isInterrupted(error) || (await attempts.byId(attempt.id))?.status === 'failed'
    composed.log[isKnown ? 'info' : 'warn']('oauth:sign-in-failed', { code, message })
    // Other processes that wait for it did not cancel anything.
    const told = code === 'cancelled' ? 'login_failed' : code
    await attempts.settle(attempt.id, { status: 'failed', code: told, message, hint })
    throw error
  } finally {
    mine.release()
  }
}

/** The process that owned the attempt is gone: a waiting process takes over. */
class Orphaned extends Error {}

async function host(
  composed: App,
  attempt: Attempt,
  ending: AbortSignal,
  { telling, ways, callback }: SignInOptions,
  settled: (more: Pick<AwaitOptions, 'tell' | 'delivered'>) => Promise<void>,
): Promise<void> {
  const login = await composed.login()
  if (attempt.plan) login.adopt(attempt)
  // An attempt that another process planned keeps its redirect URI: its tab may still be open.
  const candidates = attempt.plan
    ? [attempt.plan.redirectUri]
    : redirectCandidates(composed.config.callbackUrls, composed.server().clientId !== undefined)
  const port = await answered(composed, login, candidates, callback)
  const redirectUri = port?.redirectUri ?? candidates[0] ?? ''
  const delivered = async (callback: string) => void (await login.answer(new URLSearchParams(callback)))
  const home = settled({ tell: () => undefined, delivered })
  // It may end, or be replaced, before anything is shown.
  home.catch(() => undefined)
  try {
    if (attempt.plan) telling.joined(new URL(attempt.plan.authorizationUrl), redirectUri)
    else {
      const url = await Promise.race([login.prepare(attempt, redirectUri), home, rejectOn(ending)])
      const { attempts } = await composed.store()
      if (url && (await attempts.byId(attempt.id))?.plan) telling.planned(url, redirectUri)
    }
  } catch (thrown) {
    await port?.close()
    throw thrown
  }
  await raceSignInMethods(home, [...(port ? [byCallback(port)] : []), ...ways], attempt)
}

async function answered(
  composed: App,
  login: Login,
  candidates: readonly string[],
  callback: SignInOptions['callback'],
): Promise<AnsweredPort | undefined> {
  const { clock, log, health } = composed
  const { leases } = await composed.store()
  const listener = await composed.listener()
  try {
    const port = await answerOneOf({ listener, leases, clock, onCallback: login.answer, health }, candidates)
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

/** An opener may return only after the redirect was followed, or fail: the wait continues in the meantime. */
export async function openBrowser(composed: App, url: URL, stuck: () => void): Promise<void> {
  // Logged before: the sign-in, and with it this process, may end before the opener does.
  composed.log.info('oauth:browser', { outcome: 'opening', origin: url.origin })
  try {
    await (await composed.browser()).open(url)
  } catch (thrown) {
    const error = asBridgeError(thrown)
    composed.log.warn('oauth:browser', { code: error.code, message: error.message })
    stuck()
  }
}

const redirectOf = (url: string) => new URL(url).searchParams.get('redirect_uri') ?? ''

/** Rejects when the process is asked to end. */
export function rejectOn(ending: AbortSignal): Promise<never> {
  return aborted(ending).then(() => {
    throw interrupted()
  })
}
