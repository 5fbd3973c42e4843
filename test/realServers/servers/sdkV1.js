// The authorization server of the MCP SDK, v1 (mcpAuthRouter and requireBearerAuth), with a provider that keeps all in memory.
import { randomUUID } from 'node:crypto'
import { InvalidGrantError, InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { getOAuthProtectedResourceMetadataUrl, mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js'
import express from 'express'
import { accessSeconds, listen, origin, ready } from './kit.js'
import { answerMcp } from './mcp.js'

const clients = new Map()
const codes = new Map()
const access = new Map()
const refresh = new Map()
const resource = new URL(`${origin}/mcp`)

function issue(grant) {
  const token = randomUUID()
  const next = randomUUID()
  access.set(token, { ...grant, expiresAt: Date.now() / 1000 + accessSeconds })
  refresh.set(next, grant)
  return {
    access_token: token,
    token_type: 'bearer',
    expires_in: accessSeconds,
    refresh_token: next,
    scope: grant.scopes.join(' '),
  }
}

/** Takes what is there only once. */
function take(map, key, why) {
  const found = map.get(key)
  if (found === undefined) throw new InvalidGrantError(why)
  map.delete(key)
  return found
}

const provider = {
  clientsStore: {
    getClient: (id) => clients.get(id),
    registerClient(client) {
      clients.set(client.client_id, client)
      return client
    },
  },
  async authorize(client, params, response) {
    const code = randomUUID()
    codes.set(code, { client, params })
    const to = new URL(params.redirectUri)
    to.searchParams.set('code', code)
    if (params.state !== undefined) to.searchParams.set('state', params.state)
    response.redirect(to.href)
  },
  async challengeForAuthorizationCode(_client, code) {
    const found = codes.get(code)
    if (found === undefined) throw new InvalidGrantError('Invalid authorization code')
    return found.params.codeChallenge
  },
  async exchangeAuthorizationCode(client, code) {
    const { params } = take(codes, code, 'Invalid authorization code')
    return issue({ clientId: client.client_id, scopes: params.scopes ?? [], resource: params.resource })
  },
  exchangeRefreshToken: async (_client, token) => issue(take(refresh, token, 'Invalid refresh token')),
  async verifyAccessToken(token) {
    const found = access.get(token)
    if (found === undefined) throw new InvalidTokenError('Unknown token')
    return { token, ...found }
  },
  async revokeToken(_client, { token }) {
    access.delete(token)
    refresh.delete(token)
  },
}

const app = express()
app.use(
  mcpAuthRouter({ provider, issuerUrl: new URL(origin), resourceServerUrl: resource, scopesSupported: ['mcp:tools'] }),
)
const resourceMetadataUrl = getOAuthProtectedResourceMetadataUrl(resource)
app.all('/mcp', requireBearerAuth({ verifier: provider, resourceMetadataUrl, expectedResource: resource }), answerMcp)
await listen(app)
ready({
  expire: () => access.clear(),
  revoke() {
    access.clear()
    refresh.clear()
  },
})
