// What the host was told in the server's place, whatever revision it speaks, and how it hears of what has changed.
import type { BridgeError } from '../../errors.ts'
import type { Cause, SignInWatch } from '../../ports.ts'
import type { Capability, ListMethod } from './answers.ts'

export interface ToldHere {
  /** Lists that were given here, until the host has those of the server. */
  readonly lists: Map<ListMethod, Readonly<Record<string, unknown>>>
  /** The tool that signs in, under the name the host knows it by. */
  signInTool?: string | undefined
  /** The host has had the server's own list of tools, so that no other process has told it the tool that signs in. */
  hasTools?: boolean
  /** Why the server is not there, as far as that is known. */
  reason?: BridgeError | undefined
  /** The code of the reason that the last list of tools told: '' for the tool alone, undefined for neither. */
  toldReason?: string | undefined
  /** When the host was told to load the tools of the server, in ms by Clock.awake; undefined: it has them, or none are new. */
  toolsChangedAt?: number | undefined
}

export interface News {
  readonly watch: SignInWatch
  /** Lets the host ask again for the lists of a capability. False: it hears of none. */
  readonly announce: (capability: Capability) => Promise<boolean>
}

/** Keeps why the server is not there, and lets the host ask again for the list that says so. Returns the reason to be told. */
export function noteFailure(told: ToldHere, error: BridgeError, cause: Cause, { watch, announce }: News): BridgeError {
  const reason = error.code === 'not_signed_in' ? (watch.failure ?? error) : error
  // A call has waited long enough; the sign-in goes on.
  if (reason.code === 'sign_in_pending') return reason
  told.reason = reason
  // A list is what asks in the background: to have it asked for again would never end.
  const isNews = told.lists.has('tools/list') && told.toldReason !== reason.code
  if (cause !== 'background' && isNews) announce('tools').catch(() => undefined)
  return reason
}

/** A sign-in that begins or ends changes what the host should know. `told`: what that is now; undefined: nothing. */
export function followSignIn<Told extends ToldHere>(
  { watch, announce }: News,
  told: () => Told | undefined,
  onEnd: (told: Told, failure: BridgeError | undefined) => void,
): void {
  let wasWaiting = watch.waiting
  watch.onChange(() => {
    const isOver = wasWaiting && !watch.waiting
    const hasBegun = !wasWaiting && watch.waiting
    wasWaiting = watch.waiting
    const now = told()
    // The host has tools, but not the one that signs in.
    if (hasBegun && now?.lists.has('tools/list') && now.toldReason === undefined)
      announce('tools').catch(() => undefined)
    if (isOver && now) onEnd(now, watch.failure)
  })
}

/** Something that others wait for. */
export interface Turn {
  readonly over: Promise<void>
  end(): void
}

export function createTurn(): Turn {
  let end: () => void = () => undefined
  const over = new Promise<void>((resolve) => {
    end = resolve
  })
  return { over, end: () => end() }
}

export interface Signal {
  /** Returns what stops it. */
  on(listener: () => void): () => void
  fire(): void
}

export function createSignal(): Signal {
  const listeners = new Set<() => void>()
  return {
    on(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    fire() {
      for (const listener of [...listeners]) listener()
    },
  }
}

/** Resolves when `over` aborts, or when something of the sign-in has changed and `wanted` holds. */
export const until = (watch: SignInWatch, wanted: () => boolean, over: AbortSignal) =>
  new Promise<void>((resolve) => {
    const look = () => {
      if (!wanted() && !over.aborted) return
      stop()
      over.removeEventListener('abort', look)
      resolve()
    }
    const stop = watch.onChange(look)
    over.addEventListener('abort', look)
    look()
  })
