// Mcp-Session-Id, sealed for its caller: another one's opens nothing, at whichever process it arrives
import type { Caller, GatewaySeal } from '../ports.ts'
import type { ServedServer } from '../settings.ts'

const MOST = 10_000

/** A session id as the server knows it, and as the client does. */
export interface SessionId {
  readonly plain: string
  readonly sealed: string
}

export interface SessionIds {
  /** undefined: it was not sealed for this caller and server. */
  open(sealed: string, served: ServedServer, caller: Caller): SessionId | undefined
  /** `sent`: that of the request, which is given again where the server names the same session. */
  seal(plain: string, sent: SessionId | undefined, served: ServedServer, caller: Caller): string
}

export function createSessionIds(seal: Pick<GatewaySeal, 'seal' | 'open'>): SessionIds {
  // Opening derives keys; a session is opened with every request. By place and text.
  const opened = new Map<string, SessionId>()
  const place = ({ path }: ServedServer, { person, clientId }: Caller) => ['mcp-session-id', path, person.id, clientId]
  const keep = (key: string, id: SessionId) => {
    opened.set(key, id)
    const [oldest] = opened.keys()
    if (opened.size > MOST && oldest !== undefined) opened.delete(oldest)
    return id
  }
  return {
    open(sealed, served, caller) {
      const where = place(served, caller)
      const key = JSON.stringify([...where, sealed])
      const known = opened.get(key)
      if (known) return known
      const plain = seal.open(sealed, where)
      return plain === undefined ? undefined : keep(key, { plain, sealed })
    },
    seal(plain, sent, served, caller) {
      if (sent?.plain === plain) return sent.sealed
      const where = place(served, caller)
      const sealed = seal.seal(plain, where)
      keep(JSON.stringify([...where, sealed]), { plain, sealed })
      return sealed
    },
  }
}
