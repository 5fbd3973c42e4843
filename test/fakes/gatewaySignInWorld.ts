// The gateway's sign-in pages on a real socket, with an authorization server, a provider and stores in memory; a test bends what they do.
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BridgeError } from '../../src/errors.ts'
import type { AuthorizationOutcome, Caller, Handler, PendingAuthorization, Person } from '../../src/gateway/ports.ts'
import type { Access, ServedProvider, ServedServer } from '../../src/gateway/settings.ts'
import { createAccess } from '../../src/gateway/signin/access.ts'
import { createGatewaySignIn } from '../../src/gateway/signin/signIn.ts'
import type { TokenSet, User } from '../../src/records.ts'
import { createGatewaySeal } from '../../src/store/gateway/gatewaySeal.ts'
import { createFakeClock } from './fakeClock.ts'
import { createFakeLogger } from './fakeLogger.ts'

export const PROVIDER = 'https://provider.example'

export const aServer = (members: Partial<ServedServer> = {}): ServedServer => ({
  ...{ name: undefined, url: 'https://mcp.example/mcp', path: '/mcp', subpaths: false, bearer: 'none' },
  ...{ provider: undefined, headers: {}, access: undefined, certificates: undefined },
  ...members,
})

export const aProvider = (name: string): ServedProvider => ({
  ...{ name, issuer: PROVIDER, clientId: 'client', clientSecret: 'secret', clientKey: undefined, scopes: undefined },
  ...{ endpoints: undefined, authorizeParameters: {}, refreshStrategy: 'auto' },
})

const TOKENS: TokenSet = {
  ...{ issuer: PROVIDER, clientId: 'client', redirectUri: '', accessToken: 'upstream-access', obtainedAt: 0 },
}

export interface WorldOptions {
  readonly publicUrl?: string | ((origin: string) => string)
  readonly servers?: readonly ServedServer[]
  readonly providers?: readonly string[]
  readonly access?: Access
}

