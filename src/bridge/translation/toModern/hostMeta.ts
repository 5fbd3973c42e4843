// What a 2025 host said once, in its initialize and with its log level, as 2026-07-28 wants it: in the `_meta` of each request.
import { hostInfoIn, UNKNOWN } from '../../era/hostInfo.ts'
import { META, MODERN } from '../../era/revisions.ts'
import type { HostInfo } from '../../era/serverEra.ts'
import type { Message, RawId } from '../../message/message.ts'
import { type Bytes, find, stringIn } from '../../message/pick.ts'
import { type Change, splice } from '../../message/splice.ts'
import { carried, type HostCan, hostCan } from '../hostCan.ts'

export interface HostMeta {
  /** JSON texts. */
  readonly clientInfo: Bytes
  readonly capabilities: Bytes
  /** The same capabilities, read. */
  readonly can: HostCan
  /** The revision it asked for; undefined: it named none. */
  readonly wanted?: string | undefined
}

/** Before it has said initialize. */
export const NOBODY: HostMeta = metaOf(UNKNOWN)

export const hostIn = (initialize: Message): HostMeta =>
  metaOf(hostInfoIn(initialize), stringIn(initialize.bytes, find(initialize.bytes, ['params', 'protocolVersion'])))

function metaOf({ clientInfo, capabilities }: HostInfo, wanted?: string): HostMeta {
  const kept = carried(Buffer.from(capabilities))
  return { clientInfo: Buffer.from(clientInfo), capabilities: kept, can: hostCan(kept), wanted }
}

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
