// @node-oauth/oauth2-server with the client authentication of METHOD; registration and metadata, which it has not, are these few lines.
import { randomUUID } from 'node:crypto'
import OAuth2Server from '@node-oauth/oauth2-server'
import { accessSeconds, json, listen, origin, readBody, ready } from './kit.js'
import { answerMcp } from './mcp.js'

const method = process.env.METHOD ?? 'none'
const clients = new Map()
const codes = new Map()
const tokens = new Map()
const byRefresh = new Map()

const model = {
  getClient(id, secret) {
    const client = clients.get(id)
    const proves = method === 'none' || secret === null || secret === undefined || client?.secret === secret
    return client !== undefined && proves ? client : false
  },
  saveAuthorizationCode(code, client, user) {
    const saved = { ...code, client, user }
    codes.set(code.authorizationCode, saved)
    return saved
  },
  getAuthorizationCode: (code) => codes.get(code),
  revokeAuthorizationCode: ({ authorizationCode }) => codes.delete(authorizationCode),
  saveToken(token, client, user) {
    const saved = { ...token, client, user }
    tokens.set(token.accessToken, saved)
    if (token.refreshToken) byRefresh.set(token.refreshToken, saved)
    return saved
  },
  getAccessToken: (token) => tokens.get(token),
  getRefreshToken: (token) => byRefresh.get(token),
  revokeToken: ({ refreshToken }) => byRefresh.delete(refreshToken),
  validateScope: (_user, _client, scope) => scope ?? [],
  verifyScope: () => true,
}

const needsSecret = method !== 'none'
const server = new OAuth2Server({
  model,
  accessTokenLifetime: accessSeconds,
  requireClientAuthentication: { authorization_code: needsSecret, refresh_token: needsSecret },
})

const metadata = {
  issuer: origin,
  authorization_endpoint: `${origin}/authorize`,
  token_endpoint: `${origin}/token`,
  registration_endpoint: `${origin}/register`,
  response_types_supported: ['code'],
  grant_types_supported: ['authorization_code', 'refresh_token'],
  code_challenge_methods_supported: ['S256'],
  ...(process.env.LISTED === 'no' ? {} : { token_endpoint_auth_methods_supported: [method] }),
}
const resourceMetadata = { resource: `${origin}/mcp`, authorization_servers: [origin] }
const challenge = `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`

function register(response, wanted) {
  const id = randomUUID()
  const secret = needsSecret ? randomUUID() : undefined
  clients.set(id, { id, secret, redirectUris: wanted.redirect_uris, grants: ['authorization_code', 'refresh_token'] })
  const secretMembers = needsSecret ? { client_secret: secret, client_secret_expires_at: 0 } : {}
  json(response, 201, { ...wanted, client_id: id, ...secretMembers, token_endpoint_auth_method: method })
}

/** One of the server's own steps, with its own answer. */
async function answerWithServer(step, request, response, body) {
  const url = new URL(request.url, origin)
  const theirs = new OAuth2Server.Request({
    method: request.method,
    headers: request.headers,
    query: Object.fromEntries(url.searchParams),
    body: Object.fromEntries(new URLSearchParams(body)),
  })
  const answer = new OAuth2Server.Response({})
  const problem = await step(theirs, answer).then(
    () => undefined,
    (error) => error,
  )
  const status = answer.status ?? problem?.code ?? 200
  json(
    response.setHeaders(new Map(Object.entries(answer.headers ?? {}))),
    status,
    answer.body ?? { error: problem?.name },
  )
}

const authenticateHandler = { handle: () => ({ id: 'alice' }) }

async function answer(request, response) {
  const { pathname } = new URL(request.url, origin)
  if (pathname === '/.well-known/oauth-authorization-server') return json(response, 200, metadata)
  if (pathname === '/.well-known/oauth-protected-resource/mcp') return json(response, 200, resourceMetadata)
  if (pathname === '/mcp') {
    const theirs = new OAuth2Server.Request({ method: request.method, headers: request.headers, query: {}, body: {} })
    const token = await server.authenticate(theirs, new OAuth2Server.Response({})).catch(() => undefined)
    if (token !== undefined) return answerMcp(request, response)
    return response.writeHead(401, { 'www-authenticate': challenge }).end()
  }
  const body = await readBody(request)
  if (pathname === '/register') return register(response, JSON.parse(body))
  if (pathname === '/authorize')
    return answerWithServer(
      (theirs, ours) => server.authorize(theirs, ours, { authenticateHandler }),
      request,
      response,
      body,
    )
  if (pathname === '/token') return answerWithServer((...both) => server.token(...both), request, response, body)
  return response.writeHead(404).end()
}

await listen(answer)
ready({
  expire: () => tokens.clear(),
  revoke() {
    tokens.clear()
    byRefresh.clear()
  },
})
