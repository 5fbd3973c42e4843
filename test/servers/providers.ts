// Plays the documented peculiarities of real providers on loopback, with an MCP server that takes their tokens; tests script what goes wrong.
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

export type Kind = 'google' | 'microsoft' | 'github' | 'github-app' | 'auth0' | 'okta' | 'plain'

interface Refusal {
  readonly status?: number
  readonly body: Record<string, unknown>
}

type Form = Record<string, string>

export const TENANT = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'
const CLIENT = { id: 'client-1', secret: 'secret-1' }

/** Entra's error body. */
export const aadsts = (number: number, text: string, error = 'invalid_request') => ({
  error,
  error_description: `AADSTS${number}: ${text} Trace ID: 0000. Correlation ID: 0000. Timestamp: 2026-01-15 12:00:00Z`,
  error_codes: [number],
  trace_id: '0000',
})

export async function startProvider(kind: Kind) {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const way = WAYS[kind](origin)
  // A port may come again: no other provider ever had this path.
  const path = `/${randomUUID()}/mcp`
  const state = {
    /** Answers the next authorization requests instead of a code. */
    authorize: undefined as ((query: Form) => Form | 'page' | undefined) | undefined,
    /** Answers token requests instead of tokens. */
    token: undefined as ((form: Form) => Refusal | undefined) | undefined,
    /** Each refresh token is good for one refresh. */
    rotates: false,
    /** Whether a refresh brings an ID token too. */
    renewsIdToken: true,
    /** The status of its keys. */
    keys: 200,
    /** Seconds; undefined: the answer does not say. */
    lifetime: way.lifetime as number | undefined,
    /** Whether the person has consented before. */
    consented: false,
    /** The redirect URI that is registered; undefined takes any. */
    redirectUri: undefined as string | undefined,
    /** What its API says of the person, by path (GitHub, and what else has no OpenID Connect); pages are by `?page=`. */
    account: {
      '/user': { id: 4711, login: 'ada', name: 'Ada', email: 'profile@example.com' },
      '/user/emails': [
        { email: 'old@example.com', primary: false, verified: true },
        { email: 'ada@example.com', primary: true, verified: true },
      ],
      '/user/orgs': [{ login: 'Acme' }],
    } as Record<string, unknown>,
  }
  const seen: {
    authorize: Form[]
    token: (Form & { accept?: string })[]
    device: Form[]
    mcp: IncomingHttpHeaders[]
    account: string[]
  } = { authorize: [], token: [], device: [], mcp: [], account: [] }
  const codes: Map<string, Form> = new Map()
  const refreshTokens: Map<string, Form> = new Map()
  /** Device codes that the person has approved. */
  const approved: Set<string> = new Set()
  const accepted: Set<string> = new Set()

  const idToken = (request: Form) =>
    new SignJWT({
      email: 'ada@example.com',
      name: 'Ada',
      ...(request.nonce ? { nonce: request.nonce } : {}),
      ...way.claims,
    })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setIssuer(way.tokenIssuer)
      .setAudience(CLIENT.id)
      .setSubject('ada')
      .setIssuedAt()
      .setExpirationTime('30m')
      .sign(privateKey)

  const grant = async (request: Form, by: 'code' | 'refresh' | 'device' | 'program') => {
    const access = `${way.tokenPrefix ?? 'at'}_${randomUUID().replaceAll('-', '')}`
    if (way.accepts?.(request) ?? true) accepted.add(access)
    const refresh = by !== 'program' && (by === 'refresh' || way.refreshes(request, state)) ? randomUUID() : undefined
    if (refresh) refreshTokens.set(refresh, request)
    if (by === 'code') state.consented = true
    const openid = (request.scope ?? '').split(' ').includes('openid')
    const says = openid && (by !== 'refresh' || state.renewsIdToken)
    const id = says && way.metadata?.jwks_uri ? await idToken(request) : undefined
    if (id) accepted.add(id)
    return {
      access_token: access,
      token_type: way.tokenType ?? 'Bearer',
      ...(request.scope === undefined ? {} : { scope: request.scope.replaceAll(' ', way.separator ?? ' ') }),
      ...(state.lifetime === undefined ? {} : { expires_in: state.lifetime }),
      ...(refresh ? { refresh_token: refresh } : {}),
      ...(id ? { id_token: id } : {}),
    }
  }

  const token = async (form: Form): Promise<Refusal> => {
    const scripted = state.token?.(form) ?? way.refusesToken?.(form)
    if (scripted) return scripted
    if (form.client_id !== CLIENT.id || (way.confidential && form.client_secret !== CLIENT.secret))
      return { status: 401, body: { error: 'invalid_client' } }
    if (form.grant_type === 'client_credentials') return { status: 200, body: await grant(form, 'program') }
    if (form.grant_type === 'refresh_token') {
      const before = refreshTokens.get(form.refresh_token ?? '')
      if (!before) return { status: 400, body: { error: 'invalid_grant' } }
      if (state.rotates) refreshTokens.delete(form.refresh_token ?? '')
      return { status: 200, body: await grant({ ...before, ...(form.scope ? { scope: form.scope } : {}) }, 'refresh') }
    }
    if (form.grant_type?.endsWith('device_code')) {
      if (!approved.has(form.device_code ?? '')) return { status: 400, body: { error: 'authorization_pending' } }
      return { status: 200, body: await grant(seen.device[0] ?? {}, 'device') }
    }
    const request = codes.get(form.code ?? '')
    codes.delete(form.code ?? '')
    if (!request || request.redirect_uri !== form.redirect_uri)
      return { status: 400, body: { error: way.kind === 'github' ? 'bad_verification_code' : 'invalid_grant' } }
    const challenge = createHash('sha256')
      .update(form.code_verifier ?? '')
      .digest('base64url')
    if (challenge !== request.code_challenge)
      return { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid code verifier.' } }
    return { status: 200, body: await grant(request, 'code') }
  }

  const authorize = (query: Form, response: ServerResponse) => {
    seen.authorize.push(query)
    const mismatch =
      state.redirectUri !== undefined && state.redirectUri !== query.redirect_uri ? way.mismatch : undefined
    const refused = state.authorize?.(query) ?? mismatch ?? way.refusesAuthorize?.(query)
    if (refused === 'page')
      return response.writeHead(400, { 'content-type': 'text/html' }).end('<h1>Something went wrong</h1>')
    const back = new URL(query.redirect_uri ?? '')
    const code = randomUUID()
    if (!refused) codes.set(code, query)
    for (const [name, value] of Object.entries(refused ?? { code })) back.searchParams.set(name, value)
    back.searchParams.set('state', query.state ?? '')
    return response.writeHead(302, { location: back.href }).end()
  }

  server.on('request', async (request, response) => {
    const url = new URL(request.url ?? '/', origin)
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('utf8')
    const json = (value: unknown, status = 200, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
    if (url.pathname === `/.well-known/oauth-protected-resource${path}`)
      return json({ resource: origin + path, ...way.resource })
    if (url.pathname === way.metadataPath) return json(way.metadata)
    if (state.account[url.pathname] !== undefined) {
      seen.account.push(url.pathname + url.search)
      const bearer = (request.headers.authorization ?? '').replace('Bearer ', '')
      // GitHub refuses a request without User-Agent.
      if (!accepted.has(bearer) || request.headers['user-agent'] === undefined) return json({}, 403)
      const value = state.account[url.pathname]
      const page = Number(url.searchParams.get('page') ?? 1)
      return json(Array.isArray(value) ? value.slice((page - 1) * 100, page * 100) : value)
    }
    if (url.pathname === '/keys') return json({ keys: [jwk] }, state.keys)
    if (url.pathname === way.paths.authorize) return authorize(Object.fromEntries(url.searchParams), response)
    if (url.pathname === way.paths.device) {
      const form = Object.fromEntries(new URLSearchParams(text))
      seen.device.push(form)
      return json({
        ...{ device_code: 'device-1', user_code: 'ABCD-1234', verification_uri: `${origin}/device` },
        ...{ expires_in: 900, interval: 1 },
      })
    }
    if (url.pathname === way.paths.token) {
      const form = withBasic(Object.fromEntries(new URLSearchParams(text)), request.headers.authorization)
      seen.token.push({ ...form, accept: request.headers.accept ?? '' })
      const { status = 400, body } = await token(form)
      // GitHub answers with a form unless JSON is asked for, and its errors with 200.
      if (way.kind !== 'github') return json(body, status)
      if (/json/.test(request.headers.accept ?? '')) return json(body, status === 401 ? 401 : 200)
      const fields = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, String(value)]))
      return response
        .writeHead(200, { 'content-type': 'application/x-www-form-urlencoded' })
        .end(new URLSearchParams(fields).toString())
    }
    if (url.pathname === path) {
      const [scheme, bearer = ''] = (request.headers.authorization ?? '').split(' ')
      if (scheme !== 'Bearer' || !accepted.has(bearer))
        return json({}, 401, {
          'www-authenticate': `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource${path}"`,
        })
      seen.mcp.push(request.headers)
      return mcp(request.method === 'POST' ? JSON.parse(text) : undefined, response)
    }
    return response.writeHead(404).end()
  })

  return {
    origin,
    issuer: way.issuer,
    url: origin + path,
    state,
    seen,
    metadata: way.metadata ?? {},
    approve: () => approved.add('device-1'),
    /** Access tokens that were given are refused from now on. */
    forgetTokens: () => accepted.clear(),
    /** A config file for this provider; `keys` are more keys of its entry, `name` is the preset's. */
    config(callbackUrl: string, keys: Record<string, unknown> = {}, name = way.kind) {
      // On loopback the issuer is none of the preset's own, so a person has to name it.
      const client = { client_id: CLIENT.id, ...(way.confidential ? { client_secret: CLIENT.secret } : {}) }
      const entry = { issuer: way.issuer, ...client, ...keys }
      return [
        `callback_url: ${callbackUrl}`,
        `servers: { it: { url: "${origin}${path}", provider: ${name} } }`,
        `providers: ${JSON.stringify({ [name]: entry })}`,
        '',
      ].join('\n')
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function withBasic(form: Form, header: string | undefined): Form {
  const basic = /^Basic (.+)$/.exec(header ?? '')?.[1]
  if (basic === undefined) return form
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':').map(decodeURIComponent)
  return { ...form, client_id: id, client_secret: secret }
}

/** As much of an MCP server as a host wants at start. */
function mcp(message: any, response: ServerResponse) {
  if (message === undefined) return response.writeHead(405).end()
  if (message.id === undefined) return response.writeHead(202).end()
  const result =
    message.method === 'initialize'
      ? { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'behind', version: '1' } }
      : { tools: [] }
  return response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
}

