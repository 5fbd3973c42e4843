// Threat: who reads the database, the log or an answer. No secret of the gateway, its clients or its providers stands where it does not belong.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import pg from 'pg'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { openBrowsing, type Page } from '../../servers/browsing.ts'
import { closePostgres, type GatewayStage, startGatewayStage, tokenAt } from '../../servers/gatewayStage.ts'
import { startMcpServer } from '../../servers/mcpServer.ts'
import { whyNoPostgres } from '../../servers/postgres.ts'

afterAll(closePostgres)

type Secrets = Map<string, string>

/** Every row of every table, as text, by `table.column`. */
async function dump({ database, home }: GatewayStage): Promise<Map<string, string>> {
  const columns = new Map<string, string>()
  const add = (table: string, rows: readonly Record<string, unknown>[]) => {
    for (const row of rows)
      for (const [column, value] of Object.entries(row)) {
        const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : JSON.stringify(value)
        columns.set(`${table}.${column}`, `${columns.get(`${table}.${column}`) ?? ''}\n${text}`)
      }
  }
  if (database === undefined) {
    const sqlite = new BetterSqlite3(join(home, 'data', 'oauth.db'), { readonly: true })
    const tables = sqlite.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all() as string[]
    for (const table of tables)
      add(table, sqlite.prepare(`SELECT * FROM "${table}"`).all() as Record<string, unknown>[])
    sqlite.close()
    return columns
  }
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  const { rows } = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
  for (const { tablename } of rows) add(tablename, (await client.query(`SELECT * FROM "${tablename}"`)).rows)
  await client.end()
  return columns
}

/** In whatever way it is written. */
function forms(value: string): string[] {
  const bytes = Buffer.from(value)
  return [value, encodeURIComponent(value), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')]
}

function found(secrets: Secrets, where: string, text: string): string[] {
  return [...secrets].flatMap(([name, value]) =>
    forms(value).some((form) => text.includes(form)) ? [`${name} in ${where}`] : [],
  )
}

/** Everything that a program was answered. */
async function ask(answers: string[], url: string, init?: RequestInit) {
  const answer = await fetch(url, init)
  const text = await answer.text()
  answers.push(`${answer.status} ${JSON.stringify([...answer.headers])} ${text}`)
  return { status: answer.status, headers: answer.headers, text }
}

/** A sign-in with a refresh, calls, and each way to fail that has a secret in its request. */
async function live(stage: GatewayStage, secrets: Secrets) {
  const pages: Page[] = []
  const answers: string[] = []
  const keep = (name: string, value: unknown) => {
    if (typeof value === 'string' && value.length > 8) secrets.set(`${name} ${secrets.size}`, value)
  }
  stage.provider.provider.on('grant.success', (ctx) => {
    const body = { ...(ctx.body as object) } as Record<string, unknown>
    for (const name of ['access_token', 'refresh_token', 'id_token']) keep(`the provider's ${name}`, body[name])
    for (const name of ['code', 'code_verifier']) keep(`the provider's ${name}`, ctx.oidc.params?.[name])
  })
  const json = { 'content-type': 'application/json' }
  const registered = await fetch(`${stage.origin}/register`, {
    ...{ method: 'POST', headers: json },
    body: JSON.stringify({
      redirect_uris: ['http://127.0.0.1:33418/callback'],
      client_name: 'With a secret',
      grant_types: ['authorization_code', 'refresh_token'],
    }),
  })
  const { client_id, client_secret } = (await registered.json()) as Record<string, string>
  keep('the secret of a registered client', client_secret)
  const client = { clientId: client_id ?? '', clientSecret: client_secret ?? '' }
  const tokens = await stage.signIn({ ...client, browsing: openBrowsing(pages) })
  keep('our access token', tokens.access_token)
  keep('our refresh token', tokens.refresh_token)
  keep('our code', tokens.asked.code)
  keep('the verifier of a client', tokens.asked.code_verifier)
  for (const line of pages.flatMap(({ headers }) => headers['set-cookie'] ?? []))
    keep(`the cookie ${line.split('=')[0]}`, /=([^;]*)/.exec(line)?.[1])
  const mine = { client_id: client.clientId, client_secret: client.clientSecret }
  const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, ...mine }
  const second = await tokenAt(stage.origin, refresh)
  expect(second.status).toBe(200)
  keep('our second access token', second.body.access_token)
  keep('our second refresh token', second.body.refresh_token)

  const bearer = { ...json, authorization: `Bearer ${second.body.access_token}`, accept: 'application/json' }
  const call = (method: string, headers: Record<string, string> = {}) =>
    ask(answers, stage.url, {
      ...{ method: 'POST', headers: { ...bearer, cookie: 'sid=canary-cookie-of-a-client', ...headers } },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: {} }),
    })
  const session = (await call('initialize')).headers.get('mcp-session-id') ?? ''
  keep('a sealed session id', session)
  const failures = [
    await call('tools/list', { 'mcp-session-id': session }),
    await call('broken', { 'mcp-session-id': session }),
    await call('unauthorized'),
    await call('ping', { 'mcp-session-id': `${session}x` }),
    await call('ping', { authorization: `Bearer ${secrets.get('made-up token')}` }),
    await ask(answers, `${stage.url}?access_token=${second.body.access_token}`, { method: 'POST', headers: json }),
    await ask(answers, `${stage.origin}/auth/refresh`, { method: 'POST', headers: bearer }),
  ]
  const form = (path: string, fields: Record<string, string>) =>
    ask(answers, `${stage.origin}${path}`, { method: 'POST', body: new URLSearchParams(fields) })
  failures.push(
    await form('/token', { ...tokens.asked, code_verifier: 'canary-wrong-verifier-0123456789-0123456789-01' }),
    await form('/token', { ...refresh, client_secret: secrets.get('wrong client secret') ?? '' }),
    await form('/token', { ...refresh, refresh_token: secrets.get('made-up token') ?? '' }),
    await form('/token', { ...refresh, scope: 'canary-scope' }),
    await ask(answers, `${stage.origin}/auth/callback?code=${secrets.get('made-up token')}&state=canary-state-123456`),
    await ask(answers, `${stage.origin}/nowhere?code=${secrets.get('made-up token')}`),
  )
  // A provider that says in its error what it was sent.
  const echo = { error: 'invalid_grant', error_description: `bad ${secrets.get('the client secret at the provider')}` }
  stage.provider.state.tokenFault = { status: 400, body: JSON.stringify(echo) }
  await expect(stage.signIn({ ...client, browsing: openBrowsing(pages) })).rejects.toThrow(
    /server_error|access_denied|temporarily/,
  )
  stage.provider.state.tokenFault = undefined
  failures.push(await form('/revoke', { token: second.body.refresh_token, ...mine }))
  return { pages, answers, failures, session }
}

