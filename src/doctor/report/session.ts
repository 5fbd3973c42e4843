// A session with the server for one look at it, through the relay itself: initialize, the tools that need tasks, and its end.
import { createSend } from '../../bridge/http/send.ts'
import { createRelay } from '../../bridge/relay.ts'
import { BridgeError } from '../../errors.ts'
import type { Authorizer } from '../../ports.ts'
import { type CheckContext, type Findings, SILENT } from './context.ts'

const REVISION = '2025-11-25'
/** A longer list is not read to its end. */
const MOST_PAGES = 10

export interface Answer {
  readonly id?: unknown
  readonly method?: unknown
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { message?: unknown; data?: { source?: unknown; code?: unknown; hint?: unknown } }
}

export interface Session {
  /** The answer to initialize. */
  readonly answer: Answer
  /** Tools that are called as tasks only (MCP 2025-11-25, "Tasks"). */
  readonly needTasks: readonly string[]
}

export async function openSession(
  { server, clock, http, version }: CheckContext,
  findings: Findings,
  { signal, idleMs }: { readonly signal: AbortSignal; readonly idleMs: number },
): Promise<Session> {
  const waiting = new Map<unknown, (answer: Answer) => void>()
  const writer = {
    async write(bytes: Uint8Array) {
      const message = JSON.parse(Buffer.from(bytes).toString('utf8')) as Answer
      if (message.method === undefined) waiting.get(message.id)?.(message)
    },
    flush: async () => undefined,
  }
  const url = new URL(server?.url ?? '')
  const relay = createRelay({
    url,
    send: createSend(http, authorizerOf(findings), url, idleMs),
    writer,
    clock,
    log: SILENT,
    answerLimit: 1024 * 1024,
    timeoutMs: idleMs,
    transport: server?.transport ?? 'auto',
    protocol: '2025',
  })
  const tell = (message: object) => void relay.line(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })))
  const ask = (id: string, method: string, params: object) =>
    new Promise<Answer>((resolve) => {
      waiting.set(id, resolve)
      tell({ id, method, params })
    })
  signal.addEventListener('abort', () => void relay.close(0), { once: true })
  const clientInfo = { name: 'mcp-oauth-bridge doctor', version }
  try {
    const answer = await ask('doctor', 'initialize', { protocolVersion: REVISION, capabilities: {}, clientInfo })
    if (!Object.hasOwn(Object(answer.result?.capabilities), 'tools')) return { answer, needTasks: [] }
    tell({ method: 'notifications/initialized' })
    return { answer, needTasks: await taskTools((page, params) => ask(`doctor-${page}`, 'tools/list', params)) }
  } finally {
    await relay.close(0)
  }
}

/** The stored token is used as it is: nothing is refreshed, and nobody is asked. */
const authorizerOf = (findings: Findings): Authorizer => ({
  headers: async (method, url) => (await findings.authorizer?.headers(method, url)) ?? {},
  onNonce: async (answer) => findings.authorizer?.onNonce(answer),
  async onChallenge() {
    throw new BridgeError('unauthorized', { message: 'The server refuses the stored token (401).' })
  },
})

async function taskTools(list: (page: number, params: object) => Promise<Answer>): Promise<string[]> {
  const found: string[] = []
  let params: object = {}
  for (let page = 1; page <= MOST_PAGES; page++) {
    const { result } = await list(page, params)
    const tools: unknown[] = Array.isArray(result?.tools) ? result.tools : []
    for (const tool of tools) {
      const { name, execution } = Object(tool) as { readonly name?: unknown; readonly execution?: unknown }
      const { taskSupport } = Object(execution) as { readonly taskSupport?: unknown }
      if (taskSupport === 'required') found.push(String(name))
    }
    const cursor = result?.nextCursor
    if (typeof cursor !== 'string') break
    params = { cursor }
  }
  return found
}
