// The client under test of the public conformance suite: an SDK host that starts this bridge and does what a model would have it do.
// Words: the kind of host, then what the suite adds, the server's URL. The suite gives MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_PROTOCOL_VERSION
// and in MCP_CONFORMANCE_CONTEXT what was registered or shall be called.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './freePort.ts'
import { connectSdkHost, type HostKind, type SdkHost } from './modernHosts.ts'

interface Listed {
  readonly name: string
  readonly inputSchema: unknown
}

const kind = process.argv[2] as HostKind
const url = process.argv.at(-1) ?? ''
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? ''
const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION ?? ''
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
  if (scenario === 'auth/client-credentials-basic' || scenario === 'auth/client-credentials-jwt') {
    const [option, text] = context.client_secret
      ? ['--client-secret-file', context.client_secret]
      : ['--client-key-file', context.private_key_pem]
    const file = join(home, 'credential')
    writeFileSync(file, text, { mode: 0o600 })
    return ['--client-credentials', '--client-id', context.client_id, option, file, '--issuer', await issuer()]
  }
  if (scenario === 'auth/2025-03-26-oauth-metadata-backcompat') {
    // Its metadata at the root names the issuer /oauth, which RFC 8414 section 3.3 forbids.
    const { origin } = new URL(url)
    return configured(`trusted_issuers: [{ expected: "${origin}", named: "${origin}/oauth" }]`)
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

/** Arguments that a model would find for a tool. */
function argumentsOf(name: string, tools: readonly Listed[]): Record<string, unknown> {
  if (name === 'add_numbers') return { a: 5, b: 3 }
  if (name === 'json_schema_echo')
    return { schema: tools.find((tool) => tool.name === 'json_schema_2020_12_tool')?.inputSchema }
  return {}
}

async function use(host: SdkHost): Promise<void> {
  let tools: Listed[] = (await host.client.listTools()).tools
  // Nobody is signed in yet: a model would do that first, and have the tools of the server then.
  if (tools.some(({ name }) => name === 'sign_in')) {
    await host.call('sign_in')
    tools = (await host.client.listTools()).tools
  }
  // Its tool is for looking at.
  if (scenario === 'json-schema-ref-no-deref') return
  const calls = context.toolCalls ?? tools.map(({ name }) => ({ name, arguments: argumentsOf(name, tools) }))
  const inOrder = scenario !== 'sep-2322-client-request-state'
  const results = []
  for (const { name, arguments: args } of calls) {
    const call = host.call(name, args)
    // SDK v2 wants `resultType` of every 2026 server, where the specification takes it for `complete`.
    results.push(kind === 'pinned' && name === 'test_mrtr_no_result_type' ? call.catch(() => undefined) : call)
    if (inOrder) await call
  }
  await Promise.all(results)
  const { resources, prompts } = host.client.getServerCapabilities() ?? {}
  if (resources)
    for (const { uri } of (await host.client.listResources()).resources) await host.client.readResource({ uri })
  if (prompts) for (const { name } of (await host.client.listPrompts()).prompts) await host.client.getPrompt({ name })
}

let host: SdkHost | undefined
try {
  const callback = ['--callback-url', `http://localhost:${await freePort()}/auth/callback`]
  const environment = {
    PATH: process.env.PATH,
    HOME: home,
    MCP_OAUTH_BRIDGE_HOME: join(home, 'bridge'),
    BROWSER: fileURLToPath(new URL('../servers/person.js', import.meta.url)),
  }
  host = await connectSdkHost(
    kind,
    { words: [url, ...callback, ...(await words())], environment },
    {
      name: 'conformance-through-the-bridge',
      revision: kind === 'v1' && revision !== '' && revision < '2026' ? revision : '2025-11-25',
      capabilities: {
        elicitation: { form: { applyDefaults: true }, url: {} },
        sampling: {},
        roots: { listChanged: true },
      },
    },
  )
  // Whoever leaves everything out gets the defaults of the schema (SEP-1034).
  host.answers['elicitation/create'] = () => ({
    action: 'accept',
    content: scenario === 'sep-2322-client-request-state' ? { confirmed: true } : {},
  })
  await use(host)
} catch (error) {
  process.stderr.write(`${(error as Error).stack}\n${host?.said.stderr ?? (error as { stderr?: string }).stderr}\n`)
  process.exitCode = 1
} finally {
  await host?.close()
  rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
}
