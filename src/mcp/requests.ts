// Messages to an MCP server outside any session: a ping or server/discover tells whether it is there, asks for a sign-in, or takes a token; initialize the same where only that is answered.

/** MCP "Ping" over Streamable HTTP. `id` says in the server's log who asks. No header of `headers` replaces what MCP wants. */
export const mcpPing = (url: string | URL, headers: Readonly<Record<string, string>>, id: string) =>
  ({
    method: 'POST',
    url: new URL(url),
    headers: { ...headers, accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' }),
  }) as const

/**
 * MCP 2026-07-28, "Discovery", with the headers and `_meta` that each request of that revision has. `client`: name and version of who asks.
 * A server of the revisions before it refuses it, in any way.
 */
export const mcpDiscover = (
  url: string | URL,
  headers: Readonly<Record<string, string>>,
  id: string,
  client: Readonly<Record<'name' | 'version', string>> = { name: 'mcp-oauth-bridge', version: '1' },
) => {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': client,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const ping = mcpPing(url, headers, id)
  return {
    ...ping,
    headers: { ...ping.headers, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'server/discover', params: { _meta } }),
  } as const
}

/** MCP "Initialization": for servers that refuse every other message outside a session. Who sends it ends the session again. */
export const mcpInitialize = (url: string | URL, headers: Readonly<Record<string, string>>, id: string) => {
  const clientInfo = { name: 'mcp-oauth-bridge', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  return {
    ...mcpPing(url, headers, id),
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'initialize', params }),
  } as const
}

/** Whether a server's `Mcp-Session-Id` may be sent back: visible ASCII (MCP Streamable HTTP, "Session Management"). */
export const isSessionId = (given: unknown): given is string =>
  typeof given === 'string' && /^[\x21-\x7e]+$/.test(given)

/** Ends a session. A server may refuse it (405). */
export const mcpEndSession = (url: string | URL, headers: Readonly<Record<string, string>>, id: string) =>
  ({ method: 'DELETE', url: new URL(url), headers: { ...headers, 'mcp-session-id': id } }) as const
