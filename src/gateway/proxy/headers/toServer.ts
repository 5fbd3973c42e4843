// Headers towards an MCP server: what the client may say is kept, and then what only the gateway may say is set
import type { IncomingHttpHeaders } from 'node:http'
import type { ServedServer, ServeSettings } from '../../settings.ts'
import { isNeeded, isOfProxies, isProtocol, isReserved, matcher, namedByConnection, plainName } from './names.ts'

type Headers = Record<string, string>

export interface HeaderRules {
  /** Of a client's headers, those that may go on; names in lower case. */
  fromClient(headers: IncomingHttpHeaders): Headers
  /** Whether `forward_headers` and `blocked_headers` let this header of ours go to the server. */
  sends(name: string): boolean
  /** Whether the bearer for the server is ours: `forward_headers` lets it go, and the operator has configured no other. */
  readonly sendsBearer: boolean
  /** Adds what the gateway says to `kept`: names in any case. Configured headers override it, and blocked ones are removed at the end. */
  withOurs(kept: Headers, ours: Readonly<Headers>): Headers
}

/** The rules for one server. */
export function createHeaderRules(
  {
    forwardHeaders,
    blockedHeaders,
    userHeaders,
  }: Pick<ServeSettings, 'forwardHeaders' | 'blockedHeaders' | 'userHeaders'>,
  { headers: configured }: Pick<ServedServer, 'headers'>,
): HeaderRules {
  const forwards = matcher(forwardHeaders)
  const namesExactly = new Set(forwardHeaders.map((name) => name.toLowerCase()))
  const blocks = matcher(blockedHeaders)
  const own = new Set([...Object.keys(userHeaders), ...Object.keys(configured)].map(plainName))
  const isOurs = (name: string) => own.has(plainName(name)) || isReserved(plainName(name))

  const mayPass = (name: string) => {
    if (isOurs(name)) return false
    if (isProtocol(name)) return true
    // A server may read `mcp_session_id` as Mcp-Session-Id: what looks like a header of the protocol is spelled like one.
    if (isProtocol(plainName(name))) return false
    return forwards(name) && (namesExactly.has(name) || !isOfProxies(plainName(name)))
  }
  // Clients send the same few names again and again.
  const decided = new Map<string, boolean>()
  const passes = (name: string) => {
    const known = decided.get(name)
    if (known !== undefined) return known
    const verdict = mayPass(name)
    if (decided.size < 1_000) decided.set(name, verdict)
    return verdict
  }

  const sends = (name: string) => forwards(name) && !blocks(name)
  const configuredPlain = Object.entries(configured).map(([name, value]) => [name.toLowerCase(), value] as const)

  return {
    fromClient(headers) {
      const ofConnection = namedByConnection(headers.connection)
      const kept: Headers = {}
      for (const name in headers) {
        const value = headers[name]
        if (value === undefined || !passes(name) || ofConnection.has(name)) continue
        kept[name] = typeof value === 'string' ? value : value.join(', ')
      }
      return kept
    },
    sends,
    sendsBearer: sends('authorization') && !configuredPlain.some(([name]) => name === 'authorization'),
    withOurs(kept, ours) {
      const all = kept
      for (const name in ours) all[name.toLowerCase()] = ours[name] ?? ''
      for (const [name, value] of configuredPlain) all[name] = value
      if (blockedHeaders.length > 0)
        for (const name of Object.keys(all)) if (blocks(name) && !isNeeded(name)) delete all[name]
      return all
    },
  }
}
