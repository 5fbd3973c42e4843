// A host's file that others write at the same time: the host itself, while a question waits, and several commands at once.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { has } from '../needs.ts'
import { makeHome } from '../servers/home.ts'
import { openTerminal } from '../servers/terminal.ts'

const URL = 'https://mcp.example.com/mcp'
const NAMES = ['a', 'b', 'c', 'd']

let home: ReturnType<typeof makeHome>
beforeEach(() => {
  home = makeHome()
})
afterEach(() => home.remove())

const file = (name: string) => JSON.parse(readFileSync(join(home.path, name), 'utf8'))

test('several commands at once lose none of their entries, and leave nothing beside the file', async () => {
  home.write('.cursor/mcp.json', '{ "mcpServers": { "theirs": {} } }')
  const install = (name: string) => home.command(['install', 'cursor', `${URL}/${name}`, '--name', name])
  for (const { code, stderr } of await Promise.all(NAMES.map(install))) expect(code, stderr).toBe(0)
  expect(Object.keys(file('.cursor/mcp.json').mcpServers).sort()).toEqual([...NAMES, 'theirs'])
  const uninstall = (name: string) => home.command(['uninstall', 'cursor', name])
  for (const { code, stderr } of await Promise.all(NAMES.map(uninstall))) expect(code, stderr).toBe(0)
  expect(file('.cursor/mcp.json')).toEqual({ mcpServers: { theirs: {} } })
  expect(readdirSync(join(home.path, '.cursor')).sort()).toEqual(['mcp.json', 'mcp.json.before-mcp-oauth-bridge'])
})

describe.skipIf(!has('tmux'))('while install asks', () => {
  type Terminal = ReturnType<typeof openTerminal>

  async function answeredAfter<T>(text: string, finish: (terminal: Terminal) => Promise<T>): Promise<T> {
    home.write('.claude.json', '{\n  "numStartups": 1,\n  "mcpServers": {}\n}\n')
    const terminal = openTerminal({ environment: home.environment, folder: home.path, columns: 200 })
    try {
      terminal.run('install', 'claude-code', URL)
      await terminal.shows(/Add it to Claude Code\? \[Y\/n\]$/m)
      home.write('.claude.json', text)
      terminal.enter('y')
      return await finish(terminal)
    } finally {
      terminal.close()
    }
  }

  test('what the host writes meanwhile stays', async () => {
    const text = '{\n  "numStartups": 2,\n  "oauthAccount": { "id":"me" },\n  "mcpServers": { "other": {} }\n}\n'
    expect(await answeredAfter(text, (terminal) => terminal.exits())).toMatchObject({ code: 0 })
    expect(file('.claude.json')).toMatchObject({ numStartups: 2, oauthAccount: { id: 'me' } })
    expect(Object.keys(file('.claude.json').mcpServers)).toEqual(['other', 'example'])
  })

  test('it asks again where another entry would be replaced by now', async () => {
    const finish = async (terminal: Terminal) => {
      await terminal.shows(/Replace it in Claude Code\? \[Y\/n\]$/m)
      terminal.enter('n')
      return terminal.exits()
    }
    const theirs = { mcpServers: { mine: { command: 'npx', args: ['mcp-remote', URL] } } }
    expect(await answeredAfter(JSON.stringify(theirs), finish)).toMatchObject({ code: 2 })
    expect(file('.claude.json')).toEqual(theirs)
  })
})

test.skipIf(!has('tmux'))('Ctrl-C ends a command that waits for a lock', async () => {
  home.write('.cursor/mcp.json', '{}')
  mkdirSync(join(home.path, '.cursor/mcp.json.mcp-oauth-bridge-lock'))
  const terminal = openTerminal({ environment: home.environment, folder: home.path, columns: 200 })
  try {
    terminal.run('install', 'cursor', URL, '--yes')
    // The last that it says before it waits for the lock, which is no older than this test.
    await terminal.shows(/Cursor will run this command/)
    terminal.press('C-c')
    expect(await terminal.exits()).toMatchObject({ code: 130, screen: expect.stringContaining('error: Cancelled.') })
    expect(file('.cursor/mcp.json')).toEqual({})
  } finally {
    terminal.close()
  }
})
