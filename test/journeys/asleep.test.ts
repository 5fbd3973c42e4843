// A machine that slept, a database that is locked, a bridge that ends: no sign-in is lost, and no refresh token is lost or sent twice.
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import { createGate } from '../fakes/gate.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

type Stage = Awaited<ReturnType<typeof startStage>>
type Host = ReturnType<Stage['host']>

let stage: Stage
afterEach(() => stage?.close())

const echo = (host: Host, message: string) => host.request('tools/call', { name: 'echo', arguments: { message } })
const said = (message: string) => ({ result: { content: [{ text: `Echo: ${message}` }] } })
const database = () => new BetterSqlite3(`${stage.environment.MCP_OAUTH_BRIDGE_HOME}/oauth.db`, { timeout: 5_000 })

/** What `look` finds in the database. */
function inDatabase<T>(look: (db: BetterSqlite3.Database) => T): T {
  const db = database()
  try {
    return look(db)
  } finally {
    db.close()
  }
}

/** All processes stop, and every lease expires: what a sleep of some seconds does, at once. */
function fallAsleep(pids: readonly number[]) {
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  inDatabase((db) => db.prepare("UPDATE leases SET expires_at = datetime('now', '-1 hour') || '.000'").run())
}
const wake = (...pids: readonly number[]) => {
  for (const pid of pids) process.kill(pid, 'SIGCONT')
}
/** The processes that hold leases of this kind, which have not expired. */
const holders = (kind: string): number[] =>
  inDatabase((db) =>
    db
      .prepare("SELECT owner FROM leases WHERE name LIKE ? AND expires_at > datetime('now')")
      .all(`${kind}:%`)
      .map((row) => Number((row as { owner: string }).owner.split(' ')[1])),
  )
const isHeldBy = (kind: string, pid: number) =>
  until(
    `the lease ${kind} of ${pid}`,
    () => holders(kind).includes(pid),
    () => holders(kind),
  )

test('two sign-ins that wait for their person survive the sleep of the machine, whichever of them wakes first', async () => {
  stage = await startStage()
  const login = (profile: string) =>
    stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl, '--profile', profile])
  const owner = login('home')
  const address = await owner.says(/^http\S+/m)
  const waiting = login('work')
  const other = await waiting.says(/^http\S+/m)
  const [first, second] = [owner.child.pid ?? 0, waiting.child.pid ?? 0]
  for (const order of [
    [second, first],
    [first, second],
  ]) {
    fallAsleep([first, second])
    wake(...order)
    await isHeldBy('callback', first)
    await isHeldBy('attempt', second)
  }
  await stage.visit(other)
  expect(await waiting.exited).toBe(0)
  await stage.visit(address)
  expect(await owner.exited).toBe(0)
})

test('the sign-in of a bridge survives the sleep of the machine: the login process is the same, and so is the tab', async () => {
  stage = await startStage()
  const host = stage.host([], { PERSON: 'absent' })
  const initialized = host.initialize()
  const [tab] = await stage.untilTabs(1)
  const [login = 0] = stage.loginProcesses()
  const bridge = host.child.pid ?? 0
  await isHeldBy('attempt', login)
  fallAsleep([bridge, login])
  wake(bridge, login)
  await isHeldBy('attempt', login)
  await isHeldBy('callback', login)
  expect(stage.loginProcesses()).toEqual([login])
  await stage.visit(tab?.[0] ?? '')
  expect((await initialized).result).toBeDefined()
  expect(stage.tabs()).toHaveLength(1)
})

/** The server refuses the tokens from now on, and the refresh that follows is answered when `answer` is called. */
function nextRefresh() {
  const { state, counts } = stage.authorization
  const gate = createGate()
  state.holdAnswer = () => gate.passed
  stage.server.rejectTokens()
  return { before: state.tokenRequests, answer: () => gate.open(), state, counts }
}

test('a refresh token that was sent before the machine slept is not sent again by who wakes first', async () => {
  stage = await startStage()
  const hosts = [stage.host(), stage.host()]
  for (const host of hosts) await host.initialize()
  await stage.untilListening(2)
  const { before, answer, state, counts } = nextRefresh()
  const answers = hosts.map((host, n) => echo(host, `from ${n}`))
  await stage.untilTokenRequests(before + 1)
  const pids = hosts.map(({ child }) => child.pid ?? 0)
  const [sender = 0] = holders('tokens')
  const heir = pids.find((pid) => pid !== sender) ?? 0
  fallAsleep(pids)
  answer()
  wake(heir)
  await isHeldBy('tokens', heir)
  wake(sender)
  expect(await Promise.all(answers)).toMatchObject([said('from 0'), said('from 1')])
  expect([state.tokenRequests, counts]).toMatchObject([before + 1, { refreshGrants: 1, refusedRefreshes: 0 }])
})

test.each([
  ['SIGTERM comes', (host: Host) => host.child.kill('SIGTERM')],
  ['stdin closes', (host: Host) => host.child.stdin.end()],
])('when %s during a refresh, the bridge stores what the authorization server answers', async (_, end) => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  await stage.untilListening(1)
  const { before, answer, state, counts } = nextRefresh()
  host.send({ jsonrpc: '2.0', id: 'x', method: 'tools/call', params: { name: 'echo', arguments: { message: '' } } })
  await stage.untilTokenRequests(before + 1)
  const { refused } = stage.server.state
  end(host)
  // The DELETE comes with the token that is refused.
  await until('the end of the session', () => stage.server.state.refused > refused)
  answer()
  expect(await host.exited).toBe(0)
  const next = stage.host()
  await next.initialize()
  expect(await echo(next, 'again')).toMatchObject(said('again'))
  expect([state.tokenRequests, counts]).toMatchObject([before + 1, { refreshGrants: 1, refusedRefreshes: 0 }])
})

test('new tokens that a locked database does not take are used, and stored when it is free', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  await stage.untilListening(1)
  const db = database()
  const { state, counts } = stage.authorization
  state.holdAnswer = async () => void db.exec('BEGIN IMMEDIATE')
  stage.server.rejectTokens()
  expect(await echo(host, 'locked')).toMatchObject(said('locked'))
  const generation = () => (db.prepare('SELECT generation FROM tokens').get() as { generation: number }).generation
  const before = generation()
  db.exec('ROLLBACK')
  await until('the new tokens in the database', () => generation() > before, generation)
  db.close()
  const next = stage.host()
  await next.initialize()
  expect(await echo(next, 'free')).toMatchObject(said('free'))
  expect(counts).toMatchObject({ refreshGrants: 1, refusedRefreshes: 0, codeGrants: 1 })
})
