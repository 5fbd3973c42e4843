// The packed program on Windows, as Wine plays it: the real build of Node, Credential Manager, the system's opener, a profile with
// letters beyond ASCII and a space.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { entryOf, installBundle } from '../mcpb/bundle.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'
import { missing, prepareWindows, removeWindows, startWindows, windowsPath } from './windows.ts'

const PERSON = fileURLToPath(new URL('../servers/person.js', import.meta.url))

let windows: Awaited<ReturnType<typeof startWindows>>
let stage: Awaited<ReturnType<typeof startStage>>
beforeAll(async () => {
  const why = missing()
  if (why !== undefined) throw new Error(why)
  await prepareWindows()
})
afterAll(removeWindows)
afterEach(async () => {
  await windows?.close()
  await stage?.close()
})

/** With somebody who signs in at once, or who leaves the tab open. */
async function start(person: 'present' | 'absent' = 'present') {
  stage = await startStage()
  windows = await startWindows(`PERSON=${person} PERSON_LOG='${stage.environment.PERSON_LOG}' exec '${PERSON}' "$1"`)
}

const words = () => [stage.server.url, '--callback-url', stage.callbackUrl]
type Host = ReturnType<typeof windows.host>
const echo = async (host: Host, message: string) =>
  (await host.request('tools/call', { name: 'echo', arguments: { message } })).result?.content[0].text
const status = async () => JSON.parse((await windows.command(['status', '--json'])).stdout)

test('the first start signs in through the system’s browser, the key is in Credential Manager, and the next start is signed in', async () => {
  await start()
  const host = windows.host(words())
  await host.initialize()
  expect(await echo(host, 'from Windows')).toBe('Echo: from Windows')
  expect(await host.close()).toBe(0)
  expect(await status()).toMatchObject({ secret_store: 'keychain', accounts: [{ state: 'signed_in' }] })
  const next = windows.host(words())
  expect(await next.isMet()).toBe(true)
  expect(await echo(next, 'again')).toBe('Echo: again')
  expect(await next.close()).toBe(0)
  expect(stage.tabs()).toHaveLength(1)
})

test('two bridges at once share one tab and one sign-in', async () => {
  await start('absent')
  const hosts = [windows.host(words()), windows.host(words())]
  await Promise.all(hosts.map((host) => host.initialize()))
  const [[tab] = []] = await stage.untilTabs(1)
  await stage.untilCallbackPortAnswers()
  await stage.visit(tab ?? '')
  expect(await Promise.all(hosts.map((host, at) => echo(host, `${at}`)))).toEqual(['Echo: 0', 'Echo: 1'])
  expect(stage.tabs()).toHaveLength(1)
  expect(stage.authorization.counts).toMatchObject({ registrations: 1, codeGrants: 1 })
})

test('a host that is killed leaves a login process, which finishes the tab; the next start is signed in', async () => {
  await start('absent')
  const host = windows.host(words())
  await host.initialize()
  const [[tab] = []] = await stage.untilTabs(1)
  host.child.kill()
  await host.exited
  await stage.untilCallbackPortAnswers()
  await stage.visit(tab ?? '')
  expect((await status()).accounts).toMatchObject([{ state: 'signed_in' }])
  const next = windows.host(words())
  await next.initialize()
  expect(await echo(next, 'after all')).toBe('Echo: after all')
  expect(stage.tabs()).toHaveLength(1)
})

test('a login process that is killed is followed by another one, and the tab that is open still counts', async () => {
  await start('absent')
  const host = windows.host(words())
  await host.initialize()
  const [[tab] = []] = await stage.untilTabs(1)
  await stage.untilCallbackPortAnswers()
  const killed = windows.loginProcesses()
  expect(killed).toHaveLength(1)
  for (const id of killed) process.kill(id, 'SIGKILL')
  const call = echo(host, 'after all')
  await until('another login process', () => windows.loginProcesses().some((id) => !killed.includes(id)))
  await stage.untilCallbackPortAnswers()
  await stage.visit(tab ?? '')
  expect(await call).toBe('Echo: after all')
  expect(stage.tabs()).toHaveLength(1)
})

test('doctor finds nothing wrong, and reset removes what was stored', async () => {
  await start()
  expect(await windows.command(['login', ...words()])).toMatchObject({ code: 0 })
  const { stdout } = await windows.command(['doctor', '--json', ...words()])
  const wrong = JSON.parse(stdout).checks.filter((check: { status: string }) => check.status === 'fail')
  expect(wrong).toEqual([])
  expect(await windows.command(['reset', '--yes'])).toMatchObject({ code: 0 })
  expect((await status()).accounts).toEqual([])
})

