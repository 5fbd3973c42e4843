// Asks for a person: begins or joins the sign-in attempt, has a login process see to it, and waits for the store to change.
import { asErrorCode, BridgeError } from '../errors.ts'
import type { AttemptStore, Clock, Leases, LoginLauncher } from '../ports.ts'
import type { Attempt, Challenge, TokenKey } from '../records.ts'

export interface AskOptions {
  readonly key: TokenKey
  readonly attempts: AttemptStore
  readonly leases: Leases
  readonly launcher: LoginLauncher
  readonly clock: Clock
  /** How long a sign-in may take, in ms. */
  readonly timeoutMs: number
  /** What the login process needs besides the attempt. */
  readonly config: unknown
  /** Called once with the address to open, when it is known. */
  readonly tell: (authorizationUrl: string) => void
}

const POLL_MS = 100
/** A login process that has not taken its attempt after this long, or has died, is replaced. */
const ORPHAN_MS = 4_000
/** After a sign-in that failed or was dismissed no other tab opens by itself for this long. */
export const COOL_DOWN_MS = 5 * 60_000
/** No code exchange takes longer: whoever redeemed it is gone. */
const REDEEM_MS = 60_000

/** Held by the login process that sees to this attempt. */
export const attemptLease = (id: string) => `attempt:${id}`

/** Resolves when the tokens are stored. @throws BridgeError access_denied, login_timed_out, … as the attempt ended */
export async function askForLogin(options: AskOptions, challenge: Challenge): Promise<void> {
  const { key, attempts, leases, launcher, clock, timeoutMs, config } = options
  const failed = await attempts.lastFailure(key, clock.now() - COOL_DOWN_MS)
  if (failed) throw afterFailure(failed)
  const { attempt, begun } = await attempts.begin(key, challenge, clock.now() + timeoutMs)
  if (begun) await launcher.launch({ attemptId: attempt.id, config })
  let seenAlive = clock.now()
  const watch = async () => {
    if (await leases.isHeld(attemptLease(attempt.id))) seenAlive = clock.now()
    if (clock.now() - seenAlive < ORPHAN_MS) return
    seenAlive = clock.now()
    await launcher.launch({ attemptId: attempt.id, config })
  }
  await awaitAttempt({ ...options, watch }, attempt.id)
}

export interface AwaitOptions extends Pick<AskOptions, 'attempts' | 'clock' | 'tell'> {
  /** Called at every look at the store. */
  readonly watch?: () => Promise<void>
  /** Called with the query of a redirect that another process answered; for whoever sees to the attempt. */
  readonly delivered?: (callback: string) => Promise<void>
}

export async function awaitAttempt(
  { attempts, clock, tell, watch, delivered }: AwaitOptions,
  id: string,
): Promise<void> {
  for (let told = false; ; await clock.sleep(POLL_MS)) {
    const attempt = await attempts.byId(id)
    if (attempt?.status === 'finished') return
    if (attempt?.status === 'failed') throw asError(attempt)
    if (!attempt || clock.now() > attempt.expiresAt) {
      const error = new BridgeError('login_timed_out')
      await attempts.settle(id, { status: 'failed', code: error.code, message: error.message })
      throw error
    }
    if (attempt.status === 'redeeming' && clock.now() - attempt.updatedAt > REDEEM_MS) {
      const message = 'The sign-in was cut off while its code was redeemed.'
      await attempts.settle(id, { status: 'failed', code: 'login_failed', message })
    }
    if (attempt.plan && !told) tell(attempt.plan.authorizationUrl)
    told ||= attempt.plan !== undefined
    await watch?.()
    if (attempt.status === 'waiting' && attempt.plan?.callback !== undefined) await delivered?.(attempt.plan.callback)
  }
}

const asError = ({ errorCode, errorMessage, errorHint }: Attempt) =>
  new BridgeError(asErrorCode(errorCode), {
    ...(errorMessage === undefined ? {} : { message: errorMessage }),
    ...(errorHint === undefined ? {} : { hint: errorHint }),
  })

function afterFailure(attempt: Attempt): BridgeError {
  const { code, message } = asError(attempt)
  return new BridgeError(code, {
    message: `The last sign-in failed, so no new tab was opened: ${message}`,
    hint: `Run mcp-oauth-bridge login ${attempt.server}${attempt.profile === 'default' ? '' : ` --profile ${attempt.profile}`}`,
  })
}
