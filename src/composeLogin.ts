// The login half of the composition root: clients, refresh and the grants, each made of code that loads on first use.
import type { AskAsProgram } from './auth/clientCredentials.ts'
import type { ClientsOptions } from './auth/clients.ts'
import type { Exceptions } from './auth/exceptions.ts'
import type { RequestOptions } from './auth/request.ts'
import type { Config, ServerConfig } from './config/config.ts'
import { onceGood } from './onceGood.ts'
import type { AttemptStore, Cache, ClientStore, Clock, HttpClient, Leases, Logger, TokenStore } from './ports.ts'
import type { TokenSet } from './records.ts'

export interface LoginParts {
  readonly http: HttpClient
  readonly clock: Clock
  readonly log: Logger
  /** @throws BridgeError usage where no server is named */
  readonly server: () => ServerConfig
  readonly store: () => Promise<{
    readonly attempts: AttemptStore
    readonly tokens: TokenStore
    readonly clients: ClientStore
    readonly cache: Cache
    readonly leases: Leases
  }>
}

/** Longest silence of an authorization server, in ms; a shorter request_timeout goes before it. */
const AS_TIMEOUT_MS = 20_000

export function composeLogin(config: Config, { http, clock, log, server, store }: LoginParts) {
  /** How far what the server's metadata names may lead; without a server there is no metadata to follow. */
  const reach = onceGood(async () => {
    if (!config.server) return undefined
    const { url, exceptions } = config.server
    const { createReach } = await import('./system/addresses.ts')
    return createReach(new URL(url), [...configuredOrigins(config.server), ...(exceptions.allow_private ?? [])])
  })

  /** The HTTP client of the login path: it goes nowhere else. */
  const guarded = onceGood(async () => {
    const bounds = await reach()
    return bounds ? (await import('./system/addresses.ts')).withinReach(http, bounds) : http
  })

  const rules = onceGood(async () => (await import('./config/presets.ts')).rulesFor(config.server))

  const clients = onceGood(async () => {
    const { createClients } = await import('./auth/clients.ts')
    const { clients: known, cache, leases } = await store()
    return createClients({
      ...clientsOf(config),
      ...{ http: await guarded(), clients: known, cache, leases, clock, rules: await rules() },
      timeoutMs: Math.min(config.requestTimeoutMs || AS_TIMEOUT_MS, AS_TIMEOUT_MS),
    })
  })

  const refresh = onceGood(async () => {
    const { createRefresh } = await import('./auth/refresh.ts')
    return createRefresh({ clients: await clients(), clock, log, rules: await rules(), bearer: server().bearer })
  })

  const requestOptions = async (): Promise<RequestOptions> => {
    const { issuer, scopes, resource, headers: serverHeaders } = server()
    const bounds = await reach()
    return {
      ...exceptionsOf(server()),
      ...(bounds ? { checkAddress: bounds.check } : {}),
      ...{ http: await guarded(), rules: await rules(), serverHeaders, issuer, scopes, resource },
      claims: Object.values(config.userHeaders),
    }
  }

  const clientCredentials = onceGood(async () => {
    const { createClientCredentials } = await import('./auth/clientCredentials.ts')
    const { bearer, url, authorizeParameters } = server()
    const known = { clients: await clients(), clock, log, bearer, redirectUri: config.callbackUrls[0] ?? '' }
    const { audience } = authorizeParameters
    return createClientCredentials({ ...(await requestOptions()), ...known, server: new URL(url), audience })
  })
  const asProgram: AskAsProgram = async (last, challenge) => (await clientCredentials())(last, challenge)

  /** Whoever owns the callback port completes the sign-ins of others too; what is configured for our server is not for theirs. */
  const tryTokens = async (target: string, tokens: TokenSet) => {
    const { userHeaders, forwardHeaders: forward, blockedHeaders: blocked } = config
    const own = server().url === target
    const [{ createAuthorizer, holding }, module] = await Promise.all([
      import('./auth/authorize.ts'),
      import('./auth/tryTokens.ts'),
    ])
    const headers = own
      ? { userHeaders, headers: server().headers, forward, blocked }
      : { userHeaders: {}, headers: {}, forward: ['authorization'], blocked: [] }
    const authorizer = createAuthorizer({ tokens: holding(tokens), ...headers, log, clock })
    await module.tryTokens({ http, url: new URL(target), authorizer, clock, log })
  }

  const signInOptions = async () => {
    const { attempts, tokens } = await store()
    const stores = { attempts, store: tokens, clients: await clients(), tryTokens }
    return { ...(await requestOptions()), ...stores, clock, log, account: config.account, bearer: server().bearer }
  }

  return {
    reach,
    guarded,
    rules,
    clients,
    refresh,
    asProgram,

    async login() {
      const { createLogin } = await import('./auth/login.ts')
      return createLogin({ ...(await signInOptions()), authorizeParameters: server().authorizeParameters })
    },

    async deviceLogin() {
      const { createDeviceLogin } = await import('./auth/deviceLogin.ts')
      const { audience } = server().authorizeParameters
      return createDeviceLogin({ ...(await signInOptions()), redirectUri: config.callbackUrls[0] ?? '', audience })
    },
  }
}

/** What a person wrote is no word of the server: it may lead anywhere. */
const configuredOrigins = ({ issuer, endpoints = {} }: ServerConfig) =>
  [...(issuer === undefined ? [] : [issuer]), ...Object.values(endpoints)].map((url) => new URL(url).origin)

const exceptionsOf = ({ allowHttp, exceptions }: ServerConfig) => ({
  allowHttp,
  allowMissingS256: exceptions.allow_missing_s256 === true,
  trustedIssuers: exceptions.trusted_issuers ?? [],
})

/** Who a person says we are, and what they except the server from. */
function clientsOf({ server }: Config): Pick<ClientsOptions, 'configured'> & Partial<ClientsOptions> & Exceptions {
  if (!server) return { allowHttp: false, configured: undefined }
  const { clientId, clientSecret, clientKey, clientMetadataUrl, issuer } = server
  const credentials = {
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(clientKey === undefined ? {} : { privateKey: clientKey }),
  }
  return {
    ...exceptionsOf(server),
    configured: clientId === undefined ? undefined : { clientId, ...credentials },
    metadataUrl: clientMetadataUrl,
    metadataKey: clientKey,
    server: new URL(server.url),
    issuer,
  }
}
