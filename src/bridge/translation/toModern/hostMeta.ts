// What a 2025 host said once, in its initialize and with its log level, as 2026-07-28 wants it: in the `_meta` of each request.
import { META, MODERN } from '../../era/revisions.ts'
import type { Message, RawId } from '../../message/message.ts'
import { type Bytes, find, stringIn } from '../../message/pick.ts'
import { textAt } from '../../message/scan.ts'
import { type Change, splice } from '../../message/splice.ts'

export interface HostMeta {
  /** JSON texts. */
  readonly clientInfo: Bytes
  readonly capabilities: Bytes
  /** The same capabilities, read. */
  readonly supports: Supports
  /** The revision it asked for; undefined: it named none. */
  readonly wanted?: string | undefined
}

export type Supports = Readonly<Record<string, unknown>>

const UNKNOWN = Buffer.from('{"name":"mcp-oauth-bridge","version":"0"}')
const NONE = Buffer.from('{}')

/** Before it has said initialize. */
export const NOBODY: HostMeta = { clientInfo: UNKNOWN, capabilities: NONE, supports: {} }

/** Capabilities of 2025 that are gone in 2026: the tasks of the core, and the host telling that its roots have changed. */
const GONE: readonly Change[] = [
  { path: ['tasks'], json: undefined },
  { path: ['roots', 'listChanged'], json: undefined },
  { path: ['extensions', 'io.modelcontextprotocol/tasks'], json: undefined },
]

export function hostIn({ bytes }: Message): HostMeta {
  const capabilities = objectIn(bytes, 'capabilities')
  const kept = capabilities ? splice(capabilities, GONE) : NONE
  return {
    clientInfo: objectIn(bytes, 'clientInfo') ?? UNKNOWN,
    capabilities: kept,
    supports: JSON.parse(textAt(kept, { start: 0, end: kept.length })) as Supports,
    wanted: stringIn(bytes, find(bytes, ['params', 'protocolVersion'])),
  }
}

function objectIn(bytes: Bytes, name: string): Bytes | undefined {
  const span = find(bytes, ['params', name])
  return span && bytes[span.start] === OPEN_BRACE ? bytes.slice(span.start, span.end) : undefined
}

const OPEN_BRACE = 123
const VERSION = JSON.stringify(MODERN)

/** What a retry carries beside the original parameters (MCP 2026-07-28, "Multi Round-Trip Requests"); JSON texts. */
export interface Round {
  readonly inputResponses: Bytes | undefined
  readonly requestState: Bytes | undefined
}

/** The request under an id of ours, and otherwise as the host wrote it. `logLevel`: the JSON text of the level it has set. */
export function toModernRequest(
  request: Message,
  id: RawId,
  { clientInfo, capabilities }: HostMeta,
  logLevel: string | undefined,
  round?: Round,
): Message {
  const meta = (name: string, json: Change['json']): Change => ({ path: ['params', '_meta', name], json })
  const changes: Change[] = [
    { path: ['id'], json: id },
    meta(META.version, VERSION),
    meta(META.client, clientInfo),
    meta(META.capabilities, capabilities),
  ]
  if (logLevel !== undefined) changes.push(meta(META.logLevel, logLevel))
  if (round?.inputResponses) changes.push({ path: ['params', 'inputResponses'], json: round.inputResponses })
  if (round?.requestState) changes.push({ path: ['params', 'requestState'], json: round.requestState })
  return { ...request, asks: [id], bytes: splice(request.bytes, changes) }
}
