// What a person sees at a real terminal: the status table, the doctor, the support bundle's question.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { has } from '../needs.ts'
import { startStage } from '../servers/stage.ts'
import { openTerminal } from '../servers/terminal.ts'
import { until } from '../servers/until.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const here = () => ['--callback-url', stage.callbackUrl]
const login = () => stage.command(['login', stage.server.url, ...here()])

/** Runs the program in a terminal that holds all it prints. */
function terminal(args: string[], columns = 80, extra: NodeJS.ProcessEnv = {}) {
  const environment = { ...stage.environment, ...extra }
  const opened = openTerminal({ environment, folder: stage.home, columns, rows: 120 })
  onTestFinished(() => opened.close())
  opened.run(...args)
  return opened
}

const widest = (lines: string[]) => Math.max(...lines.map((line) => line.length))

const ESCAPE = '\u001b['

describe.skipIf(!has('tmux'))('at a terminal', () => {
  test.each([80, 200])('status is a table that fits %i columns, with colours', async (columns) => {
    stage = await startStage()
    await login()
    const { code, screen: text, lines, colours } = await terminal(['status'], columns).exits()
    expect(code).toBe(0)
    expect(text).toContain(`● ${stage.server.url}`)
    expect(text).toMatch(/who +alice@example\.com/)
    expect(text).toMatch(/in (59|60) minutes/)
    expect(text).toMatch(/scopes +mcp:tools/)
    expect(text).toMatch(/sealing key +file/)
    expect(widest(lines)).toBeLessThanOrEqual(columns)
    expect(colours).toContain(ESCAPE)
  })

  test('NO_COLOR takes every colour away', async () => {
    stage = await startStage()
    await login()
    const { code, screen, colours } = await terminal(['status'], 80, { NO_COLOR: '1' }).exits()
    expect(code).toBe(0)
    expect(screen).toContain('● http')
    expect(colours).not.toContain(ESCAPE)
  })

  test('status --watch shows a sign-in as it happens, and Ctrl-C ends it with 130', async () => {
    stage = await startStage()
    const screen = terminal(['status', '--watch'])
    await screen.shows(/Nobody is signed in/)
    const waiting = stage.start(['login', stage.server.url, '--no-browser', ...here()])
    const address = await waiting.says(/^http\S+/m)
    await screen.shows(/finish in the browser/)
    await stage.visit(address)
    await screen.shows(/who +alice@example\.com\s+state +signed in/)
    screen.press('C-c')
    const last = await screen.exits()
    expect(last.code).toBe(130)
    expect(last.screen.match(/signed in/g)).toHaveLength(1)
  })

  test('doctor shows symbols in colour, fits 80 columns, and ends with the code of the cause', async () => {
    stage = await startStage()
    await stage.server.close()
    const { code, screen, lines, colours } = await terminal(['doctor', stage.server.url, ...here()]).exits()
    expect(code).toBe(4)
    expect(screen).toMatch(/^✗ tcp/m)
    expect(screen).toContain('1 failed')
    expect(widest(lines)).toBeLessThanOrEqual(80)
    expect(colours).toContain(`${ESCAPE}31m✗`)
  })

  test.each([
    ['y', true],
    ['n', false],
  ])('support-bundle shows everything, asks, and at "%s" the file is written: %s', async (key, written) => {
    stage = await startStage()
    const screen = terminal(['support-bundle', '--output', 'bundle.json', ...here()])
    await screen.shows(/Write this to \S*bundle\.json\? \[y\/N\]/)
    const file = join(stage.home, 'bundle.json')
    expect(existsSync(file)).toBe(false)
    screen.enter(key)
    expect((await screen.exits()).code).toBe(0)
    expect(existsSync(file)).toBe(written)
    if (!written) return
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      doctor: { ok: true },
      config: { profile: 'default' },
    })
  })

  test('Ctrl-C at the question writes nothing', async () => {
    stage = await startStage()
    const screen = terminal(['support-bundle', '--output', 'bundle.json', ...here()])
    await screen.shows(/\[y\/N\]/)
    screen.press('C-c')
    expect((await screen.exits()).code).toBe(130)
    expect(existsSync(join(stage.home, 'bundle.json'))).toBe(false)
  })
})

test('without a terminal support-bundle prints, and writes only with --yes; an older file is never replaced', async () => {
  stage = await startStage()
  await login()
  const words = ['support-bundle', stage.server.url, '--output', 'bundle.json', ...here()]
  const asked = await stage.command(words)
  expect(asked.code).toBe(0)
  expect(asked.stderr).toContain('Nothing was written')
  const bundle = JSON.parse(asked.stdout)
  expect(bundle).toMatchObject({
    versions: { program: expect.any(String), node: process.versions.node },
    doctor: { ok: true },
    status: { accounts: [{ state: 'signed_in' }] },
    config: { server: { url: stage.server.url } },
  })
  expect(bundle.log.join('\n')).toContain('oauth:signed-in')
  expect(asked.stdout).not.toContain('alice')
  expect((await stage.command([...words, '--yes'])).code).toBe(0)
  expect(existsSync(join(stage.home, 'bundle.json'))).toBe(true)
  const again = await stage.command([...words, '--yes'])
  expect(again.code).toBe(2)
  expect(again.stderr).toContain('already exists')
})

test('status --watch without a terminal writes each change below the last, and ends with 130 on Ctrl-C', async () => {
  stage = await startStage()
  const watching = stage.start(['status', '--watch'])
  const shows = (part: string) =>
    until(
      part,
      () => watching.stdout().includes(part),
      () => watching.stdout(),
    )
  await shows('Nobody is signed in.')
  await login()
  await shows('signed in as alice@example.com')
  expect(watching.stdout()).not.toContain('\u001b')
  watching.child.kill('SIGINT')
  expect(await watching.exited).toBe(130)
})
