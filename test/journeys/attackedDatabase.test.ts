// Who can write to the database, and has no key, gets no tokens from the built program; sign-ins of the version before survive.
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startLoopbackServer } from '../servers/loopbackServer.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
let thief: Awaited<ReturnType<typeof startThief>>
beforeEach(async () => {
  stage = await startStage()
  thief = await startThief()
})
afterEach(async () => {
  await stage.close()
  await thief.close()
})

/** Takes everything, and publishes metadata of an authorization server. */
async function startThief() {
  const taken: string[] = []
  const { origin, close } = await startLoopbackServer((request, response, body) => {
    taken.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata))
  })
  const metadata = {
    ...{ issuer: origin, authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token` },
    ...{ code_challenge_methods_supported: ['S256'], access_token: 'theirs', token_type: 'bearer' },
  }
  return { origin, taken, metadata, close }
}

const home = () => stage.environment.MCP_OAUTH_BRIDGE_HOME
const here = () => ['--callback-url', stage.callbackUrl]
const login = (...more: string[]) => stage.command(['login', stage.server.url, ...here(), ...more])

function sql(statement: string, ...values: unknown[]) {
  const database = new BetterSqlite3(join(home(), 'oauth.db'))
  try {
    if (values.length === 0) database.exec(statement)
    else database.prepare(statement).run(...values)
  } finally {
    database.close()
  }
}

const secrets = () =>
  thief.taken.filter((text) => /authorization"|refresh_token=|client_secret|code=|code_verifier/.test(text))

async function call() {
  const host = stage.host(['--login', 'never'])
  await host.initialize()
  const answer = await host.request('tools/call', { name: 'echo', arguments: { message: 'hi' } })
  await host.close()
  return answer
}

test('an issuer that somebody wrote into a token row gets no refresh token', async () => {
  await login()
  sql("UPDATE tokens SET issuer = ?, expires_at = '2020-01-01 00:00:00'", thief.origin)
  expect((await stage.command(['refresh', stage.server.url, ...here()])).code).not.toBe(0)
  await stage.command(['logout', stage.server.url, ...here()])
  expect(secrets()).toEqual([])
  expect(stage.authorization.counts.refreshGrants).toBe(0)
})

test('metadata that somebody wrote into the cache is fetched again before a secret is sent', async () => {
  await login()
  sql('UPDATE server_cache SET value = ?', JSON.stringify({ ...thief.metadata, issuer: stage.authorization.issuer }))
  expect((await stage.command(['refresh', stage.server.url, ...here()])).code).toBe(0)
  expect(thief.taken).toEqual([])
  expect(stage.authorization.counts.refreshGrants).toBe(1)
})

test('a sign-in whose server somebody changed is not completed for the other server', async () => {
  const waiting = stage.start(['login', stage.server.url, ...here(), '--no-browser'])
  const address = await waiting.says(/^http\S+/m)
  sql('UPDATE sessions SET server = ?', `${thief.origin}/mcp`)
  expect(await waiting.exited).not.toBe(0)
  expect(address).toContain(stage.authorization.issuer)
  expect(thief.taken).toEqual([])
})

test('a key file placed beside a database whose key is elsewhere seals nothing', async () => {
  const ours = { MCP_OAUTH_BRIDGE_KEY: randomBytes(32).toString('base64') }
  expect((await stage.command(['login', stage.server.url, ...here()], ours)).code).toBe(0)
  const key = randomBytes(32)
  const print = createHash('sha256').update('mcp-oauth-bridge sealing key\n').update(key).digest('hex').slice(0, 16)
  writeFileSync(join(home(), 'sealing-key-0123456789ab.key'), key.toString('base64url'), { mode: 0o600 })
  sql('DELETE FROM key_slots')
  sql("INSERT INTO key_slots VALUES ('file', 'sealing-key-0123456789ab', ?, 'x')", print)
  for (const extra of [ours, {}]) {
    const { code, stderr } = await stage.command(['login', stage.server.url, ...here(), '--force'], extra)
    expect(code).toBe(5)
    expect(stderr).toContain('was not used with it before')
  }
})

test('sign-ins of a database without row seals survive, and rows without a seal are accepted only once', async () => {
  await login()
  for (const version of [4, 3, 2, 1])
    expect((await stage.command(['migrate', 'down'])).stderr).toContain(`schema version ${version}`)
  for (const name of readdirSync(home())) if (name.endsWith('.pin')) rmSync(join(home(), name))
  const tabs = stage.tabs().length
  const first = await call()
  expect(first.result.content[0].text).toBe('Echo: hi')
  expect((await stage.command(['refresh', stage.server.url, ...here()])).code).toBe(0)
  expect(stage.tabs().length).toBe(tabs)
  sql('DELETE FROM seals')
  const { code, stderr } = await stage.command(['refresh', stage.server.url, ...here()])
  expect(code).toBe(3)
  expect(stderr).toContain('not_signed_in')
})

test('what one profile was told about a person is not sent with the sign-in of another', async () => {
  stage.authorization.state.claims = { email: 'ann@example.com', name: 'Ann' }
  await login('--profile', 'work', '--scope', 'openid email mcp:tools')
  stage.authorization.state.claims = { email: '', name: '' }
  await login('--profile', 'home', '--scope', 'openid mcp:tools')
  stage.server.state.passed.length = 0
  for (const profile of ['work', 'home']) {
    const host = stage.host(['--login', 'never', '--profile', profile])
    await host.initialize()
  }
  const emails = stage.server.state.passed.map(({ headers }) => headers['x-user-email'])
  expect(emails).toContain('ann@example.com')
  expect(emails).toContain(undefined)
})
