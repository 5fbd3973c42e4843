// The client that the public MCP conformance suite drives: an SDK client over stdio, through the bridge, with a person who signs in.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { freePort } from './everything.ts'
import { PROGRAM } from './host.ts'

const [revision = '', url = ''] = process.argv.slice(2)
const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-conformance-'))
const capabilities = { elicitation: { form: { applyDefaults: true } } }
const client = new Client({ name: 'conformance-through-the-bridge', version: '1.0.0' }, { capabilities })
// Whoever leaves everything out gets the defaults of the schema (SEP-1034).
client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: {} }))
try {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [PROGRAM, url, '--callback-url', `http://localhost:${await freePort()}/auth/callback`],
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      MCP_OAUTH_BRIDGE_HOME: home,
      BROWSER: fileURLToPath(new URL('../servers/person.js', import.meta.url)),
    },
    stderr: 'inherit',
  })
  // The SDK always offers the newest revision it knows.
  const send = transport.send.bind(transport)
  transport.send = (message) =>
    send('method' in message && message.method === 'initialize' ? offering(message, revision) : message)
  await client.connect(transport)
  const { tools } = await client.listTools()
  for (const { name } of tools) await client.callTool({ name, arguments: name === 'add_numbers' ? { a: 5, b: 3 } : {} })
} finally {
  await client.close()
  rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
}

function offering(message: any, protocolVersion: string) {
  return { ...message, params: { ...message.params, protocolVersion } }
}