interface Way {
  /** The preset's name. */
  readonly kind: string
  readonly issuer: string
  /** `iss` of its ID tokens. */
  readonly tokenIssuer: string
  readonly metadataPath?: string
  readonly metadata?: Record<string, unknown>
  readonly paths: { authorize: string; token: string; device?: string }
  /** More of the protected-resource metadata. */
  readonly resource: Record<string, unknown>
  readonly confidential: boolean
  readonly refreshes: (request: Form, state: { consented: boolean }) => boolean
  /** Whether the MCP server takes such a token. */
  readonly accepts?: (request: Form) => boolean
  readonly refusesAuthorize?: (query: Form) => Form | 'page' | undefined
  readonly refusesToken?: (form: Form) => Refusal | undefined
  /** What becomes of another redirect URI. */
  readonly mismatch?: Form | 'page'
  readonly lifetime?: number
  readonly claims?: Record<string, unknown>
  readonly separator?: string
  readonly tokenPrefix?: string
  readonly tokenType?: string
}

const has = (request: Form, scope: string) => (request.scope ?? '').split(' ').includes(scope)

const metadata = (origin: string, issuer: string, more = {}): Record<string, unknown> => ({
  issuer,
  authorization_endpoint: `${origin}/authorize`,
  token_endpoint: `${origin}/token`,
  jwks_uri: `${origin}/keys`,
  id_token_signing_alg_values_supported: ['RS256'],
  token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
  code_challenge_methods_supported: ['plain', 'S256'],
  scopes_supported: ['openid', 'email', 'profile'],
  ...more,
})

