// Where each host keeps its servers, on each system.
import { describe, expect, test } from 'vitest'
import { allHosts, findHost, HOSTS, type HostName } from '../../../src/hosts/hosts.ts'
import type { Machine } from '../../../src/hosts/machine.ts'
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
    ['codex', '/home/ann/.codex/config.toml'],
    ['gemini-cli', '/home/ann/.gemini/settings.json'],
    ['opencode', '/home/ann/.config/opencode/opencode.json'],
    ['zed', '/home/ann/.config/zed/settings.json'],
    ['cline', '/home/ann/.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json'],
    ['lm-studio', '/home/ann/.lmstudio/mcp.json'],
    ['goose', '/home/ann/.config/goose/config.yaml'],
    ['warp', '/home/ann/.warp/.mcp.json'],
    ['junie', '/home/ann/.junie/mcp/mcp.json'],
  ] as const)('of %s on Linux is %s', (name, expected) => {
    expect(path(name, 'linux', '/home/ann')).toBe(expected)
  })

  test.each([
    ['claude-desktop', '/Users/ann/Library/Application Support/Claude/claude_desktop_config.json'],
    ['claude-code', '/Users/ann/.claude.json'],
    ['cursor', '/Users/ann/.cursor/mcp.json'],
    ['vscode', '/Users/ann/Library/Application Support/Code/User/mcp.json'],
    ['windsurf', '/Users/ann/.codeium/windsurf/mcp_config.json'],
    ['codex', '/Users/ann/.codex/config.toml'],
    ['opencode', '/Users/ann/.config/opencode/opencode.json'],
    ['zed', '/Users/ann/.config/zed/settings.json'],
    [
      'cline',
      '/Users/ann/Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json',
    ],
    ['goose', '/Users/ann/.config/goose/config.yaml'],
  ] as const)('of %s on macOS is %s', (name, expected) => {
    expect(path(name, 'darwin', '/Users/ann')).toBe(expected)
  })

  test.each([
    ['claude-desktop', 'D:\\Roaming\\Claude\\claude_desktop_config.json'],
    ['claude-code', 'C:\\Users\\Ann Lee\\.claude.json'],
    ['cursor', 'C:\\Users\\Ann Lee\\.cursor\\mcp.json'],
    ['vscode', 'D:\\Roaming\\Code\\User\\mcp.json'],
    ['windsurf', 'C:\\Users\\Ann Lee\\.codeium\\windsurf\\mcp_config.json'],
    ['codex', 'C:\\Users\\Ann Lee\\.codex\\config.toml'],
    ['gemini-cli', 'C:\\Users\\Ann Lee\\.gemini\\settings.json'],
    ['opencode', 'C:\\Users\\Ann Lee\\.config\\opencode\\opencode.json'],
    ['zed', 'D:\\Roaming\\Zed\\settings.json'],
    ['cline', 'D:\\Roaming\\Code\\User\\globalStorage\\saoudrizwan.claude-dev\\settings\\cline_mcp_settings.json'],
    ['lm-studio', 'C:\\Users\\Ann Lee\\.lmstudio\\mcp.json'],
    ['goose', 'D:\\Roaming\\Block\\goose\\config\\config.yaml'],
    ['warp', 'C:\\Users\\Ann Lee\\.warp\\.mcp.json'],
    ['junie', 'C:\\Users\\Ann Lee\\.junie\\mcp\\mcp.json'],
  ] as const)('of %s on Windows is %s', (name, expected) => {
    expect(path(name, 'win32', 'C:\\Users\\Ann Lee', { APPDATA: 'D:\\Roaming' })).toBe(expected)
  })

  test('follows the variables that the hosts themselves follow', () => {
    const environment = {
      XDG_CONFIG_HOME: '/cfg',
      CLAUDE_CONFIG_DIR: '/claude',
      CODEX_HOME: '/cdx',
      GEMINI_CLI_HOME: '/g',
    }
    expect(path('codex', 'linux', '/h', environment)).toBe('/cdx/config.toml')
    expect(path('gemini-cli', 'linux', '/h', environment)).toBe('/g/.gemini/settings.json')
    expect(path('opencode', 'darwin', '/h', environment)).toBe('/cfg/opencode/opencode.json')
    expect(path('vscode', 'linux', '/h', environment)).toBe('/cfg/Code/User/mcp.json')
    expect(path('claude-code', 'linux', '/h', environment)).toBe('/claude/.claude.json')
    expect(path('claude-desktop', 'win32', 'C:\\U')).toBe('C:\\U\\AppData\\Roaming\\Claude\\claude_desktop_config.json')
  })
})

describe('Claude Desktop on Windows', () => {
  const LOCAL = 'C:\\Users\\Ann\\AppData\\Local'
  const inPackage = (name: string, local = LOCAL) =>
    `${local}\\Packages\\${name}\\LocalCache\\Roaming\\Claude\\claude_desktop_config.json`
  const usual = 'C:\\Users\\Ann\\AppData\\Roaming\\Claude\\claude_desktop_config.json'
  const of = (packages: readonly string[], more: Partial<Machine> = {}) =>
    findHost('claude-desktop', {
      platform: 'win32',
      home: 'C:\\Users\\Ann',
      environment: {},
      namesIn: (folder) => (folder.endsWith('\\Packages') ? packages : []),
      has: () => false,
      ...more,
    })

  test.each([['Claude_pzs8sxrjxfjjc'], ['claude_x']])(
    'as a package %s has its file in the package, and says so',
    (name) => {
      const host = of(['Microsoft.Store_8wekyb3d8bbwe', name])
      expect(host.path).toBe(inPackage(name))
      expect(host.seenAt).toBe(usual)
      expect(host.note).toContain(inPackage(name))
    },
  )

  test.each([[[]], [['ClaudeOther_x', 'Not.Claude_x']]])('without a package (%j) has the usual file', (packages) => {
    expect(of(packages)).toMatchObject({ path: usual })
    expect(of(packages).note).toBeUndefined()
  })

  test('of two packages the one that has a file counts', () => {
    const has = (path: string) => path === inPackage('Claude_b')
    expect(of(['Claude_a', 'Claude_b'], { has }).path).toBe(inPackage('Claude_b'))
    expect(of(['Claude_b', 'Claude_a']).path).toBe(inPackage('Claude_a'))
  })

  test('follows LOCALAPPDATA, and an empty one means the usual folder', () => {
    expect(of(['Claude_a'], { environment: { LOCALAPPDATA: 'D:\\L' } }).path).toBe(inPackage('Claude_a', 'D:\\L'))
    expect(of(['Claude_a'], { environment: { LOCALAPPDATA: '', APPDATA: '' } }).path).toBe(inPackage('Claude_a'))
  })

  test.each(['linux', 'darwin'] as const)('packages do not exist on %s', (platform) => {
    expect(of(['Claude_a'], { platform, home: '/h' }).path).not.toContain('Packages')
  })
})

test('every host that is named is known, and no other', async () => {
  expect(allHosts({ platform: 'linux', home: '/h', environment: {} }).map(({ name }) => name)).toEqual(HOSTS)
  for (const word of ['emacs', undefined, 'constructor']) {
    const error = await errorOf(() => findHost(word, { platform: 'linux', home: '/h', environment: {} }))
    expect([error.code, error.hint]).toEqual(['usage', `Known hosts: ${HOSTS.join(', ')}.`])
  }
})
