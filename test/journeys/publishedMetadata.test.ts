// What is remembered of an authorization server is what it published itself: endpoints and exceptions of one config are never another's.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, describe, expect, test } from 'vitest'
import { startScriptedOrigin } from '../servers/scriptedOrigin.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})
async function kept<T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const started = await starting
  open.push(started)
  return started
}

type Stage = Awaited<ReturnType<typeof startProtectedStage>>
const METADATA = '/.well-known/oauth-authorization-server'

const url = ({ server }: Stage) => `${server.origin}/mcp`
function write({ home }: Stage, yaml: string) {
  const file = join(home, 'other.yaml')
  writeFileSync(file, yaml)
  return ['--config', file]
}
const database = ({ environment }: Stage) => new BetterSqlite3(`${environment.MCP_OAUTH_BRIDGE_HOME}/oauth.db`)
const published = (stage: Stage) => stage.issuer.requests.filter(({ path }) => path === METADATA).length

/** Signed in by a clean bridge, whose token is refused from now on. */
async function signedIn() {
  const stage = await kept(startProtectedStage())
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  await host.close()
  return stage
}

describe('after one start with another config, a clean bridge', () => {
  test.each([
    [
      'endpoints written by hand',
      (stage: Stage, thief: string) =>
        `issuer: "${stage.issuer.origin}", authorization_endpoint: "${thief}/authorize", token_endpoint: "${thief}/token"`,
    ],
    ['a token endpoint alone', (_stage: Stage, thief: string) => `token_endpoint: "${thief}/token"`],
  ])('asks the issuer, not %s, for a refresh', async (_, endpoints) => {
    const stage = await signedIn()
    const thief = await kept(startScriptedOrigin())
    thief.routes['/token'] = () => ({ status: 400, json: { error: 'invalid_request' } })
    const yaml = `servers: { it: { url: "${url(stage)}", provider: p, profile: other } }\nproviders: { p: { client_id: c, ${endpoints(stage, thief.origin)} } }\n`
    await stage.command('login', url(stage), '--no-browser', '--paste', ...write(stage, `session_timeout: 1\n${yaml}`))
    expect((await stage.command('refresh', url(stage))).code).toBe(0)
    expect(JSON.stringify(thief.requests)).not.toContain('refresh-')
    expect(stage.issuer.requests.at(-1)).toMatchObject({ path: '/token' })
  })

  test('does not use metadata for which another config allows missing S256 or another issuer', async () => {
    const stage = await signedIn()
    const plain = stage.issuer.routes[METADATA]
    stage.issuer.routes[METADATA] = (seen) => {
      const { json } = plain?.(seen) ?? {}
      return {
        json: { ...(json as object), issuer: `${stage.issuer.origin}/other`, code_challenge_methods_supported: [] },
      }
    }
    const pair = `{ expected: "${stage.issuer.origin}", named: "${stage.issuer.origin}/other" }`
    const lax = `servers: { it: { url: "${url(stage)}", profile: lax, allow_missing_s256: true, trusted_issuers: [${pair}] } }\n`
    expect((await stage.command('login', 'it', ...write(stage, lax))).code).toBe(0)
    expect((await stage.command('refresh', 'it', ...write(stage, lax))).code).toBe(0)
    const { code, stderr } = await stage.command('login', url(stage), '--force')
    expect(code).toBe(3)
    expect(stderr).toContain('(issuer_mismatch')
    // The clean bridge still has what the issuer published before, under its own name.
    const db = database(stage)
    db.prepare("DELETE FROM server_cache WHERE name NOT LIKE 'published:%'").run()
    const rows = db.prepare('SELECT value FROM server_cache').all() as { value: string }[]
    db.close()
    expect(rows.length).toBeGreaterThan(0)
    stage.issuer.routes[METADATA] = (seen) => plain?.(seen) ?? {}
    expect((await stage.command('refresh', url(stage))).code).toBe(0)
  })

  test('does not use what an earlier version remembered', async () => {
    const stage = await signedIn()
    const thief = await kept(startScriptedOrigin())
    const document = {
      ...{ issuer: stage.issuer.origin, authorization_endpoint: `${thief.origin}/authorize` },
      ...{ token_endpoint: `${thief.origin}/token`, code_challenge_methods_supported: ['S256'] },
    }
    const db = database(stage)
    db.prepare('INSERT OR REPLACE INTO server_cache VALUES (?, ?, ?, ?)').run(
      ...[`as:${stage.issuer.origin}`, JSON.stringify(document), '2999-01-01 00:00:00.000', '2026-01-01 00:00:00.000'],
    )
    db.close()
    expect((await stage.command('refresh', url(stage))).code).toBe(0)
    expect(thief.requests).toEqual([])
  })
})

test('what an issuer published is fetched once a day by the bridges of one server', async () => {
  const stage = await signedIn()
  const before = published(stage)
  for (let count = 0; count < 3; count++) expect((await stage.command('refresh', url(stage))).code).toBe(0)
  expect(published(stage)).toBe(before)
})
