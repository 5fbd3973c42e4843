// Sees one sign-in attempt through: port first, then the plan, the browser, and the wait until it is settled.
import { attemptLease, awaitAttempt } from '../auth/askForLogin.ts'
import { answerOneOf, redirectCandidates } from '../auth/callbackPort.ts'
import type { Composed } from '../compose.ts'
import { asBridgeError, BridgeError } from '../errors.ts'
import type { Attempt } from '../ports.ts'

/** A login process that dies is succeeded after this long, in ms. */
const LEASE_MS = 3_000

export interface Telling {
  /** The address is known and, unless the person wants no browser, about to be opened. */
  opens(url: URL): void
  /** The browser did not open. */
  stuck(url: URL): void
}

/**
 * Resolves when the tokens are stored, by this process or another one.
 * @throws BridgeError as the attempt ended
 */
export async function seeThrough(
  composed: Composed,
  attempt: Attempt,
  ending: AbortSignal,
  telling: Telling,
): Promise<void> {
  const { attempts, leases } = await composed.store()
  const settled = () => awaitAttempt({ attempts, clock: composed.clock, tell: () => undefined }, attempt.id)
  const mine = await leases.take(attemptLease(attempt.id), LEASE_MS)
  if (!mine) return await Promise.race([settled(), rejectOn(ending)])
  try {
    await host(composed, attempt, ending, telling, settled)
  } catch (thrown) {
    const error = asBridgeError(thrown)
    composed.log.warn('oauth:sign-in-failed', { code: error.code, message: error.message })
    await attempts.settle(attempt.id, { status: 'failed', code: error.code, message: error.message })
    throw error
  } finally {
    mine.release()
  }
}

async function host(
  composed: Composed,
  attempt: Attempt,
  ending: AbortSignal,
  telling: Telling,
  settled: () => Promise<void>,
): Promise<void> {
  const { config, clock } = composed
  const { leases } = await composed.store()
  const [login, listener] = await Promise.all([composed.login(), composed.listener()])
  // An attempt that another process planned keeps its redirect URI: its tab may still be open.
  const candidates = attempt.plan
    ? [attempt.plan.redirectUri]
    : redirectCandidates(config.callbackUrls, composed.server().clientId !== undefined)
  const port = await answerOneOf(
    { listener, leases, clock, onCallback: login.answer, health: composed.health },
    candidates,
  )
  composed.log.info('oauth:callback', { outcome: 'listening', port: Number(new URL(port.redirectUri).port || 80) })
  try {
    if (!attempt.plan) {
      const url = await login.prepare(attempt, port.redirectUri)
      telling.opens(url)
      if (config.openBrowser) void openBrowser(composed, url, telling)
    }
    await Promise.race([settled(), port.lost, rejectOn(ending)])
  } finally {
    await port.close()
  }
}

/** An opener may return only after the redirect was followed, or fail: the wait goes on meanwhile. */
export async function openBrowser(composed: Composed, url: URL, telling: Telling): Promise<void> {
  try {
    await (await composed.browser()).open(url)
    composed.log.info('oauth:browser', { outcome: 'opened', origin: url.origin })
  } catch (thrown) {
    const error = asBridgeError(thrown)
    composed.log.warn('oauth:browser', { code: error.code, message: error.message })
    telling.stuck(url)
  }
}

function rejectOn(ending: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(new BridgeError('login_failed', { message: 'The sign-in was interrupted.' }))
    if (ending.aborted) stop()
    else ending.addEventListener('abort', stop, { once: true })
  })
}
