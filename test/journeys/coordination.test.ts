// Many processes, one account: one refresh, one tab, one registration, and nothing lost when processes are killed.
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

type Stage = Awaited<ReturnType<typeof startStage>>
type Host = ReturnType<Stage['host']>

let stage: Stage
afterEach(() => stage?.close())

const echo = (host: Host, message: string) => host.request('tools/call', { name: 'echo', arguments: { message } })
const database = () => new BetterSqlite3(`${stage.environment.MCP_OAUTH_BRIDGE_HOME}/oauth.db`, { timeout: 5_000 })

async function startHosts(count: number): Promise<Host[]> {
  const hosts = Array.from({ length: count }, () => stage.host())
  const answers = await Promise.all(hosts.map((host) => host.initialize()))
  for (const answer of answers) expect(answer.error).toBeUndefined()
  // A stream that is still to be opened would refresh at a moment of its own.
  await stage.untilListening(count)
  return hosts
}

test('when 10 processes get a 401 at the same instant, the authorization server sees 1 refresh, 0 tabs open and all 10 calls succeed', async () => {
  stage = await startStage()
  await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
  const hosts = await startHosts(10)
  stage.server.rejectTokens()
  const answers = await Promise.all(hosts.map((host, n) => echo(host, `from ${n}`)))
  expect(answers.map(({ result }) => result?.content[0].text)).toEqual(hosts.map((_, n) => `Echo: from ${n}`))
  expect(stage.authorization.counts).toMatchObject({ refreshGrants: 1, refusedRefreshes: 0, codeGrants: 1 })
  expect(stage.tabs()).toHaveLength(1)
  await Promise.all(hosts.map((host) => host.close()))
}, 120_000)

test('when 20 processes start cold together, there is 1 registration, 1 tab, 1 sign-in and 20 answers', async () => {
  stage = await startStage()
  const hosts = await startHosts(20)
  expect(stage.tabs()).toHaveLength(1)
  expect(stage.authorization.counts).toMatchObject({ registrations: 1, codeGrants: 1, refreshGrants: 0 })
  await Promise.all(hosts.map((host) => host.close()))
}, 120_000)

test('when the holder of the lease died before it sent the refresh, another takes over and one refresh is made', async () => {
  stage = await startStage()
  const [host] = await startHosts(1)
  const db = database()
  const inFourSeconds = new Date(Date.now() + 4_000).toISOString().replace('T', ' ').replace('Z', '')
  db.prepare("INSERT INTO leases VALUES (?, 'a process that is gone', ?)").run(
    `tokens:${stage.server.url} default`,
    inFourSeconds,
  )
  db.close()
  stage.server.rejectTokens()
  expect((await echo(host as Host, 'on')).result.content[0].text).toBe('Echo: on')
  expect(stage.authorization.counts).toMatchObject({ refreshGrants: 1, refusedRefreshes: 0 })
  expect(stage.tabs()).toHaveLength(1)
})

test('when the holder of the lease is killed while its refresh is on the way, another takes over and nothing is lost', async () => {
  stage = await startStage()
  const [first, second] = (await startHosts(2)) as [Host, Host]
  stage.authorization.state.tokenFault = 'silence'
  stage.server.rejectTokens()
  echo(first, 'never answered').catch(() => undefined)
  await stage.untilTokenRequests(2)
  first.child.kill('SIGKILL')
  await first.exited
  stage.authorization.state.tokenFault = undefined
  expect((await echo(second, 'on')).result.content[0].text).toBe('Echo: on')
  expect(stage.authorization.counts).toMatchObject({ refreshGrants: 1, refusedRefreshes: 0, codeGrants: 1 })
  expect(stage.tabs()).toHaveLength(1)
})

test('when the holder is killed after the answer and before the commit, that one case costs a sign-in, and the bridge says so', async () => {
  stage = await startStage()
  const [first, second] = (await startHosts(2)) as [Host, Host]
  stage.authorization.state.holdAnswer = async () => {
    first.child.kill('SIGKILL')
    await first.exited
  }
  stage.server.rejectTokens()
  echo(first, 'never answered').catch(() => undefined)
  await first.exited
  stage.authorization.state.holdAnswer = undefined
  expect((await echo(second, 'on')).result.content[0].text).toBe('Echo: on')
  expect(stage.authorization.counts).toMatchObject({ refreshGrants: 1, refusedRefreshes: 1, codeGrants: 2 })
  expect(stage.tabs()).toHaveLength(2)
  expect(second.stderr).toContain('An earlier refresh was interrupted before its new tokens were stored')
})

