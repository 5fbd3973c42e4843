// The table of routes: an ordered list of path patterns; the first that matches a decoded path answers it
import type { Handler } from '../ports.ts'
import type { ServedServer } from '../settings.ts'

/** `HEAD` is answered where GET is, and OPTIONS everywhere; no handler sees OPTIONS. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'DELETE'

export interface Route {
  /** `/auth/consent/:flow/back`: a segment that begins with a colon matches any one, and a last `*` whatever follows. */
  readonly pattern: string
  readonly methods: readonly Method[]
  /** Whose pages may ask: the gateway's own and those of `cors.origins`; or any, without credentials. */
  readonly origins: 'own' | 'any'
  /** Who asks: a person's browser by navigation, a program, or an MCP client with the headers of the protocol. */
  readonly asks: 'browser' | 'program' | 'mcp' | 'probe'
  /** For /mcp: the server behind it. */
  readonly served?: ServedServer
  readonly handler: Handler
}

export interface Match {
  readonly route: Route
  readonly parameters: Readonly<Record<string, string>>
  /** What the last `*` matched, with a leading slash, or ''. */
  readonly rest: string
}

/** What a table of routes does with a path as {@link readTarget} gives it; undefined: nothing is there. */
export type Table = (path: string) => Match | undefined

export function createTable(routes: readonly Route[]): Table {
  const rows = routes.map((route) => ({ route, match: compiled(route.pattern) }))
  return (path) => {
    const segments = path.split('/').slice(1)
    for (const { route, match } of rows) {
      const found = match(segments)
      if (found) return { route, ...found }
    }
    return undefined
  }
}

function compiled(pattern: string): (segments: readonly string[]) => Omit<Match, 'route'> | undefined {
  const parts = pattern.split('/').slice(1)
  const isOpen = parts.at(-1) === '*'
  const fixed = isOpen ? parts.slice(0, -1) : parts
  return (segments) => {
    if (isOpen ? segments.length < fixed.length : segments.length !== fixed.length) return undefined
    const parameters: [string, string][] = []
    for (const [index, part] of fixed.entries()) {
      const segment = segments[index] ?? ''
      const isName = part.startsWith(':')
      if (isName ? segment === '' : part !== segment) return undefined
      if (isName) parameters.push([part.slice(1), segment])
    }
    const rest = segments.slice(fixed.length)
    return { parameters: Object.fromEntries(parameters), rest: rest.length === 0 ? '' : `/${rest.join('/')}` }
  }
}
