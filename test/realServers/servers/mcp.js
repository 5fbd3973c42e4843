// The MCP server behind the real authorization servers: SDK v1, one tool `echo`, and sessions.
import { randomUUID } from 'node:crypto'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { z } from 'zod'

const sessions = new Map()

async function begin() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  })
  const server = new McpServer({ name: 'real', version: '1.0.0' })
  server.registerTool('echo', { inputSchema: { message: z.string() } }, ({ message }) => ({
    content: [{ type: 'text', text: `Echo: ${message}` }],
  }))
  await server.connect(transport)
  return transport
}

/** Answers a request whose token was accepted. */
export async function answerMcp(request, response) {
  const id = request.headers['mcp-session-id']
  const transport = id === undefined ? await begin() : sessions.get(id)
  if (transport === undefined) response.writeHead(404).end('Session not found')
  else await transport.handleRequest(request, response)
}
