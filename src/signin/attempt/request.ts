// Requests a sign-in: limits how often a tab opens by itself, begins or joins the attempt, starts a login process, and waits for the store to change.
import { asBridgeError, asErrorCode, BridgeError, ERRORS, type ErrorCode } from '../../errors.ts'
import type { AttemptStore, Cause } from '../../ports.ts'
import { type Attempt, type Challenge, sameKey, type TokenKey, type Wishes } from '../../records.ts'
import { loginCommand, shownUrl } from '../../redaction/shownUrl.ts'
import { type ServeOptions, serveAttempt } from './serve.ts'

export interface AskOptions extends Omit<ServeOptions, 'tab'> {
  readonly key: TokenKey
  readonly attempts: AttemptStore
  /** How long a sign-in may take, in ms. */
  readonly timeoutMs: number
  /** The sign-in options of this process; it accepts any pending sign-in. */
  readonly wishes?: Wishes
  /** Called with each address to open, when it is known; and with the reason where no tab opens by itself. */
  readonly tell: (authorizationUrl: string, whyNoTab?: string) => void
  /** Whether somebody has signed in since this was wanted; they may have in the moment before it was begun. */
  readonly isOver?: () => Promise<boolean>
  /** Called at each look at the store that finds the sign-in neither completed nor failed. */
  readonly stillWaits?: () => void
}

const POLL_MS = 100
/** After a refused or abandoned sign-in, no tab opens by itself for this long. */
export const COOL_DOWN_MS = 5 * 60_000
/** How many tabs open by themselves in how many ms: for a server that refuses every token, and for one that always requires more scopes. */
const MOST_TABS = { 401: { times: 5, within: 30 * 60_000 }, 403: { times: 3, within: 60 * 60_000 } } as const
/** No code exchange takes longer: the process that started it is gone. */
const REDEEM_MS = 60_000

/**
 * Joins or begins an attempt and waits for its end. Where a tab must not open by itself, a call gets the address at once, a start is refused
 * unless a sign-in waits already, and a person who asks to sign in gets a tab in any case. Resolves when the tokens are stored.
 * @throws BridgeError access_denied, login_timed_out, … as the attempt ended
 */
export async function askForLogin(options: AskOptions, challenge: Challenge, cause: Cause = 'call'): Promise<void> {
  try {
    await askOnce(options, challenge, cause)
  } catch (thrown) {
    if (!isGone(thrown)) throw thrown
    await askOnce(options, challenge, cause)
  }
}

async function askOnce(options: AskOptions, challenge: Challenge, cause: Cause): Promise<void> {
  const { key, attempts, clock, timeoutMs, tell, stillWaits, wishes = {} } = options
  const quiet = await findQuiet(options, challenge)
  if (quiet && cause === 'start' && !(await isOpen(options))) throw withLogin(quiet.code, quiet.why, key)
  const { attempt, begun } = await attempts.begin(key, challenge, clock.now() + timeoutMs, { wishes })
  if (begun && (await options.isOver?.())) return await attempts.settle(attempt.id, { status: 'finished' })
  const tab = cause === 'signIn' ? 'asked for' : quiet ? 'none' : 'allowed'
  const serving = serveAttempt({ ...options, tab }, begun ? attempt.id : undefined)
  const watch = (found: Attempt) => {
    stillWaits?.()
    return serving.look(found)
  }
  try {
    await awaitSignIn(
      { ...options, tell: (url) => tell(url, cause === 'signIn' ? undefined : quiet?.why), watch },
      attempt.id,
    )
  } catch (thrown) {
    const { code, message } = asBridgeError(thrown)
    // Nobody saw a tab: they are told why, and what opens one.
    throw quiet && code === 'login_timed_out' ? withLogin(code, `${message} ${quiet.why}`, key) : thrown
  } finally {
    serving.stop()
  }
}

