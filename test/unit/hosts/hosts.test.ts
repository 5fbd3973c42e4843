// Where each host keeps its servers, on each system.
import { describe, expect, test } from 'vitest'
import { allHosts, findHost, HOSTS, type HostName } from '../../../src/hosts/hosts.ts'
import { errorOf } from '../../fakes/thrown.ts'

const path = (name: HostName, platform: NodeJS.Platform, home: string, environment: NodeJS.ProcessEnv = {}) =>
  findHost(name, { platform, home, environment }).path

describe('the config file', () => {
  test.each([
    ['claude-desktop', '/home/ann/.config/Claude/claude_desktop_config.json'],
    ['claude-code', '/home/ann/.claude.json'],
    ['cursor', '/home/ann/.cursor/mcp.json'],
    ['vscode', '/home/ann/.config/Code/User/mcp.json'],
    ['windsurf', '/home/ann/.codeium/windsurf/mcp_config.json'],
  ] as const)('of %s on Linux is %s', (name, expected) => {
    expect(path(name, 'linux', '/home/ann')).toBe(expected)
  })

  test.each([
    ['claude-desktop', '/Users/ann/Library/Application Support/Claude/claude_desktop_config.json'],
    ['claude-code', '/Users/ann/.claude.json'],
    ['cursor', '/Users/ann/.cursor/mcp.json'],
    ['vscode', '/Users/ann/Library/Application Support/Code/User/mcp.json'],
    ['windsurf', '/Users/ann/.codeium/windsurf/mcp_config.json'],
  ] as const)('of %s on macOS is %s', (name, expected) => {
    expect(path(name, 'darwin', '/Users/ann')).toBe(expected)
  })

  test.each([
    ['claude-desktop', 'D:\\Roaming\\Claude\\claude_desktop_config.json'],
    ['claude-code', 'C:\\Users\\Ann Lee\\.claude.json'],
    ['cursor', 'C:\\Users\\Ann Lee\\.cursor\\mcp.json'],
    ['vscode', 'D:\\Roaming\\Code\\User\\mcp.json'],
    ['windsurf', 'C:\\Users\\Ann Lee\\.codeium\\windsurf\\mcp_config.json'],
  ] as const)('of %s on Windows is %s', (name, expected) => {
    expect(path(name, 'win32', 'C:\\Users\\Ann Lee', { APPDATA: 'D:\\Roaming' })).toBe(expected)
  })

  test('follows the variables that the hosts themselves follow', () => {
    const environment = { XDG_CONFIG_HOME: '/cfg', CLAUDE_CONFIG_DIR: '/claude' }
    expect(path('vscode', 'linux', '/h', environment)).toBe('/cfg/Code/User/mcp.json')
    expect(path('claude-code', 'linux', '/h', environment)).toBe('/claude/.claude.json')
    expect(path('claude-desktop', 'win32', 'C:\\U')).toBe('C:\\U\\AppData\\Roaming\\Claude\\claude_desktop_config.json')
  })
})

test('every host that is named is known, and no other', async () => {
  expect(allHosts({ platform: 'linux', home: '/h', environment: {} }).map(({ name }) => name)).toEqual(HOSTS)
  for (const word of ['emacs', undefined, 'constructor']) {
    const error = await errorOf(() => findHost(word, { platform: 'linux', home: '/h', environment: {} }))
    expect([error.code, error.hint]).toEqual(['usage', `Known hosts: ${HOSTS.join(', ')}.`])
  }
})
