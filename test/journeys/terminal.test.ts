// A person at a real terminal: first run, questions, the waiting line, and Ctrl-C at each moment.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { has } from '../needs.ts'
import { makeHome } from '../servers/home.ts'
import { startStage } from '../servers/stage.ts'
import { openTerminal } from '../servers/terminal.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function terminalIn(folder: string, environment: NodeJS.ProcessEnv, columns = 80) {
  const terminal = openTerminal({ environment, folder, columns })
  closing.push(() => terminal.close())
  return terminal
}

function atHome(columns = 80) {
  const home = makeHome()
  closing.push(() => home.remove())
  return { home, terminal: terminalIn(home.path, home.environment, columns) }
}

async function onStage(columns = 80, extra: NodeJS.ProcessEnv = {}) {
  const stage = await startStage()
  closing.push(() => stage.close())
  return { stage, terminal: terminalIn(stage.home, { ...stage.environment, ...extra }, columns) }
}

describe.skipIf(!has('tmux'))('mcp-oauth-bridge alone at a terminal', () => {
  test('leads from an empty configuration to a server that a host runs', async () => {
    const { stage, terminal } = await onStage()
    stage.config(`callback_url: ${stage.callbackUrl}\n`)
    mkdirSync(join(stage.home, '.cursor'))
    terminal.run()
    expect(await terminal.shows(/URL of the MCP server:$/m)).toContain('Nothing is configured yet.')
    terminal.enter('mcp.example.com')
    expect(await terminal.shows(/is not an https URL[\s\S]*URL of the MCP server:$/)).toContain('"mcp.example.com"')
    terminal.enter(stage.server.url)
    await terminal.shows(/Sign in now, in your browser\? \[Y\/n\]$/m)
    terminal.press('Enter')
    expect(await terminal.shows(/Number:$/m)).toContain('as alice@example.com.')
    expect(terminal.screen()).toContain('1  Cursor')
    terminal.enter('7')
    await terminal.shows(/"7" is not one of 0 to 1\.\s+Number:$/m)
    terminal.enter('1')
    const { code, screen } = await terminal.exits()
    expect(code).toBe(0)
    expect(screen).toContain('to Cursor:')
    const { mcpServers } = JSON.parse(readFileSync(join(stage.home, '.cursor/mcp.json'), 'utf8'))
    expect(Object.values<{ args: string[] }>(mcpServers)[0]?.args).toContain(stage.server.url)
  })

  test('lists the servers of the config instead, if there are several', async () => {
    const { home, terminal } = atHome()
    home.write(
      'bridge/config.yaml',
      'servers: { a: { url: "https://a.example/" }, b: { url: "https://b.example/" } }\n',
    )
    terminal.run()
    const { code, screen } = await terminal.exits()
    expect(code).toBe(2)
    expect(screen).toContain('Name one of a, b')
  })

  test.each([
    ['the URL', 'C-c', []],
    ['the URL', 'C-d', []],
    ['the sign-in', 'C-c', ['https://mcp.example.com/mcp']],
    ['the host', 'C-c', ['https://mcp.example.com/mcp', 'n']],
  ] as const)('asked for %s, ends cleanly with %s', async (_, key, answers) => {
    const { home, terminal } = atHome()
    mkdirSync(join(home.path, '.cursor'))
    terminal.run()
    await terminal.shows(/URL of the MCP server:$/m)
    for (const [at, answer] of answers.entries()) {
      terminal.enter(answer)
      await terminal.shows(at === 0 ? /\[Y\/n\]$/m : /Number:$/m)
    }
    terminal.press(key)
    const { code, screen } = await terminal.exits()
    expect(code).toBe(130)
    expect(screen).toMatch(/^error: Cancelled\.$/m)
    expect(screen).toMatch(/mcp-oauth-bridge\.js explain .*cancelled/)
    expect(existsSync(join(home.path, '.cursor/mcp.json'))).toBe(false)
  })
})

