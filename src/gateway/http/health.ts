// The health endpoints: facts about this process, its database and the MCP servers, the same for everybody who asks
import type { ServerResponse } from 'node:http'
import type { Handler } from '../ports.ts'
import type { ServedServer } from '../settings.ts'
import { sendError, sendJson } from './answer.ts'

export interface HealthOptions {
  /** Rejects if the database does not work. */
  readonly database: () => Promise<void>
  /** Rejects if the server cannot be reached, or fails. */
  readonly server: (served: ServedServer) => Promise<void>
  readonly servers: readonly ServedServer[]
  /** What has to work for /ready. */
  readonly readyNeeds: readonly ('database' | 'servers')[]
  /** Aborts when the gateway begins to end, though it still serves. */
  readonly leaving: AbortSignal
  /** ms since this process was started, never backwards. */
  readonly uptime: () => number
}

/** How long what a check found holds, in ms. */
const KEPT_MS = 5_000
/** A check that takes longer has failed, in ms. */
const LONGEST_MS = 5_000

export type HealthHandlers = Readonly<Record<'health' | 'live' | 'ready' | 'database' | 'servers' | 'server', Handler>>

export function createHealth(options: HealthOptions): HealthHandlers {
  const { servers, readyNeeds, leaving, uptime } = options
  const database = kept(options.database, uptime)
  const checks = servers.map((served) => ({ name: served.name, works: kept(() => options.server(served), uptime) }))

  const databaseFacts = async () => fact('database', await database(), ['connected', 'disconnected'])
  const serverFacts = async (asked: typeof checks) => {
    const found = await Promise.all(asked.map(async ({ name, works }) => [name, await works()] as const))
    const facts = fact(
      'mcp_server',
      found.every(([, works]) => works),
      REACHED,
    )
    if (found.length < 2) return facts
    const each = found.map(([name, works]) => [name, REACHED[works ? 0 : 1]])
    return { ...facts, facts: { ...facts.facts, servers: Object.fromEntries(each) } }
  }

  return {
    async health(_request, response) {
      tell(response, 'healthy', [await databaseFacts()], { uptime: Math.floor(uptime() / 1000) })
    },
    async live(_request, response) {
      sendJson(response, 200, { status: 'alive', uptime: Math.floor(uptime() / 1000) })
    },
    async ready(_request, response) {
      if (leaving.aborted) return sendJson(response, 503, { status: 'not ready', draining: true })
      const parts = await Promise.all([
        ...(readyNeeds.includes('database') ? [databaseFacts()] : []),
        ...(readyNeeds.includes('servers') ? [serverFacts(checks)] : []),
      ])
      tell(response, 'ready', parts)
    },
    async database(_request, response) {
      tell(response, 'healthy', [await databaseFacts()])
    },
    async servers(_request, response) {
      tell(response, 'healthy', [await serverFacts(checks)])
    },
    async server(_request, response, { parameters }) {
      const asked = checks.filter(({ name }) => name === parameters.name)
      if (asked.length > 0) tell(response, 'healthy', [await serverFacts(asked)])
      else sendError(response, 404, { error: 'not_found', description: 'The gateway has no MCP server of this name.' })
    },
  }
}

const REACHED = ['reachable', 'unreachable'] as const

interface Part {
  readonly works: boolean
  readonly facts: Readonly<Record<string, unknown>>
}

const fact = (name: string, works: boolean, [good, bad]: readonly [string, string]): Part => ({
  works,
  facts: { [name]: works ? good : bad },
})

const BAD = { healthy: 'unhealthy', ready: 'not ready' } as const

function tell(response: ServerResponse, good: keyof typeof BAD, parts: readonly Part[], more: object = {}): void {
  const works = parts.every((part) => part.works)
  const facts = Object.assign({}, ...parts.map((part) => part.facts))
  sendJson(response, works ? 200 : 503, { status: works ? good : BAD[good], ...facts, ...more })
}

/** Whoever asks while a check runs waits for the same one; what it found is kept for a while. */
function kept(check: () => Promise<void>, now: () => number): () => Promise<boolean> {
  let found: { readonly works: Promise<boolean>; end: number } | undefined
  return () => {
    if (found && now() < found.end) return found.works
    const works = bounded(check).then(
      () => true,
      () => false,
    )
    const mine = { works, end: Number.POSITIVE_INFINITY }
    found = mine
    return works.then((result) => {
      mine.end = Math.min(mine.end, now() + KEPT_MS)
      return result
    })
  }
}

function bounded(check: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The check took too long.')), LONGEST_MS)
    timer.unref()
    // What it rejects with is nobody's business.
    Promise.resolve()
      .then(check)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
