// The table of routes: every path that the gateway answers, in the order in which they are looked at
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendJson } from './http/answer.ts'
import type { HealthHandlers } from './http/health.ts'
import { protectedResource } from './http/protectedResource.ts'
import type { Method, Route } from './http/route.ts'
import type { AuthorizationServer, Handler } from './ports.ts'
import type { ServedServer, ServeSettings } from './settings.ts'

export interface GatewayHandlers {
  readonly mcp: Handler
  readonly authorization: Pick<AuthorizationServer, 'handle'>
  /** GET /.well-known/jwks.json */
  readonly jwks: Handler
  /** GET and POST /auth/consent/:flow */
  readonly consent: Handler
  /** GET /auth/consent/:flow/back */
  readonly back: Handler
  readonly login: Handler
  readonly callback: Handler
  /** POST /auth/refresh */
  readonly refresh: Handler
}

export function createRoutes(
  { publicUrl, servers }: Pick<ServeSettings, 'publicUrl' | 'servers'>,
  handlers: GatewayHandlers,
  health: HealthHandlers,
): Route[] {
  const { mcp, jwks, consent, back, login, callback, refresh } = handlers
  const engine: Handler = async (request: IncomingMessage, response: ServerResponse, { address }) =>
    handlers.authorization.handle(request, response, address)
  // A server below the path of another one comes first.
  const deepest = [...servers].sort((a, b) => b.path.length - a.path.length)
  return [
    ...deepest.flatMap((served) => mcpRoutes(served, mcp)),
    ...deepest.flatMap((served) => metadataRoutes(publicUrl, served)),
    ...servers.slice(0, servers.length === 1 ? 1 : 0).map((only) => open(METADATA, metadataOf(publicUrl, only))),
    ...['oauth-authorization-server', 'openid-configuration'].map((name) => open(`/.well-known/${name}/*`, engine)),
    open('/.well-known/jwks.json', jwks),
    browser('/authorize/*', ['GET'], engine),
    ...['/token', '/register', '/revoke'].map((path) => open(path, engine, ['POST'])),
    browser('/auth/consent/:flow', ['GET', 'POST'], consent),
    browser('/auth/consent/:flow/back', ['GET'], back),
    browser('/auth/login', ['GET'], login),
    ...['/auth/callback', '/auth/callback/:provider'].map((path) => browser(path, ['GET'], callback)),
    { pattern: '/auth/refresh', methods: ['POST'], origins: 'own', asks: 'program', handler: refresh },
    ...(
      [
        ['/health', health.health],
        ['/health/live', health.live],
        ['/health/database', health.database],
        ['/health/mcp-server', health.servers],
        ['/health/mcp-server/:name', health.server],
        ['/ready', health.ready],
      ] as const
    ).map(([pattern, handler]) => ({ pattern, methods: ['GET'], origins: 'own', asks: 'probe', handler }) as const),
  ]
}

const METADATA = '/.well-known/oauth-protected-resource'

function mcpRoutes(served: ServedServer, handler: Handler): Route[] {
  const methods = ['GET', 'POST', 'DELETE'] as const
  const route = (pattern: string): Route => ({ pattern, methods, origins: 'own', asks: 'mcp', served, handler })
  // A slash at the end is not a path below the server.
  return [route(served.path), route(served.subpaths ? `${served.path}/*` : `${served.path}/`)]
}

/** Also for the paths below it: a client that is not told where the metadata is looks there (RFC 9728 section 3.1). */
function metadataRoutes(publicUrl: string, served: ServedServer): Route[] {
  const handler = metadataOf(publicUrl, served)
  const path = `${METADATA}${served.path}`
  return [open(path, handler), ...(served.subpaths ? [open(`${path}/*`, handler)] : [])]
}

function metadataOf(publicUrl: string, served: ServedServer): Handler {
  const document = protectedResource(publicUrl, served)
  return async (_request, response) => sendJson(response, 200, document)
}

const open = (pattern: string, handler: Handler, methods: readonly Method[] = ['GET']): Route => ({
  pattern,
  methods,
  origins: 'any',
  asks: 'program',
  handler,
})

const browser = (pattern: string, methods: readonly Method[], handler: Handler): Route => ({
  pattern,
  methods,
  origins: 'own',
  asks: 'browser',
  handler,
})
