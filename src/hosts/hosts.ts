// The supported hosts: where each stores its MCP servers, on each system.
import { knownHome } from '../disk/homeFolder.ts'
import { BridgeError } from '../errors.ts'
import { quote } from '../redaction/text.ts'
import { claudeDesktop } from './claudeDesktop.ts'
import { hasFile, type Machine, pathOf, settingsFolder, thisMachine } from './machine.ts'

export const HOSTS = [
  'claude-desktop',
  'claude-code',
  'cursor',
  'vscode',
  'windsurf',
  'codex',
  'gemini-cli',
  'opencode',
  'zed',
  'cline',
  'lm-studio',
  'goose',
  'warp',
  'junie',
] as const
export type HostName = (typeof HOSTS)[number]

export interface Host {
  readonly name: HostName
  readonly title: string
  /** Absolute path of its config file; it need not exist. */
  readonly path: string
  /** Where the host sees the file of `path` as long as that does not exist. */
  readonly seenAt?: string
  /** Why it is this path, where others exist. */
  readonly note?: string
  readonly format: 'json' | 'toml' | 'yaml'
  /** Key of the object that holds its servers. */
  readonly key: 'mcpServers' | 'servers' | 'mcp' | 'context_servers' | 'mcp_servers' | 'extensions'
  /** Hosts that want to be told the transport; OpenCode calls it local. */
  readonly type?: 'stdio' | 'local'
  /** How it names the members of an entry; as in most hosts, if there is none. */
  readonly shape?: 'opencode' | 'goose'
  /** What a person must do so that the host notices the change. */
  readonly afterwards: string
  /** Folders or files that are there where the host is installed, or was started once. */
  readonly traces: readonly string[]
  /** Whether one of them is there. */
  readonly isThere: () => boolean
}

/** @throws BridgeError usage */
export function findHost(word: string | undefined, machine: Machine): Host {
  const host = allHosts(machine).find(({ name }) => name === word)
  if (host) return host
  throw new BridgeError('usage', {
    message: word === undefined ? 'No host was given.' : `${quote(word)} is not a known host.`,
    hint: `Known hosts: ${HOSTS.join(', ')}.`,
  })
}

export function allHosts(machine: Machine): Host[] {
  const has = hasFile(machine)
  return [...firstHosts(machine), ...moreHosts(machine)].map((host) => ({
    ...host,
    isThere: () => host.traces.some((path) => has(path)),
  }))
}

/** Those of this person, for what goes on without them: none where the home folder is not known. */
export const hostsOfHome = (environment: NodeJS.ProcessEnv): Host[] =>
  knownHome() === undefined ? [] : allHosts(thisMachine(environment))

type Place = Omit<Host, 'isThere'>

const restart = (title: string) => `Quit ${title} and start it again.`
const JSON_SERVERS = { format: 'json', key: 'mcpServers' } as const

function firstHosts(machine: Machine): Place[] {
  const { home, environment } = machine
  const { join } = pathOf(machine)
  const settings = settingsFolder(machine)
  const claude = environment.CLAUDE_CONFIG_DIR || home
  return [
    {
      ...JSON_SERVERS,
      name: 'claude-desktop',
      title: 'Claude Desktop',
      afterwards: restart('Claude Desktop'),
      ...claudeDesktop(machine),
    },
    {
      ...JSON_SERVERS,
      name: 'claude-code',
      title: 'Claude Code',
      type: 'stdio',
      afterwards: restart('Claude Code'),
      path: join(claude, '.claude.json'),
      traces: [join(claude, '.claude.json'), join(home, '.claude')],
    },
    {
      ...JSON_SERVERS,
      name: 'cursor',
      title: 'Cursor',
      afterwards: 'Enable the server in Cursor’s MCP settings.',
      path: join(home, '.cursor', 'mcp.json'),
      traces: [join(home, '.cursor')],
    },
    {
      name: 'vscode',
      title: 'VS Code',
      format: 'json',
      key: 'servers',
      type: 'stdio',
      afterwards: 'Start it with “MCP: List Servers”.',
      path: join(settings, 'Code', 'User', 'mcp.json'),
      traces: [join(settings, 'Code')],
    },
    {
      ...JSON_SERVERS,
      name: 'windsurf',
      title: 'Windsurf',
      afterwards: 'Refresh the servers in Windsurf’s MCP settings.',
      path: join(home, '.codeium', 'windsurf', 'mcp_config.json'),
      traces: [join(home, '.codeium', 'windsurf')],
    },
  ]
}

