// What a host says of itself, in its initialize or in the `_meta` of a request of 2026.
import type { Message } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import { textAt } from '../message/scan.ts'
import { META } from './revisions.ts'
import type { HostInfo } from './serverEra.ts'

/** What stands for a host that says nothing of itself. */
export const UNKNOWN: HostInfo = { clientInfo: '{"name":"mcp-oauth-bridge","version":"0"}', capabilities: '{}' }

export function hostInfoIn({ method, bytes }: Message): HostInfo {
  const params = find(bytes, method === 'initialize' ? ['params'] : ['params', '_meta'])
  const [client, offered] = method === 'initialize' ? ['clientInfo', 'capabilities'] : [META.client, META.capabilities]
  const text = (name: string) => {
    const span = params && find(bytes, [name], params)
    return span && bytes[span.start] === OPEN_BRACE ? textAt(bytes, span) : undefined
  }
  return { clientInfo: text(client) ?? UNKNOWN.clientInfo, capabilities: text(offered) ?? UNKNOWN.capabilities }
}

/** The name in its clientInfo; '' where it gives none. */
export const hostNameIn = ({ method, bytes }: Message): string =>
  stringIn(
    bytes,
    find(bytes, method === 'initialize' ? ['params', 'clientInfo', 'name'] : ['params', '_meta', META.client, 'name']),
  ) ?? ''

const OPEN_BRACE = 123
