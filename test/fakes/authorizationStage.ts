// The authorization server of the gateway on a free port, with stores on SQLite, a person who agrees, and clients made by hand
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import {
  type AuthorizationServerOptions,
  createAuthorizationServer,
} from '../../src/gateway/authorization/authorizationServer.ts'
import type {
  AuthorizationOutcome,
  AuthorizationServer,
  PendingAuthorization,
  Person,
} from '../../src/gateway/ports.ts'
import type { ClientSettings, ServedServer, ServeSettings } from '../../src/gateway/settings.ts'
import type { HttpRequest } from '../../src/ports.ts'
import { sha256 } from '../../src/sha256.ts'
import { createFakeLeases } from './fakeLeases.ts'
import { createFakeLogger } from './fakeLogger.ts'
import { openGatewayStores } from './gatewayStores.ts'

export const CALLBACK = 'http://127.0.0.1:33418/callback'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

export const served = (path: string, name?: string): ServedServer => ({
  name,
  url: 'http://127.0.0.1:9/',
  path,
  subpaths: false,
  bearer: 'assertion',
  provider: undefined,
  headers: {},
  access: undefined,
  certificates: undefined,
})

export interface StageOptions {
  readonly servers?: readonly ServedServer[]
  readonly clients?: Partial<ClientSettings>
  readonly tokens?: Partial<ServeSettings['tokens']>
  readonly isBehindProxy?: boolean
  /** What the internet answers to a fetch of ours. */
  readonly internet?: (request: HttpRequest) => { status?: number; headers?: Record<string, string>; body?: unknown }
  /** Changes what the server gets. */
  readonly change?: (options: AuthorizationServerOptions) => Partial<AuthorizationServerOptions>
  readonly stores?: Awaited<ReturnType<typeof openGatewayStores>>
  readonly leases?: ReturnType<typeof createFakeLeases>
  readonly publicUrl?: string
}

/** A clock that goes, and can be put forward. */
export function createGoingClock() {
  let ahead = 0
  return {
    now: () => Date.now() + ahead,
    awake: () => Date.now() + ahead,
    uptime: () => ahead,
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
    advance: (ms: number) => {
      ahead += ms
    },
  }
}

