// Bearer → caller: looked up by the hash of the token, and remembered for a few seconds
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../ports.ts'
import type { Caller, CallerStore } from '../ports.ts'

/** How long a caller is taken for known: a sign-in that is ended is refused everywhere after that. */
const KNOWN_MS = 5_000
const MOST_KNOWN = 20_000
/** A token that is unknown stays so for less: it may just have been issued. */
const UNKNOWN_MS = 2_000
const MOST_UNKNOWN = 20_000
/** Our own tokens are shorter; a header this long is not worth a hash. */
const LONGEST_TOKEN = 4_096
/** RFC 6750 section 2.1 */
const BEARER = /^bearer +([\w.~+/-]+=*) *$/i

const AUTHORIZATION = 'authorization'

export type Bearer =
  | { readonly kind: 'token'; readonly token: string }
  /** No header at all; one without the scheme; one that no token can be; more than one. */
  | { readonly kind: 'missing' | 'other_scheme' | 'malformed' | 'repeated' }

/** The bearer of a request. Node joins or drops headers that were sent twice, so the raw ones count. */
export function bearerOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): Bearer {
  let value: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length !== AUTHORIZATION.length || name.toLowerCase() !== AUTHORIZATION) continue
    if (value !== undefined) return { kind: 'repeated' }
    value = rawHeaders[at + 1] ?? ''
  }
  if (value === undefined) return { kind: 'missing' }
  const token = BEARER.exec(value)?.[1]
  if (token !== undefined && token.length <= LONGEST_TOKEN) return { kind: 'token', token }
  return { kind: /^bearer\b/i.test(value) ? 'malformed' : 'other_scheme' }
}

export interface Callers {
  find(tokenHash: string): Promise<Caller | undefined>
}

interface Remembered {
  readonly caller: Promise<Caller | undefined>
  /** By `awake`: a clock that is set back must not keep a sign-in that was ended. */
  readonly until: number
}

export function createCallers(store: Pick<CallerStore, 'byTokenHash'>, clock: Pick<Clock, 'now' | 'awake'>): Callers {
  const known = new Map<string, Remembered>()
  // In a map of their own, so that a flood of made-up tokens displaces nobody.
  const unknown = new Map<string, Remembered>()

  const recall = (map: Map<string, Remembered>, hash: string) => {
    const found = map.get(hash)
    if (found && found.until > clock.awake()) return found.caller
    map.delete(hash)
    return undefined
  }
  const ask = (hash: string): Promise<Caller | undefined> => {
    const at = clock.awake()
    const caller = store.byTokenHash(hash)
    const asked = { caller, until: at + KNOWN_MS }
    // While the store is asked, others with the same token wait for its answer.
    remember(known, hash, asked, MOST_KNOWN)
    const forget = () => known.get(hash) === asked && known.delete(hash)
    caller.then((found) => {
      if (found) return
      forget()
      remember(unknown, hash, { caller, until: at + UNKNOWN_MS }, MOST_UNKNOWN)
    }, forget)
    return caller
  }
  return {
    async find(hash) {
      const caller = await (recall(known, hash) ?? recall(unknown, hash) ?? ask(hash))
      return caller && caller.expiresAt > clock.now() ? caller : undefined
    },
  }
}

/** The oldest entry makes room. */
function remember(map: Map<string, Remembered>, hash: string, entry: Remembered, most: number): void {
  map.delete(hash)
  map.set(hash, entry)
  if (map.size <= most) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
