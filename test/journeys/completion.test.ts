// Completions in the real shells.
import { execFileSync } from 'node:child_process'
import { afterAll, describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/words/args.ts'
import { has } from '../needs.ts'
import { makeHome } from '../servers/home.ts'
import { openTerminal } from '../servers/terminal.ts'

const home = makeHome()
afterAll(() => home.remove())

async function scriptFor(shell: string): Promise<string> {
  const { code, stdout } = await home.command(['completion', shell])
  expect(code).toBe(0)
  return home.write(`completions.${shell}`, stdout)
}

/** What bash offers for the last word. */
function inBash(file: string, ...words: string[]): string[] {
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mcp_oauth_bridge; printf '%s\\n' "\${COMPREPLY[@]}"`
  const args = ['--norc', '-c', script, 'bash', file, 'mcp-oauth-bridge', ...words]
  return execFileSync('bash', args, { encoding: 'utf8', cwd: home.path }).split('\n').filter(Boolean)
}

const inFish = (file: string, line: string) =>
  execFileSync('fish', ['--no-config', '-c', `source ${file}; complete -C "${line}"`], {
    encoding: 'utf8',
    cwd: home.path,
    env: { ...home.environment },
  })
    .split('\n')
    .map((row) => row.split('\t')[0])
    .filter(Boolean)

describe('bash', () => {
  test('completes commands, options, values, hosts and files', async () => {
    const file = await scriptFor('bash')
    home.write('my.yaml', '')
    expect(inBash(file, '')).toEqual(expect.arrayContaining([...COMMANDS]))
    expect(inBash(file, 'lo')).toEqual(['login', 'logout'])
    expect(inBash(file, 'login', '--fo')).toEqual(['--force'])
    expect(inBash(file, 'status', '--fo')).toEqual([])
    expect(inBash(file, 'https://mcp.example.com/', '--login', 'n')).toEqual(['never'])
    expect(inBash(file, 'install', 'cl')).toEqual(['claude-desktop', 'claude-code', 'cline'])
    expect(inBash(file, 'check-config', 'my')).toEqual(['my.yaml'])
    expect(inBash(file, '--config', 'my')).toEqual(['my.yaml'])
    expect(inBash(file, 'completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']))
    expect(inBash(file, '--attem')).toEqual([])
  })
})

describe.skipIf(!has('fish'))('fish', () => {
  test('completes commands, options, values and hosts', async () => {
    const file = await scriptFor('fish')
    expect(inFish(file, 'mcp-oauth-bridge lo')).toEqual(['login', 'logout'])
    expect(inFish(file, 'mcp-oauth-bridge login --fo')).toEqual(['--force'])
    expect(inFish(file, 'mcp-oauth-bridge status --fo')).toEqual([])
    expect(inFish(file, 'mcp-oauth-bridge run --login n')).toEqual(['never'])
    expect(inFish(file, 'mcp-oauth-bridge install v')).toEqual(['vscode'])
  })
})

describe.skipIf(!has('zsh') || !has('tmux'))('zsh', () => {
  test.each([
    ['mcp-oauth-bridge check', 'mcp-oauth-bridge check-config '],
    ['mcp-oauth-bridge login --fo', 'mcp-oauth-bridge login --force '],
    ['mcp-oauth-bridge install wi', 'mcp-oauth-bridge install windsurf '],
    ['mcp-oauth-bridge https://x/ --log-level de', 'mcp-oauth-bridge https://x/ --log-level debug '],
  ])('completes %j at a terminal', async (typed, completed) => {
    const file = await scriptFor('zsh')
    const terminal = openTerminal({ environment: home.environment, folder: home.path, columns: 120, shell: 'zsh -f' })
    try {
      terminal.enter(`autoload -Uz compinit; compinit -D -u; source ${file}; echo ready`)
      await terminal.shows(/^ready$/m)
      terminal.type(typed)
      terminal.press('Tab')
      await terminal.shows(new RegExp(`${completed.trim()}(?![\\w-])`))
    } finally {
      terminal.close()
    }
  })
})

test.each([[[]], [['tcsh']]])('another shell (%j) is an error that names the three supported ones', async (words) => {
  const { code, stderr } = await home.command(['completion', ...words])
  expect(code).toBe(2)
  expect(stderr).toContain('bash, zsh or fish')
})
