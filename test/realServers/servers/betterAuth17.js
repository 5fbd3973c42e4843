// better-auth 1.7 with @better-auth/mcp, registration open to all, in memory; its pages sign the one person in and say yes.
import { randomUUID } from 'node:crypto'
import { mcp, requireMcpAuth } from '@better-auth/mcp'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { jwt } from 'better-auth/plugins'
import { accessSeconds, answerWith, listen, origin, ready } from './kit.js'
import { answerMcp } from './mcp.js'

const resource = `${origin}/mcp`
const db = {
  user: [],
  session: [],
  account: [],
  verification: [],
  jwks: [],
  oauthClient: [],
  oauthRefreshToken: [],
  oauthAccessToken: [],
  oauthConsent: [],
  oauthResource: [],
  oauthClientResource: [],
  oauthClientAssertion: [],
}
const auth = betterAuth({
  baseURL: origin,
  secret: randomUUID(),
  database: memoryAdapter(db),
  emailAndPassword: { enabled: true },
  plugins: [
    jwt(),
    mcp({
      loginPage: '/login',
      consentPage: '/consent',
      resource,
      accessTokenExpiresIn: accessSeconds,
      allowDynamicClientRegistration: true,
      allowUnauthenticatedClientRegistration: true,
    }),
  ],
  logger: { disabled: true },
  rateLimit: { enabled: false },
})
const alice = { email: 'alice@example.com', password: 'correct horse battery' }
await auth.api.signUpEmail({ body: { ...alice, name: 'Alice' } })

/** Its access tokens are JWTs, which it cannot take back: those it has seen, and those that are refused from now on. */
const seen = new Set()
const refused = new Set()
const protect = requireMcpAuth(auth, async () => new Response(null, { status: 204 }), { resource })

function expire() {
  for (const token of seen) refused.add(token)
}

/** A step of the person's browser, which its pages take by themselves. */
function ofPerson(step, body, request) {
  return auth.handler(
    new Request(`${origin}/api/auth/${step}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/html',
        'sec-fetch-mode': 'navigate',
        origin,
        cookie: request.headers.cookie ?? '',
      },
      body: JSON.stringify(body),
    }),
  )
}

async function answer(request, response) {
  const { pathname, search } = new URL(request.url, origin)
  if (pathname === '/mcp') {
    // Also the proof: its tokens are bound to a key (RFC 9449).
    const { authorization = '', dpop = '' } = request.headers
    const headers = new Headers({ authorization, dpop })
    if (refused.has(headers.get('authorization'))) headers.delete('authorization')
    const verdict = await protect(new Request(resource, { method: request.method, headers }))
    if (verdict.status === 204) {
      seen.add(headers.get('authorization'))
      return answerMcp(request, response)
    }
    return answerWith(() => verdict, request, response)
  }
  if (pathname === '/login')
    return answerWith(
      () => ofPerson('sign-in/email', { ...alice, oauth_query: search.slice(1) }, request),
      request,
      response,
    )
  if (pathname === '/consent') {
    const agreed = await ofPerson('oauth2/consent', { accept: true, oauth_query: search.slice(1) }, request)
    const { url } = await agreed.json()
    return response.writeHead(302, { location: url }).end()
  }
  return answerWith(auth.handler, request, response)
}

await listen(answer)
ready({
  expire,
  revoke() {
    expire()
    db.oauthRefreshToken.splice(0)
  },
})