describe.skipIf(!has('tmux'))('a sign-in at a terminal', () => {
  const login = (url: string, callback: string) => ['login', url, '--callback-url', callback]

  test.each([80, 200])('shows on one line of %d columns how long it waits, and erases that line', async (columns) => {
    const { stage, terminal } = await onStage(columns, { PERSON: 'absent' })
    terminal.run(...login(stage.server.url, stage.callbackUrl))
    await terminal.shows(/^\S Waiting for you to finish \(\d:\d\d left\)$/m)
    const shown = terminal.lines().filter((line) => line.includes('Waiting for you'))
    expect(shown).toHaveLength(1)
    const [[url = ''] = []] = await stage.untilTabs(1)
    await stage.visit(url)
    const { code, screen } = await terminal.exits()
    expect(code).toBe(0)
    expect(screen).toContain('Signed in to')
    expect(screen).not.toContain('Waiting for you')
  })

  test('ends with Ctrl-C while it waits for a person, and the next one begins a new attempt', async () => {
    const { stage, terminal } = await onStage(80, { PERSON: 'absent' })
    terminal.run(...login(stage.server.url, stage.callbackUrl))
    await terminal.shows(/Waiting for you/)
    terminal.press('C-c')
    const { code, screen } = await terminal.exits()
    expect(code).toBe(130)
    expect(screen).toMatch(/^error: The sign-in was interrupted\.$/m)
    expect(screen).toMatch(/^hint: Run the same command again/m)
    expect(screen).not.toContain('oauth:sign-in-failed')
    expect(screen).not.toContain('Waiting for you')
    await stage.callbackPortIsFree()
    const again = await stage.command(login(stage.server.url, stage.callbackUrl))
    expect(again.code).toBe(0)
    expect(again.stderr).not.toContain('already pending')
    expect([again.stderr.includes('\r'), again.stderr.includes('\u001b')]).toEqual([false, false])
  })

  test('ends with Ctrl-C while the server does not answer', async () => {
    const { home, terminal } = atHome()
    const silent = createServer(() => undefined)
    const asked = new Promise((resolve) => silent.once('connection', resolve))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    closing.push(() => silent.close())
    terminal.run('login', `http://127.0.0.1:${(silent.address() as { port: number }).port}/mcp`)
    await asked
    terminal.press('C-c')
    expect((await terminal.exits()).code).toBe(130)
    expect(home.path).not.toBe('')
  })

  test('shows no moving line on a dumb terminal', async () => {
    const { stage } = await onStage()
    const dumb = terminalIn(stage.home, { ...stage.environment, PERSON: 'absent' })
    dumb.enter('export TERM=dumb')
    dumb.run(...login(stage.server.url, stage.callbackUrl))
    await stage.untilTabs(1)
    expect(dumb.screen()).not.toContain('left)')
    dumb.press('C-c')
    expect((await dumb.exits()).code).toBe(130)
  })
})

describe.skipIf(!has('tmux'))('a bridge at a terminal', () => {
  test('says what it waits for, and ends with Ctrl-C as it does for a host', async () => {
    const { terminal } = atHome()
    terminal.run('https://mcp.example.com/mcp')
    await terminal.shows(/Bridging to https:\/\/mcp\.example\.com\/mcp; waiting for MCP messages/)
    terminal.press('C-c')
    expect((await terminal.exits()).code).toBe(130)
  })
})

describe.skipIf(!has('tmux'))('reset at a terminal', () => {
  async function signedIn() {
    const { stage, terminal } = await onStage()
    await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
    const database = join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db')
    terminal.run('reset')
    expect(await terminal.shows(/Continue\? \[y\/N\]$/m)).toContain(database)
    return { terminal, database }
  }

  test('asks twice, and deletes only then', async () => {
    const { terminal, database } = await signedIn()
    terminal.enter('y')
    await terminal.shows(/Type reset to confirm:$/m)
    expect(existsSync(database)).toBe(true)
    terminal.enter('reset')
    const { code, screen } = await terminal.exits()
    expect(code).toBe(0)
    expect(screen).toContain('All sign-ins are deleted.')
    expect(existsSync(database)).toBe(false)
  })

  test.each([
    ['Enter at the first question', [''], undefined],
    ['another word at the second', ['y', 'yes'], undefined],
    ['Ctrl-C at the first question', [], 'C-c'],
    ['Ctrl-C at the second', ['y'], 'C-c'],
  ] as const)('with %s deletes nothing', async (_, answers, key) => {
    const { terminal, database } = await signedIn()
    for (const [at, answer] of answers.entries()) {
      if (at === 1) await terminal.shows(/Type reset to confirm:$/m)
      terminal.enter(answer)
    }
    if (answers.length === 1 && key) await terminal.shows(/Type reset to confirm:$/m)
    if (key) terminal.press(key)
    const { code, screen } = await terminal.exits()
    expect([code, screen.includes('Removed')]).toEqual([key ? 130 : 2, false])
    expect(screen).toMatch(key ? /explain .*cancelled/ : /explain .*declined/)
    expect(existsSync(database)).toBe(true)
  })
})
