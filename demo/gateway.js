// The gateway on this machine: a provider, an MCP server that knows no sign-in, `serve` in front of it, and a real client of the MCP SDK.
// `--open` signs in through your own browser; without it, the demo follows the pages itself.
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { also, build, colour, fromKit, ownBrowserWanted, say } from './build.js'
import { closeLater, run } from './ending.js'

const ownBrowser = ownBrowserWanted()

build()

/** @type {typeof import('../test/servers/gatewayStage.ts')} */
const { startGatewayStage, tokenAt } = await fromKit('gatewayStage')
/** @type {typeof import('../test/servers/browsing.ts')} */
const { openBrowsing } = await fromKit('browsing')
/** @type {typeof import('../test/servers/freePort.ts')} */
const { freePort } = await fromKit('freePort')

await run(async () => {
  const port = await freePort()
  const whoami = startWhoami(port)
  closeLater(whoami, ({ kill }) => kill())
  await whoami.said('listens at')
  const starting = startGatewayStage({
    target: `http://127.0.0.1:${port}/mcp`,
    serve: { access: { emails: ['alice@example.com'] } },
    person: ownBrowser ? 'form' : 'approve',
  })
  const stage = await closeLater(starting, ({ close }) => close())
  stage.provider.state.claims = { ...stage.provider.state.claims, email_verified: true }
  const waiting = await closeLater(listenForCode(), ({ close }) => close())

  console.log(colour('bold', '\nmcp-oauth-bridge serve: an MCP server behind an OAuth sign-in of its own\n'))
  say(`A provider that knows people runs at ${stage.provider.issuer}.`)
  say(`An MCP server without any sign-in runs at http://127.0.0.1:${port}/mcp (demo/whoami.js).`)
  say(`mcp-oauth-bridge serve runs at ${stage.origin}, with ${stage.database === undefined ? 'SQLite' : 'PostgreSQL'}.`)
  const bare = await fetch(stage.url, { method: 'POST' })
  also(`without a token ${stage.url} answers ${bare.status}: ${bare.headers.get('www-authenticate')}`)

  const provider = clientProvider(waiting.url)
  const client = new Client({ name: 'demo', version: '1.0.0' })
  const connect = () => new StreamableHTTPClientTransport(new URL(stage.url), { authProvider: provider })
  const first = connect()
  const started = performance.now()
  await client.connect(/** @type {any} */ (first)).then(
    () => Promise.reject(new Error('The client got in without a sign-in.')),
    (thrown) => (thrown?.constructor?.name === 'UnauthorizedError' ? undefined : Promise.reject(thrown)),
  )
  say('A client of the MCP SDK connects: it finds the gateway, registers itself and wants a person.')
  also(`it registered as ${provider.clientInformation()?.client_id}`)
  const address = String(provider.wanted())
  if (ownBrowser) {
    openBrowser(address)
    also(`your browser opens ${stage.origin}/authorize?…: allow it, then sign in as alice with any password`)
  } else
    await openBrowsing()
      .follow(address, waiting.url)
      .then(({ url }) => fetch(url))
  const code = await waiting.code
  say(
    `The person allowed it on the consent page${ownBrowser ? '' : ' (the demo followed the pages)'} and signed in at the provider.`,
  )
  await first.finishAuth(code)
  const second = connect()
  await client.connect(/** @type {any} */ (second))
  say(`The client redeemed the code and is connected to ${client.getServerVersion()?.name}.`)
  also(
    `${Math.round(performance.now() - started)} ms: discovery, registration, consent, provider, code, token, initialize`,
  )

  const result = /** @type {any} */ (await client.callTool({ name: 'whoami', arguments: {} }))
  say(`tools/call whoami: ${colour('green', result.content[0].text)}`)
  await whoami.said('tools/call by')
  say(`The server’s log: ${whoami.lines().at(-1)}`)

  const refreshed = await tokenAt(stage.origin, {
    grant_type: 'refresh_token',
    refresh_token: provider.tokens()?.refresh_token ?? '',
    client_id: provider.clientInformation()?.client_id ?? '',
  })
  say(`A refresh gives a new pair of tokens: ${refreshed.status}, valid for ${refreshed.body.expires_in} s.`)
  const health = /** @type {any} */ (await (await fetch(`${stage.origin}/health`)).json())
  say(`GET /health: ${health.status}, database ${health.database}.`)
  await client.close()
  const ended = await stage.first.kill('SIGTERM')
  say(`SIGTERM: the gateway lets requests finish and exits ${ended}. Nothing is left behind.\n`)
  return ended ?? 1
})

/** What the SDK wants to know of its host. @param {string} redirectUrl */
function clientProvider(redirectUrl) {
  /** @type {any} */
  const kept = {}
  return {
    redirectUrl,
    clientMetadata: {
      client_name: 'Demo client',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    clientInformation: () => kept.client,
    saveClientInformation: (/** @type {any} */ client) => {
      kept.client = client
    },
    tokens: () => kept.tokens,
    saveTokens: (/** @type {any} */ tokens) => {
      kept.tokens = tokens
    },
    redirectToAuthorization: (/** @type {URL} */ url) => {
      kept.url = url
    },
    saveCodeVerifier: (/** @type {string} */ verifier) => {
      kept.verifier = verifier
    },
    codeVerifier: () => kept.verifier,
    wanted: () => kept.url,
  }
}

/** The client's own redirect URI, as a desktop program has it. */
async function listenForCode() {
  const port = await freePort()
  /** @type {(query: URLSearchParams) => void} */
  let arrived = () => undefined
  /** @type {Promise<string>} */
  const code = new Promise((resolve, reject) => {
    arrived = (query) => {
      const given = query.get('code')
      if (given === null) reject(new Error(`${query.get('error')}: ${query.get('error_description')}`))
      else resolve(given)
    }
  })
  code.catch(() => undefined)
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
    response.end(
      query.has('code') ? 'Done. Go back to the terminal.' : String(query.get('error_description') ?? 'No code.'),
    )
    arrived(query)
  })
  await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(undefined)))
  return { url: `http://127.0.0.1:${port}/callback`, code, close: () => server.close() }
}

/** @param {number} port */
function startWhoami(port) {
  const program = fileURLToPath(new URL('whoami.js', import.meta.url))
  const child = spawn(process.execPath, [program, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  /** @type {Set<() => void>} */
  const listeners = new Set()
  child.stdout.on('data', (chunk) => {
    text += chunk
    for (const listener of listeners) listener()
  })
  return {
    lines: () => text.trim().split('\n'),
    kill: () => child.kill(),
    /** Resolves when its log has these words. @type {(words: string) => Promise<void>} */
    said: (words) =>
      new Promise((resolve, reject) => {
        child.once('exit', (code) => reject(new Error(`demo/whoami.js ended with ${code}.`)))
        const look = () => {
          if (!text.includes(words)) return
          listeners.delete(look)
          resolve()
        }
        listeners.add(look)
        look()
      }),
  }
}

/** @param {string} address */
function openBrowser(address) {
  const program = process.env.BROWSER ?? (process.platform === 'darwin' ? 'open' : 'xdg-open')
  const failed = () => also(`no browser opened; open it yourself: ${address}`)
  spawn(program, [address], { stdio: 'ignore', detached: true })
    .on('error', failed)
    .on('exit', (code) => code === 0 || failed())
    .unref()
}
