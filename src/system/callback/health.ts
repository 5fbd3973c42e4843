// The health endpoints of the callback port: report whether this process, its database and the MCP server work, without secrets.
import { BridgeError } from '../../errors.ts'
import { mcpPing } from '../../mcp/requests.ts'
import type { Health, HttpClient } from '../../ports.ts'

export interface HealthAnswer {
  readonly status: 200 | 503
  readonly body: Readonly<Record<string, string | number>>
}

/** undefined: no health endpoint has this path. `upMs`: how long the listener has run. */
export async function answerHealth(path: string, health: Health, upMs: number): Promise<HealthAnswer | undefined> {
  switch (path) {
    case '/health': {
      const database = await worded(health.database(), 'connected', 'disconnected')
      return verdict('healthy', { database }, { uptime: Math.floor(upMs / 1000) })
    }
    case '/health/database':
      return verdict('healthy', { database: await worded(health.database(), 'connected', 'disconnected') })
    case '/health/mcp-server':
      return verdict('healthy', { mcp_server: await worded(health.mcpServer(), 'reachable', 'unreachable') })
    case '/ready': {
      const [database, mcp_server] = await Promise.all([
        worded(health.database(), 'connected', 'disconnected'),
        worded(health.mcpServer(), 'reachable', 'unreachable'),
      ])
      return verdict('ready', { database, mcp_server })
    }
  }
  return undefined
}

const BAD = { healthy: 'unhealthy', ready: 'not ready' } as const

function verdict(good: keyof typeof BAD, parts: Record<string, string>, facts: Record<string, number> = {}) {
  const well = Object.values(parts).every((word) => word === 'connected' || word === 'reachable')
  return { status: well ? 200 : 503, body: { status: well ? good : BAD[good], ...parts, ...facts } } as const
}

async function worded(work: Promise<void>, good: string, bad: string): Promise<string> {
  return work.then(
    () => good,
    () => bad,
  )
}

/** Longest time for the MCP server to answer, in ms. */
const LONGEST_MS = 5_000

/** Any answer except a server error is a success. @throws BridgeError when it cannot be reached, or fails */
export async function askServer(
  http: HttpClient,
  { url, headers }: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
): Promise<void> {
  const signal = AbortSignal.timeout(LONGEST_MS)
  const response = await http.request({ ...mcpPing(url, headers, 'health'), idleMs: LONGEST_MS, signal })
  response.discard()
  if (response.status >= 500) throw new BridgeError('server_error', { details: { status: response.status } })
}
