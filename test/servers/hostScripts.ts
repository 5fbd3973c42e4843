// How the hosts that were watched open a server and go on, as scripts: what they say first, what they can show, and what they do with news.
import { createGate } from '../fakes/gate.ts'
import { META, speakModern } from './modernScript.ts'
import type { startStage } from './stage.ts'

type Stage = Awaited<ReturnType<typeof startStage>>
export type Host = ReturnType<Stage['host']>

export interface HostScript {
  readonly title: string
  /** `clientInfo.name`. */
  readonly name: string
  readonly protocolVersion: string
  /** `server/discover` of 2026-07-28 comes first; `initialize` follows its refusal in the same process, else it goes on with that revision. */
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
  /** The revisions that it goes on with. */
  readonly era: '2025' | '2026'
  readonly serverName: string
  readonly instructions: string
  /** To its end: what the host is asked on the way is answered as it does. */
  call(name: string, args?: object): Promise<any>
  /** Its first answer, whatever that is. */
  callOnce(name: string, args?: object): Promise<any>
  /** Resolves to the address that a call asks the person to visit. */
  asked(): Promise<string>
  /** Resolves when the host has heard news of its tools, and has loaded them where it does. */
  news(): Promise<void>
}

/** Opens the server: resolves when the model could take its first turn. */
export async function open(script: HostScript, host: Host): Promise<Opened> {
  const modern = speakModern(host, script.capabilities, script.name)
  const discovered = script.discovers ? await modern.discover() : undefined
  if (discovered && !discovered.result && discovered.error.code !== -32601)
    throw new Error(`server/discover was answered with ${JSON.stringify(discovered.error)}`)
  return discovered?.result ? openModern(script, host, discovered.result) : openLegacy(script, host)
}

async function openModern(script: HostScript, host: Host, discovered: any): Promise<Opened> {
  const modern = speakModern(host, script.capabilities, script.name)
  await modern.listen('listen:0')
  const asked = createGate<string>()
  const callOnce = (name: string, args: object = {}) => modern.call(name, args, progress(script))
  const goOn = async (name: string, args: object, answer: any): Promise<any> => {
    if (answer.result?.resultType !== 'input_required') return answer
    const address = modern.addressIn(answer)
    if (address !== undefined) asked.open(address)
    return goOn(name, args, await modern.again(name, args, answer.result))
  }
  return following(script, host, {
    era: '2026',
    serverName: discovered._meta[META.server].name,
    instructions: discovered.instructions ?? '',
    load: async () => (await modern.ask('tools/list')).result.tools,
    callOnce,
    call: async (name, args = {}) => goOn(name, args, await callOnce(name, args)),
    asked: () => asked.passed,
  })
}

async function openLegacy(script: HostScript, host: Host): Promise<Opened> {
  const { protocolVersion, capabilities } = script
  const clientInfo = { name: script.name, version: '1' }
  const { result } = await host.request('initialize', { protocolVersion, capabilities, clientInfo })
  host.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  const call = (name: string, args: object = {}) =>
    host.request('tools/call', { name, arguments: args, ...progress(script) })
  const opened = await following(script, host, {
    era: '2025',
    serverName: result.serverInfo.name,
    instructions: result.instructions ?? '',
    load: async () => (await host.request('tools/list')).result.tools,
    callOnce: call,
    call,
    async asked() {
      const { params } = await host.hear(({ method }) => method === 'elicitation/create')
      return params.url
    },
  })
  answerElicitations(script, host)
  return opened
}

let calls = 0
const progress = ({ showsProgress }: HostScript) => (showsProgress ? { _meta: { progressToken: `p${++calls}` } } : {})

/** Loads the tools, and again when they have changed where the host does that. */
async function following(
  { reloads }: HostScript,
  host: Host,
  { load, ...rest }: Omit<Opened, 'tools' | 'news'> & { load(): Promise<any[]> },
): Promise<Opened> {
  const named = async () => new Map<string, string>((await load()).map((tool) => [tool.name, String(tool.description)]))
  let heard = 0
  const opened: Opened = {
    ...rest,
    tools: await named(),
    async news() {
      const known = heard
      await host.hear((message) => message.method === CHANGED && host.heard.filter(isNews).length > known)
      heard = host.heard.filter(isNews).length
      if (reloads) opened.tools = await named()
    },
  }
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

/** What a call says that cannot go on without a person, and where it sends one. */
export function whereTo({ result, error }: any): { words: string; address: string } {
  const [asked] = Object.values<any>(result?.inputRequests ?? {})
  if (asked) return { words: asked.params.message, address: asked.params.url }
  const address = error.data?.url ?? error.data?.elicitations?.[0].url
  return { words: error.message, address }
}
