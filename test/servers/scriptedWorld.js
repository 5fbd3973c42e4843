// An MCP server and its authorization server whose every answer a test can replace; each has an origin of its own.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './everything.js'
import { PROGRAM, startHost } from './host.js'
import { endLeftovers } from './stage.js'
import { within } from './until.js'

/**
 * @typedef {{ method: string, path: string, query: URLSearchParams, headers: import('node:http').IncomingHttpHeaders, body: string }} Seen
 * @typedef {{ status?: number, headers?: Record<string, string>, json?: unknown, text?: string }} Answer
 * @typedef {(seen: Seen) => Answer} Route
 */

/** A server of one origin: `routes` by path may be changed at any time; others are 404. */
export async function startScripted(/** @type {Record<string, Route>} */ routes = {}) {
  /** @type {Seen[]} */
  const requests = []
  /** @type {(() => void)[]} */
  const watchers = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const url = new URL(request.url ?? '/', 'http://localhost')
    const seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body,
    }
    requests.push(seen)
    for (const look of watchers) look()
    const { status = 200, headers = {}, json, text = '' } = routes[url.pathname]?.(seen) ?? { status: 404 }
    const type = json === undefined ? 'text/plain' : 'application/json'
    response
      .writeHead(status, { 'content-type': type, ...headers })
      .end(json === undefined ? text : JSON.stringify(json))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    origin: `http://127.0.0.1:${port}`,
    routes,
    requests,
    /** Resolves when a request has come that passes. @returns {Promise<void>} */
    until(/** @type {(seen: Seen) => boolean} */ test) {
      /** @type {Promise<void>} */
      const come = new Promise((resolve) => {
        const look = () => requests.some(test) && resolve()
        watchers.push(look)
        look()
      })
      return within(`a request that passes ${test}`, come, () => requests.map(({ path }) => path))
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** An authorization server that approves at once and takes every code. */
export async function startScriptedIssuer(/** @type {Record<string, unknown>} */ metadata = {}) {
  const issuer = await startScripted()
  const { origin, routes } = issuer
  let count = 0
  Object.assign(routes, {
    '/.well-known/oauth-authorization-server': () => ({
      json: {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
        code_challenge_methods_supported: ['S256'],
        ...metadata,
      },
    }),
    '/register': () => ({ status: 201, json: { client_id: `client-${++count}-of-${origin}` } }),
    '/authorize': (/** @type {Seen} */ { query }) => {
      const to = new URL(query.get('redirect_uri') ?? '')
      to.searchParams.set('code', 'code')
      to.searchParams.set('state', query.get('state') ?? '')
      return { status: 302, headers: { location: to.href } }
    },
    '/token': () => ({
      json: { access_token: `token-${++count}`, token_type: 'Bearer', refresh_token: `refresh-${count}` },
    }),
  })
  return issuer
}

/** A protected MCP server with one tool, its issuer, and a bridge with a person to try them. */
export async function startScriptedWorld(/** @type {Record<string, unknown>} */ metadata = {}) {
  const issuer = await startScriptedIssuer(metadata)
  const server = await startScripted()
  const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-test-'))
  const log = join(home, 'tabs.log')
  const state = {
    /** The authorization server that the metadata names. */
    issuer: issuer.origin,
    /** @type {(token: string) => boolean} */
    accepts: () => true,
  }
  const path = '/.well-known/oauth-protected-resource/mcp'
  server.routes[path] = () => ({ json: { resource: `${server.origin}/mcp`, authorization_servers: [state.issuer] } })
  server.routes['/mcp'] = ({ method, headers, body }) => {
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
    if (token === undefined || !state.accepts(token))
      return { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${server.origin}${path}"` } }
    if (method !== 'POST') return { status: 405 }
    const message = JSON.parse(body)
    if (message.id === undefined) return { status: 202 }
    const result =
      message.method === 'initialize'
        ? { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'scripted', version: '1' } }
        : { content: [] }
    return { json: { jsonrpc: '2.0', id: message.id, result } }
  }
  const callback = ['--callback-url', `http://localhost:${await freePort()}/auth/callback`]
  const environment = {
    PATH: process.env.PATH,
    HOME: home,
    MCP_OAUTH_BRIDGE_HOME: join(home, 'bridge'),
    BROWSER: fileURLToPath(new URL('./person.js', import.meta.url)),
    PERSON_LOG: log,
  }
  /** @type {ReturnType<typeof startHost>[]} */
  const hosts = []
  return {
    issuer,
    server,
    state,
    home,
    environment,
    /** Words that name the callback. */
    callback,
    host(/** @type {string[]} */ ...args) {
      const host = startHost([`${server.origin}/mcp`, ...callback, ...args], environment)
      hosts.push(host)
      return host
    },
    /** Runs a command to its end. @returns {Promise<{ code: number, stdout: string, stderr: string }>} */
    command(/** @type {string[]} */ ...args) {
      return new Promise((resolve) => {
        execFile(
          process.execPath,
          [PROGRAM, ...args, ...callback],
          { env: environment, cwd: home },
          (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
        )
      })
    },
    tabs() {
      try {
        return readFileSync(log, 'utf8').trim().split('\n').length
      } catch {
        return 0
      }
    },
    async close() {
      for (const { child } of hosts) if (child.exitCode === null) child.kill('SIGKILL')
      endLeftovers(home)
      await Promise.all([issuer.close(), server.close()])
      rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
}