describe.each(['sqlite', 'postgres'] as const)('on %s', (engine) => {
  test.skipIf(engine === 'postgres' && whyNoPostgres() !== undefined)(
    'no secret stands in a log, an error, a page, a header or a column that it does not belong in',
    async () => {
      const secrets: Secrets = new Map([
        ['made-up token', `canary-token-${randomBytes(16).toString('hex')}`],
        ['wrong client secret', `canary-secret-${randomBytes(16).toString('hex')}`],
        ['a cookie of a client', 'canary-cookie-of-a-client'],
        ['a cookie of the server', 'canary-cookie-of-the-server'],
      ])
      const server = await startMcpServer({
        broken: ({ drop }) => drop(),
        unauthorized: ({ reply }) => reply(401, 'no', { 'www-authenticate': 'Bearer error="invalid_token"' }),
        'tools/list': ({ result }) => result({ tools: [] }, { 'set-cookie': 'sid=canary-cookie-of-the-server' }),
      })
      onTestFinished(() => server.close())
      const key = randomBytes(32).toString('base64')
      const stage = await startGatewayStage({
        ...{ engine, target: server.url, config: { log_level: 'debug' } },
        environment: { DEBUG: '*', NODE_DEBUG: 'koa*', MCP_OAUTH_BRIDGE_KEY: key },
      })
      onTestFinished(() => stage.close())
      secrets.set('the sealing key', key)
      const secret = /client_secret: "?([^"\n]+)/.exec(readFileSync(stage.config, 'utf8'))?.[1]
      secrets.set('the client secret at the provider', secret ?? '')
      if (stage.database !== undefined) secrets.set('the password of the database', new URL(stage.database).password)
      const { pages, answers, session } = await live(stage, secrets)
      expect(secrets.size).toBeGreaterThan(20)

      // What the server got: an assertion instead of the bearer, its own session id, and no cookie.
      const got = server.seen.map(({ headers, text }) => `${JSON.stringify(headers)} ${text}`).join('\n')
      const assertion = String(server.seen.at(-1)?.headers.authorization ?? '').replace('Bearer ', '')
      expect(assertion.split('.')).toHaveLength(3)
      expect(found(secrets, 'what the server got', got)).toEqual([])
      secrets.set('an assertion', assertion)

      const log = `${stage.first.said()}\n${stage.first.printed()}`
      expect(log).toContain('authorization:refused')
      // Packages inside write nothing past it: each line is of ours, or what serve says to the person who starts it.
      const lines = stage.first.said().split('\n')
      const told = lines.findIndex((line) => line.startsWith('MCP servers')) + 2
      expect(lines.slice(told).filter((line) => line !== '' && !line.startsWith('{"time":'))).toEqual([])
      expect(found(secrets, 'the log', log)).toEqual([])
      expect(log).not.toContain('alice@example.com')

      // The session id is the client's own, and what it asked for by itself.
      expect(found(secrets, 'an answer', answers.join('\n'))).toEqual(
        [...secrets].filter(([, value]) => value === session).map(([name]) => `${name} in an answer`),
      )
      const bodies = pages.map(({ url, text }) => (url.origin === stage.origin ? text : '')).join('\n')
      // The client's code is in the page that goes on to it, and the id of a flow in its address: its secret is the signature beside it.
      const pagesOwn = [...secrets].filter(([name]) => !/^our code|^the cookie _interaction(_resume)? /.test(name))
      expect([...secrets.keys()].some((name) => name.startsWith('the cookie _interaction.sig'))).toBe(true)
      expect(found(new Map(pagesOwn), 'a page', bodies)).toEqual([])

      const columns = await dump(stage)
      expect(columns.size).toBeGreaterThan(30)
      for (const [column, text] of columns) expect(found(secrets, column, text)).toEqual([])
      expect(columns.get('signing_keys.private_jwk')).not.toMatch(/"d"|"kty"/)
      const named = [...columns].filter(([, text]) => text.includes('alice@example.com'))
      expect(named.map(([column]) => column).sort()).toEqual(['users.claims', 'users.email'])
      // What a command prints of it all.
      for (const words of [['status'], ['doctor'], ['check-config', stage.config]]) {
        const { stdout, stderr } = await stage.command(words)
        expect(found(secrets, words.join(' '), `${stdout}${stderr}`)).toEqual([])
      }
      const argv = readFileSync(`/proc/${stage.first.pid}/cmdline`, 'utf8')
      expect(found(secrets, 'argv', argv)).toEqual([])
    },
  )
})
