// A real authorization server (oidc-provider) on loopback: dynamic registration, PKCE, rotating refresh tokens with reuse detection.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { format } from 'node:util'
import type Provider from 'oidc-provider'

export interface AuthorizationServerOptions {
  /** Life of an access token; default 3600. */
  readonly accessTokenSeconds?: number
  /** What the interaction does: approve or deny at once, or show a form. */
  readonly person?: 'approve' | 'deny' | 'form'
  /** Oidc-provider features, beside or instead of ours. */
  readonly features?: Record<string, unknown>
  /** Extra oidc-provider settings. */
  readonly settings?: Record<string, unknown>
}

/** An HTTP answer, a cut connection, or silence. */
export type TokenFault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | 'reset'
  | 'silence'

/** What the server has seen, for tests that count. */
const newCounts = () => ({
  registrations: 0,
  authorizations: 0,
  codeGrants: 0,
  refreshGrants: 0,
  refusedRefreshes: 0,
  revocations: 0,
})

export async function startAuthorizationServer(options: AuthorizationServerOptions = {}) {
  const { default: OidcProvider } = await quietly(() => import('oidc-provider'))
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const address = server.address() as AddressInfo
  const issuer = `http://127.0.0.1:${address.port}`
  const counts = newCounts()
  const state = {
    accessTokenSeconds: options.accessTokenSeconds ?? 3600,
    person: options.person ?? ('approve' as 'approve' | 'deny' | 'form'),
    /** What the token endpoint does instead of its work while this is set. */
    tokenFault: undefined as TokenFault | undefined,
    /** Called when the token endpoint's own answer is ready; the answer leaves when the promise is done. */
    holdAnswer: undefined as (() => Promise<void>) | undefined,
    /** Documents published instead of the server's own, by path. */
    documents: {} as Record<string, unknown>,
    /** Requests the token endpoint has got, faults included. */
    tokenRequests: 0,
    claims: { email: 'alice@example.com', name: 'Alice Example' },
    accountId: 'alice',
  }

  const provider = await quietly(
    async () =>
      new OidcProvider(issuer, {
        pkce: { required: () => true },
        rotateRefreshToken: true,
        cookies: { keys: ['test'] },
        scopes: ['openid', 'offline_access', 'email', 'profile', 'mcp:tools', 'mcp:write'],
        claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
        conformIdTokenClaims: false,
        findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...state.claims }) }),
        issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
        interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
        ttl: {
          AccessToken: () => state.accessTokenSeconds,
          Session: 600,
          Grant: 3600,
          Interaction: 600,
          IdToken: 3600,
          RefreshToken: 3600,
          AuthorizationCode: 60,
        },
        features: {
          devInteractions: { enabled: false },
          registration: { enabled: true },
          revocation: { enabled: true, allowedPolicy: () => true },
          userinfo: { enabled: true },
          resourceIndicators: {
            enabled: true,
            useGrantedResource: () => true,
            getResourceServerInfo: (_ctx: unknown, resource: string) => ({
              scope: 'mcp:tools offline_access',
              audience: resource,
              accessTokenFormat: 'jwt',
              accessTokenTTL: state.accessTokenSeconds,
            }),
          },
          ...options.features,
        },
        ...options.settings,
      }),
  )
  provider.on('registration_create.success', () => counts.registrations++)
  provider.on('authorization.success', () => counts.authorizations++)
  provider.on('grant.success', (ctx) => {
    if (ctx.oidc.params?.grant_type === 'refresh_token') counts.refreshGrants++
    else counts.codeGrants++
  })
  provider.on('grant.error', (ctx) => {
    if (ctx.oidc.params?.grant_type === 'refresh_token') counts.refusedRefreshes++
  })
  provider.on('server_error', (_ctx, error) => process.stderr.write(format('authorization server:', error)))

  const callback = provider.callback()
  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', issuer)
    const isToken = request.method === 'POST' && url.pathname === '/token'
    if (isToken) state.tokenRequests++
    if (url.pathname === '/token/revocation') counts.revocations++
    if (state.documents[url.pathname]) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(state.documents[url.pathname]))
    } else if (isToken && state.tokenFault) {
      fail(state.tokenFault, request, response)
    } else if (isToken && state.holdAnswer) {
      holdBack(response, state.holdAnswer)
      callback(request, response)
    } else if (url.pathname.startsWith('/interaction/')) {
      interact(provider, state, request, response).catch((error) => response.writeHead(500).end(String(error)))
    } else {
      callback(request, response)
    }
  })

  return {
    issuer,
    counts,
    state,
    provider,
    /** Ends every grant: refresh tokens are refused from now on. */
    async revokeGrants() {
      for (const grantId of grantIds) {
        const grant = await provider.Grant.find(grantId)
        await provider.RefreshToken.revokeByGrantId(grantId)
        await grant?.destroy()
      }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function fail(fault: TokenFault, request: IncomingMessage, response: ServerResponse) {
  if (fault === 'reset') request.socket.destroy()
  else if (fault !== 'silence')
    response.writeHead(fault.status, { 'content-type': 'text/plain', ...fault.headers }).end(fault.body ?? 'fault')
}

/** Lets the provider do its work, and keeps its answer until `hold` is done. */
function holdBack(response: ServerResponse, hold: () => Promise<void>) {
  const end = response.end.bind(response)
  response.end = (...args: any[]) => {
    void hold().then(() => end(...args))
    return response
  }
}

/** Grants given by any server of this process. */
const grantIds: Set<string> = new Set()

async function interact(
  provider: Provider,
  state: { readonly person: string; readonly accountId: string },
  request: IncomingMessage,
  response: ServerResponse,
) {
  const { prompt, params, session, grantId, uid } = await provider.interactionDetails(request, response)
  if (state.person === 'deny') {
    return provider.interactionFinished(request, response, {
      error: 'access_denied',
      error_description: 'The person said no',
    })
  }
  if (state.person === 'form' && request.method !== 'POST') return showForm(response, prompt.name, uid)
  if (prompt.name === 'login')
    return provider.interactionFinished(request, response, { login: { accountId: state.accountId } })
  const known = grantId ? await provider.Grant.find(grantId) : undefined
  const grant =
    known ?? new provider.Grant({ accountId: session?.accountId as string, clientId: params.client_id as string })
  const missing = prompt.details as {
    missingOIDCScope?: readonly string[]
    missingResourceScopes?: Readonly<Record<string, readonly string[]>>
  }
  if (missing.missingOIDCScope) grant.addOIDCScope(missing.missingOIDCScope.join(' '))
  for (const [resource, scopes] of Object.entries(missing.missingResourceScopes ?? {}))
    grant.addResourceScope(resource, scopes.join(' '))
  const saved = await grant.save()
  grantIds.add(saved)
  return provider.interactionFinished(
    request,
    response,
    { consent: { grantId: saved } },
    { mergeWithLastSubmission: true },
  )
}

function showForm(response: ServerResponse, step: string, uid: string) {
  const fields =
    step === 'login'
      ? '<label>Name <input name="login" autofocus></label><label>Password <input name="password" type="password"></label>'
      : ''
  response
    .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    .end(`<!doctype html><html lang="en"><title>Sign in</title>
    <style>body{font:16px system-ui;display:grid;place-items:center;min-height:90vh}form{display:grid;gap:1rem;padding:2rem;border:1px solid #ccc;border-radius:12px}label{display:grid}</style>
    <form method="post" action="/interaction/${uid}"><h1>${step === 'login' ? 'Sign in' : 'Allow access?'}</h1>${fields}<button>Continue</button></form></html>`)
}

/** oidc-provider warns on stdout about Node 20; tests and the demo are about other things. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { warn, info } = console
  console.warn = () => undefined
  console.info = () => undefined
  try {
    return await work()
  } finally {
    console.warn = warn
    console.info = info
  }
}
