// How a server describes itself, from one era to the other: InitializeResult (MCP 2025-11-25, "Lifecycle") ↔ DiscoverResult (MCP 2026-07-28, "Discovery").
import { LEGACY, META, MODERN, NEWEST_LEGACY } from '../era/revisions.ts'
import { type Bytes, find, stringIn } from '../message/pick.ts'
import { type Span, textAt } from '../message/scan.ts'
import { type Change, splice } from '../message/splice.ts'
import { isObjectAt } from '../message/walk.ts'
import { withoutMeta } from './meta.ts'

export interface Opening {
  /** The revision that the host's initialize asks for; undefined: it names none. */
  readonly wanted: string | undefined
  /** The server's, whose host is the name of a server that gives none. */
  readonly url: URL
}

/** Tasks are not carried from one era to the other: those of 2025 are in the core, those of 2026 an extension. */
const WITHOUT_TASKS: readonly Change[] = [
  { path: ['capabilities', 'tasks'], json: undefined },
  { path: ['capabilities', 'extensions', 'io.modelcontextprotocol/tasks'], json: undefined },
]

/**
 * The `result` of an answer to initialize, from that of an answer to server/discover; both are JSON text. What the server says
 * besides stays as it is.
 */
export function toInitializeResult(discover: Bytes, { wanted, url }: Opening): string {
  const revision = LEGACY.find((known) => known === wanted) ?? NEWEST_LEGACY
  const server = objectIn(discover, ['_meta', META.server]) ?? objectIn(discover, ['serverInfo'])
  return spliced(discover, [
    ...['resultType', 'supportedVersions', 'ttlMs', 'cacheScope'].map(gone),
    { path: ['protocolVersion'], json: JSON.stringify(revision) },
    ...capabilities(discover),
    { path: ['serverInfo'], json: server ? named(discover, server, url) : JSON.stringify(unnamed(url)) },
    // The server's name and version have a member of their own in 2025.
    withoutMeta(discover, ['_meta'], META.server),
    ...instructions(discover),
  ])
}

/** The `result` of an answer to server/discover, from that of an answer to initialize; both are JSON text. */
export function toDiscoverResult(initializeResult: Bytes): string {
  const server = objectIn(initializeResult, ['serverInfo'])
  return spliced(initializeResult, [
    { path: ['resultType'], json: '"complete"' },
    { path: ['supportedVersions'], json: JSON.stringify([MODERN]) },
    gone('protocolVersion'),
    ...capabilities(initializeResult),
    gone('serverInfo'),
    ...(server
      ? [{ path: ['_meta', META.server], json: textAt(initializeResult, server) }]
      : withoutOddMeta(initializeResult)),
    ...instructions(initializeResult),
    { path: ['ttlMs'], json: '0' },
    { path: ['cacheScope'], json: '"private"' },
  ])
}

const gone = (member: string): Change => ({ path: [member], json: undefined })

const spliced = (bytes: Bytes, changes: readonly Change[]): string => {
  const result = splice(bytes, changes)
  return textAt(result, { start: 0, end: result.length })
}

/** The last member of that name, if it is an object. */
function objectIn(bytes: Bytes, path: readonly string[]): Span | undefined {
  const at = find(bytes, path)
  return at && isObjectAt(bytes, at.start) ? at : undefined
}

const capabilities = (bytes: Bytes): readonly Change[] =>
  objectIn(bytes, ['capabilities']) ? WITHOUT_TASKS : [{ path: ['capabilities'], json: '{}' }]

/** The same member in both eras; hosts refuse one that is not a text. */
function instructions(bytes: Bytes): readonly Change[] {
  const at = find(bytes, ['instructions'])
  return at && stringIn(bytes, at, bytes.length) === undefined ? [gone('instructions')] : []
}

const withoutOddMeta = (bytes: Bytes): readonly Change[] => (objectIn(bytes, ['_meta']) ? [] : [gone('_meta')])

/** Hosts of 2025 refuse a server without name or version. */
const unnamed = (url: URL) => ({ name: url.host, version: 'unknown' })

function named(bytes: Bytes, server: Span, url: URL): string {
  const missing = Object.entries(unnamed(url)).filter(
    ([member]) => stringIn(bytes, find(bytes, [member], server), bytes.length) === undefined,
  )
  const own = bytes.subarray(server.start, server.end)
  return spliced(
    own,
    missing.map(([member, value]) => ({ path: [member], json: JSON.stringify(value) })),
  )
}
