// Open streams: told when the sign-in that they were opened with has ended, and refused ones when another token is sent.
import type { Authorizer } from '../../ports.ts'

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

export interface Standing {
  /** A stream is asked for; `tell` is the same function each time for one that is opened again. Aborted `signal`: it is over. */
  add(tell: () => void, authorization: Authorization, signal: AbortSignal | undefined): void
  /** It was refused: it is told when another token is sent. */
  park(tell: () => void): void
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

export function createStanding(authorizer: Pick<Authorizer, 'outlived'>): Standing {
  const open = new Map<() => void, Opened>()
  const parked = new Map<() => void, Opened | undefined>()
  let latest: Authorization | undefined
  let looking: NodeJS.Timeout | undefined

  const endOutlived = async () => {
    for (const [tell, { authorization, signal }] of open)
      if (signal?.aborted) open.delete(tell)
      else if (await authorizer.outlived?.(authorization)) {
        open.delete(tell)
        tell()
      }
    if (open.size > 0) return
    clearInterval(looking)
    looking = undefined
  }
  // A database that cannot be read now is checked again.
  const look = () => void endOutlived().catch(() => undefined)

  const wake = () => {
    for (const [tell, refused] of parked)
      if (refused?.signal?.aborted) parked.delete(tell)
      else if (refused?.authorization.authorization !== latest?.authorization) {
        parked.delete(tell)
        tell()
      }
  }

  return {
    add(tell, authorization, signal) {
      parked.delete(tell)
      open.set(tell, { authorization, signal })
      if (authorizer.outlived) looking ??= setInterval(look, LOOK_MS).unref()
    },
    park(tell) {
      parked.set(tell, open.get(tell))
      open.delete(tell)
      wake()
    },
    sees(authorization) {
      if (latest === authorization) return
      latest = authorization
      if (open.size > 0) look()
      if (parked.size > 0) wake()
    },
  }
}
