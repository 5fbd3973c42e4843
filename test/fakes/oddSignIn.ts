// A whole sign-in in memory: an authorization server that does what a test says, and a person whose browser follows each redirect.
import { createClients } from '../../src/auth/client/clients.ts'
import { createAuthorizationCodeFlow } from '../../src/auth/grants/authorizationCode.ts'
import { configuredOf } from '../../src/auth/grants/request.ts'
import type { HttpRequest, HttpResponse } from '../../src/ports.ts'
import { createFakeAttemptStore } from './fakeAttemptStore.ts'
import { createFakeCache, createFakeClientStore } from './fakeCache.ts'
import { createFakeClock } from './fakeClock.ts'
import { createFakeHttp, json, respond } from './fakeHttp.ts'
import { createFakeLeases } from './fakeLeases.ts'
import { createFakeLogger } from './fakeLogger.ts'
import { createFakeTokenStore } from './fakeTokenStore.ts'

/** At the server's own host; `FOREIGN` is elsewhere. */
export const ISSUER = 'https://mcp.example:8443'
export const FOREIGN = 'https://as.example'
export const SERVER = 'https://mcp.example/mcp'
export const KEY = { server: SERVER, profile: 'default' }
export const REDIRECT = 'http://localhost:8080/auth/callback'

type Members = Readonly<Record<string, string>>

/** How a token request proved itself. */
export interface Proof {
  readonly header: string | undefined
  readonly id: string | undefined
  readonly secret: string | undefined
}

export interface OddServer {
  readonly issuer?: string
  readonly metadata?: Record<string, unknown>
  readonly resourceMetadata?: Record<string, unknown>
  /** Of the request's members; the number counts from 1. */
  readonly register?: (asked: Record<string, unknown>, count: number) => HttpResponse
  /** Parameters of the redirect, beside `state`; default: a code. */
  readonly authorize?: (asked: Members) => Members | Promise<Members>
  /** undefined: tokens. */
  readonly token?: (asked: Members, proof: Proof) => HttpResponse | undefined
  /** The authorization endpoint as the probe sees it. */
  readonly page?: () => HttpResponse
}

export interface SignInWishes {
  readonly configured?: { readonly clientId: string; readonly clientSecret?: string }
  readonly scopes?: readonly string[]
  readonly resource?: string
  readonly issuer?: string
  readonly account?: string
  readonly claims?: readonly string[]
  readonly authorizeParameters?: Members
}

const proofOf = ({ headers, body }: HttpRequest): Proof => {
  const form = new URLSearchParams(String(body))
  const { authorization } = headers
  return {
    header: authorization === undefined ? undefined : Buffer.from(authorization.slice(6), 'base64').toString(),
    id: form.get('client_id') ?? undefined,
    secret: form.get('client_secret') ?? undefined,
  }
}

export function createOddWorld(server: OddServer, wishes: SignInWishes = {}) {
  const clock = createFakeClock()
  const { issuer = ISSUER } = server
  let registrations = 0
  let tokens = 0
  const http = createFakeHttp({
    'https://mcp.example/.well-known/oauth-protected-resource/mcp': () =>
      json({
        resource: SERVER,
        authorization_servers: [issuer],
        scopes_supported: ['files'],
        ...server.resourceMetadata,
      }),
    [`${issuer}/.well-known/oauth-authorization-server`]: () =>
      json({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        registration_endpoint: `${issuer}/register`,
        device_authorization_endpoint: `${issuer}/device`,
        code_challenge_methods_supported: ['S256'],
        scopes_supported: ['files', 'offline_access'],
        ...server.metadata,
      }),
    [`${issuer}/register`]: ({ body }) => {
      registrations++
      const asked = JSON.parse(String(body))
      return server.register?.(asked, registrations) ?? json({ client_id: `client-${registrations}` }, 201)
    },
    [`${issuer}/authorize`]: () => server.page?.() ?? respond(302, { location: '/login' }),
    [`${issuer}/token`]: (request) => {
      const asked = Object.fromEntries(new URLSearchParams(String(request.body)))
      const good = { access_token: `access-${++tokens}`, token_type: 'bearer', refresh_token: `refresh-${tokens}` }
      return server.token?.(asked, proofOf(request)) ?? json(good)
    },
    [`${issuer}/device`]: (request) =>
      server.token?.(Object.fromEntries(new URLSearchParams(String(request.body))), proofOf(request)) ??
      json({ device_code: 'd', user_code: 'U', verification_uri: `${issuer}/d`, expires_in: 60 }),
  })
  const attempts = createFakeAttemptStore(clock.now)
  const store = createFakeTokenStore()
  const cache = createFakeCache()
  const clientStore = createFakeClientStore()
  const { configured, scopes, resource, account, claims = [], authorizeParameters = {} } = wishes
  const clients = createClients({
    ...{ http, clients: clientStore, cache, leases: createFakeLeases(), clock, server: new URL(SERVER) },
    ...{
      allowHttp: false,
      timeoutMs: 1_000,
      configured,
      issuer: wishes.issuer ?? (configured && issuer),
      rules: () => ({}),
    },
    asked: configuredOf({ scopes, resource, authorizeParameters }),
  })
  const flow = createAuthorizationCodeFlow({
    ...{ http, clients, attempts, store, clock, log: createFakeLogger(), allowHttp: false, serverHeaders: {} },
    ...{ issuer: wishes.issuer, scopes, resource, account, claims, authorizeParameters, rules: () => ({}) },
    ...{ verifyTokens: async () => undefined, bearer: 'access_token', bounds: 'ours' },
  })
  const seen = (path: string) => http.requests.filter(({ url }) => url.pathname === path)

  return {
    clients,
    clientStore,
    cache,
    clock,
    store,
    http,
    /** The bodies of token requests. */
    tokenRequests: () => seen('/token').map(({ body }) => Object.fromEntries(new URLSearchParams(String(body)))),
    proofs: () => seen('/token').map(proofOf),
    registrations: () => seen('/register').map(({ body }) => JSON.parse(String(body)) as Record<string, unknown>),
    /** A sign-in to its end: the addresses that the tab has seen, and the last page. */
    async signIn(challenge: { readonly status: number; readonly scope?: string } = { status: 401 }) {
      const { attempt } = await attempts.begin(KEY, challenge, clock.now() + 300_000)
      const seenByTab = [await flow.start(attempt, REDIRECT)]
      for (let codes = 1; ; codes++) {
        const asked = Object.fromEntries((seenByTab.at(-1) as URL).searchParams)
        const answer = { state: asked.state ?? '', ...((await server.authorize?.(asked)) ?? { code: `code-${codes}` }) }
        const page = await flow.handleCallback(new URLSearchParams(answer))
        if (page.kind !== 'again' || codes > 9)
          return { page, tab: seenByTab.map(({ searchParams }) => Object.fromEntries(searchParams)) }
        seenByTab.push(new URL(page.authorizationUrl))
      }
    },
    tokens: async () => (await store.load(KEY)).tokens,
  }
}
