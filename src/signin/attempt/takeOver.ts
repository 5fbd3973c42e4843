// What a process that is gone left of an attempt, made ready for this one: the open tab still counts.
import { leaveToFormer } from '../../auth/tokens/formerHolder.ts'
import type { Lease } from '../../ports.ts'
import type { Attempt } from '../../records.ts'
import type { SignInDeps } from '../deps.ts'

type TakeOverDeps = Pick<SignInDeps, 'attempts' | 'clock' | 'log' | 'settings' | 'authorizationCode'>

/**
 * The attempt as its former holder leaves it. One that hangs may still exchange the code: for a second exchange, the server may revoke
 * the tokens of the first (RFC 6749 section 4.1.2).
 */
export async function leftBy(
  lease: Lease,
  attempt: Attempt,
  { attempts, clock }: Pick<TakeOverDeps, 'attempts' | 'clock'>,
): Promise<Attempt> {
  if (attempt.status !== 'redeeming') return attempt
  let found = attempt
  await leaveToFormer(lease, clock, async () => {
    found = (await attempts.byId(attempt.id)) ?? found
    return found.status !== 'redeeming'
  })
  return found
}

/**
 * The same attempt, to be planned or to wait for its callback. It is replaced by a new one if it was planned with other settings, by
 * which its code must not be exchanged.
 */
export async function resumable(deps: TakeOverDeps, attempt: Attempt): Promise<Attempt> {
  const { attempts, clock, log, settings } = deps
  if (!attempt.plan) return attempt
  const login = await deps.authorizationCode()
  if (!login.resume(attempt)) {
    const { wishes, sessionTimeoutMs } = settings
    const expiresAt = clock.now() + sessionTimeoutMs
    const asking = { wishes, fits: () => false }
    log.info('oauth:sign-in', { outcome: 'begun again', server: attempt.server, reason: 'other settings' })
    return (await attempts.begin(attempt, attempt.challenge, expiresAt, asking)).attempt
  }
  if (attempt.status !== 'redeeming') return attempt
  // Whether the server has seen the code is not known, so it is exchanged once more.
  const plan = { ...attempt.plan, interrupted: true } as const
  await attempts.planAgain(attempt.id, attempt.state, plan)
  return { ...attempt, status: 'waiting', plan }
}
