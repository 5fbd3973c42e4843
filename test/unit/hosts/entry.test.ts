// The written entry: a host gets every word as it was meant, on every system and through cmd.exe.
import { describe, expect, test } from 'vitest'
import { entryFor, nameFor, ourWords, versionManagerOf } from '../../../src/hosts/entry.ts'
import { readJson, writeJson } from '../../../src/hosts/format/jsonText.ts'
import { findHost, type HostName } from '../../../src/hosts/hosts.ts'

const host = (name: HostName) => findHost(name, { platform: 'linux', home: '/h', environment: {} })
const WINDOWS = {
  node: 'C:\\Program Files\\nodejs\\node.exe',
  script: 'C:\\Users\\Ann "A" Lee & Co\\npm\\mcp-oauth-bridge.js',
}
const WORDS = [
  'https://mcp.example.com/mcp?a=1&b=%41',
  ...['--header', 'X-Team:core', '--header', 'X-Say:he said "hi" \\', '--config', 'C:\\My Config\\config.yaml'],
]

/** What is in the file, as a host reads it. */
function asRead(entry: unknown): { command: string; args: string[]; env?: Record<string, string>; type?: string } {
  const read = readJson(writeJson('{}', ['mcpServers', 'a'], entry))
  if ('fault' in read) throw new Error(read.fault)
  return (read.value.mcpServers as Record<string, never>).a as never
}

