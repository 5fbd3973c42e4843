// What a host says of itself, in its initialize or in the `_meta` of a request of 2026.
import type { Message } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import { type Span, textAt } from '../message/scan.ts'
import { pluck, type Wanted } from '../message/walk.ts'
import { META } from './revisions.ts'
import type { HostInfo } from './serverEra.ts'

/** What stands for a host that says nothing of itself. */
export const UNKNOWN: HostInfo = { clientInfo: '{"name":"mcp-oauth-bridge","version":"0"}', capabilities: '{}' }

export function hostInfoIn({ method, bytes }: Message): HostInfo {
  const [client, offered] = pluck(bytes, method === 'initialize' ? IN_PARAMS : IN_META)
  const text = (span: Span | undefined) => (span && bytes[span.start] === OPEN_BRACE ? textAt(bytes, span) : undefined)
  return { clientInfo: text(client) ?? UNKNOWN.clientInfo, capabilities: text(offered) ?? UNKNOWN.capabilities }
}

const inside = (client: string, capabilities: string): Wanted =>
  new Map([
    [client, { slot: 0 }],
    [capabilities, { slot: 1 }],
  ])
const IN_PARAMS: Wanted = new Map([['params', { below: inside('clientInfo', 'capabilities') }]])
const IN_META: Wanted = new Map([
  ['params', { below: new Map([['_meta', { below: inside(META.client, META.capabilities) }]]) }],
])

/** The name in its clientInfo; '' where it gives none. */
export const hostNameIn = ({ method, bytes }: Message): string =>
  stringIn(
    bytes,
    find(bytes, method === 'initialize' ? ['params', 'clientInfo', 'name'] : ['params', '_meta', META.client, 'name']),
  ) ?? ''

const OPEN_BRACE = 123
