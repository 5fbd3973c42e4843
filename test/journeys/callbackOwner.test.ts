// Two sign-ins share one callback port and nothing else: each is completed by the process that began it, with its own trust, reach and words.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import BetterSqlite3 from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { AUTHORITY_FILE, serveSecurely } from '../fakes/secureLoopback.ts'
import { freePort } from '../servers/freePort.ts'
import { PROGRAM } from '../servers/host.ts'
import { type Seen, startScriptedIssuer, startScriptedOrigin } from '../servers/scriptedOrigin.ts'
import { endLeftovers } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

const PERSON = fileURLToPath(new URL('../servers/person.js', import.meta.url))

/** An MCP server that any token opens, and its issuer, with `metadata` beside or instead of its own. */
async function startServer(metadata: Record<string, unknown> = {}) {
  const issuer = await startScriptedIssuer({ metadata })
  const server = await startScriptedOrigin()
  onTestFinished(async () => void (await Promise.all([issuer.close(), server.close()])))
  const url = `${server.origin}/mcp`
  const place = '/.well-known/oauth-protected-resource/mcp'
  server.routes[place] = () => ({ json: { resource: url, authorization_servers: [issuer.origin] } })
  server.routes['/mcp'] = ({ headers }: Seen) =>
    headers.authorization ? { json: { jsonrpc: '2.0', id: 'signed-in', result: {} } } : { status: 401 }
  return { issuer, url }
}

/** A home in which sign-ins wait side by side for one callback address. */
async function startHome() {
  const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-test-'))
  const callbackUrl = `http://localhost:${await freePort()}/auth/callback`
  const environment = { PATH: process.env.PATH, HOME: home, MCP_OAUTH_BRIDGE_HOME: join(home, 'bridge') }
  onTestFinished(() => {
    endLeftovers(home)
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  })
  return {
    home,
    /** A sign-in that waits: its address, how it ends, and what it said. `yaml`: its own config file. */
    async login(url: string, yaml = '') {
      const config = join(home, `${Math.random()}.yaml`)
      writeFileSync(config, yaml)
      const words = [PROGRAM, 'login', url, '--no-browser', '--callback-url', callbackUrl, '--config', config]
      const child = spawn(process.execPath, words, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
      const exited = once(child, 'exit').then(([code]) => code as number | null)
      let said = ''
      const address = await new Promise<string>((resolve, reject) => {
        child.stderr.on('data', (chunk) => {
          said += chunk
          const [found] = /^\s*http\S+\/authorize\S+/m.exec(said) ?? []
          if (found !== undefined) resolve(found.trim())
        })
        void exited.then(() => reject(new Error(said)))
      })
      return { child, address, exited, said: () => said }
    },
    database: () => readFileSync(join(environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'), 'latin1'),
    open: () => new BetterSqlite3(join(environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db')),
  }
}

const visit = (url: string) =>
  new Promise<void>((resolve) => {
    execFile(process.execPath, [PERSON, url], { env: { PATH: process.env.PATH } }, () => resolve())
  })
const TOKEN = JSON.stringify({ access_token: 'a', token_type: 'Bearer' })

test('a token endpoint that only the waiting sign-in trusts is reached, though the owner of the port does not trust it', async () => {
  const secure = await serveSecurely('server.pem', () => TOKEN)
  const [first, second] = [await startServer(), await startServer({ token_endpoint: `${secure.origin}/token` })]
  const home = await startHome()
  const owner = await home.login(first.url)
  const waiting = await home.login(second.url, `ca_file: ${AUTHORITY_FILE}\n`)
  await visit(waiting.address)
  expect(await waiting.exited, waiting.said()).toBe(0)
  await visit(owner.address)
  expect(await owner.exited, owner.said()).toBe(0)
})

test('an authority that only the owner of the port trusts does not stand between another server and its token endpoint', async () => {
  const secure = await serveSecurely('server.pem', () => TOKEN)
  const [first, second] = [await startServer(), await startServer({ token_endpoint: `${secure.origin}/token` })]
  const home = await startHome()
  const owner = await home.login(first.url, `ca_file: ${AUTHORITY_FILE}\n`)
  const waiting = await home.login(second.url)
  await visit(waiting.address)
  expect(await waiting.exited).not.toBe(0)
  expect(waiting.said()).toContain('tls_failed')
  expect(secure.requests).toEqual([])
  await visit(owner.address)
  expect(await owner.exited, owner.said()).toBe(0)
})

test('what is handed over is sealed, redeemed once, and gone afterwards', async () => {
  const [first, second] = [await startServer(), await startServer()]
  second.issuer.routes['/authorize'] = ({ query }: Seen) => {
    const to = new URL(query.get('redirect_uri') ?? '')
    to.search = new URLSearchParams({ code: 'canary-code', state: query.get('state') ?? '' }).toString()
    return { status: 302, headers: { location: to.href } }
  }
  const home = await startHome()
  const owner = await home.login(first.url)
  const waiting = await home.login(second.url)
  waiting.child.kill('SIGSTOP')
  const visited = visit(waiting.address)
  const plan = () => {
    const db = home.open()
    const row = db.prepare("SELECT length(plan) AS size FROM sessions WHERE server = ? AND status = 'waiting'")
    const { size } = (row.get(second.url) ?? { size: 0 }) as { size: number }
    db.close()
    return size
  }
  const before = plan()
  await until('the code in the plan', () => plan() !== before, plan)
  expect(home.database()).not.toContain('canary-code')
  waiting.child.kill('SIGCONT')
  await visited
  expect(await waiting.exited, waiting.said()).toBe(0)
  expect(second.issuer.requests.filter(({ path }) => path === '/token')).toHaveLength(1)
  await visit(waiting.address)
  expect(second.issuer.requests.filter(({ path }) => path === '/token')).toHaveLength(1)
  owner.child.kill('SIGKILL')
})
