// The sessions with a 2025 server: one for each set of capabilities that the host declares, and few of them.
import type { BridgeError } from '../../../errors.ts'
import type { PendingRequest } from '../../message/inFlight.ts'
import { orAborted } from '../orAborted.ts'
import type { Declared } from './declared.ts'
import { openSession, type Session, type SessionOptions } from './session.ts'

export interface Sessions {
  /**
   * Does `work` in the session of these capabilities, which is begun if there is none.
   * @throws BridgeError why there is none; the reason of the request's signal; what `work` throws
   */
  within<T>(declared: Declared, pending: PendingRequest, work: (session: Session) => Promise<T>): Promise<T>
  /** The one that was used last. */
  readonly latest: Session | undefined
  /** Never throws. */
  end(reason: BridgeError): Promise<void>
}

/** Hosts declare one set; a server may count its sessions. */
const MOST_SESSIONS = 4

interface Entry {
  readonly key: string
  readonly ready: Promise<Session>
  session: Session | undefined
  /** Whether it may ask a person to sign in. */
  readonly asksPerson: boolean
  /** Requests of the host that are on their way into it. */
  users: number
}

type Options = Omit<SessionOptions, 'declared' | 'onOver' | 'onLost' | 'ending'>

export function createSessions(options: Options, ended: BridgeError): Sessions {
  /** The least recently used first. */
  const entries = new Map<string, Entry>()
  const wake: (() => void)[] = []
  const ending = new AbortController()

  const onOver = () => {
    for (const one of wake.splice(0)) one()
  }

  const isIdle = ({ users, session }: Entry) => users === 0 && (!session || session.calls.size === 0)

  const endEntry = async (entry: Entry, reason: BridgeError) => {
    if (entries.get(entry.key) === entry) entries.delete(entry.key)
    const session = await entry.ready.catch(() => undefined)
    session?.listens.end('cancelled')
    await session?.end(reason)
  }

  const begin = (declared: Declared, { cause }: PendingRequest): Entry => {
    const { key } = declared
    const onLost = () => {
      if (entries.get(key) === entry) entries.delete(key)
    }
    const ready = openSession({ ...options, declared, onOver, onLost, ending: ending.signal }, cause)
    const entry: Entry = {
      key,
      ready,
      session: undefined,
      asksPerson: cause === 'call' || cause === 'signIn',
      users: 0,
    }
    entries.set(key, entry)
    ready.then((session) => {
      entry.session = session
    }, onLost)
    return entry
  }

  /** Resolves when there is one, or room for one. It has its user in the same turn, so that it is not ended for another one. */
  const find = async (declared: Declared, pending: PendingRequest): Promise<Entry> => {
    for (;;) {
      const entry = entries.get(declared.key) ?? (entries.size < MOST_SESSIONS ? begin(declared, pending) : undefined)
      if (entry) {
        entry.users++
        return entry
      }
      const idle = [...entries.values()].filter(isIdle)
      const one = idle.find(({ session }) => session?.listens.size === 0) ?? idle[0]
      if (one) void endEntry(one, ended)
      else await orAborted(new Promise<void>((resolve) => wake.push(resolve)), pending.signal)
    }
  }

  const enter = async (declared: Declared, pending: PendingRequest): Promise<[Entry, Session]> => {
    for (;;) {
      const entry = await find(declared, pending)
      const mayHelp = !entry.asksPerson && (pending.cause === 'call' || pending.cause === 'signIn')
      try {
        return [entry, entry.session ?? (await orAborted(entry.ready, pending.signal))]
      } catch (thrown) {
        leave(entry)
        // It failed for one that may not ask a person.
        if (!mayHelp || pending.signal.aborted || ending.signal.aborted) throw thrown
      }
    }
  }

  const leave = (entry: Entry) => {
    entry.users--
    if (isIdle(entry)) onOver()
  }

  return {
    async within(declared, pending, work) {
      ending.signal.throwIfAborted()
      const [entry, session] = await enter(declared, pending)
      if (entries.delete(entry.key)) entries.set(entry.key, entry)
      try {
        return await work(session)
      } finally {
        leave(entry)
      }
    },
    get latest() {
      return [...entries.values()].reverse().find(({ session }) => session)?.session
    },
    async end(reason) {
      const all = [...entries.values()]
      entries.clear()
      for (const { session } of all) session?.listens.end('complete')
      ending.abort(reason)
      await Promise.all(all.map(({ session }) => session?.end(reason)))
    },
  }
}
