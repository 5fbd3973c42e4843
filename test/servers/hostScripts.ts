// How the hosts that were watched open a server and go on, as scripts: what they say first, what they can show, and what they do with news.
import type { startStage } from './stage.ts'

type Stage = Awaited<ReturnType<typeof startStage>>
export type Host = ReturnType<Stage['host']>

export interface HostScript {
  readonly title: string
  /** `clientInfo.name`. */
  readonly name: string
  readonly protocolVersion: string
  /** `server/discover` of 2026-07-28 comes first; `initialize` follows its refusal in the same process. */
  readonly discovers: boolean
  readonly capabilities: object
  /** Asks for the tools again when it is told that they have changed. */
  readonly reloads: boolean
  /** What it does with a URL elicitation inside a call; undefined: it declares none. */
  readonly elicitation?: 'shows' | 'declines'
  /** Sends a `progressToken` with each call, and shows its messages. */
  readonly showsProgress: boolean
}

/** Seen on 2026-11-25 (docs/hosts.md), on Linux. */
export const HOST_SCRIPTS: readonly HostScript[] = [
  {
    title: 'Claude Code 2.1.197',
    name: 'claude-code',
    protocolVersion: '2025-11-25',
    discovers: false,
    capabilities: { roots: {} },
    reloads: true,
    showsProgress: true,
  },
  {
    title: 'Claude Code 2.1.332',
    name: 'claude-code',
    protocolVersion: '2025-11-25',
    discovers: true,
    capabilities: { roots: {}, elicitation: { form: {}, url: {} } },
    reloads: true,
    elicitation: 'shows',
    showsProgress: true,
  },
  {
    title: 'Codex 0.169.0',
    name: 'codex-mcp-client',
    protocolVersion: '2025-06-18',
    discovers: false,
    capabilities: { elicitation: { form: {}, url: {} } },
    reloads: false,
    elicitation: 'declines',
    showsProgress: false,
  },
  {
    title: 'Gemini CLI 0.61.0',
    name: 'gemini-cli-mcp-client',
    protocolVersion: '2025-06-18',
    discovers: false,
    capabilities: { roots: { listChanged: true } },
    reloads: true,
    showsProgress: true,
  },
  {
    title: 'OpenCode 1.18.33',
    name: 'opencode',
    protocolVersion: '2025-11-25',
    discovers: false,
    capabilities: {},
    reloads: true,
    showsProgress: false,
  },
]

export const CHANGED = 'notifications/tools/list_changed'

/** What its model can call, as the host knows it now. */
export interface Opened {
  /** By name, with what the model reads about each. */
  tools: Map<string, string>
  readonly serverName: string
  readonly instructions: string
  call(name: string, args?: object): Promise<any>
  /** Resolves when the host has heard news of its tools, and has loaded them where it does. */
  news(): Promise<void>
}

/** Opens the server: resolves when the model could take its first turn. */
export async function open(script: HostScript, host: Host): Promise<Opened> {
  const { protocolVersion, capabilities, reloads, showsProgress } = script
  if (script.discovers) {
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const { error } = await host.request('server/discover', { _meta: meta })
    if (error?.code !== -32601) throw new Error(`server/discover was answered with ${JSON.stringify(error)}`)
  }
  const clientInfo = { name: script.name, version: '1' }
  const { result } = await host.request('initialize', { protocolVersion, capabilities, clientInfo })
  host.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  const load = async () => {
    const { tools } = (await host.request('tools/list')).result
    return new Map<string, string>(tools.map((tool: any) => [tool.name, String(tool.description)]))
  }
  let heard = 0
  let calls = 0
  const opened: Opened = {
    tools: await load(),
    serverName: result.serverInfo.name,
    instructions: result.instructions ?? '',
    async call(name, args = {}) {
      const params = { name, arguments: args, ...(showsProgress && { _meta: { progressToken: `p${++calls}` } }) }
      return await host.request('tools/call', params)
    },
    async news() {
      const known = heard
      await host.hear((message) => message.method === CHANGED && host.heard.filter(isNews).length > known)
      heard = host.heard.filter(isNews).length
      if (reloads) opened.tools = await load()
    },
  }
  answerElicitations(script, host)
  return opened
}

const isNews = (message: { method?: string }) => message.method === CHANGED

function answerElicitations({ elicitation }: HostScript, host: Host): void {
  if (!elicitation) return
  void host
    .hear((message) => message.method === 'elicitation/create')
    .then(({ id }) => {
      host.send({ jsonrpc: '2.0', id, result: { action: elicitation === 'shows' ? 'accept' : 'decline' } })
      return undefined
    })
    .catch(() => undefined)
}
