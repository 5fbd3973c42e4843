// A whole sign-in on fake servers: discovery, registration, the redirect, the code, the userinfo and a refresh; a test bends any answer.
import { createClients } from '../../src/auth/client/clients.ts'
import { type AuthorizationCodeOptions, createAuthorizationCodeFlow } from '../../src/auth/grants/authorizationCode.ts'
import { createDeviceCodeFlow } from '../../src/auth/grants/deviceCode.ts'
import { createRefresh, type Keep } from '../../src/auth/tokens/refresh.ts'
import { asBridgeError } from '../../src/errors.ts'
import type { HttpResponse } from '../../src/ports.ts'
import type { CallbackPage, Challenge, TokenSet } from '../../src/records.ts'
import { createFakeAttemptStore } from './fakeAttemptStore.ts'
import { createFakeCache, createFakeClientStore } from './fakeCache.ts'
import { createHurryingClock } from './fakeClock.ts'
import { createFakeHttp, json, respond } from './fakeHttp.ts'
import { createFakeLeases } from './fakeLeases.ts'
import { createFakeLogger } from './fakeLogger.ts'
import { createFakeTokenStore } from './fakeTokenStore.ts'

export const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
export const ISSUER = 'https://as.example'
export const REDIRECT = 'http://localhost:8080/auth/callback'

