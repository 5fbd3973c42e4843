// The authorization server fails in every passing way: no tokens are lost, no tab opens, and the next call works.
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

type Stage = Awaited<ReturnType<typeof startStage>>

let stage: Stage
afterEach(() => stage?.close())

const echo = (host: ReturnType<Stage['host']>, message: string) =>
  host.request('tools/call', { name: 'echo', arguments: { message } })

async function startSignedIn() {
  stage = await startStage()
  // What fails is told within it, and what works has it too, on a busy machine as well.
  const host = stage.host(['--config', stage.config(`callback_url: ${stage.callbackUrl}\nrequest_timeout: 5000\n`)])
  await host.initialize()
  stage.server.rejectTokens()
  return host
}

async function expectNothingLost(host: ReturnType<Stage['host']>) {
  const { accounts } = JSON.parse((await stage.command(['status', '--json'])).stdout)
  expect(accounts[0]).toMatchObject({ state: 'signed_in', refreshable: true })
  expect((await echo(host, 'recovered')).result.content[0].text).toBe('Echo: recovered')
  expect(stage.tabs()).toHaveLength(1)
  expect(stage.authorization.counts).toMatchObject({ codeGrants: 1, refusedRefreshes: 0 })
}

test.each([
  ['a 500', { status: 500 }, 'authorization_server_error'],
  ['a 502 with a page', { status: 502, body: '<html>bad gateway</html>' }, 'authorization_server_error'],
  ['a 503', { status: 503, headers: { 'retry-after': '1' } }, 'authorization_server_error'],
  [
    'a 429 that asks for long patience',
    { status: 429, headers: { 'retry-after': '3600' } },
    'authorization_server_error',
  ],
  [
    'a 500 that says invalid_grant',
    { status: 500, headers: { 'content-type': 'application/json' }, body: '{"error":"invalid_grant"}' },
    'authorization_server_error',
  ],
  ['a cut connection', 'reset', 'authorization_server_unreachable'],
  ['silence', 'silence', 'authorization_server_unreachable'],
] as const)(
  '%s from the token endpoint loses nothing: the call gets an error, the next one works',
  async (_what, fault, code) => {
    const host = await startSignedIn()
    stage.authorization.state.tokenFault = fault
    const { error } = await echo(host, 'in the storm')
    expect(error.data.code).toBe(code)
    expect(error.message).toContain(stage.authorization.issuer)
    stage.authorization.state.tokenFault = undefined
    await expectNothingLost(host)
  },
)

test('one failure that passes at once is not noticed', async () => {
  const host = await startSignedIn()
  stage.authorization.state.tokenFault = { status: 503 }
  const answer = echo(host, 'patience')
  await stage.untilTokenRequests(2)
  stage.authorization.state.tokenFault = undefined
  expect((await answer).result.content[0].text).toBe('Echo: patience')
})

test('a name that does not resolve loses no tokens', async () => {
  const host = await startSignedIn()
  const inDatabase = <T>(work: (db: BetterSqlite3.Database) => T): T => {
    const db = new BetterSqlite3(`${stage.environment.MCP_OAUTH_BRIDGE_HOME}/oauth.db`)
    try {
      return work(db)
    } finally {
      db.close()
    }
  }
  const forgetMetadata = () => inDatabase((db) => db.exec("DELETE FROM server_cache WHERE name LIKE 'published:%'"))
  const path = '/.well-known/oauth-authorization-server'
  const published = (await (await fetch(stage.authorization.issuer + path)).json()) as Record<string, unknown>
  stage.authorization.state.documents = {
    [path]: { ...published, token_endpoint: 'https://authorization.invalid/token' },
  }
  forgetMetadata()
  const { error } = await echo(host, 'nowhere')
  expect(error.data.code).toBe('authorization_server_unreachable')
  expect(error.message).toMatch(/ENOTFOUND|EAI_AGAIN/)
  // Nor does it count as a refresh that was interrupted.
  expect(inDatabase((db) => db.prepare('SELECT spent_at FROM tokens').all())).toEqual([{ spent_at: null }])
  stage.authorization.state.documents = {}
  forgetMetadata()
  await expectNothingLost(host)
})