/** How Node and its like put an argument into a Windows command line (the rules of CommandLineToArgvW, backwards). */
const windowsQuote = (word: string) =>
  /^[^\s"]+$/.test(word) ? word : `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`

/** How a Windows program takes its command line apart. */
function windowsParse(line: string): string[] {
  const words: string[] = []
  let word = ''
  let [quoted, begun] = [false, false]
  for (let at = 0; at < line.length; at++) {
    const slashes = /^\\*/.exec(line.slice(at))?.[0].length ?? 0
    const after = line[at + slashes]
    if (slashes > 0) {
      word += '\\'.repeat(after === '"' ? Math.floor(slashes / 2) : slashes)
      begun = true
      at += slashes - 1
      if (after === '"' && slashes % 2 === 1) {
        word += '"'
        at++
      }
      continue
    }
    if (line[at] === '"') [quoted, begun] = [!quoted, true]
    else if (line[at] === ' ' && !quoted) {
      if (begun) words.push(word)
      ;[word, begun] = ['', false]
    } else [word, begun] = [word + line[at], true]
  }
  return begun ? [...words, word] : words
}

/** What cmd.exe makes of a line in which a caret stands before every special character, as hosts write it for programs that need cmd. */
const throughCmd = (line: string) => line.replace(/[()%!^"<>&|;, ]/g, '^$&').replace(/\^(.)/g, '$1')

describe('an entry', () => {
  test.each(['claude-desktop', 'cursor', 'windsurf'] as const)('of %s is command and args', (name) => {
    expect(entryFor(host(name), { node: '/n', script: '/s' }, ['work'], {})).toEqual({
      command: '/n',
      args: ['/s', 'work'],
    })
  })

  test.each(['claude-code', 'vscode'] as const)('of %s names the transport', (name) => {
    expect(entryFor(host(name), { node: '/n', script: '/s' }, ['work'], {})).toMatchObject({ type: 'stdio' })
  })

  test('hands on where our files are, and nothing else of the environment', () => {
    const environment = {
      MCP_OAUTH_BRIDGE_HOME: '/b',
      MCP_OAUTH_BRIDGE_KEY: 'canary',
      XDG_DATA_HOME: '/d',
      TOKEN: 'canary',
    }
    expect(entryFor(host('cursor'), { node: '/n', script: '/s' }, [], environment).env).toEqual({
      MCP_OAUTH_BRIDGE_HOME: '/b',
      XDG_DATA_HOME: '/d',
    })
  })

  test('with spaces, quotes and special characters is read back letter by letter', () => {
    expect(asRead(entryFor(host('cursor'), WINDOWS, WORDS, {}))).toEqual({
      command: WINDOWS.node,
      args: [WINDOWS.script, ...WORDS],
    })
  })

  test('reaches a Windows program letter by letter, started directly or through cmd.exe', () => {
    const { command, args } = asRead(entryFor(host('cursor'), WINDOWS, WORDS, {}))
    const line = [command, ...args].map(windowsQuote).join(' ')
    expect(windowsParse(line)).toEqual([WINDOWS.node, WINDOWS.script, ...WORDS])
    expect(windowsParse(throughCmd(line))).toEqual([WINDOWS.node, WINDOWS.script, ...WORDS])
  })

  test('starts a program and no cmd shim, which would take the words apart once more', () => {
    const { command } = asRead(entryFor(host('cursor'), WINDOWS, WORDS, {}))
    expect(command).toMatch(/node\.exe$/)
  })
})

describe('our own entries', () => {
  test.each([
    [{ command: '/usr/bin/node', args: ['/opt/a b/mcp-oauth-bridge/bin/mcp-oauth-bridge.js', 'work'] }, ['work']],
    [{ command: 'npx', args: ['-y', 'mcp-oauth-bridge', 'work', '--login', 'never'] }, ['work', '--login', 'never']],
    [{ command: 'npx', args: ['-y', 'mcp-oauth-bridge@1.2.3', 'work'] }, ['work']],
    [{ command: 'mcp-oauth-bridge', args: ['work'] }, ['work']],
    [{ command: 'C:\\n\\mcp-oauth-bridge.cmd', args: ['work'] }, ['work']],
  ])('are known by their program: %j', (entry, words) => {
    expect(ourWords(entry)).toEqual(words)
  })

  test.each([
    { command: 'npx', args: ['mcp-remote', 'https://x/'] },
    { command: 'node', args: ['/home/me/mcp-oauth-bridge/other.js'] },
    { command: 'npx', args: ['not-mcp-oauth-bridge'] },
    { url: 'https://mcp-oauth-bridge/' },
    { command: 'x', args: [1, 'mcp-oauth-bridge'] },
    undefined,
  ])('are not %j', (entry) => {
    expect(ourWords(entry)).toBeUndefined()
  })
})

test.each([
  ['https://mcp.example.com/mcp', 'example'],
  ['https://api.mcp.linear.app/sse', 'linear'],
  ['http://localhost:3000/mcp', 'localhost'],
  ['http://127.0.0.1:3000/mcp', '127-0-0-1'],
  ['http://[::1]:3000/', '1'],
  ['https://example.com/', 'example'],
])('the entry for %s is named %s', (url, name) => {
  expect(nameFor(url)).toBe(name)
})

test.each([
  ['/home/ann/.nvm/versions/node/v22.14.0/bin/node', 'nvm'],
  ['C:\\Users\\Ann\\AppData\\Roaming\\nvm\\v22.14.0\\node.exe', 'nvm'],
  ['/home/ann/.local/share/fnm/node-versions/v22.14.0/installation/bin/node', 'fnm'],
  ['C:\\Users\\Ann\\AppData\\Local\\fnm_multishells\\1_2\\node.exe', 'fnm'],
  ['/home/ann/.volta/tools/image/node/22.14.0/bin/node', 'volta'],
  ['/home/ann/.local/share/mise/installs/node/22/bin/node', 'mise'],
  ['/home/ann/.asdf/installs/nodejs/22.14.0/bin/node', 'asdf'],
  ['/opt/homebrew/Cellar/node/26.1.0/bin/node', 'Homebrew'],
  ['/usr/bin/node', undefined],
  ['C:\\Program Files\\nodejs\\node.exe', undefined],
])('the Node %s belongs to %s', (node, manager) => {
  expect(versionManagerOf(node)).toBe(manager)
})
