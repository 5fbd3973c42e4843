// The one listen stream of a 2025 host: opened for what is wanted now, in the place of the one before, which is closed only then.
import { asBridgeError, BridgeError } from '../../../errors.ts'
import type { Clock } from '../../../ports.ts'
import type { List } from '../changing.ts'
import { orAborted } from '../orAborted.ts'
import { type ListenStream, type ListenStreamOptions, openListenStream } from './listenStream.ts'

export interface HostStreamOptions extends ListenStreamOptions {
  /** The lists whose changes the server tells. */
  readonly lists: readonly List[]
  readonly clock: Clock
  /** How long an acknowledgment may take, in ms; 0: no limit. */
  readonly timeoutMs: number
}

export interface HostStream {
  readonly current: ListenStream | undefined
  /** The resources that the server has agreed to tell of. */
  readonly agreed: ReadonlySet<string>
  /** There was a time without a stream; to be set back by whoever tells the host. */
  isMissed: boolean
  /** Somebody waits for another stream than the current one. */
  readonly isAwaited: boolean
  /** Resolves once the server has agreed, or not: false. @throws BridgeError why there is no stream with it */
  add(uri: string): Promise<boolean>
  /** Resolves once there is a stream without it, or none. undefined: there was none with it. */
  remove(uri: string): Promise<boolean> | undefined
  /** Opens the stream for what is wanted, or none. Returns why that has failed; then the stream before stays. */
  replace(signal: AbortSignal): Promise<BridgeError | undefined>
  /** Whoever waits gets this error. */
  end(reason: BridgeError): void
}

interface Waiter {
  /** undefined: it wants one resource less. */
  readonly uri: string | undefined
  readonly settle: (isAgreed: boolean) => void
  readonly fail: (error: BridgeError) => void
}

export function createHostStream(options: HostStreamOptions): HostStream {
  const { lists, clock, timeoutMs } = options
  const uris = new Set<string>()
  const waiters: Waiter[] = []
  let current: ListenStream | undefined
  let agreed: ReadonlySet<string> = new Set()
  let isMissed = false

  const wait = (uri: string | undefined) => {
    const settled = new Promise<boolean>((settle, fail) => waiters.push({ uri, settle, fail }))
    // Whoever waits may have gone.
    settled.catch(() => undefined)
    return settled
  }

  const acknowledged = async (stream: ListenStream): Promise<ReadonlySet<string>> => {
    if (timeoutMs === 0) return stream.acknowledged
    const over = new AbortController()
    const late = clock.sleep(timeoutMs, over.signal).then(() => Promise.reject(new BridgeError('server_timeout')))
    try {
      return await Promise.race([stream.acknowledged, late])
    } finally {
      over.abort()
    }
  }

  const use = (next: ListenStream | undefined) => {
    current?.close()
    current = next
    void next?.over.then(() => {
      if (current !== next) return
      current = undefined
      isMissed = true
    })
  }

  const settle = (mine: readonly Waiter[]) => {
    for (const { uri, settle: tell } of mine) {
      const isAgreed = uri !== undefined && agreed.has(uri)
      if (uri !== undefined && !isAgreed) uris.delete(uri)
      tell(isAgreed)
    }
  }

  return {
    get current() {
      return current
    },
    get agreed() {
      return agreed
    },
    get isMissed() {
      return isMissed
    },
    set isMissed(value) {
      isMissed = value
    },
    get isAwaited() {
      return waiters.length > 0
    },
    async add(uri) {
      if (current && agreed.has(uri) && uris.has(uri)) return true
      uris.add(uri)
      return wait(uri)
    },
    remove: (uri) => (uris.delete(uri) ? wait(undefined) : undefined),
    async replace(signal) {
      const mine = waiters.splice(0)
      if (lists.length === 0 && uris.size === 0) {
        use(undefined)
        agreed = new Set()
        settle(mine)
        return undefined
      }
      const isForHost = mine.some(({ uri }) => uri !== undefined)
      const next = openListenStream(options, { lists, uris: [...uris] }, isForHost ? 'start' : 'background')
      try {
        agreed = await orAborted(acknowledged(next), signal)
      } catch (thrown) {
        next.close()
        const error = asBridgeError(thrown)
        for (const { uri, fail } of mine) {
          if (uri !== undefined && !agreed.has(uri)) uris.delete(uri)
          fail(error)
        }
        return error
      }
      use(next)
      settle(mine)
      return undefined
    },
    end(reason) {
      use(undefined)
      for (const { fail } of waiters.splice(0)) fail(reason)
    },
  }
}
