// A home folder of its own for bridges that need no sign-in.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function startHome() {
  const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-test-'))
  return {
    home,
    environment: { PATH: process.env.PATH, HOME: home, MCP_OAUTH_BRIDGE_HOME: join(home, 'bridge') },
    remove: () => rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }),
  }
}
