// A host that speaks MCP 2026-07-28 over stdio, line by line: what it declares goes with each request, and nothing is asked of it.
import type { Host } from './hostScripts.ts'

export const META = {
  version: 'io.modelcontextprotocol/protocolVersion',
  client: 'io.modelcontextprotocol/clientInfo',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  server: 'io.modelcontextprotocol/serverInfo',
  subscription: 'io.modelcontextprotocol/subscriptionId',
} as const

export const SHOWS_URLS = { elicitation: { form: {}, url: {} } }
export const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'

export function speakModern(host: Host, capabilities: object = {}, name = 'modern-host') {
  const envelope = (params: object = {}) => ({
    ...params,
    _meta: {
      [META.version]: '2026-07-28',
      [META.client]: { name, version: '1' },
      [META.capabilities]: capabilities,
      ...(params as { _meta?: object })._meta,
    },
  })
  const ask = (method: string, params: object = {}): Promise<any> => host.request(method, envelope(params))
  return {
    ask,
    envelope,
    discover: () => ask('server/discover'),
    /** The names of the tools that its model can call. */
    async tools(): Promise<string[]> {
      const { result } = await ask('tools/list')
      return result.tools.map((tool: { name: string }) => tool.name)
    },
    call: (tool: string, args: object = {}, more: object = {}) =>
      ask('tools/call', { name: tool, arguments: args, ...more }),
    /** Where an answer asks the person to go; undefined: it asks something else. */
    addressIn: ({ result }: any): string | undefined =>
      Object.values<any>(result.inputRequests).find(({ params }) => params?.url !== undefined)?.params.url,
    /** The call again, with what the person did with the address; a server that asks for the roots at its start gets none. */
    again(tool: string, args: object, asked: any, action = 'accept') {
      const answers = Object.entries<any>(asked.inputRequests).map(([key, { method }]) => [
        key,
        method === 'roots/list' ? { roots: [] } : { action },
      ])
      const { requestState } = asked
      return ask('tools/call', {
        name: tool,
        arguments: args,
        inputResponses: Object.fromEntries(answers),
        requestState,
      })
    },
    /** Opens a listen stream; resolves to its acknowledgment. */
    async listen(id: string, notifications: object = { toolsListChanged: true }): Promise<any> {
      host.send({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params: envelope({ notifications }) })
      return await host.hear(({ method, params }) => method === ACKNOWLEDGED && params._meta[META.subscription] === id)
    },
    /** Everything that was said to it outside an answer. */
    unasked: (): any[] => host.heard.filter(({ method }: { method?: string }) => method !== undefined),
  }
}
