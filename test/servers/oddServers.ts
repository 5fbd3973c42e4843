// Odd servers, each rebuilt as a whole from public reports, for the museum: documents, answers and headers as they were seen.
import { expect } from 'vitest'
import {
  amend,
  answersTokens,
  before,
  behind,
  call,
  challengedWith,
  diesWith,
  type Exhibit,
  formOf,
  hasSlash,
  ISSUER,
  OPENID,
  onlyAtRoot,
  plainAnswer,
  RESOURCE,
  refuseUsed,
  sendsIss,
  streamed,
  trusting,
} from './oddParts.ts'
import { answerTo, authorizationRoutes } from './scriptedOrigin.ts'

export const EXHIBITS: readonly Exhibit[] = [
  {
    name: 'Macro: the resource metadata has authorization_server beside the list, and no resource',
    build(stage) {
      const { origin, routes } = stage.server
      const document = { authorization_server: stage.issuer.origin, authorization_servers: [stage.issuer.origin] }
      routes[`${RESOURCE}/mcp`] = () => ({ json: document })
      routes[`/mcp${RESOURCE}`] = () => ({ json: document })
      return challengedWith(`Bearer resource_metadata="${origin}/mcp${RESOURCE}"`)(stage)
    },
  },
  {
    name: 'OpenMetadata: a member that is null, and an authorization server under the path of the resource',
    build(stage) {
      const { issuer } = stage
      amend(stage.server, `${RESOURCE}/mcp`, {
        resource_signing_alg_values_supported: null,
        authorization_servers: [`${issuer.origin}/mcp`],
      })
      amend(issuer, ISSUER, { issuer: `${issuer.origin}/mcp` })
      issuer.routes[`${ISSUER}/mcp`] = issuer.routes[ISSUER] as NonNullable<(typeof issuer.routes)[string]>
      delete issuer.routes[ISSUER]
      return undefined
    },
  },
  {
    name: 'Sentry: two addresses of resource metadata in one challenge, the first of which is 404',
    build: challengedWith(
      'Bearer realm="OAuth", resource_metadata="<root>", error="invalid_token", error_description="Missing or invalid access token", resource_metadata="<root>/mcp"',
    ),
  },
  {
    name: 'Supabase: invalid_request where no token came',
    build: challengedWith(
      'Bearer error="invalid_request", error_description="No access token was provided in this request", resource_metadata="<root>/mcp"',
    ),
  },
  { name: 'Retool: the path-style resource metadata is 401', build: onlyAtRoot({ status: 401 }) },
  {
    name: 'Superhuman: the path-style resource metadata is 403',
    build: onlyAtRoot({ status: 403, text: 'Forbidden' }),
  },
  {
    name: 'Soniclight: the path-style resource metadata is 500',
    build: onlyAtRoot({ status: 500, json: { error: 'Only HTML requests are supported here' } }),
  },
  {
    name: 'Google Workspace: the resource metadata names the issuer with a slash, and only calls need a token',
    build(stage) {
      amend(stage.server, `${RESOURCE}/mcp`, { authorization_servers: [`${stage.issuer.origin}/`] })
      const plain = plainAnswer(stage)
      stage.server.routes['/mcp'] = (seen) => {
        const isCall = seen.body.includes('tools/call')
        return isCall ? plain(seen) : plain({ ...seen, headers: { ...seen.headers, authorization: 'Bearer nobody' } })
      }
      return behind(stage, 'google', ', client_id: of-google')
    },
  },
  {
    name: 'Railway: the authorization endpoint has a resource of its own, and the code needs the right one',
    build({ issuer, server }) {
      const { origin, routes } = issuer
      amend(issuer, ISSUER, { authorization_endpoint: `${origin}/authorize?resource=${encodeURIComponent(origin)}` })
      const [authorize, token] = [routes['/authorize'], routes['/token']]
      const isRight = (all: string[]) => all.length === 1 && all[0] === `${server.origin}/mcp`
      routes['/authorize'] = (seen) =>
        isRight(seen.query.getAll('resource')) ? (authorize?.(seen) ?? {}) : { status: 400, text: 'invalid_target' }
      routes['/token'] = (seen) =>
        isRight(formOf(seen).getAll('resource'))
          ? (token?.(seen) ?? {})
          : { status: 400, json: { error: 'invalid_target' } }
      return undefined
    },
  },
  {
    name: 'Atlassian: metadata that names another issuer, which the person trusts',
    build(stage) {
      const named = 'https://auth.example.com'
      amend(stage.issuer, ISSUER, { issuer: named })
      return trusting(stage, named)
    },
  },
  {
    name: 'Authentik, Hydra, pydantic: the issuer ends with a slash, which the person trusts',
    build(stage) {
      hasSlash(stage)
      return trusting(stage, `${stage.issuer.origin}/`)
    },
  },
  {
    name: 'JumpCloud: an issuer with a slash in an OpenID document alone, and iss in the answer',
    build(stage) {
      const { routes, origin } = stage.issuer
      hasSlash(stage)
      amend(stage.issuer, ISSUER, { authorization_response_iss_parameter_supported: true })
      routes[OPENID] = routes[ISSUER] as NonNullable<(typeof routes)[string]>
      delete routes[ISSUER]
      sendsIss(stage, `${origin}/`)
      return behind(stage, 'jumpcloud')
    },
  },
  {
    name: 'Salesforce: no resource metadata, and under the path of the server the metadata of another issuer',
    build(stage) {
      const { routes } = stage.server
      delete routes[`${RESOURCE}/mcp`]
      const document = stage.issuer.routes[ISSUER]
      routes[`${ISSUER}/mcp`] = (seen) => document?.(seen) ?? { status: 404 }
      return challengedWith('Bearer')(stage)
    },
  },
  {
    name: 'servers of MCP 2025-03-26: no document anywhere, and the endpoints at their places',
    build(stage) {
      const { routes, origin } = stage.server
      delete routes[`${RESOURCE}/mcp`]
      Object.assign(routes, authorizationRoutes(origin))
      delete routes[ISSUER]
      return challengedWith('Bearer')(stage)
    },
  },
  {
    name: 'Mesh: resource metadata with the other scheme, which the person trusts',
    build(stage) {
      const resource = `${stage.server.origin.replace('http:', 'https:')}/mcp`
      amend(stage.server, `${RESOURCE}/mcp`, { resource })
      return { config: `servers:\n  it: { url: "${stage.server.origin}/mcp", trusted_resource: "${resource}" }\n` }
    },
  },
  {
    name: 'Cognito: an OpenID document alone, without PKCE methods and without registration',
    build(stage) {
      const { routes, origin } = stage.issuer
      delete routes[ISSUER]
      delete routes['/register']
      routes[OPENID] = () => ({
        json: {
          issuer: origin,
          authorization_endpoint: `${origin}/authorize`,
          token_endpoint: `${origin}/token`,
          jwks_uri: `${origin}/keys`,
        },
      })
      return behind(stage, 'cognito', ', client_id: of-cognito')
    },
  },
  {
    name: 'Clerk: a device endpoint, two client authentications and client ID metadata documents',
    build({ issuer }) {
      amend(issuer, ISSUER, {
        device_authorization_endpoint: `${issuer.origin}/device`,
        grant_types_supported: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'none'],
        client_id_metadata_document_supported: true,
        scopes_supported: ['openid', 'profile', 'email', 'public_metadata', 'offline_access'],
      })
      return undefined
    },
  },
  {
    name: 'Python SDK: no public clients, an issuer with a path',
    build(stage) {
      const { issuer } = stage
      const path = '/tenant'
      stage.state.issuer = `${issuer.origin}${path}`
      amend(issuer, ISSUER, {
        issuer: `${issuer.origin}${path}`,
        token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
      })
      issuer.routes[`${ISSUER}${path}`] = issuer.routes[ISSUER] as NonNullable<(typeof issuer.routes)[string]>
      delete issuer.routes[ISSUER]
      const register = issuer.routes['/register']
      issuer.routes['/register'] = (seen) => ({
        status: 201,
        json: { ...(register?.(seen).json as object), client_secret: 'of-the-client' },
      })
      const token = issuer.routes['/token']
      issuer.routes['/token'] = (seen) => {
        const form = formOf(seen)
        const proves = form.get('client_secret') === 'of-the-client' || seen.headers.authorization !== undefined
        return proves && form.has('client_id')
          ? (token?.(seen) ?? {})
          : { status: 401, json: { error: 'unauthorized_client', error_description: 'Missing client_id' } }
      }
      return undefined
    },
  },
  {
    name: 'Cloudflare: iss in the answer, as it said',
    build(stage) {
      amend(stage.issuer, ISSUER, { authorization_response_iss_parameter_supported: true })
      sendsIss(stage, stage.issuer.origin)
      return undefined
    },
  },
  {
    name: 'Entra v1: every number is a text, and the resource is repeated',
    build: answersTokens((token) => ({
      json: {
        ...token,
        expires_in: '3599',
        ext_expires_in: '3599',
        expires_on: String(Math.floor(Date.now() / 1000) + 3599),
        not_before: String(Math.floor(Date.now() / 1000) - 300),
        resource: 'https://api.example.com',
      },
    })),
  },
  {
    name: 'NetSuite: expires_in is a text',
    build: answersTokens((token) => ({ json: { ...token, expires_in: '3600' } })),
  },
  {
    name: 'SAP: a dead refresh token is a list of errors with 401',
    build: () => undefined,
    later: diesWith({ status: 401, json: [{ logref: 'x', message: 'The refresh token is not valid' }] }),
  },
  {
    name: 'Shopify: access_token, scope and expires_in, nothing else',
    build: answersTokens(({ access_token }) => ({ json: { access_token, scope: 'read_products', expires_in: 86399 } })),
  },
  {
    name: 'Slack: ok, token_type user, no refresh token',
    build: answersTokens(({ access_token }) => ({
      json: { ok: true, access_token, token_type: 'user', expires_in: 3599 },
    })),
  },
  {
    name: 'GitHub: a form where JSON was meant, and a dead refresh token is 200',
    build: answersTokens((token) => ({
      text: new URLSearchParams(token as Record<string, string>).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })),
    later: diesWith({
      text: 'error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect+or+expired.',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }),
  },
  {
    name: 'Obot: a dead refresh token is 400 invalid_request',
    build: () => undefined,
    later: diesWith({ status: 400, json: { error: 'invalid_request', error_description: 'refresh_token is invalid' } }),
  },
  {
    name: 'FlowFuse: the same without a word',
    build: () => undefined,
    later: diesWith({ status: 400, json: { error: 'invalid_request' } }),
  },
  {
    name: 'Better Auth: a session that is gone is 400 invalid_grant, though the client is forgotten too',
    build: () => undefined,
    later: diesWith({ status: 400, json: { error: 'invalid_grant', error_description: 'session not found' } }),
  },
  {
    name: 'Productboard: an event without its empty line, on a stream that stays open',
    build: streamed((json) => `event: message\ndata: ${json}\n`, true),
  },
  {
    name: 'worldmonitor: the stream begins with an event of empty data',
    build: streamed((json) => `id: 0\nretry: 1000\ndata: \n\nevent: message\nid: 1\ndata: ${json}\n\n`),
  },
  {
    name: 'Postman: 202 to notifications has a text',
    build(stage) {
      before(stage, (_, message) =>
        message && message.id === undefined
          ? { status: 202, text: 'Accepted', headers: { 'content-type': 'text/plain; charset=utf-8' } }
          : undefined,
      )
      return undefined
    },
  },
  {
    name: 'GitBook: an expired token is a redirect to the login page',
    build: () => undefined,
    async later(stage, host) {
      const dead = new Set<string>()
      refuseUsed(stage, dead)
      before(stage, ({ headers }) =>
        dead.has(String(headers.authorization).replace('Bearer ', ''))
          ? { status: 307, headers: { location: `${stage.server.origin}/login` } }
          : undefined,
      )
      await call(host)
      expect(stage.tabs()).toBe(1)
      expect(stage.server.requests.filter(({ path }) => path === '/login')).toEqual([])
    },
  },
  {
    name: 'Todoist: a tool error that says 401 is a tool error',
    build(stage) {
      before(stage, ({ headers }, message) =>
        headers.authorization !== undefined && message?.method === 'tools/call' && message.params.name === 'upstream'
          ? {
              json: {
                jsonrpc: '2.0',
                id: message.id,
                result: { isError: true, content: [{ type: 'text', text: '401' }] },
              },
            }
          : undefined,
      )
      return undefined
    },
    async later(stage, host) {
      const { result } = await host.request('tools/call', { name: 'upstream' })
      expect(result).toMatchObject({ isError: true, content: [{ text: '401' }] })
      expect(stage.tabs()).toBe(1)
    },
  },
  {
    name: 'ToolHive: a session belongs to the bytes of the access token, and ends with it',
    build(stage) {
      const owners = new Map<string, string>()
      before(stage, (seen, message) => {
        const { authorization } = seen.headers
        const token = authorization?.replace('Bearer ', '')
        if (token === undefined || !stage.state.accepts(token)) return undefined
        const answer = message ? answerTo(message) : { status: 405 }
        if (message?.method === 'initialize') {
          const id = `session-${owners.size}`
          owners.set(id, token)
          return { ...answer, headers: { 'mcp-session-id': id } }
        }
        const isMine = owners.get(String(seen.headers['mcp-session-id'])) === token
        return isMine ? answer : { status: 401, json: { error: 'session belongs to another token' } }
      })
      return undefined
    },
    async later(stage, host) {
      refuseUsed(stage, new Set())
      await call(host)
      await call(host)
      expect(stage.tabs()).toBe(1)
    },
  },
]
