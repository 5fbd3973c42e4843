// The guide's issues with the database, at a gateway on PostgreSQL: its psql, its migrate and its fresh start, typed as they stand.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { closePostgres, type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { guideShell } from '../../servers/guideShell.ts'
import { whyNoPostgres } from '../../servers/postgres.ts'
import { until } from '../../servers/until.ts'

let stage: GatewayStage
let bearer: string
let type: ReturnType<typeof guideShell>
beforeAll(async () => {
  if (whyNoPostgres()) return
  stage = await startGatewayStage({ engine: 'postgres', asInGuide: true })
  type = guideShell(stage, 'http://localhost:3000')
})
afterAll(async () => {
  await stage?.close()
  await closePostgres()
})

const health = async () => (await type('curl -s http://localhost:8080/health')).out
const LISTS_SESSIONS =
  'psql -U oauth_user -d oauth_db -c "SELECT id, state, created_at FROM sessions ORDER BY created_at DESC LIMIT 10;"'

/** Begins a sign-in at the provider, and gives its state. */
async function begin(): Promise<string> {
  const { headers } = await fetch(`${stage.origin}/auth/login`, {
    redirect: 'manual',
    headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none', accept: 'text/html' },
  })
  return new URL(headers.get('location') ?? '').searchParams.get('state') ?? ''
}

