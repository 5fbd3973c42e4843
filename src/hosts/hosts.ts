// The supported hosts: where each stores its MCP servers, on each system.
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { posix, win32 } from 'node:path'
import { BridgeError } from '../errors.ts'
import { quote } from '../redaction/text.ts'

export const HOSTS = ['claude-desktop', 'claude-code', 'cursor', 'vscode', 'windsurf'] as const
export type HostName = (typeof HOSTS)[number]

export interface Host {
  readonly name: HostName
  readonly title: string
  /** Absolute path of its config file; it need not exist. */
  readonly path: string
  /** Key of the object that holds its servers. */
  readonly key: 'mcpServers' | 'servers'
  /** VS Code and Claude Code want to be told the transport. */
  readonly type?: 'stdio'
  /** What a person must do so that the host notices the change. */
  readonly afterwards: string
  /** Folders or files that are there where the host is installed, or was started once. */
  readonly traces: readonly string[]
  /** Whether one of them is there. */
  readonly isThere: () => boolean
}

/** The machine a host runs on. */
export interface Machine {
  readonly platform: NodeJS.Platform
  readonly home: string
  readonly environment: NodeJS.ProcessEnv
}

export const thisMachine = (environment: NodeJS.ProcessEnv): Machine => ({
  platform: process.platform,
  home: homedir(),
  environment,
})

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
  return hostsOf(machine).map((host) => ({ ...host, isThere: () => host.traces.some((path) => existsSync(path)) }))
}

function hostsOf(machine: Machine): Omit<Host, 'isThere'>[] {
  const { home, environment } = machine
  const { join } = machine.platform === 'win32' ? win32 : posix
  const settings = settingsFolder(machine)
  const claude = environment.CLAUDE_CONFIG_DIR || home
  const restart = (title: string) => `Quit ${title} and start it again.`
  const servers = 'mcpServers' as const
  return [
    {
      name: 'claude-desktop',
      title: 'Claude Desktop',
      key: servers,
      afterwards: restart('Claude Desktop'),
      path: join(settings, 'Claude', 'claude_desktop_config.json'),
      traces: [join(settings, 'Claude')],
    },
    {
      name: 'claude-code',
      title: 'Claude Code',
      key: servers,
      type: 'stdio',
      afterwards: restart('Claude Code'),
      path: join(claude, '.claude.json'),
      traces: [join(claude, '.claude.json'), join(home, '.claude')],
    },
    {
      name: 'cursor',
      title: 'Cursor',
      key: servers,
      afterwards: 'Enable the server in Cursor’s MCP settings.',
      path: join(home, '.cursor', 'mcp.json'),
      traces: [join(home, '.cursor')],
    },
    {
      name: 'vscode',
      title: 'VS Code',
      key: 'servers',
      type: 'stdio',
      afterwards: 'Start it with “MCP: List Servers”.',
      path: join(settings, 'Code', 'User', 'mcp.json'),
      traces: [join(settings, 'Code')],
    },
    {
      name: 'windsurf',
      title: 'Windsurf',
      key: servers,
      afterwards: 'Refresh the servers in Windsurf’s MCP settings.',
      path: join(home, '.codeium', 'windsurf', 'mcp_config.json'),
      traces: [join(home, '.codeium', 'windsurf')],
    },
  ]
}

/** Where programs of this system keep a person's settings. */
function settingsFolder({ platform, home, environment }: Machine): string {
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support')
  if (platform === 'win32') return environment.APPDATA || win32.join(home, 'AppData', 'Roaming')
  return environment.XDG_CONFIG_HOME || posix.join(home, '.config')
}
