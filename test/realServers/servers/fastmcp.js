// fastmcp with its OAuth proxy as its documents set it up, in front of an identity provider of one person.
import { randomUUID } from 'node:crypto'
import { FastMCP, OAuthProvider } from 'fastmcp'
import { z } from 'zod'
import { accessSeconds, json, listen, origin, port, readBody, ready } from './kit.js'

const refreshTokens = new Set()

/** The identity provider: it knows its one client and its one person. */
const upstream = await listen(async (request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1')
  if (url.pathname === '/authorize') {
    const to = new URL(url.searchParams.get('redirect_uri'))
    to.searchParams.set('code', randomUUID())
    to.searchParams.set('state', url.searchParams.get('state') ?? '')
    return response.writeHead(302, { location: to.href }).end()
  }
  const form = new URLSearchParams(await readBody(request))
  const asked = form.get('refresh_token')
  if (form.get('grant_type') === 'refresh_token' && !refreshTokens.delete(asked))
    return json(response, 400, { error: 'invalid_grant', error_description: 'The refresh token is revoked' })
  const next = randomUUID()
  refreshTokens.add(next)
  return json(response, 200, {
    access_token: randomUUID(),
    token_type: 'Bearer',
    expires_in: accessSeconds,
    refresh_token: next,
    scope: 'openid',
  })
}, 0)
const provider = `http://127.0.0.1:${upstream.address().port}`

const kept = new Map()
const tokenStorage = {
  cleanup: async () => undefined,
  delete: async (key) => void kept.delete(key),
  get: async (key) => kept.get(key) ?? null,
  save: async (key, value) => void kept.set(key, value),
  async take(key) {
    const value = kept.get(key) ?? null
    kept.delete(key)
    return value
  },
}

const server = new FastMCP({
  name: 'fastmcp',
  version: '1.0.0',
  auth: new OAuthProvider({
    authorizationEndpoint: `${provider}/authorize`,
    tokenEndpoint: `${provider}/token`,
    baseUrl: origin,
    clientId: 'fastmcp',
    clientSecret: 'of-fastmcp',
    encryptionKey: false,
    tokenStorage,
  }),
})
server.addTool({
  name: 'echo',
  description: 'says it again',
  parameters: z.object({ message: z.string() }),
  execute: async ({ message }) => `Echo: ${message}`,
})
await server.start({
  transportType: 'httpStream',
  httpStream: { port, host: '127.0.0.1', stateless: process.env.STATELESS === 'yes' },
})

/** Takes back what a token was swapped for; `which` gets the life of the token in milliseconds. */
function forget(which) {
  for (const [key, value] of kept)
    if (key.startsWith('mapping:') && which(new Date(value.expiresAt) - Date.now())) kept.delete(key)
}
ready({
  // A refresh token lives for days.
  expire: () => forget((life) => life <= accessSeconds * 1000),
  revoke: () => forget(() => true),
})