test('when the bridge is killed after the tab opened and the host starts it again, the sign-in completes with 1 tab in all', async () => {
  stage = await startStage()
  const first = stage.host([], { PERSON: 'absent' })
  first.initialize().catch(() => undefined)
  const [tab] = await stage.untilTabs(1)
  first.child.kill('SIGKILL')
  await first.exited
  const second = stage.host([], { PERSON: 'absent' })
  const initialized = second.initialize()
  await stage.visit(tab?.[0] ?? '')
  expect((await initialized).result).toBeDefined()
  expect(stage.tabs()).toHaveLength(1)
})

test('when the login process is killed after the tab opened, another one answers the same tab', async () => {
  stage = await startStage()
  const host = stage.host([], { PERSON: 'absent' })
  const initialized = host.initialize()
  const [tab] = await stage.untilTabs(1)
  const [killed] = stage.loginProcesses()
  process.kill(killed ?? 0, 'SIGKILL')
  await stage.untilCallbackPortAnswersAgain(killed ?? 0)
  await stage.visit(tab?.[0] ?? '')
  expect((await initialized).result).toBeDefined()
  // A kill right after the browser was started, before that is noted, costs a second tab with the same address.
  expect(new Set(stage.tabs().map(([address]) => address)).size).toBe(1)
}, 90_000)

test('when a login is killed while another login waits for the same sign-in, that one goes on in its place', async () => {
  stage = await startStage()
  const words = ['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl]
  const first = stage.start(words)
  const address = await first.says(/^http\S+/m)
  const second = stage.start(words)
  expect(await second.says(/^http\S+/m)).toBe(address)
  first.child.kill('SIGKILL')
  await first.exited
  await stage.untilCallbackPortAnswers()
  await stage.visit(address)
  expect(await second.exited).toBe(0)
  expect(stage.authorization.counts.codeGrants).toBe(1)
})

test('two sign-ins at once share the callback port: each code is redeemed for its own attempt', async () => {
  stage = await startStage()
  const home = stage.host(['--profile', 'home'], { PERSON: 'absent' })
  const work = stage.host(['--profile', 'work'], { PERSON: 'absent' })
  const answers = [home.initialize(), work.initialize()]
  const tabs = await stage.untilTabs(2)
  let open = tabs.length
  for (const [url] of [...tabs].reverse()) {
    await stage.visit(url ?? '')
    await stage.untilLoginsLeft(--open)
  }
  for (const answer of await Promise.all(answers)) expect(answer.result).toBeDefined()
  const { accounts } = JSON.parse((await stage.command(['status', '--json'])).stdout)
  expect(accounts.map(({ profile, state }: { profile: string; state: string }) => [profile, state])).toEqual([
    ['home', 'signed_in'],
    ['work', 'signed_in'],
  ])
})

test('when a tab was dismissed, no other opens by itself, and login opens one', async () => {
  stage = await startStage()
  const config = stage.config(
    `callback_url: ${stage.callbackUrl}\nsession_timeout: 6\nlogin: { hold_initialize_ms: 60000 }\n`,
  )
  const host = stage.host(['--config', config], { PERSON: 'absent' })
  expect((await host.failure()).data.code).toBe('login_timed_out')
  const again = await host.failure()
  expect(again.data.hint).toContain('mcp-oauth-bridge login')
  expect(stage.tabs()).toHaveLength(1)
  expect((await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])).code).toBe(0)
  expect(stage.tabs()).toHaveLength(2)
})

test('when a sign-in was lost, a start opens no tab, and a call opens one', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  await stage.authorization.revokeGrants()
  stage.server.rejectTokens()
  const listed = await host.request('tools/list')
  const signIn = listed.result.tools.at(-1)
  expect(signIn.name).toBe('sign_in')
  expect(signIn.description).toContain('refused the refresh token')
  expect(stage.tabs()).toHaveLength(1)
  expect((await echo(host, 'back')).result.content[0].text).toBe('Echo: back')
  expect(stage.tabs()).toHaveLength(2)
})

test('--login never opens no tab, on-call opens one for a call only', async () => {
  stage = await startStage()
  const never = stage.host(['--login', 'never'])
  expect((await never.failure()).data.code).toBe('not_signed_in')
  const onCall = stage.host(['--login', 'on-call'])
  expect((await onCall.initialize()).result.serverInfo.name).toBe('mcp-oauth-bridge')
  expect(stage.tabs()).toHaveLength(0)
  expect((await echo(onCall, 'x')).result.content[0].text).toBe('Echo: x')
  expect(stage.tabs()).toHaveLength(1)
})
