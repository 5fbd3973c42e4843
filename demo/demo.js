// The main use case on this machine: a real authorization server, a real MCP server, and the bridge as a host starts it.
// `--open` signs in through your own browser; without it, the demo follows the redirects itself.
import { also, build, colour, fromKit, ownBrowserWanted, say } from './build.js'
import { closeLater, run } from './ending.js'

const TOKEN_SECONDS = 3
const ownBrowser = ownBrowserWanted()

build()

/** @type {typeof import('../test/servers/stage.ts')} */
const { startStage } = await fromKit('stage')
await run(async () => {
  const starting = startStage({ accessTokenSeconds: TOKEN_SECONDS, person: ownBrowser ? 'form' : 'approve' })
  const stage = await closeLater(starting, ({ close }) => close())

  const { counts, issuer } = stage.authorization
  console.log(colour('bold', '\nmcp-oauth-bridge: from a stdio host to an OAuth-protected MCP server\n'))
  say(`An authorization server runs at ${issuer} (oidc-provider).`)
  say(`server-everything runs at ${stage.server.url}, behind a bearer check.`)
  const bare = await fetch(stage.server.url, { method: 'POST' })
  also(`without a token it answers ${bare.status}: ${bare.headers.get('www-authenticate')?.split(' ')[0]} …`)

  say('A host starts the bridge and sends initialize, as Claude Desktop would.')
  const host = stage.host([], ownBrowser ? browserEnvironment(stage.environment.MCP_OAUTH_BRIDGE_HOME) : {})
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
  return code ?? 1
})

/**
 * @param {ReturnType<Awaited<ReturnType<typeof startStage>>['host']>} host
 * @param {string} message
 */
async function echo(host, message) {
  const { result, error } = await host.request('tools/call', { name: 'echo', arguments: { message } })
  if (error) throw new Error(error.message)
  return result.content[0].text
}

/** The person's browser needs the environment of their desktop session. @param {string | undefined} home */
function browserEnvironment(home) {
  return {
    ...process.env,
    MCP_OAUTH_BRIDGE_HOME: home,
    BROWSER: process.env.BROWSER ?? '',
  }
}
