// Runs in workerd: @cloudflare/workers-oauth-provider with an MCP server of one tool, a key-value store in memory, and a page that asks.
import { OAuthProvider } from '@cloudflare/workers-oauth-provider'

const kept = new Map()
const isThere = (entry) => entry !== undefined && (entry.end === undefined || entry.end > Date.now())
const OAUTH_KV = {
  async get(key, as) {
    const entry = kept.get(key)
    if (!isThere(entry)) return null
    return (as?.type ?? as) === 'json' ? JSON.parse(entry.value) : entry.value
  },
  async put(key, value, { expirationTtl, expiration } = {}) {
    const end = expirationTtl === undefined ? expiration && expiration * 1000 : Date.now() + expirationTtl * 1000
    kept.set(key, { value, end })
  },
  delete: async (key) => void kept.delete(key),
  async list({ prefix = '' } = {}) {
    const names = [...kept].filter(([name, entry]) => name.startsWith(prefix) && isThere(entry))
    return { keys: names.map(([name]) => ({ name })), list_complete: true }
  },
}

const echo = { name: 'echo', inputSchema: { type: 'object', properties: { message: { type: 'string' } } } }

function resultOf({ method, params }) {
  if (method === 'initialize')
    return {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'worker', version: '1.0.0' },
    }
  if (method === 'tools/list') return { tools: [echo] }
  if (method !== 'tools/call') return {}
  return { content: [{ type: 'text', text: `Echo: ${params.arguments.message}` }] }
}

const apiHandler = {
  async fetch(request) {
    if (request.method !== 'POST') return new Response(null, { status: 405 })
    const message = await request.json()
    if (message.id === undefined) return new Response(null, { status: 202 })
    return Response.json({ jsonrpc: '2.0', id: message.id, result: resultOf(message) })
  },
}

const consent = ({ url }) =>
  `<!doctype html><form method="post" action="${new URL(url).search.replaceAll('&', '&amp;')}"><button>Allow</button></form>`

const defaultHandler = {
  async fetch(request, env) {
    if (new URL(request.url).pathname !== '/authorize') return new Response(null, { status: 404 })
    try {
      const asked = await env.OAUTH_PROVIDER.parseAuthRequest(new Request(request.url))
      // A yes ends the grants that this client had before, so it takes a person.
      if (request.method !== 'POST') return new Response(consent(request), { headers: { 'content-type': 'text/html' } })
      const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
        request: asked,
        userId: 'alice',
        metadata: {},
        scope: asked.scope,
        props: {},
      })
      return new Response(null, { status: 302, headers: { location: redirectTo } })
    } catch (error) {
      return new Response(error.message, { status: 400 })
    }
  },
}

let provider

export default {
  async fetch(request, env, ctx) {
    const { pathname, origin } = new URL(request.url)
    if (pathname.startsWith('/command/')) return command(pathname.slice('/command/'.length))
    provider ??= new OAuthProvider({
      apiRoute: '/mcp',
      apiHandler,
      defaultHandler,
      authorizeEndpoint: '/authorize',
      tokenEndpoint: '/token',
      clientRegistrationEndpoint: '/register',
      resourceMetadata: { resource: `${origin}/mcp` },
      accessTokenTTL: Number(env.ACCESS_SECONDS),
    })
    return provider.fetch(request, { ...env, OAUTH_KV }, ctx)
  },
}

function command(name) {
  const prefixes = name === 'expire' ? ['token:'] : ['token:', 'grant:']
  for (const key of kept.keys()) if (prefixes.some((prefix) => key.startsWith(prefix))) kept.delete(key)
  return new Response(null, { status: 204 })
}
