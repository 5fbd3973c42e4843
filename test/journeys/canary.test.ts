// Promise: no secret is in any log at any level, in status, doctor, the support bundle, errors, argv or a child's environment.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

/** Some fourteen programs run one after the other. */
const MANY_PROGRAMS_MS = 240_000
const CLIENT_SECRET = 'canary-client-secret-0123456789abcdef'
const FIXED = {
  'client secret': CLIENT_SECRET,
  'custom header value': 'canary-header-value',
  'URL query': 'canary-url-query',
  cookie: 'canary-cookie',
  'authorization parameter': 'canary-authorize-parameter',
}

/** Every secret there is: those we chose, and those that the real servers made. */
type Secrets = Map<string, string>

async function startCanaries() {
  const client = {
    ...{ client_id: 'by-hand', client_secret: CLIENT_SECRET, token_endpoint_auth_method: 'client_secret_basic' },
    ...{ redirect_uris: ['http://localhost:4711/auth/callback'], grant_types: ['authorization_code', 'refresh_token'] },
    application_type: 'native',
  }
  stage = await startStage({ settings: { clients: [client] } })
  const secrets: Secrets = new Map(Object.entries(FIXED))
  const keep = (name: string, value: unknown) => {
    if (typeof value === 'string' && value.length > 8) secrets.set(`${name} ${secrets.size}`, value)
  }
  stage.authorization.provider.on('grant.success', (ctx) => {
    const body = { ...(ctx.body as object) } as Record<string, unknown>
    for (const name of ['access_token', 'refresh_token', 'id_token']) keep(name, body[name])
    for (const name of ['code', 'code_verifier', 'refresh_token']) keep(name, ctx.oidc.params?.[name])
  })
  stage.server.state.answerHeaders = { 'set-cookie': `sid=${FIXED.cookie}` }
  return { secrets, keep }
}

/** Everything that was written to disk but the database and the key, which hold sealed secrets and the key itself. */
function written(): string {
  const home = stage.environment.MCP_OAUTH_BRIDGE_HOME
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !/^oauth\.db|\.key$/.test(entry.name),
  )
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')).join('\n')
}

/** Sealed or not at all: what stands in the database in the clear. */
const inDatabase = () => readFileSync(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'), 'latin1')

const processesNow = (): string[] =>
  stage.loginProcesses().flatMap((pid) => {
    const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'latin1')
    return [read('cmdline'), read('environ')]
  })

function expectNone(secrets: Secrets, where: string, text: string): void {
  for (const [name, value] of secrets) {
    expect(text.includes(value), `the ${name} stands in ${where}`).toBe(false)
    expect(text.includes(encodeURIComponent(value)), `the ${name} stands encoded in ${where}`).toBe(false)
  }
}

test.each([{}, { DEBUG: '*' }])(
  'with %j no secret of a sign-in, a refresh and its failures appears anywhere',
  async (debug) => {
    const { secrets, keep } = await startCanaries()
    const url = `${stage.server.url}?api_key=${FIXED['URL query']}`
    const secretFile = stage.config(`${CLIENT_SECRET}\n`, 'secret.txt')
    const headerFile = stage.config(`X-Team: ${FIXED['custom header value']}\n`, 'headers.txt')
    const words = [
      ...['--client-id', 'by-hand', '--client-secret-file', secretFile, '--header-file', headerFile],
      ...['--issuer', stage.authorization.issuer],
      ...['--callback-url', 'http://localhost:4711/auth/callback'],
    ]
    const said: [string, string][] = []
    const run = async (...args: string[]) => {
      const { stdout, stderr, code } = await stage.command(args, debug)
      said.push([args[0] ?? '', stdout + stderr])
      return { code, stdout, stderr }
    }

    // A bridge has the person sign in: the login process is another process, looked at while it waits.
    const host = stage.hostOf(
      url,
      words.concat('--authorize-param', `login_hint=${FIXED['authorization parameter']}`),
      debug,
    )
    const initialized = host.initialize()
    const [tab] = await stage.untilTabs(1)
    const address = new URL(tab?.[0] ?? '')
    for (const name of ['state', 'nonce']) keep(name, address.searchParams.get(name))
    said.push(['argv or environment', processesNow().join('\n')])
    expect((await initialized).result).toBeDefined()
    const { id } = await host
      .request('tools/list')
      .then(() => ({ id: stage.server.state.passed.at(-1)?.headers['mcp-session-id'] }))
    keep('session id', id)
    const refreshed = await run('refresh', url, ...words)
    expect(refreshed.code).toBe(0)
    expect((await run('doctor', url, ...words)).code).toBe(0)
    await run('doctor', url, ...words, '--json', '--debug')
    await run('status')
    await run('status', '--json')
    const bundle = await run('support-bundle', url, ...words, '--yes', '--output', 'bundle.json')
    expect(bundle.code).toBe(0)
    said.push(['the bundle’s file', readFileSync(join(stage.home, 'bundle.json'), 'utf8')])

    // Faults that make people write secrets into errors: a refused token, an answer that repeats what it got, a dead grant.
    stage.server.rejectTokens()
    await host.request('tools/call', { name: 'echo', arguments: { message: 'again' } })
    stage.server.state.instead = 'echo'
    const { error } = await host.request('tools/list')
    expect(error.data.code).toBe('server_error')
    await host.close()
    stage.authorization.state.tokenFault = {
      ...{ status: 400, headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ error: 'invalid_grant', error_description: `code=${address.searchParams.get('state')}` }),
    }
    expect((await run('refresh', url, ...words)).code).toBe(3)
    await run('login', url, ...words, '--force')
    await run('doctor', url, ...words)
    said.push(
      ['the host’s stderr', host.stderr],
      ['the host’s stdout', JSON.stringify(host.heard)],
      ['a file', written()],
    )

    expect(secrets.size).toBeGreaterThan(14)
    for (const [where, text] of said) expectNone(secrets, where, text)
    const sealed = new Map([...secrets].filter(([name]) => /token|secret|verifier|code/.test(name)))
    expectNone(sealed, 'the database', inDatabase())
  },
  MANY_PROGRAMS_MS,
)
