// Requests a sign-in: limits how often a tab opens by itself, begins or joins the attempt, starts a login process, and waits for the store to change.
import { asErrorCode, BridgeError } from '../../errors.ts'
import type { AttemptStore, Cause, Clock, Leases, LoginLauncher } from '../../ports.ts'
import type { Attempt, Challenge, TokenKey, Wishes } from '../../records.ts'
import { loginCommand } from '../../redaction/shownUrl.ts'

export interface AskOptions {
  readonly key: TokenKey
  readonly attempts: AttemptStore
  readonly leases: Leases
  readonly launcher: LoginLauncher
  readonly clock: Clock
  /** How long a sign-in may take, in ms. */
  readonly timeoutMs: number
  /** The sign-in options of this process; it accepts any pending sign-in. */
  readonly wishes?: Wishes
  /** Why a sign-in is asked for; left out: for a call. */
  readonly cause?: Cause
  /** What the login process needs besides the attempt. */
  readonly config: unknown
  /** Called once with the address to open, when it is known. */
  readonly tell: (authorizationUrl: string) => void
}

const POLL_MS = 100
/** A login process that has not taken its attempt after this long, or has died, is replaced. */
const ORPHAN_MS = 4_000
/** After a failed or abandoned sign-in, no other tab opens automatically for this long. */
export const COOL_DOWN_MS = 5 * 60_000
/** How many tabs open automatically in how many ms: for a server that refuses every token, and for one that always requires more scopes. */
const MOST_TABS = { 401: { times: 5, within: 30 * 60_000 }, 403: { times: 3, within: 60 * 60_000 } } as const
/** No code exchange takes longer: the process that started it is gone. */
const REDEEM_MS = 60_000

/** Held by the login process that owns this attempt. */
export const attemptLease = (id: string) => `attempt:${id}`
/** If a login process dies, another one takes over after this time, in ms. */
export const ATTEMPT_LEASE_MS = 3_000

/** Resolves when the tokens are stored. @throws BridgeError access_denied, login_timed_out, … as the attempt ended */
export async function askForLogin(options: AskOptions, challenge: Challenge): Promise<void> {
  const { key, attempts, leases, launcher, clock, timeoutMs, config, wishes = {} } = options
  const failed = await attempts.lastFailure(key, clock.now() - COOL_DOWN_MS)
  if (failed) throw afterFailure(failed)
  await refuseTooMany(options, challenge)
  const { attempt, begun } = await attempts.begin(key, challenge, clock.now() + timeoutMs, { wishes })
  if (begun) await launcher.launch({ attemptId: attempt.id, config })
  let seenAlive = clock.now()
  const watch = async (attemptId: string) => {
    if (await leases.isHeld(attemptLease(attemptId))) seenAlive = clock.now()
    if (clock.now() - seenAlive < ORPHAN_MS) return
    seenAlive = clock.now()
    await launcher.launch({ attemptId, config })
  }
  await awaitSignIn({ ...options, watch }, attempt.id)
}

/** Joining a sign-in opens no tab. @throws BridgeError unauthorized, insufficient_scope */
async function refuseTooMany({ key, attempts, clock }: AskOptions, { status }: Challenge): Promise<void> {
  const kind = status === 403 ? 403 : 401
  const { times, within } = MOST_TABS[kind]
  if ((await attempts.opened(key, clock.now() - within, kind)) < times) return
  const waiting = await attempts.open(clock.now())
  if (waiting.some(({ server, profile }) => server === key.server && profile === key.profile)) return
  throw new BridgeError(kind === 403 ? 'insufficient_scope' : 'unauthorized', {
    message: `The server required ${times} sign-ins within ${within / 60_000} minutes, so no further tab was opened.`,
    hint: `Run ${loginCommand(key.server, key.profile)}${kind === 403 ? ' --scope "…"' : ''} --force`,
  })
}

/** As `awaitAttempt`, and if another attempt replaces this one, until that has ended. */
export async function awaitSignIn(options: AwaitOptions, id: string): Promise<void> {
  for (let attemptId: string | undefined = id; attemptId !== undefined; )
    attemptId = await awaitAttempt(options, attemptId).then(
      () => undefined,
      (thrown: unknown) => {
        const successor = successorOf(thrown)
        if (successor === undefined) throw thrown
        return successor
      },
    )
}

/** The attempt that replaced the awaited one. */
export const successorOf = (thrown: unknown): string | undefined =>
  thrown instanceof BridgeError && typeof thrown.details.successor === 'string' ? thrown.details.successor : undefined

export interface AwaitOptions extends Pick<AskOptions, 'attempts' | 'clock' | 'tell'> {
  /** Called at every poll of the store. */
  readonly watch?: (attemptId: string) => Promise<void>
  /** Called with the query of a redirect that another process answered; for the process that owns the attempt. */
  readonly delivered?: (callback: string) => Promise<void>
}

/** @throws BridgeError as the attempt ended; with `successorOf` if another one replaced it */
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
      const message = 'The sign-in was interrupted while its code was exchanged.'
      await attempts.settle(id, { status: 'failed', code: 'login_failed', message })
    }
    if (attempt.plan && !told) tell(attempt.plan.authorizationUrl)
    told ||= attempt.plan !== undefined
    await watch?.(id)
    if (attempt.status === 'waiting' && attempt.plan?.callback !== undefined) await delivered?.(attempt.plan.callback)
  }
}

const asError = ({ errorCode, errorMessage, errorHint, successor }: Attempt) =>
  new BridgeError(asErrorCode(errorCode), {
    ...(errorMessage === undefined ? {} : { message: errorMessage }),
    ...(errorHint === undefined ? {} : { hint: errorHint }),
    ...(successor === undefined ? {} : { details: { successor } }),
  })

function afterFailure(attempt: Attempt): BridgeError {
  const { code, message } = asError(attempt)
  return new BridgeError(code, {
    message: `The last sign-in failed, so no new tab was opened: ${message}`,
    hint: `Run ${loginCommand(attempt.server, attempt.profile)}`,
  })
}
