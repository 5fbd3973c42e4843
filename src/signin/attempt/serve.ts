// Sees to it that a login process serves an attempt: starts one, and another when that is gone; one starter at a time on this machine.
import type { Clock, Lease, Leases, LoginLauncher } from '../../ports.ts'
import type { Attempt, LoginJob } from '../../records.ts'

export interface ServeOptions {
  readonly leases: Leases
  readonly launcher: LoginLauncher
  readonly clock: Clock
  /** What the login process needs besides the attempt. */
  readonly config: unknown
  /** `asked for`: a person asked to sign in, so a tab opens also where a process serves the attempt without one. */
  readonly tab: 'asked for' | LoginJob['tab']
}

/** Held by the login process that owns this attempt. */
export const attemptLease = (id: string) => `attempt:${id}`
/** If a login process hangs, another one takes over after this time, in ms. */
export const ATTEMPT_LEASE_MS = 3_000
/** Held by the process that starts a login process for this attempt, until that owns it. */
const launchLease = (id: string) => `launch:${id}`
/** A login process that has not taken its attempt after this long is replaced. */
const LAUNCH_MS = 4_000
/** The shortest time between the first two starts, in ms; it doubles up to `LAUNCH_MS`, in case something ends each of them. */
const PAUSE_MS = 250
/** Whoever began or planned an attempt has this long to go on with it, in ms. */
const GRACE_MS = 1_000

export interface Serving {
  /** Called again and again with the attempt as it is. @throws what the launcher throws */
  look(attempt: Attempt): Promise<void>
  stop(): void
}

/** `begun`: the id of an attempt that this process has begun, which nobody else serves yet. */
export function serveAttempt(
  { leases, launcher, clock, config, tab }: ServeOptions,
  begun: string | undefined,
): Serving {
  let launching: { readonly id: string; readonly at: number; readonly lease: Lease } | undefined
  const tabsAskedFor = new Set<string>()
  let next = Number.NEGATIVE_INFINITY
  let pauseMs = PAUSE_MS

  const stop = () => {
    void launching?.lease.release()
    launching = undefined
  }
  const launch = (attemptId: string) => launcher.launch({ attemptId, config, tab: tab === 'none' ? 'none' : 'allowed' })

  const openTab = async ({ id, plan, openedAt }: Attempt) => {
    if (tab !== 'asked for' || !plan || openedAt !== undefined || tabsAskedFor.has(id)) return
    tabsAskedFor.add(id)
    await launch(id)
  }

  return {
    stop,
    async look(attempt) {
      const { id, updatedAt } = attempt
      if (launching && launching.id !== id) stop()
      // A clock that was set back must not make it wait.
      const isFresh = updatedAt <= clock.now() && clock.now() < updatedAt + GRACE_MS
      if (await leases.isHeld(attemptLease(id))) {
        stop()
        if (!isFresh) await openTab(attempt)
        return
      }
      if (launching ? clock.awake() - launching.at < LAUNCH_MS : isFresh && id !== begun) return
      if (clock.awake() < next) return
      const lease = launching?.lease ?? (await leases.take(launchLease(id), LAUNCH_MS))
      if (!lease) return
      launching = { id, at: clock.awake(), lease }
      next = clock.awake() + pauseMs
      pauseMs = Math.min(pauseMs * 2, LAUNCH_MS)
      await launch(id)
    },
  }
}
