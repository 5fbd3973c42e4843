// Open streams: whether their callers still may have them is asked again and again, of all streams of a process at once
import type { Caller, CallerStore, Person } from '../ports.ts'
import type { ServedServer } from '../settings.ts'

export interface StandingStream {
  readonly caller: Caller
  readonly tokenHash: string
  readonly served: ServedServer
}

export interface Standing {
  /**
   * Calls `end` when the caller may go on no longer. While that cannot be found out, the stream goes on.
   * @returns stops it
   */
  watch(stream: StandingStream, end: () => void): () => void
}

export interface StandingOptions {
  readonly callers: Pick<CallerStore, 'standing'>
  /** By the rules of access, as they are for what is known of the person now. */
  readonly isAllowed: (person: Person, served: ServedServer) => boolean
  readonly now: () => number
  /** Between two looks, in ms. */
  readonly everyMs: number
}

export function createStanding({ callers, isAllowed, now, everyMs }: StandingOptions): Standing {
  const watched = new Map<StandingStream, () => void>()
  let timer: NodeJS.Timeout | undefined
  let isLooking = false

  const lookAtAll = async () => {
    const asked = [...watched]
    const grants = await callers.standing([...new Set(asked.map(([{ caller }]) => caller.grantId))])
    const stands = ({ caller, tokenHash, served }: StandingStream) => {
      const grant = grants.get(caller.grantId)
      // A stream outlives its access token, as long as what the token was issued for stands.
      return grant && (caller.expiresAt <= now() || grant.tokens.has(tokenHash)) && isAllowed(grant.person, served)
    }
    for (const [stream, end] of asked) if (!stands(stream)) end()
  }
  const look = async () => {
    if (isLooking) return
    isLooking = true
    await lookAtAll().catch(() => undefined)
    isLooking = false
  }
  return {
    watch(stream, end) {
      watched.set(stream, end)
      timer ??= setInterval(() => void look(), everyMs).unref()
      return () => {
        watched.delete(stream)
        if (watched.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