/** The answers of a server that has every optional member. */
export const GOOD = {
  resource: {
    resource: KEY.server,
    authorization_servers: [ISSUER],
    scopes_supported: ['files', 'mail'],
    bearer_methods_supported: ['header'],
    resource_signing_alg_values_supported: ['RS256'],
    resource_name: 'Files',
    resource_documentation: 'https://mcp.example/docs',
    resource_policy_uri: 'https://mcp.example/policy',
    resource_tos_uri: 'https://mcp.example/tos',
    tls_client_certificate_bound_access_tokens: false,
    authorization_details_types_supported: ['x'],
    dpop_signing_alg_values_supported: ['RS256'],
    dpop_bound_access_tokens_required: false,
    jwks_uri: 'https://mcp.example/jwks',
  },
  metadata: {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/authorize`,
    token_endpoint: `${ISSUER}/token`,
    registration_endpoint: `${ISSUER}/register`,
    revocation_endpoint: `${ISSUER}/revoke`,
    introspection_endpoint: `${ISSUER}/introspect`,
    userinfo_endpoint: `${ISSUER}/userinfo`,
    device_authorization_endpoint: `${ISSUER}/device`,
    pushed_authorization_request_endpoint: `${ISSUER}/par`,
    require_pushed_authorization_requests: false,
    jwks_uri: `${ISSUER}/jwks`,
    scopes_supported: ['files', 'mail', 'offline_access'],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic'],
    token_endpoint_auth_signing_alg_values_supported: ['ES256'],
    revocation_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_signing_alg_values_supported: ['ES256'],
    introspection_endpoint_auth_methods_supported: ['none'],
    code_challenge_methods_supported: ['S256'],
    service_documentation: 'https://as.example/docs',
    ui_locales_supported: ['en'],
    op_policy_uri: 'https://as.example/policy',
    op_tos_uri: 'https://as.example/tos',
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    userinfo_signing_alg_values_supported: ['RS256'],
    request_object_signing_alg_values_supported: ['RS256'],
    display_values_supported: ['page'],
    claim_types_supported: ['normal'],
    claims_supported: ['sub'],
    claims_parameter_supported: false,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    require_request_uri_registration: false,
    acr_values_supported: ['0'],
    prompt_values_supported: ['login'],
    dpop_signing_alg_values_supported: ['ES256'],
    mtls_endpoint_aliases: { token_endpoint: `${ISSUER}/mtls` },
    tls_client_certificate_bound_access_tokens: false,
    authorization_response_iss_parameter_supported: false,
    client_id_metadata_document_supported: false,
    authorization_details_types_supported: ['x'],
    protected_resources: [KEY.server],
    signed_metadata: 'e30.e30.x',
  },
  registration: {
    client_id: 'client-1',
    client_secret: 'secret-of-client-1',
    client_secret_expires_at: 0,
    client_id_issued_at: 1_768_000_000,
    registration_access_token: 'managing',
    registration_client_uri: `${ISSUER}/register/client-1`,
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    client_name: 'mcp-oauth-bridge',
    client_uri: 'https://example.com',
    logo_uri: 'https://example.com/logo',
    scope: 'files',
    contacts: ['ada@example.com'],
    tos_uri: 'https://example.com/tos',
    policy_uri: 'https://example.com/policy',
    jwks_uri: 'https://example.com/jwks',
    jwks: { keys: [] },
    software_id: 'x',
    software_version: '1',
    software_statement: 'e30.e30.x',
    application_type: 'native',
    require_auth_time: false,
    default_max_age: 1,
    id_token_signed_response_alg: 'RS256',
    userinfo_signed_response_alg: 'RS256',
  },
  token: {
    access_token: 'access-1',
    token_type: 'Bearer',
    expires_in: 3_600,
    refresh_token: 'refresh-1',
    scope: 'files',
    id_token: undefined as unknown,
    error: undefined as unknown,
    error_description: undefined as unknown,
    refresh_token_expires_in: 1,
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    authorization_details: [{}],
    resource: KEY.server,
    ext_expires_in: 3_600,
    expires_on: '1768003600',
    not_before: '1768000000',
  },
  userinfo: { sub: 'ada', email: 'ada@example.com', email_verified: true, name: 'Ada', updated_at: 1, address: {} },
  device: {
    device_code: 'device-1',
    user_code: 'ABCD-EFGH',
    verification_uri: `${ISSUER}/activate`,
    verification_uri_complete: `${ISSUER}/activate?code=ABCD-EFGH`,
    expires_in: 600,
    interval: 5,
  },
}

export type Document = keyof typeof GOOD
type Answers = Partial<Record<Document, (() => HttpResponse) | Readonly<Record<string, unknown>>>>

export interface WorldOptions extends Partial<AuthorizationCodeOptions> {
  /** Whole answers, or members over the good ones. */
  readonly answers?: Answers
  readonly jwks?: () => HttpResponse
  /** The tokens of the second and every later token request. */
  readonly refreshed?: () => HttpResponse
  readonly revoked?: () => HttpResponse
}

export function createWorld({ answers = {}, jwks, refreshed, revoked, ...options }: WorldOptions = {}) {
  const clock = createHurryingClock()
  const siteOf = (name: Document) => () => {
    const answer = answers[name] ?? {}
    return typeof answer === 'function' ? answer() : json({ ...GOOD[name], ...answer })
  }
  let exchanges = 0
  const token = () => {
    exchanges += 1
    return exchanges > 1 && refreshed ? refreshed() : siteOf('token')()
  }
  const http = createFakeHttp({
    'https://mcp.example/.well-known/oauth-protected-resource/mcp': siteOf('resource'),
    [`${ISSUER}/.well-known/oauth-authorization-server`]: siteOf('metadata'),
    [`${ISSUER}/register`]: siteOf('registration'),
    [`${ISSUER}/token`]: token,
    [`${ISSUER}/userinfo`]: siteOf('userinfo'),
    [`${ISSUER}/device`]: siteOf('device'),
    [`${ISSUER}/jwks`]: jwks ?? (() => json({ keys: [] })),
    [`${ISSUER}/revoke`]: revoked ?? (() => respond(200)),
    // Where a server that names no authorization server is asked (MCP 2025-03-26).
    'https://mcp.example/.well-known/oauth-authorization-server': siteOf('metadata'),
  })
  const attempts = createFakeAttemptStore(clock.now)
  const store = createFakeTokenStore()
  const log = createFakeLogger()
  const rules = options.rules ?? (() => ({}))
  const bearer = options.bearer ?? ('access_token' as const)
  const clients = createClients({
    ...{ http, clients: createFakeClientStore(), cache: createFakeCache(), leases: createFakeLeases(), clock },
    ...{ allowHttp: false, timeoutMs: 1_000, configured: undefined, rules },
  })
  const whole = {
    ...{ http, clients, attempts, store, clock, log, allowHttp: false, serverHeaders: {}, rules, bearer },
    verifyTokens: async () => undefined,
    ...{ issuer: undefined, scopes: undefined, resource: undefined, authorizeParameters: {}, account: undefined },
    ...{ claims: [], bounds: 'ours' },
    ...options,
  }
  const flow = createAuthorizationCodeFlow(whole)
  let look: (address: URL) => Promise<void> = async () => undefined
  const begin = async (challenge: Challenge) => (await attempts.begin(KEY, challenge, clock.now() + 300_000)).attempt

  return {
    clients,
    log,
    http,
    /** Before a person approves. */
    onAddress(then: (address: URL) => Promise<void>): void {
      look = then
    },
    /** The code of the failure, or the address that a person opens. */
    async address(challenge: Challenge = { status: 401 }): Promise<URL | string> {
      const attempt = await begin(challenge)
      return flow.start(attempt, REDIRECT).catch((thrown: unknown) => asBridgeError(thrown).code)
    },
    /** A person approves. `page`: what they see; `tokens`: what is stored. */
    async signIn(
      challenge: Challenge = { status: 401 },
    ): Promise<{ page?: CallbackPage; tokens?: TokenSet; code?: string }> {
      const attempt = await begin(challenge)
      try {
        await look(await flow.start(attempt, REDIRECT))
      } catch (thrown) {
        return { code: asBridgeError(thrown).code }
      }
      const page = await flow.handleCallback(new URLSearchParams({ code: 'c', state: attempt.state }))
      const { tokens } = await store.load(KEY)
      return { page, ...(tokens ? { tokens } : {}), ...('code' in page ? { code: page.code } : {}) }
    },
    connect: async () => clients.connect(ISSUER, await clients.ofTokens(ISSUER, 'client-1', REDIRECT)),
    async deviceSignIn() {
      const login = createDeviceCodeFlow({ ...whole, redirectUri: REDIRECT, audience: undefined })
      const signIn = await login.start(await begin({ status: 401 }))
      return {
        ...signIn,
        async tokens() {
          await signIn.complete(new AbortController().signal)
          return (await store.load(KEY)).tokens
        },
      }
    },
    /** `keep`: called with what is stored before the refresh is done. */
    refresh: (tokens: TokenSet & { refreshToken: string }, keep: Keep = async () => undefined) =>
      createRefresh({ clients, clock, log, rules, bearer })(tokens, keep, async () => true),
  }
}

/** What the log says of one event. */
export const logged = ({ log }: ReturnType<typeof createWorld>, event: string) =>
  log.entries.filter((entry) => entry.event === event)
