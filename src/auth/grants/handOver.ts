// Passes a callback to the process that owns its sign-in, through the store: only that process knows the limits and trust of its server.
import { BridgeError, ERRORS } from '../../errors.ts'
import type { AttemptStore, Clock, Logger } from '../../ports.ts'
import type { Attempt, CallbackPage } from '../../records.ts'

export interface HandOverOptions {
  readonly attempts: Pick<AttemptStore, 'byId' | 'deliver' | 'settle'>
  readonly clock: Clock
  readonly log: Logger
}

const POLL_MS = 50
/** Long enough for the replacement of a dead process to exchange the code, in ms. */
const LONGEST_MS = 60_000

/** Resolves to the page of the outcome, whichever process caused it. */
export async function handOver(
  options: HandOverOptions,
  attempt: Attempt,
  query: URLSearchParams,
): Promise<CallbackPage> {
  const { attempts, clock, log } = options
  const { plan } = attempt
  if (!plan || plan.callback !== undefined) return { kind: 'invalid_state' }
  if (plan.bounds === undefined) return await refuse(options, attempt)
  if (!(await attempts.deliver(attempt, { ...plan, callback: query.toString() }))) return { kind: 'invalid_state' }
  log.info('oauth:callback', { outcome: 'handed over', server: attempt.server })
  const end = clock.awake() + Math.min(attempt.expiresAt - clock.now(), LONGEST_MS)
  for (; clock.awake() <= end; await clock.sleep(POLL_MS)) {
    const page = pageOf(await attempts.byId(attempt.id), attempt)
    if (page) return page
  }
  return failed(
    new BridgeError('login_timed_out', {
      message: 'The process that started this sign-in did not complete it.',
      hint: 'Start the sign-in again from your application.',
    }),
  )
}

/** undefined: not decided yet. */
function pageOf(now: Attempt | undefined, before: Attempt): CallbackPage | undefined {
  if (!now) return { kind: 'invalid_state' }
  if (now.status === 'finished') return { kind: 'done', server: now.server }
  if (now.status === 'failed') {
    const { errorCode = 'login_failed', errorMessage, errorHint } = now
    const { message, hint } = ERRORS.login_failed
    return { kind: 'failed', code: errorCode, message: errorMessage ?? message, hint: errorHint ?? hint }
  }
  if (now.state === before.state || !now.plan) return undefined
  return { kind: 'again', authorizationUrl: now.plan.authorizationUrl }
}

/** Processes of an older version do not look for it, and no other process knows the limits of its server. */
async function refuse({ attempts }: HandOverOptions, { id }: Attempt): Promise<CallbackPage> {
  const error = begunElsewhere()
  // Nobody refused anything.
  await attempts.settle(id, { status: 'failed', code: 'cancelled', message: error.message, hint: error.hint })
  return failed(error)
}

const failed = ({ code, message, hint }: BridgeError): CallbackPage => ({ kind: 'failed', code, message, hint })

const begunElsewhere = () =>
  new BridgeError('login_failed', {
    message: 'The sign-in was started with different settings, or by another version of this program.',
    hint: 'Start the sign-in again.',
  })