test('install writes an entry that Claude Desktop can start, beside what was there, and uninstall takes it away again', async () => {
  await start()
  const file = String.raw`AppData\Roaming\Claude\claude_desktop_config.json`
  const before = JSON.stringify({ mcpServers: { other: { command: 'other.exe' } }, theme: 'dark' }, null, 2)
  windows.write(file, before)
  const how = ['claude-desktop', ...words(), '--name', 'mine', '--yes']
  expect(await windows.command(['install', ...how])).toMatchObject({ code: 0 })
  const written = JSON.parse(windows.read(file))
  expect(written).toMatchObject({ mcpServers: { other: { command: 'other.exe' } }, theme: 'dark' })
  const host = windows.hostOf(written.mcpServers.mine)
  await host.initialize()
  expect(await echo(host, 'installed')).toBe('Echo: installed')
  await host.close()
  expect(await windows.command(['uninstall', 'claude-desktop', 'mine'])).toMatchObject({ code: 0 })
  expect(JSON.parse(windows.read(file))).toEqual(JSON.parse(before))
})

test('where Claude Desktop is a package, install takes its own file, says so, and uninstall finds it there', async () => {
  await start()
  const file = String.raw`AppData\Local\Packages\Claude_pzs8sxrjxfjjc\LocalCache\Roaming\Claude\claude_desktop_config.json`
  windows.write(file, '{"theme":"dark"}')
  const installed = await windows.command(['install', 'claude-desktop', ...words(), '--name', 'mine', '--yes'])
  expect(installed).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(String.raw`Claude_pzs8sxrjxfjjc\LocalCache`),
  })
  expect(JSON.parse(windows.read(file))).toMatchObject({ theme: 'dark', mcpServers: { mine: {} } })
  expect(await windows.command(['uninstall', 'claude-desktop', 'mine'])).toMatchObject({ code: 0 })
  expect(JSON.parse(windows.read(file))).toMatchObject({ theme: 'dark' })
})

test('a private copy starts by its own path in a profile with a space', async () => {
  await start()
  expect(await windows.command(['install', 'cursor', ...words(), '--name', 'x', '--pin', '--yes'])).toMatchObject({
    code: 0,
  })
  const { mcpServers } = JSON.parse(windows.read(String.raw`.cursor\mcp.json`))
  expect(mcpServers.x.args[0]).toContain(String.raw`.mcp-oauth-bridge\program`)
  const host = windows.hostOf(mcpServers.x)
  await host.initialize()
  expect(await echo(host, 'pinned')).toBe('Echo: pinned')
})

test('the bundle for Claude Desktop starts from what is in it, signs in, and keeps the key in Credential Manager', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-bundle-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  const { manifest, unpacked } = await installBundle(folder)
  await start()
  windows.write(String.raw`.mcp-oauth-bridge\config.yaml`, `callback_url: ${stage.callbackUrl}\n`)
  const entry = entryOf(manifest, windowsPath(unpacked), { url: stage.server.url }, 'stays')
  const host = windows.hostOf({ command: windows.node, ...entry })
  await host.initialize()
  expect(await echo(host, 'bundled')).toBe('Echo: bundled')
  expect(await host.close()).toBe(0)
  expect(await status()).toMatchObject({ secret_store: 'keychain', accounts: [{ state: 'signed_in' }] })
})

test('a host’s file that another program holds is named with the reason and stays as it is; once it is let go, install changes it', async () => {
  await start()
  const before = '{ "mcpServers": {} }\n'
  windows.write(String.raw`.cursor\mcp.json`, before)
  const letGo = await windows.hold(String.raw`.cursor\mcp.json`)
  const refused = await windows.command(['install', 'cursor', ...words(), '--yes'])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('Quit the host') })
  expect(refused.stderr).toMatch(/mcp\.json cannot be written: .*another program has it open/)
  expect([windows.read(String.raw`.cursor\mcp.json`), windows.names('.cursor')]).toEqual([before, ['mcp.json']])
  await letGo()
  expect(await windows.command(['install', 'cursor', ...words(), '--yes'])).toMatchObject({ code: 0 })
  expect(windows.read(String.raw`.cursor\mcp.json`)).toContain(stage.server.url)
})

test('a log over the limit that another program holds goes on in the large file, and is set aside once it is let go', async () => {
  await start()
  const log = String.raw`.mcp-oauth-bridge\logs\proxy.log`
  windows.write(log, `${'x'.repeat(99)}\n`.repeat(55_000))
  const letGo = await windows.hold(log)
  const call = async (message: string) => {
    const host = windows.host([...words(), '--debug'])
    await host.initialize()
    expect(await echo(host, message)).toBe(`Echo: ${message}`)
    expect(await host.close()).toBe(0)
  }
  await call('held')
  expect(windows.names(String.raw`.mcp-oauth-bridge\logs`)).toEqual(['proxy.log'])
  expect(windows.read(log)).toContain('proxy:start')
  await letGo()
  await call('let go')
  expect(windows.names(String.raw`.mcp-oauth-bridge\logs`)).toHaveLength(2)
})