describe.skipIf(whyNoPostgres() !== undefined)('on PostgreSQL', () => {
  test('Issue: "Invalid state parameter": the guide finds a pending sign-in in sessions, and deletes old ones', async () => {
    const state = await begin()
    const listed = await type(LISTS_SESSIONS)
    expect([listed.code, listed.out.split('\n')[0]]).toEqual([
      0,
      expect.stringMatching(/id\s+\|\s+state\s+\|\s+created_at/),
    ])
    expect(listed.out).toMatch(/\n\(1 row\)/)
    expect(listed.out).toContain(state)
    const deletes = `psql -U oauth_user -d oauth_db -c "DELETE FROM sessions WHERE created_at < NOW() - INTERVAL '1 hour';"`
    expect((await type(deletes)).out).toBe('DELETE 0\n')
    await type(`psql -d oauth_db -c "UPDATE sessions SET created_at = created_at - INTERVAL '2 hours';"`)
    expect((await type(deletes)).out).toBe('DELETE 1\n')
    const back = await type(`curl -v 'http://localhost:8080/auth/callback?code=test&state=${state}'`)
    expect([back.out, back.err]).toEqual([
      expect.stringMatching(/^Invalid state/),
      expect.stringContaining('< HTTP/1.1 400'),
    ])
  })

  test('Issue: "Token expired" errors: the guide reads expiry and refresh tokens of each person, and none in plain text', async () => {
    bearer = (await stage.signIn()).access_token
    const listed = await type(
      'psql -U oauth_user -d oauth_db -c "SELECT user_id, expires_at, created_at FROM tokens ORDER BY created_at DESC LIMIT 5;"',
    )
    expect([listed.code, listed.out]).toEqual([0, expect.stringMatching(/\(1 row\)/)])
    const refresh = await type(
      'psql -U oauth_user -d oauth_db -c "SELECT user_id, refresh_token FROM tokens WHERE refresh_token IS NOT NULL;"',
    )
    expect(refresh.out).toMatch(/\(1 row\)/)
    expect(refresh.out).toMatch(/v\d\./)
  })

  test('Issue: "Database connection failed": pg_isready and psql answer, and a database that is gone is said in words', async () => {
    expect((await type('pg_isready -h localhost -p 5432')).out).toMatch(/^127\.0\.0\.1:\d+ - accepting connections\n$/)
    const one = await type('psql postgresql://oauth_user:oauth_pass@localhost:5432/oauth_db -c "SELECT 1;"')
    expect([one.code, one.out]).toEqual([0, expect.stringContaining('(1 row)')])
    expect((await type('cat config.yaml | grep database_url')).out).toMatch(
      /^database_url: postgresql:\/\/\w+:\w+@[\w.]+:\d+\/\w+\n$/,
    )
    const cluster = await stage.cluster()
    await cluster?.stop()
    await until('the gateway to notice', async () => (await health()).includes('disconnected'))
    expect(JSON.parse((await type('curl -s http://localhost:8080/health/database')).out)).toEqual({
      ...{ status: 'unhealthy', database: 'disconnected' },
    })
    const shown = new URL(stage.database ?? '')
    const refused = await type('./mcp-oauth-proxy migrate version')
    expect(refused.code).toBe(5)
    expect(refused.err).toContain(`ECONNREFUSED ${shown.hostname}:${shown.port}`)
    expect(refused.err.replace(/\s+/g, ' ')).toContain('Could not connect to PostgreSQL database')
    expect(refused.err).toContain('database_unreachable')
    const start = await type('./mcp-oauth-proxy')
    expect([start.code, start.err]).toEqual([
      5,
      expect.stringContaining(`ECONNREFUSED ${shown.hostname}:${shown.port}`),
    ])
    await cluster?.start()
    expect(refused.err + start.err + stage.first.said()).not.toContain('oauth_pass')
    const recovered = () =>
      stage.signIn().then(
        ({ status }) => status === 200,
        () => false,
      )
    await until('the gateway to recover', recovered, stage.first.said)
  })

  test('Issue: "Table does not exist" errors: tables that are deleted under a running gateway are named, and migrate brings them back', async () => {
    const tables = await type('psql -U oauth_user -d oauth_db -c "\\dt"')
    for (const name of ['sessions', 'tokens', 'users', 'schema_migrations']) expect(tables.out).toContain(` ${name} `)
    await type('psql -d oauth_db -c "DROP TABLE tokens, sessions"')
    await expect(begin()).rejects.toThrow()
    const log = () => readFileSync(join(stage.home, 'logs/proxy.log'), 'utf8')
    await until('the log to name it', () => log().includes('relation \\"sessions\\" does not exist'), log)
    expect(log()).toContain('schema_missing')
    const page = await fetch(`${stage.origin}/auth/login`, {
      headers: { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' },
    })
    const text = await page.text()
    expect([page.status, text]).toEqual([503, expect.stringContaining('schema_missing')])
    // Where the database is, is for the log.
    expect(text).not.toContain(new URL(stage.database ?? '').pathname.slice(1))

    // No migration makes them again: it says so, and down asks before it deletes what is left.
    const up = await type('./mcp-oauth-proxy migrate up')
    expect([up.code, up.err]).toEqual([5, expect.stringContaining('relation "tokens" does not exist')])
    expect(up.err).toContain('schema_missing')
    const down = await type('./mcp-oauth-proxy migrate down')
    expect([down.code, down.err]).toEqual([2, expect.stringContaining('--yes')])
    expect((await type('./mcp-oauth-proxy migrate version')).out).toMatch(/^(\d+) \(this program: \1\)\n$/)
  })

  test('Clear All State (Fresh Start): the database is dropped and made anew, and a person signs in again', async () => {
    // What `pkill -f mcp-oauth-proxy` does to this one.
    expect(execFileSync('pgrep', ['-f', 'mcp-oauth-proxy'], { encoding: 'utf8' }).split('\n')).toContain(
      String(stage.first.pid),
    )
    expect(await stage.first.kill('SIGTERM')).toBe(0)
    expect(await type('dropdb oauth_db')).toMatchObject({ code: 0 })
    expect(await type('createdb oauth_db')).toMatchObject({ code: 0 })
    expect(await type('./mcp-oauth-proxy migrate up')).toMatchObject({ code: 0 })
    // Again, all is there.
    expect(await type('./mcp-oauth-proxy migrate up')).toMatchObject({ code: 0 })
    expect(existsSync(join(stage.home, 'logs/proxy.log'))).toBe(true)
    expect(await type('rm -rf logs/*.log')).toMatchObject({ code: 0 })
    await stage.serve()
    const refused = await type(`curl -s http://localhost:8080/mcp -H "Authorization: Bearer ${bearer}"`)
    expect(refused.out).toContain('invalid_token')
    await expect(stage.signIn()).resolves.toMatchObject({ status: 200 })
    expect(existsSync(join(stage.home, 'logs/proxy.log'))).toBe(true)
  })
})
