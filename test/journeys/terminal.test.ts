// What a person sees at a real terminal: the status table, the doctor, the support bundle's question.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { has } from '../needs.ts'
import { startStage } from '../servers/stage.js'
import { startTerminal } from '../servers/terminal.js'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const here = () => ['--callback-url', stage.callbackUrl]
const login = () => stage.command(['login', stage.server.url, ...here()])

function terminal(args: string[], options = {}) {
  const started = startTerminal(stage, args, options)
  onTestFinished(() => started.close())
  return started
}

const ESCAPE = '\u001b['

describe.skipIf(!has('tmux'))('at a terminal', () => {
  test.each([80, 200])('status is a table that fits %i columns, with colours', async (columns) => {
    stage = await startStage()
    await login()
    const screen = terminal(['status'], { columns })
    expect(await screen.exited()).toBe(0)
    const text = screen.screen()
    expect(text).toContain(`● ${stage.server.url}`)
    expect(text).toMatch(/who +alice@example\.com/)
    expect(text).toMatch(/for another (59|60) minutes/)
    expect(text).toMatch(/scopes +mcp:tools/)
    expect(text).toMatch(/sealed by +file/)
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(columns)
    expect(screen.screen('colours')).toContain(ESCAPE)
  })

  test('NO_COLOR takes every colour away', async () => {
    stage = await startStage()
    await login()
    const screen = terminal(['status'], { extra: { NO_COLOR: '1' } })
    expect(await screen.exited()).toBe(0)
    expect(screen.screen()).toContain('● http')
    expect(screen.screen('colours')).not.toContain(ESCAPE)
  })

  test('status --watch shows a sign-in as it happens, and Ctrl-C ends it with 0', async () => {
    stage = await startStage()
    const screen = terminal(['status', '--watch'])
    await screen.shows(/Nobody is signed in/)
    const waiting = stage.start(['login', stage.server.url, '--no-browser', ...here()])
    const address = await waiting.says(/^http\S+/m)
    await screen.shows(/waiting for you in the browser/)
    await stage.visit(address)
    await screen.shows(/who +alice@example\.com/)
    screen.type('C-c')
    expect(await screen.exited()).toBe(0)
    expect(screen.screen().match(/signed in/g)).toHaveLength(1)
  })

  test('doctor shows symbols in colour, fits 80 columns, and ends with the code of the cause', async () => {
    stage = await startStage()
    await stage.server.close()
    const screen = terminal(['doctor', stage.server.url, ...here()])
    expect(await screen.exited()).toBe(4)
    const text = screen.screen()
    expect(text).toMatch(/^✗ tcp/m)
    expect(text).toContain('1 failed')
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(screen.screen('colours')).toContain(`${ESCAPE}31m✗`)
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
    screen.type(key, 'Enter')
    expect(await screen.exited()).toBe(0)
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
    screen.type('C-c')
    expect(await screen.exited()).toBe(0)
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
  expect(again.stderr).toContain('is there already')
})

test('status --watch without a terminal writes each change below the last, and ends with 0 when it is asked to', async () => {
  stage = await startStage()
  const watching = stage.start(['status', '--watch'])
  let text = ''
  watching.child.stdout?.on('data', (chunk) => {
    text += chunk
  })
  const until = async (part: string) => {
    while (!text.includes(part)) await new Promise((resolve) => setImmediate(resolve))
  }
  await until('Nobody is signed in.')
  await login()
  await until('signed in as alice@example.com')
  expect(text).not.toContain('\u001b')
  watching.child.kill('SIGINT')
  expect(await watching.exited).toBe(0)
})
