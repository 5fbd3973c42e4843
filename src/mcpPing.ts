// A ping to an MCP server outside any session: tells whether it is there, asks for a sign-in, or takes a token.

/** MCP "Ping" over Streamable HTTP. `id` says in the server's log who asks. No header of `headers` replaces what MCP wants. */
export const mcpPing = (url: string | URL, headers: Readonly<Record<string, string>>, id: string) =>
  ({
    method: 'POST',
    url: new URL(url),
    headers: { ...headers, accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' }),
  }) as const
