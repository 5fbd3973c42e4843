// A server of one origin whose answers are routes by path; an authorization server and a protected resource are made of such routes.
import type { IncomingHttpHeaders } from 'node:http'
import { startLoopbackServer } from './loopbackServer.ts'
import { within } from './until.ts'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly json?: unknown
  readonly text?: string
  /** Nothing ends the answer. */
  readonly open?: boolean
  /** There is no answer. */
  readonly silent?: boolean
}

export type Routes = Record<string, (seen: Seen) => Answer>

/** `routes` by path may be changed at any time; any other path is 404. */
export async function startScriptedOrigin(routes: Routes = {}) {
  const requests: Seen[] = []
  const watchers = new Set<() => void>()
  const server = await startLoopbackServer((request, response, bytes) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const { method = '', headers: sent } = request
    const seen = { method, path: url.pathname, query: url.searchParams, headers: sent, body: bytes.toString('utf8') }
    requests.push(seen)
    for (const look of watchers) look()
    const {
      status = 200,
      headers = {},
      json,
      text = '',
      open,
      silent,
    } = routes[url.pathname]?.(seen) ?? { status: 404 }
    if (silent) return
    const type = json === undefined ? 'text/plain' : 'application/json'
    response.writeHead(status, { 'content-type': type, ...headers })
    const body = json === undefined ? text : JSON.stringify(json)
    if (open) response.write(body)
    else response.end(body)
  })
  return {
    ...server,
    routes,
    requests,
    /** Resolves when a request has come that passes. */
    until(test: (seen: Seen) => boolean): Promise<void> {
      const come = new Promise<void>((resolve) => {
        const look = () => {
          if (requests.some(test)) resolve()
        }
        watchers.add(look)
        look()
      })
      return within(`a request that passes ${test}`, come, () => requests.map(({ path }) => path))
    },
  }
}

export interface AuthorizationScript {
  /** Over the authorization server's own metadata. */
  readonly metadata?: Record<string, unknown>
  /** Over the parameters of the redirect. */
  readonly callback?: Record<string, string>
  /** The answer of the token endpoint. */
  readonly token?: Record<string, unknown>
}

/** What an authorization server at `origin` answers: it approves at once and takes every code. */
export function authorizationRoutes(origin: string, { metadata, callback, token }: AuthorizationScript = {}): Routes {
  let count = 0
  return {
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
    '/authorize': ({ query }) => {
      const to = new URL(query.get('redirect_uri') ?? '')
      const answer = { code: 'code', state: query.get('state') ?? '', ...callback }
      for (const [name, value] of Object.entries(answer)) to.searchParams.set(name, value)
      return { status: 302, headers: { location: to.href } }
    },
    '/token': () => ({
      json: token ?? { access_token: `token-${++count}`, token_type: 'Bearer', refresh_token: `refresh-${count}` },
    }),
  }
}

export async function startScriptedIssuer(script: AuthorizationScript = {}) {
  const issuer = await startScriptedOrigin()
  Object.assign(issuer.routes, authorizationRoutes(issuer.origin, script))
  return issuer
}

export interface ProtectedScript {
  /** The authorization server that the metadata names now. */
  readonly issuer: () => string
  readonly accepts?: (token: string) => boolean
  /** Over the protected-resource metadata. */
  readonly resource?: Record<string, unknown>
}

/** What a protected MCP server with one tool at `origin`/mcp answers. */
export function protectedRoutes(origin: string, { issuer, accepts = () => true, resource }: ProtectedScript): Routes {
  const path = '/.well-known/oauth-protected-resource/mcp'
  return {
    [path]: () => ({ json: { resource: `${origin}/mcp`, authorization_servers: [issuer()], ...resource } }),
    '/mcp': ({ method, headers, body }) => {
      const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
      if (token === undefined || !accepts(token))
        return { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${origin}${path}"` } }
      if (method !== 'POST') return { status: 405 }
      return answerTo(JSON.parse(body))
    },
  }
}

/** What a good MCP server answers to a message. */
export const answerTo = ({ id, method }: any): Answer =>
  id === undefined ? { status: 202 } : { json: { jsonrpc: '2.0', id, result: resultOf(method) } }

function resultOf(method: string) {
  if (method !== 'initialize') return { content: [] }
  const serverInfo = { name: 'scripted', version: '1' }
  return { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
}

/** A protected MCP server and its authorization server on one origin, which say what a test wants: for what must be refused. */
export async function startCrookedServer(script: AuthorizationScript & Pick<ProtectedScript, 'resource'> = {}) {
  const server = await startScriptedOrigin()
  const { origin, routes, requests } = server
  const { resource } = script
  const protection = { issuer: () => origin, ...(resource ? { resource } : {}) }
  Object.assign(routes, authorizationRoutes(origin, script), protectedRoutes(origin, protection))
  const count = (path: string) => requests.filter((seen) => seen.path === path).length
  return {
    ...server,
    url: `${origin}/mcp`,
    tokenRequests: () => count('/token'),
    authorizations: () => count('/authorize'),
  }
}