export async function startSignInWorld(options: WorldOptions = {}) {
  const { servers = [aServer()], providers = ['google'], access = 'everyone' } = options
  const { publicUrl = (own: string) => own } = options
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const clock = createFakeClock()
  const log = createFakeLogger()
  const state = {
    user: { issuer: PROVIDER, subject: 'ada', claims: { email: 'ada@example.com', email_verified: true } } as User,
    /** What the provider's redirect ends in, instead of a sign-in. */
    answerFails: undefined as BridgeError | undefined,
    beginFails: undefined as BridgeError | undefined,
    finishFails: undefined as Error | undefined,
    refreshFails: undefined as BridgeError | undefined,
    expiresAt: undefined as number | undefined,
    blockedAt: undefined as number | undefined,
    scopes: ['openid', 'email'] as readonly string[],
    /** Where a browser is sent to sign in. */
    provider: PROVIDER,
  }
  const flows = new Map<string, PendingAuthorization>()
  const outcomes: AuthorizationOutcome[] = []
  const persons = new Map<string, Person>()
  const kept: { provider: string; personId: string }[] = []
  const attempts = new Map<string, { provider: string; binding: Readonly<Record<string, string>> }>()
  /** Which flow a browser began, as the engine's cookie tells. */
  const isOfBrowser = ({ headers }: IncomingMessage, flow: string) =>
    headers.cookie?.split('; ').includes(`engine-${flow}=1`) === true

  const handlers = createGatewaySignIn({
    settings: {
      publicUrl: typeof publicUrl === 'string' ? publicUrl : publicUrl(origin),
      servers,
      providers: providers.map(aProvider),
      sessionTimeoutMs: 600_000,
    },
    authorization: {
      pending: async (request, _response, flow) => (isOfBrowser(request, flow) ? flows.get(flow) : undefined),
      async finish(_request, _response, flow, outcome) {
        if (state.finishFails) throw state.finishFails
        const { redirectUri = '' } = flows.get(flow) ?? {}
        flows.delete(flow)
        outcomes.push(outcome)
        const back = new URL(redirectUri)
        if ('person' in outcome) back.searchParams.set('code', 'code-1')
        else {
          back.searchParams.set('error', outcome.error)
          back.searchParams.set('error_description', outcome.description)
        }
        return back.href
      },
    },
    persons: {
      async seen(user) {
        const id = `person-${user.subject}`
        const person = { ...user, id, email: String(user.claims.email), blockedAt: state.blockedAt }
        persons.set(id, person)
        return person
      },
      byId: async (id) => persons.get(id),
      forget: async () => 0,
    },
    seal: createGatewaySeal([randomBytes(32)]),
    signIn: {
      scopes: async () => state.scopes,
      async begin(provider, binding) {
        if (state.beginFails) throw state.beginFails
        const given = randomBytes(32).toString('base64url')
        attempts.set(given, { provider, binding })
        return { url: new URL(`${state.provider}/authorize?client_id=client&state=${given}`), state: given }
      },
      binding: async ({ searchParams }) => attempts.get(searchParams.get('state') ?? '')?.binding,
      async answer({ searchParams: query }) {
        const found = attempts.get(query.get('state') ?? '')
        attempts.delete(query.get('state') ?? '')
        if (!found) throw new BridgeError('invalid_state')
        if (state.answerFails) throw state.answerFails
        return { ...found, user: state.user, tokens: { ...TOKENS, user: state.user } }
      },
    },
    tokens: {
      keep: async (provider, personId) => void kept.push({ provider, personId }),
      current: async () => 'upstream-access',
      async refreshNow() {
        if (state.refreshFails) throw state.refreshFails
        return { expiresAt: state.expiresAt }
      },
    },
    checkAccess: createAccess({ access, providers: [{ name: 'google', issuer: PROVIDER, kind: 'other' }] }),
    callerOf: async ({ headers }) =>
      headers.authorization === 'Bearer ours' ? ({ person: { id: 'person-ada' } } as Caller) : undefined,
    clock,
    log,
  })

  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', origin)
    const [, , , flow = '', end] = url.pathname.split('/')
    const handler: Handler | undefined = url.pathname.startsWith('/auth/consent/')
      ? handlers[end === 'back' ? 'back' : 'consent']
      : { '/auth/login': handlers.login, '/auth/callback': handlers.callback, '/auth/refresh': handlers.refresh }[
          url.pathname
        ]
    if (!handler) return response.writeHead(404).end()
    const context = { url, requestId: 'r', address: '127.0.0.1', served: undefined, rest: '', parameters: { flow } }
    return void handler(request, response, context)
  })

  return {
    origin,
    state,
    clock,
    log,
    flows,
    outcomes,
    persons,
    kept,
    attempts,
    /** A client asks for a server in `browser`. Gives the consent page's path. */
    authorize(browser: Browser, members: Partial<PendingAuthorization> = {}): string {
      const flow = createHash('sha256').update(randomBytes(8)).digest('base64url').slice(0, 21)
      const resource = `${origin}/mcp`
      flows.set(flow, {
        ...{ flow, clientId: 'client-1', clientName: 'Notebook', documentHost: undefined, resource, scope: 'mcp' },
        ...{ redirectUri: 'https://app.example/callback', server: servers[0] ?? aServer(), next: undefined },
        ...members,
      })
      browser.jar.set(`engine-${flow}`, '1')
      return `/auth/consent/${flow}`
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type SignInWorld = Awaited<ReturnType<typeof startSignInWorld>>

export interface Browser {
  /** Its cookies by name, whatever their path. */
  readonly jar: Map<string, string>
  get(path: string, headers?: Record<string, string>): Promise<Seen>
  post(path: string, form: Record<string, string>, headers?: Record<string, string>): Promise<Seen>
}

export interface Seen {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly location: string
}

/** Keeps cookies and follows nothing by itself; `headers` with the value '' are left out. */
export function openBrowser(origin: string): Browser {
  const jar = new Map<string, string>()
  const send = async (method: string, path: string, headers: Record<string, string>, body?: string): Promise<Seen> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const sent = Object.fromEntries(Object.entries({ cookie, ...headers }).filter(([, value]) => value !== ''))
    const answer = await fetch(origin + path, {
      ...{ method, headers: sent, redirect: 'manual' },
      ...(body === undefined ? {} : { body }),
    })
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const [name = '', ...value] = pair.split('=')
      if (/Max-Age=0\b/.test(line)) jar.delete(name)
      else jar.set(name, value.join('='))
    }
    const location = answer.headers.get('location') ?? ''
    return { status: answer.status, headers: answer.headers, text: await answer.text(), location }
  }
  return {
    jar,
    get: (path, headers = {}) => send('GET', path, { accept: 'text/html', ...headers }),
    post: (path, form, headers = {}) =>
      send(
        'POST',
        path,
        { 'content-type': 'application/x-www-form-urlencoded', origin, 'sec-fetch-site': 'same-origin', ...headers },
        new URLSearchParams(form).toString(),
      ),
  }
}

const unescaped = (html: string) => html.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))

/** The hidden token of the form on a page. */
export const tokenOn = ({ text }: Seen): string => unescaped(/name="token" value="([^"]*)"/.exec(text)?.[1] ?? '')
/** Where a page goes on to by itself. */
export const nextOf = ({ text }: Seen): URL =>
  new URL(unescaped(/http-equiv="refresh" content="0;url=([^"]*)"/.exec(text)?.[1] ?? ''))
