// better-auth 1.4 with its plugin `mcp`, in memory; its login page signs the one person in without a question.
import { randomUUID } from 'node:crypto'
import { betterAuth } from 'better-auth-1.4'
import { memoryAdapter } from 'better-auth-1.4/adapters/memory'
import { mcp, oAuthDiscoveryMetadata, oAuthProtectedResourceMetadata } from 'better-auth-1.4/plugins'
import { accessSeconds, answerWith, listen, origin, ready } from './kit.js'
import { answerMcp } from './mcp.js'

const db = {
  user: [],
  session: [],
  account: [],
  verification: [],
  oauthApplication: [],
  oauthAccessToken: [],
  oauthConsent: [],
}
const auth = betterAuth({
  baseURL: origin,
  secret: randomUUID(),
  database: memoryAdapter(db),
  emailAndPassword: { enabled: true },
  plugins: [mcp({ loginPage: '/login', oidcConfig: { loginPage: '/login', accessTokenExpiresIn: accessSeconds } })],
  logger: { disabled: true },
  rateLimit: { enabled: false },
})
const alice = { email: 'alice@example.com', password: 'correct horse battery' }
await auth.api.signUpEmail({ body: { ...alice, name: 'Alice' } })

const discovery = oAuthDiscoveryMetadata(auth)
const resource = oAuthProtectedResourceMetadata(auth)

async function answer(request, response) {
  const { pathname } = new URL(request.url, origin)
  if (pathname === '/.well-known/oauth-authorization-server') return answerWith(discovery, request, response)
  if (pathname === '/.well-known/oauth-protected-resource') return answerWith(resource, request, response)
  if (pathname === '/mcp') {
    // What its withMcpAuth does, for a handler of Node.
    const headers = new Headers({ authorization: request.headers.authorization ?? '' })
    const session = await auth.api.getMcpSession({ headers })
    if (session && session.accessTokenExpiresAt > new Date()) return answerMcp(request, response)
    const challenge = `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource"`
    const problem = {
      jsonrpc: '2.0',
      error: { code: -32000, message: 'Unauthorized: Authentication required' },
      id: null,
    }
    return response
      .writeHead(401, { 'www-authenticate': challenge, 'content-type': 'application/json' })
      .end(JSON.stringify(problem))
  }
  if (pathname === '/login') {
    const signIn = () =>
      auth.handler(
        new Request(`${origin}/api/auth/sign-in/email`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', origin, cookie: request.headers.cookie ?? '' },
          body: JSON.stringify(alice),
        }),
      )
    return answerWith(signIn, request, response)
  }
  return answerWith(auth.handler, request, response)
}

await listen(answer)
ready({
  expire() {
    for (const token of db.oauthAccessToken) token.accessToken = `gone-${randomUUID()}`
  },
  revoke: () => void db.oauthAccessToken.splice(0),
})
