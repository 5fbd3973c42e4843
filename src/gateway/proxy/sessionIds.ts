// Mcp-Session-Id, sealed for its caller: another one's opens nothing, at whichever process it arrives
import type { Caller, GatewaySeal } from '../ports.ts'
import type { ServedServer } from '../settings.ts'

const MOST = 10_000

/** A session id as the server knows it, and as the client does. */
export interface SessionId {
  readonly plain: string
  readonly sealed: string
}

interface Opened extends SessionId {
  readonly where: readonly string[]
}

export interface SessionIds {
  /** undefined: it was not sealed for this caller and server. */
  open(sealed: string, served: ServedServer, caller: Caller): SessionId | undefined
  /** `sent`: that of the request, which is given again where the server names the same session. */
  seal(plain: string, sent: SessionId | undefined, served: ServedServer, caller: Caller): string
}

export function createSessionIds(seal: Pick<GatewaySeal, 'seal' | 'open'>): SessionIds {
  // Opening derives keys; a session is opened with every request. By place and text.
  const opened = new Map<string, Opened>()
  const place = ({ path }: ServedServer, { person, clientId }: Caller) => ['mcp-session-id', path, person.id, clientId]
  const keep = (id: Opened) => {
    opened.set(id.sealed, id)
    const [oldest] = opened.keys()
    if (opened.size > MOST && oldest !== undefined) opened.delete(oldest)
    return id
  }
  return {
    open(sealed, served, caller) {
      const where = place(served, caller)
      const known = opened.get(sealed)
      // What is sealed for one place opens at no other.
      if (known) return where.every((part, index) => part === known.where[index]) ? known : undefined
      const plain = seal.open(sealed, where)
      return plain === undefined ? undefined : keep({ plain, sealed, where })
    },
    seal(plain, sent, served, caller) {
      if (sent?.plain === plain) return sent.sealed
      const where = place(served, caller)
      const sealed = seal.seal(plain, where)
      keep({ plain, sealed, where })
      return sealed
    },
  }
}
