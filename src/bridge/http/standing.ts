// Open streams: told when the sign-in that they were opened with has ended, or the machine has slept, and refused ones when another token is sent.
import { createSleepWatch } from '../../bounds.ts'
import type { Authorizer, Clock } from '../../ports.ts'

/** Aborts with the signal that it follows, or by itself. */
export interface Following {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
  /** It does not follow any more. */
  leave(): void
}

/** Not `AbortSignal.any`: on Node 20, a signal that serves one request after the other keeps something of each of those. */
export function follow(followed: AbortSignal): Following {
  const own = new AbortController()
  const leave = () => followed.removeEventListener('abort', abortToo)
  const abort = (reason?: unknown) => {
    leave()
    own.abort(reason)
  }
  const abortToo = () => abort(followed.reason)
  if (followed.aborted) abortToo()
  else followed.addEventListener('abort', abortToo)
  return { signal: own.signal, abort, leave }
}

export type Authorization = Readonly<Record<string, string>>

/**
 * Why a stream is told to end: its token counts no more, or the machine has slept. After that its connection may be gone without a word,
 * and TCP notices late (2 minutes to 12).
 */
export type StreamEnd = 'outlived' | 'slept'
export type TellStream = (why: StreamEnd) => void

export interface Standing {
  /** A stream is asked for; `tell` is the same function each time for one that is opened again. Aborted `signal`: it is over. */
  add(tell: TellStream, authorization: Authorization, signal: AbortSignal | undefined): void
  /** It was refused: it is told when another token is sent. */
  park(tell: TellStream): void
  /** A request is about to be sent with this. */
  sees(authorization: Authorization): void
}

interface Opened {
  /** What it was authorized with. */
  readonly authorization: Authorization
  readonly signal: AbortSignal | undefined
}

/** How often open streams are checked while nothing else is sent, in ms. */
const LOOK_MS = 5_000

/** `clock` left out: no sleep is seen. */
export function createStanding(
  authorizer: Pick<Authorizer, 'outlived'>,
  clock?: Pick<Clock, 'now' | 'awake'>,
): Standing {
  const open = new Map<TellStream, Opened>()
  const parked = new Map<TellStream, Opened | undefined>()
  const hasSlept = clock ? createSleepWatch(clock) : () => false
  let latest: Authorization | undefined
  let looking: NodeJS.Timeout | undefined

  const endOutlived = async () => {
    for (const [tell, { authorization, signal }] of open)
      if (signal?.aborted) open.delete(tell)
      else if (await authorizer.outlived?.(authorization)) {
        open.delete(tell)
        tell('outlived')
      }
    if (open.size > 0) return
    clearInterval(looking)
    looking = undefined
  }
  // A database that cannot be read now is checked again.
  const look = () => void endOutlived().catch(() => undefined)

  const endAfterSleep = () => {
    if (!hasSlept()) return
    const told = [...open]
    open.clear()
    for (const [tell, { signal }] of told) if (!signal?.aborted) tell('slept')
  }

  const wake = () => {
    for (const [tell, refused] of parked)
      if (refused?.signal?.aborted) parked.delete(tell)
      else if (refused?.authorization.authorization !== latest?.authorization) {
        parked.delete(tell)
        tell('outlived')
      }
  }

  return {
    add(tell, authorization, signal) {
      parked.delete(tell)
      open.set(tell, { authorization, signal })
      if (!authorizer.outlived && !clock) return
      looking ??= setInterval(() => {
        endAfterSleep()
        look()
      }, LOOK_MS).unref()
    },
    park(tell) {
      parked.set(tell, open.get(tell))
      open.delete(tell)
      wake()
    },
    sees(authorization) {
      endAfterSleep()
      if (latest === authorization) return
      latest = authorization
      if (open.size > 0) look()
      if (parked.size > 0) wake()
    },
  }
}
