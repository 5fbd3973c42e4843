// The client under test of the public conformance suite: a host that starts this bridge and does what a model would have it do.
// The suite gives the server's URL as the last word, MCP_CONFORMANCE_SCENARIO, and in MCP_CONFORMANCE_CONTEXT what was registered.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './everything.ts'
import { startHost } from './host.ts'

const url = process.argv.at(-1) ?? ''
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? ''
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}')
const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-conformance-'))

/** What a person would configure for this scenario. */
async function words() {
  if (scenario === 'auth/basic-cimd')
    return ['--client-metadata-url', 'https://conformance-test.local/client-metadata.json']
  if (scenario === 'auth/pre-registration') {
    const secret = join(home, 'secret')
    writeFileSync(secret, context.client_secret)
    return ['--client-id', context.client_id, '--client-secret-file', secret, '--issuer', await issuer()]
  }
  if (scenario === 'auth/2025-03-26-oauth-metadata-backcompat') {
    // Its metadata at the root names the issuer /oauth, which RFC 8414 section 3.3 forbids.
    const { origin } = new URL(url)
    const pair = `{ expected: "${origin}", named: "${origin}/oauth" }`
    return configured(`trusted_issuers: [${pair}]`)
  }
  return []
}

/** Where the client was registered; its person knows. */
async function issuer() {
  const { origin, pathname } = new URL(url)
  const metadata = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`)
  const { authorization_servers } = (await metadata.json()) as { authorization_servers: string[] }
  return authorization_servers[0] ?? ''
}

function configured(exception: string) {
  const config = join(home, 'config.yaml')
  writeFileSync(config, `servers: { old: { url: "${url}", ${exception} } }\n`)
  return ['--config', config]
}

const host = startHost(
  [url, '--callback-url', `http://localhost:${await freePort()}/auth/callback`, ...(await words())],
  {
    PATH: process.env.PATH,
    HOME: home,
    MCP_OAUTH_BRIDGE_HOME: join(home, 'bridge'),
    BROWSER: fileURLToPath(new URL('../servers/person.js', import.meta.url)),
  },
)
const answers = [await host.initialize()]
if (answers[0].result) {
  let list = await host.request('tools/list')
  answers.push(list)
  // Nobody is signed in yet: a model would do that first, and have the tools of the server then.
  if (list.result?.tools.some(({ name }: { name: string }) => name === 'sign_in')) {
    answers.push(await host.request('tools/call', { name: 'sign_in', arguments: {} }))
    list = await host.request('tools/list')
    answers.push(list)
  }
  for (const { name } of list.result?.tools ?? [])
    answers.push(await host.request('tools/call', { name, arguments: {} }))
}
await host.close()
rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
const refused = answers.find(({ error }) => error)?.error
if (refused) process.stderr.write(`${refused.data?.code}: ${refused.message}\n${host.stderr}`)
process.exitCode = refused ? 1 : 0
