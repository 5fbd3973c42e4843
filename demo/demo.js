// The main use case on this machine: a real authorization server, a real MCP server, and the bridge as a host starts it.
// `--open` signs in through your own browser; without it, the demo follows the redirects itself.
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'

const ownBrowser = process.argv.includes('--open')
const TOKEN_SECONDS = 3
const unknown = process.argv.slice(2).find((word) => word !== '--open')
if (unknown !== undefined) {
  console.error(`error: unknown option ${JSON.stringify(unknown)}; the demo knows --open`)
  process.exit(2)
}

/** @type {(style: 'bold' | 'cyan' | 'dim' | 'green', text: string) => string} */
const colour = (style, text) => (process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text)
let step = 0
const say = (/** @type {string} */ text) => console.log(`${colour('cyan', String(++step).padStart(2))}  ${text}`)
const also = (/** @type {string} */ text) => console.log(`    ${colour('dim', text)}`)

build()

const { startStage } = /** @type {typeof import('../test/servers/stage.ts')} */ (
  await import(new URL('../test/.kit/stage.js', import.meta.url).href)
)
const stage = await startStage({ accessTokenSeconds: TOKEN_SECONDS, person: ownBrowser ? 'form' : 'approve' })
const end = async (/** @type {number} */ code) => {
  await stage.close()
  process.exit(code)
}
process.once('SIGINT', () => end(130))

try {
  const { counts, issuer } = stage.authorization
  console.log(colour('bold', '\nmcp-oauth-bridge: from a stdio host to an OAuth-protected MCP server\n'))
  say(`An authorization server runs at ${issuer} (oidc-provider).`)
  say(`server-everything runs at ${stage.server.url}, behind a bearer check.`)
  const bare = await fetch(stage.server.url, { method: 'POST' })
  also(`without a token it answers ${bare.status}: ${bare.headers.get('www-authenticate')?.split(' ')[0]} …`)

  say('A host starts the bridge and sends initialize, as Claude Desktop would.')
  const host = stage.host([], ownBrowser ? browserEnvironment() : {})
  if (ownBrowser) also('your browser opens: sign in with any name and password')
  const started = performance.now()
  const { result, error } = await host.initialize()
  if (error) throw new Error(`${error.message} ${error.data?.hint ?? ''}`)
  say(
    `Signed in through the ${ownBrowser ? 'browser' : 'browser (the demo followed the redirects)'}, and ${result.serverInfo.name} answered.`,
  )
  also(`${Math.round(performance.now() - started)} ms: discovery, registration, PKCE, callback, token, initialize`)

  const { tools } = (await host.request('tools/list')).result
  say(
    `tools/list: ${tools.length} tools, among them ${tools
      .slice(0, 3)
      .map((/** @type {{ name: string }} */ { name }) => name)
      .join(', ')}.`,
  )
  say(`tools/call echo: ${colour('green', await echo(host, 'Hello through the bridge!'))}`)
  const headers = /** @type {Record<string, string>} */ (stage.server.state.passed.at(-1)?.headers ?? {})
  also(`the server gets the user: X-User-Id ${headers['x-user-id']}, X-User-Email ${headers['x-user-email']}`)

  const before = counts.refreshGrants
  say(`The access token lives ${TOKEN_SECONDS} s; it expires now.`)
  await new Promise((resolve) => setTimeout(resolve, TOKEN_SECONDS * 1000 + 200))
  say(`tools/call echo: ${colour('green', await echo(host, 'Still here, with a fresh token.'))}`)
  also(`refreshes: ${counts.refreshGrants - before}, sign-ins: ${counts.codeGrants}, and nobody noticed`)

  const status = JSON.parse((await stage.command(['status', '--json'])).stdout)
  const [account] = status.accounts
  say(
    `status: ${account.email} ${account.state.replace('_', ' ')}; tokens sealed, the key in the ${status.secret_store}.`,
  )
  const code = await host.close()
  say(`The host closes stdin: the bridge deletes its session and exits ${code}. Nothing is left behind.\n`)
  await end(code ?? 1)
} catch (thrown) {
  console.error(`error: ${thrown instanceof Error ? thrown.message : thrown}`)
  await end(1)
}

/**
 * @param {ReturnType<typeof stage.host>} host
 * @param {string} message
 */
async function echo(host, message) {
  const { result, error } = await host.request('tools/call', { name: 'echo', arguments: { message } })
  if (error) throw new Error(error.message)
  return result.content[0].text
}

/** Builds what is missing or older than its source, without the bundler's output. */
function build() {
  bundle('src', 'dist/run.js', [])
  bundle('test/servers', 'test/.kit/stage.js', ['test/servers/rolldown.config.ts'])
}

/** @type {(folder: string, built: string, config: string[]) => void} */
function bundle(folder, built, config) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const changed = (/** @type {string} */ file) => statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  if (names.every((name) => changed(join(folder, name)) < changed(built))) return
  const rolldown = fileURLToPath(new URL('bin/cli.mjs', import.meta.resolve('rolldown/package.json')))
  const { status, stderr } = spawnSync(process.execPath, [rolldown, '-c', ...config], { cwd: root, encoding: 'utf8' })
  if (status === 0) return
  console.error(stderr)
  process.exit(1)
}

/** The person's browser needs the environment of their desktop session. */
function browserEnvironment() {
  return {
    ...process.env,
    MCP_OAUTH_BRIDGE_HOME: stage.environment.MCP_OAUTH_BRIDGE_HOME,
    BROWSER: process.env.BROWSER ?? '',
  }
}
