// An interrupted sign-in is not a refusal: whatever ends the host, the bridge or the login process, the open tab still counts and no other opens.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { groupOf, killAll, sessionOf, treeOf } from '../servers/processTree.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

const isLinux = process.platform === 'linux'
const MAKER = fileURLToPath(new URL('../servers/orphanMaker.js', import.meta.url))

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const INITIALIZE = {
  ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'h', version: '1' } },
}

/** A host in a session of its own, which starts a bridge and asks for the server; nobody sits before it. */
async function startOwnHost() {
  const host = spawn(process.execPath, [MAKER, stage.server.url, '--callback-url', stage.callbackUrl], {
    env: { ...stage.environment, PERSON: 'absent' },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  host.stdin.on('error', () => undefined)
  onTestFinished(() => void host.kill('SIGKILL'))
  const [line] = await once(host.stderr, 'data')
  host.stdin.write(`${JSON.stringify(INITIALIZE)}\n`)
  return { pid: host.pid ?? 0, bridge: Number(String(line)) }
}

const firstTab = async () => (await stage.untilTabs(1))[0]?.[0] ?? ''

/** The row of the only attempt. */
function attempt(): { status: string; planned: number; opened_at: string | null } | undefined {
  try {
    const database = new BetterSqlite3(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'), { timeout: 5_000 })
    try {
      return database.prepare('SELECT status, plan IS NOT NULL AS planned, opened_at FROM sessions').get() as never
    } finally {
      database.close()
    }
  } catch {
    return undefined
  }
}

const isSignedIn = async () => {
  const { stdout } = await stage.command(['status', '--json'])
  return JSON.parse(stdout).accounts.some(({ state }: { state: string }) => state === 'signed_in')
}

describe.skipIf(!isLinux)('the login process outlives a host that is killed', () => {
  test.each([
    ['with all that descends from it', treeOf],
    ['with its process group', groupOf],
    ['with its session', sessionOf],
  ])('%s: the tab is finished, and the next start is signed in', async (_, found) => {
    stage = await startStage()
    const host = await startOwnHost()
    const tab = await firstTab()
    const [login] = stage.loginProcesses()
    const victims = found(host.pid)
    expect(victims).toContain(host.bridge)
    expect(victims).not.toContain(login)
    killAll(victims)
    await until('the end of the bridge', () => !treeOf(1).includes(host.bridge))
    await stage.visit(tab)
    expect(await isSignedIn()).toBe(true)
    const next = stage.host()
    expect((await next.initialize()).result.serverInfo.name).not.toBe('mcp-oauth-bridge')
    expect(stage.tabs()).toHaveLength(1)
  })

  test('it is not in the folder of the host, and no file of the host is open in it', async () => {
    stage = await startStage()
    await startOwnHost()
    await firstTab()
    const [login] = stage.loginProcesses()
    await until('the home folder', () => readlinkSync(`/proc/${login}/cwd`) === stage.home)
    expect(readFileSync(`/proc/${login}/cmdline`, 'utf8').split('\0').slice(-3)).toEqual(['login', '--attempt', ''])
  })
})

describe.skipIf(!isLinux)('when the login process is ended', () => {
  test.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGKILL'] as const)(
    'by %s, the bridge starts another, and the same tab signs in',
    async (signal) => {
      stage = await startStage()
      const host = stage.host([], { PERSON: 'absent' })
      const initialized = host.initialize()
      const tab = await firstTab()
      const [killed = 0] = stage.loginProcesses()
      process.kill(killed, signal)
      await stage.untilCallbackPortAnswersAgain(killed)
      await stage.visit(tab)
      expect((await initialized).result).toBeDefined()
      expect(stage.tabs()).toHaveLength(1)
      expect(stage.authorization.counts).toMatchObject({ registrations: 1, codeGrants: 1 })
    },
  )

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'with its host, by %s, the next start goes on with the same tab',
    async (signal) => {
      stage = await startStage()
      const first = stage.host([], { PERSON: 'absent' })
      first.initialize().catch(() => undefined)
      const tab = await firstTab()
      for (const pid of [first.child.pid ?? 0, ...stage.loginProcesses()]) process.kill(pid, signal)
      await first.exited
      await stage.callbackPortIsFree()
      const second = stage.host([], { PERSON: 'absent' })
      const initialized = second.initialize()
      await stage.untilCallbackPortAnswers()
      await stage.visit(tab)
      expect((await initialized).result).toBeDefined()
      expect(stage.tabs()).toHaveLength(1)
    },
  )

  test('while it exchanges the code, the next one exchanges it', async () => {
    stage = await startStage()
    const host = stage.host([], { PERSON: 'absent' })
    const initialized = host.initialize()
    const tab = await firstTab()
    stage.authorization.state.tokenFault = 'silence'
    void stage.visit(tab).catch(() => undefined)
    await stage.untilTokenRequests(1)
    stage.authorization.state.tokenFault = undefined
    process.kill(stage.loginProcesses()[0] ?? 0, 'SIGKILL')
    expect((await initialized).result).toBeDefined()
    expect(stage.tabs()).toHaveLength(1)
    expect(stage.authorization.counts.codeGrants).toBe(1)
  })
})

describe.skipIf(!isLinux)('when host and login process are killed in their first moments', () => {
  test.each([
    ['the attempt is begun', () => attempt() !== undefined],
    ['the login process starts', () => stage.loginProcesses().length > 0],
    ['the address is known', () => attempt()?.planned === 1],
    ['the tab is open', () => stage.tabs().length > 0],
  ])('as soon as %s, the next start begins cleanly: one address in all, which is shown', async (_, isTime) => {
    stage = await startStage()
    const first = stage.host([], { PERSON: 'absent' })
    first.initialize().catch(() => undefined)
    await until('the moment', isTime)
    killAll([first.child.pid ?? 0, ...stage.loginProcesses()])
    await first.exited
    killAll(stage.loginProcesses())
    const second = stage.host([], { PERSON: 'absent' })
    const initialized = second.initialize()
    const tab = await firstTab()
    await until('a login process', () => stage.loginProcesses().length > 0)
    await stage.untilCallbackPortAnswers()
    await stage.visit(tab)
    expect((await initialized).result).toBeDefined()
    // A kill right after the browser was started, before that is noted, costs a second tab with the same address; none would be worse.
    expect(new Set(stage.tabs().map(([address]) => address)).size).toBe(1)
  })

  test.each(['', '{"attemptId":"x"', '{"attemptId":"x","tab":"allowed","config":{}}'])(
    'with only a part of its settings said (%j), a login process ends without a word',
    async (part) => {
      stage = await startStage()
      const login = stage.start(['login', '--attempt'])
      login.child.stdin.end(part)
      expect(await login.exited).toBe(0)
      expect(login.stdout()).toBe('')
      expect(attempt()).toBeUndefined()
    },
  )
})

describe('login', () => {
  const words = () => ['login', stage.server.url, '--callback-url', stage.callbackUrl]

  test.each(['SIGKILL', 'SIGTERM', 'SIGHUP'] as const)(
    'that is ended by %s and begun again at once opens one tab, whose port is held',
    async (signal) => {
      stage = await startStage()
      const first = stage.start(words(), { PERSON: 'absent' })
      const tab = await firstTab()
      first.child.kill(signal)
      await first.exited
      const second = stage.start(words(), { PERSON: 'absent' })
      await second.says(/tab is still open/)
      await stage.untilCallbackPortAnswers()
      await stage.visit(tab)
      expect(await second.exited).toBe(0)
      expect(stage.tabs()).toHaveLength(1)
      expect(stage.authorization.counts).toMatchObject({ registrations: 1, codeGrants: 1 })
    },
  )

  test('that is interrupted by Ctrl-C ends its sign-in, and a bridge may open a tab right after', async () => {
    stage = await startStage()
    const login = stage.start(words(), { PERSON: 'absent' })
    await firstTab()
    login.child.kill('SIGINT')
    expect(await login.exited).toBe(130)
    expect((await stage.host().initialize()).result).toBeDefined()
    expect(stage.tabs()).toHaveLength(2)
  })
})

describe('after a sign-in that was denied', () => {
  const denied = async () => {
    stage = await startStage()
    stage.authorization.state.person = 'deny'
    const config = stage.config('login: { hold_initialize_ms: 60000, hold_call_ms: 5000 }\n', 'quick.yaml')
    const host = stage.host([], { CONFIG_PATH: config })
    await host.initialize()
    await stage.untilTabs(1)
    await stage.callbackPortIsFree()
    const call = () => host.request('tools/call', { name: 'echo', arguments: { message: 'x' } })
    return { host, call }
  }

  test('the next call begins another: its address is told with the reason, and no tab opens by itself', async () => {
    const { host, call } = await denied()
    const calling = call()
    const said = await host.says(/The last sign-in failed: .* Open this address to sign in: \S+/)
    const address = said.split(' ').at(-1) ?? ''
    expect(stage.tabs().flat()).not.toContain(address)
    const { error } = await calling
    expect(error.data.code).toBe('sign_in_pending')
    expect(error.message).toMatch(/^The last sign-in failed: .* You have to sign in first: /)
    expect(error.message).toContain(address)
    expect(stage.tabs()).toHaveLength(1)
  })

  test('its address signs in, and the next call is made', async () => {
    const { call } = await denied()
    stage.authorization.state.person = 'approve'
    const { error } = await call()
    expect(error.message).toMatch(/^The last sign-in failed: .* You have to sign in first: /)
    await stage.visit(error.data.url)
    const answer = await until('a call that is made', async () => {
      const one = await call()
      return one.result && one
    })
    expect(answer.result.content[0].text).toContain('x')
    expect(stage.tabs()).toHaveLength(1)
  })

  test('login opens a tab', async () => {
    await denied()
    stage.authorization.state.person = 'approve'
    expect((await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])).code).toBe(0)
    expect(stage.tabs()).toHaveLength(2)
  })
})

test('settings that no pipe holds at once reach the login process', async () => {
  stage = await startStage()
  const authority = readFileSync(new URL('../servers/tls/ca.pem', import.meta.url), 'utf8')
  stage.config(authority.repeat(Math.ceil(600_000 / authority.length)), 'many.pem')
  const config = stage.config('ca_file: many.pem\nlogin: { hold_initialize_ms: 60000 }\n', 'many.yaml')
  const host = stage.host([], { CONFIG_PATH: config })
  expect((await host.initialize()).result).toBeDefined()
})

test('the words of the launcher hold nothing of the settings', async () => {
  stage = await startStage()
  const host = stage.host(['--header', 'X-Key: canary-of-the-settings'], { PERSON: 'absent' })
  host.initialize().catch(() => undefined)
  const seen: string[][] = []
  await until('a tab', () => {
    seen.push(...stage.commandLines().filter((line) => line.includes('--attempt')))
    return stage.tabs().length > 0
  })
  expect(JSON.stringify(seen)).not.toContain('canary')
  expect(seen).not.toEqual([])
})