/** Closed when the test is over. */
export async function startAuthorization(options: StageOptions = {}) {
  const clock = createGoingClock()
  const stores = options.stores ?? (await openGatewayStores({ clock: clock as never }))
  const log = createFakeLogger()
  const state = { address: '192.0.2.1', outcome: undefined as AuthorizationOutcome | undefined }
  const fetched: HttpRequest[] = []
  const asked: PendingAuthorization[] = []
  let authorization: AuthorizationServer | undefined
  const server = createServer((request, response) => {
    const [, flow] = /^\/auth\/consent\/([\w-]+)/.exec(request.url ?? '') ?? []
    if (!authorization) return void response.destroy()
    if (flow === undefined) return authorization.handle(request, response, state.address)
    const agree = async (gateway: AuthorizationServer) => {
      const pending = await gateway.pending(request, response, flow)
      if (!pending) return void response.writeHead(403).end()
      asked.push(pending)
      const location = await gateway.finish(request, response, flow, state.outcome ?? { person })
      response.writeHead(303, { location }).end()
    }
    agree(authorization).catch((thrown) => response.writeHead(500).end(String(thrown)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const publicUrl = options.publicUrl ?? origin
  const person: Person = await stores.persons.seen({ issuer: 'https://idp.example', subject: 's', claims: {} })
  const settings: AuthorizationServerOptions['settings'] = {
    publicUrl,
    servers: options.servers ?? [served('/mcp')],
    sessionTimeoutMs: 10 * MINUTE,
    clients: {
      registration: 'open',
      documents: true,
      documentHosts: ['*'],
      redirectSchemes: [],
      redirectHosts: ['*'],
      known: [],
      ...options.clients,
    },
    tokens: {
      accessMs: 60 * MINUTE,
      refreshIdleMs: 30 * DAY,
      refreshMs: 90 * DAY,
      reuseGraceMs: 30_000,
      ...options.tokens,
    },
  }
  const made: AuthorizationServerOptions = {
    settings,
    records: stores.records,
    refreshAnswers: stores.refreshAnswers,
    grants: stores.grants,
    clients: stores.clients,
    persons: stores.persons,
    leases: options.leases ?? createFakeLeases(),
    seal: stores.seal,
    http: {
      async request(request) {
        fetched.push(request)
        const { status = 200, headers = {}, body } = options.internet?.(request) ?? { status: 404 }
        const text = typeof body === 'string' ? body : JSON.stringify(body ?? '')
        return {
          status,
          headers,
          discard: () => undefined,
          body: (async function* () {
            yield Buffer.from(text)
          })(),
        }
      },
    },
    isBehindProxy: options.isBehindProxy ?? false,
    clock,
    log,
    errorPage: (response, { title, text, advice }) =>
      void response
        .writeHead(400, { 'content-type': 'text/html' })
        .end(`<h1>${title}</h1><p>${text.replaceAll('<', '&lt;')}</p><p>${advice}</p>`),
  }
  authorization = await createAuthorizationServer({ ...made, ...options.change?.(made) })
  const stage = {
    origin,
    publicUrl,
    resource: `${publicUrl}/mcp`,
    stores,
    clock,
    log,
    state,
    person,
    asked,
    fetched,
    leases: made.leases,
    ...browserAndClient(origin, publicUrl),
    /** Whether this access token is good for anything. */
    isAlive: async (access: string) => (await stores.callers.byTokenHash(sha256(access))) !== undefined,
  }
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    if (!options.stores) await stores.database.close()
  })
  return stage
}

export type AuthorizationStage = Awaited<ReturnType<typeof startAuthorization>>

function browserAndClient(origin: string, publicUrl: string) {
  const post = (path: string, form: Record<string, string> | URLSearchParams, headers: Record<string, string> = {}) =>
    fetch(`${origin}${path}`, { method: 'POST', body: new URLSearchParams(form), headers })
  const register = (metadata: Record<string, unknown> = {}) =>
    fetch(`${origin}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'A client',
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'none',
        ...metadata,
      }),
    })
  const authorizeUrl = (clientId: string, verifier: string, more: Record<string, string | undefined> = {}) => {
    const url = new URL('/authorize', origin)
    const parameters: Record<string, string | undefined> = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: CALLBACK,
      state: 'the-state',
      code_challenge: sha256(verifier),
      code_challenge_method: 'S256',
      resource: `${publicUrl}/mcp`,
      scope: 'mcp',
      ...more,
    }
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value)
    return url
  }
  /** Follows redirects within the gateway, as a browser that keeps cookies by their path. */
  const browse = async (start: URL | string, jar = createJar()) => {
    let url = new URL(String(start), origin)
    for (let hops = 0; hops < 8; hops++) {
      const response = await fetch(`${origin}${url.pathname}${url.search}`, {
        redirect: 'manual',
        headers: { cookie: jar.header(url.pathname) },
      })
      jar.take(response.headers.getSetCookie())
      const location = response.headers.get('location')
      if (location === null) return { response, url }
      url = new URL(location, url)
      if (url.origin !== new URL(publicUrl).origin && url.origin !== origin) return { response, url }
    }
    throw new Error('The redirects do not end.')
  }
  const code = async (clientId: string, more: Record<string, string | undefined> = {}) => {
    const verifier = randomBytes(32).toString('base64url')
    const { url } = await browse(authorizeUrl(clientId, verifier, more))
    return { verifier, answer: url.searchParams, code: url.searchParams.get('code') ?? '' }
  }
  const redeem = (clientId: string, given: { code: string; verifier: string }, more: Record<string, string> = {}) =>
    post('/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code: given.code,
      code_verifier: given.verifier,
      redirect_uri: CALLBACK,
      ...more,
    })
  const refresh = (clientId: string, token: string, more: Record<string, string> = {}) =>
    post('/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token: token, ...more })
  /** Registers, agrees and redeems. */
  const signIn = async (metadata: Record<string, unknown> = {}, more: Record<string, string | undefined> = {}) => {
    const client = (await (await register(metadata)).json()) as { client_id: string; client_secret?: string }
    const tokens = await tokensOf(await redeem(client.client_id, await code(client.client_id, more)))
    return { clientId: client.client_id, ...tokens }
  }
  return { post, register, authorizeUrl, browse, code, redeem, refresh, signIn }
}

export async function tokensOf(response: Response) {
  const body = (await response.json()) as Record<string, unknown>
  return {
    status: response.status,
    body,
    error: body.error,
    access: String(body.access_token),
    refresh: String(body.refresh_token),
  }
}

export function createJar() {
  const cookies = new Map<string, { value: string; path: string }>()
  return {
    take(lines: readonly string[]) {
      for (const line of lines) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        const path = /;\s*path=([^;]*)/i.exec(line)?.[1] ?? '/'
        cookies.set(`${name} ${path}`, { value: `${name}=${value}`, path })
      }
    },
    header: (pathname: string) =>
      [...cookies.values()]
        .filter(({ path }) => pathname === path || pathname.startsWith(`${path.replace(/\/$/, '')}/`))
        .map(({ value }) => value)
        .join('; '),
    lines: () => [...cookies.values()],
  }
}
