// An MCP server with its authorization server in one, which says and does what a test wants it to: for what must be refused.
import { createServer } from 'node:http'

/**
 * @typedef {object} CrookedServerOptions
 * @property {Record<string, unknown>} [resource] goes over the protected-resource metadata
 * @property {Record<string, unknown>} [metadata] goes over the authorization server's metadata
 * @property {Record<string, string>} [callback] goes over the parameters of the redirect
 * @property {Record<string, unknown>} [token] the answer of the token endpoint
 */

/** @param {CrookedServerOptions} [options] */
export async function startCrookedServer(options = {}) {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const origin = `http://127.0.0.1:${port}`
  const state = { tokenRequests: 0, authorizations: 0 }

  /** @type {Record<string, (url: URL) => unknown>} */
  const documents = {
    '/.well-known/oauth-protected-resource/mcp': () => ({
      ...{ resource: `${origin}/mcp`, authorization_servers: [origin] },
      ...options.resource,
    }),
    '/.well-known/oauth-authorization-server': () => ({
      ...{ issuer: origin, authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token` },
      ...{ registration_endpoint: `${origin}/register`, code_challenge_methods_supported: ['S256'] },
      ...{ response_types_supported: ['code'], token_endpoint_auth_methods_supported: ['none'] },
      ...options.metadata,
    }),
    '/register': () => ({ client_id: 'client', token_endpoint_auth_method: 'none' }),
    '/token': () => {
      state.tokenRequests++
      return options.token ?? { access_token: 'access', token_type: 'bearer' }
    },
  }

  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', origin)
    request.resume()
    const document = documents[url.pathname]
    if (document) {
      const status = url.pathname === '/register' ? 201 : 200
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document(url)))
      return
    }
    if (url.pathname === '/authorize') {
      state.authorizations++
      const back = new URL(url.searchParams.get('redirect_uri') ?? '')
      const answer = { code: 'code', state: url.searchParams.get('state') ?? '', ...options.callback }
      for (const [name, value] of Object.entries(answer)) back.searchParams.set(name, value)
      response.writeHead(302, { location: back.href }).end()
      return
    }
    // Its own token is taken, whatever it is asked.
    const token = String(options.token?.access_token ?? 'access')
    if (request.headers.authorization === `Bearer ${token}`) response.writeHead(202).end()
    else response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
  })

  return {
    url: `${origin}/mcp`,
    origin,
    state,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