/** Why no tab opens by itself; undefined: one may. */
async function findQuiet({ key, attempts, clock }: AskOptions, { status }: Challenge) {
  const failed = await attempts.lastFailure(key, clock.now() - COOL_DOWN_MS, isRefusal)
  if (failed) {
    const { code, message } = asError(failed)
    return { code, why: `The last sign-in failed: ${message}` } as const
  }
  const kind = status === 403 ? 403 : 401
  const { times, within } = MOST_TABS[kind]
  if ((await attempts.opened(key, clock.now() - within, kind)) < times) return undefined
  const code = kind === 403 ? 'insufficient_scope' : 'unauthorized'
  return { code, why: `The server required ${times} sign-ins within ${within / 60_000} minutes.` } as const
}

/** A person or a server refused, or nobody came. Anything else that ends a sign-in, such as a lost connection, lets the next tab open. */
function isRefusal(errorCode: string): boolean {
  const code = asErrorCode(errorCode)
  return ERRORS[code].exit === 3 && code !== 'port_in_use' && code !== 'browser_failed'
}

async function isOpen({ key, attempts, clock }: AskOptions): Promise<boolean> {
  return (await attempts.open(clock.now())).some(sameKey(key))
}

const withLogin = (code: ErrorCode, message: string, { server, profile }: TokenKey) =>
  new BridgeError(code, {
    message,
    hint: `Call a tool of this server again: the answer has an address to sign in at. Or run ${loginCommand(server, profile)}`,
  })

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

export interface AwaitOptions extends Pick<AskOptions, 'attempts' | 'clock'> {
  /** Called with the address to open, when it is known; and with the next one where another round replaces it. */
  readonly tell: (authorizationUrl: string) => void
  /** Called at every poll of the store with what was read. */
  readonly watch?: (attempt: Attempt) => Promise<void>
  /** Called with the query of a redirect that another process answered; for the process that owns the attempt. */
  readonly delivered?: (callback: string) => Promise<void>
}

const timedOut = ({ server }: TokenKey) => `The sign-in to ${shownUrl(server)} was not completed in time.`

/** Somebody has deleted the database, or put another one in its place. */
const gone = () =>
  new BridgeError('login_failed', {
    message: 'The sign-in is lost: the database that it began in was deleted or replaced.',
    hint: 'Sign in again.',
    details: { gone: true },
  })
const isGone = (thrown: unknown) => thrown instanceof BridgeError && thrown.details.gone === true

/** @throws BridgeError as the attempt ended; with `successorOf` if another one replaced it */
export async function awaitAttempt(
  { attempts, clock, tell, watch, delivered }: AwaitOptions,
  id: string,
): Promise<void> {
  let expiresAt = Number.POSITIVE_INFINITY
  for (let told: string | undefined; ; await clock.sleep(POLL_MS)) {
    const attempt = await attempts.byId(id)
    // One that has expired may have been tidied away.
    if (!attempt && clock.now() <= expiresAt) throw gone()
    expiresAt = attempt?.expiresAt ?? expiresAt
    if (attempt?.status === 'finished') return
    if (attempt?.status === 'failed') throw asError(attempt)
    if (!attempt || clock.now() > attempt.expiresAt) {
      const error = new BridgeError('login_timed_out', attempt ? { message: timedOut(attempt) } : {})
      await attempts.settle(id, { status: 'failed', code: error.code, message: error.message })
      throw error
    }
    if (attempt.status === 'redeeming' && Math.abs(clock.now() - attempt.updatedAt) > REDEEM_MS) {
      const message = 'The sign-in was interrupted while its code was exchanged.'
      await attempts.settle(id, { status: 'failed', code: 'cancelled', message })
    }
    const address = attempt.plan?.authorizationUrl
    if (address !== undefined && address !== told) tell(address)
    told = address
    await watch?.(attempt)
    if (attempt.status === 'waiting' && attempt.plan?.callback !== undefined) await delivered?.(attempt.plan.callback)
  }
}

/** Whoever waits has cancelled nothing. */
const asError = ({ errorCode, errorMessage, errorHint, successor }: Attempt) =>
  new BridgeError(errorCode === 'cancelled' ? 'login_failed' : asErrorCode(errorCode), {
    ...(errorMessage === undefined ? {} : { message: errorMessage }),
    ...(errorHint === undefined ? {} : { hint: errorHint }),
    ...(successor === undefined ? {} : { details: { successor } }),
  })