function moreHosts(machine: Machine): Place[] {
  const { platform, home, environment } = machine
  const { join } = pathOf(machine)
  const settings = settingsFolder(machine)
  // These three look there on macOS too, and OpenCode on Windows.
  const dotConfig = (platform !== 'darwin' && environment.XDG_CONFIG_HOME) || join(home, '.config')
  const codex = environment.CODEX_HOME || join(home, '.codex')
  const gemini = join(environment.GEMINI_CLI_HOME || home, '.gemini')
  const opencode = join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'opencode')
  const zed = platform === 'win32' ? join(settings, 'Zed') : join(dotConfig, 'zed')
  const cline = join(settings, 'Code', 'User', 'globalStorage', 'saoudrizwan.claude-dev')
  const goose = platform === 'win32' ? join(settings, 'Block', 'goose', 'config') : join(dotConfig, 'goose')
  const withComments = join(opencode, 'opencode.jsonc')
  return [
    {
      name: 'codex',
      title: 'Codex',
      format: 'toml',
      key: 'mcp_servers',
      afterwards: restart('Codex'),
      path: join(codex, 'config.toml'),
      traces: [codex],
    },
    {
      ...JSON_SERVERS,
      name: 'gemini-cli',
      title: 'Gemini CLI',
      afterwards: restart('Gemini CLI'),
      path: join(gemini, 'settings.json'),
      traces: [gemini],
    },
    {
      name: 'opencode',
      title: 'OpenCode',
      format: 'json',
      key: 'mcp',
      type: 'local',
      shape: 'opencode',
      afterwards: restart('OpenCode'),
      path: hasFile(machine)(withComments) ? withComments : join(opencode, 'opencode.json'),
      traces: [opencode],
    },
    {
      name: 'zed',
      title: 'Zed',
      format: 'json',
      key: 'context_servers',
      afterwards: 'Zed starts it as soon as the file is saved.',
      path: join(zed, 'settings.json'),
      traces: [zed],
    },
    {
      ...JSON_SERVERS,
      name: 'cline',
      title: 'Cline',
      afterwards: 'Cline, in VS Code, starts it as soon as the file is saved.',
      path: join(cline, 'settings', 'cline_mcp_settings.json'),
      traces: [cline],
    },
    {
      ...JSON_SERVERS,
      name: 'lm-studio',
      title: 'LM Studio',
      afterwards: 'Enable the server in LM Studio, in the tab Program.',
      path: join(home, '.lmstudio', 'mcp.json'),
      traces: [join(home, '.lmstudio')],
    },
    {
      name: 'goose',
      title: 'Goose',
      format: 'yaml',
      key: 'extensions',
      type: 'stdio',
      shape: 'goose',
      afterwards: 'Start a new session in Goose.',
      path: join(goose, 'config.yaml'),
      traces: [goose],
    },
    {
      ...JSON_SERVERS,
      name: 'warp',
      title: 'Warp',
      afterwards: restart('Warp'),
      path: join(home, '.warp', '.mcp.json'),
      traces: [join(home, '.warp')],
    },
    {
      ...JSON_SERVERS,
      name: 'junie',
      title: 'JetBrains Junie',
      afterwards: 'Enable the server in the MCP settings of Junie.',
      path: join(home, '.junie', 'mcp', 'mcp.json'),
      traces: [join(home, '.junie')],
    },
  ]
}