const PATHS = { authorize: '/authorize', token: '/token', device: '/device/code' }

const WAYS: Record<Kind, (origin: string) => Way> = {
  google: (origin) => ({
    ...{ kind: 'google', issuer: origin, tokenIssuer: origin, paths: PATHS, confidential: true, lifetime: 3599 },
    metadataPath: '/.well-known/openid-configuration',
    metadata: metadata(origin, origin),
    resource: { authorization_servers: [origin] },
    refreshes: (request, { consented }) =>
      request.access_type === 'offline' && (!consented || /consent/.test(request.prompt ?? '')),
    refusesAuthorize: (query) => (!query.scope || has(query, 'offline_access') ? 'page' : undefined),
    mismatch: 'page',
  }),
  microsoft: (origin) => ({
    ...{ kind: 'microsoft', issuer: `${origin}/common/v2.0`, tokenIssuer: `${origin}/${TENANT}/v2.0`, paths: PATHS },
    ...{ confidential: false, lifetime: 3599, claims: { tid: TENANT } },
    metadataPath: '/common/v2.0/.well-known/openid-configuration',
    metadata: metadata(origin, `${origin}/{tenantid}/v2.0`, {
      code_challenge_methods_supported: undefined,
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      device_authorization_endpoint: `${origin}/device/code`,
    }),
    resource: { authorization_servers: [`${origin}/common/v2.0`], scopes_supported: ['api://mcp/access'] },
    refreshes: (request) => has(request, 'offline_access'),
    refusesAuthorize: (query) =>
      query.resource === undefined
        ? undefined
        : redirected(aadsts(9010010, 'The resource does not match the scope.', 'invalid_target')),
    refusesToken: (form) => {
      if (form.resource !== undefined)
        return { body: aadsts(901002, "The 'resource' request parameter is not supported.") }
      if (form.grant_type === 'refresh_token' && !form.scope) return { body: aadsts(90009, 'The scope is missing.') }
      return undefined
    },
    mismatch: 'page',
  }),
  github: (origin) => ({
    ...{ kind: 'github', issuer: `${origin}/login/oauth`, tokenIssuer: '', confidential: true, tokenPrefix: 'gho' },
    ...{ tokenType: 'bearer', separator: ',' },
    paths: { authorize: '/login/oauth/authorize', token: '/login/oauth/access_token', device: '/login/device/code' },
    resource: { authorization_servers: [`${origin}/login/oauth`], scopes_supported: ['repo', 'read:org'] },
    refreshes: () => false,
    mismatch: {
      error: 'redirect_uri_mismatch',
      error_description: 'The redirect_uri MUST match the registered callback URL for this application.',
    },
  }),
  'github-app': (origin) => ({ ...WAYS.github(origin), tokenPrefix: 'ghu', lifetime: 28_800, refreshes: () => true }),
  auth0: (origin) => ({
    ...{
      kind: 'auth0',
      issuer: `${origin}/`,
      tokenIssuer: `${origin}/`,
      paths: PATHS,
      confidential: false,
      lifetime: 86_400,
    },
    metadataPath: '/.well-known/openid-configuration',
    metadata: metadata(origin, `${origin}/`, { scopes_supported: ['openid', 'profile', 'email', 'offline_access'] }),
    resource: { authorization_servers: [`${origin}/`] },
    refreshes: (request) => has(request, 'offline_access'),
    // Without an audience the token is opaque and for userinfo only.
    accepts: (request) => request.audience !== undefined,
  }),
  okta: (origin) => ({
    ...{ kind: 'okta', issuer: `${origin}/oauth2/default`, tokenIssuer: `${origin}/oauth2/default`, paths: PATHS },
    ...{ confidential: false, lifetime: 3600 },
    metadataPath: '/.well-known/oauth-authorization-server/oauth2/default',
    metadata: metadata(origin, `${origin}/oauth2/default`, { scopes_supported: undefined }),
    resource: { authorization_servers: [`${origin}/oauth2/default`] },
    refreshes: (request) => has(request, 'offline_access'),
    refusesAuthorize: (query) =>
      query.scope ? undefined : { error: 'invalid_scope', error_description: 'scope is required' },
  }),
  plain: (origin) => ({
    ...{ kind: 'plain', issuer: origin, tokenIssuer: origin, paths: PATHS, confidential: true, lifetime: 3600 },
    resource: {},
    refreshes: () => true,
  }),
}

/** A redirect carries no error_codes. */
function redirected({ error, error_description }: { error: string; error_description: string }): Form {
  return { error, error_description }
}
