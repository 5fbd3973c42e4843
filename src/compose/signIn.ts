// The sign-in part of the composition root: clients, refresh and the grants, each loaded on first use.
import { createHash } from 'node:crypto'
import type { ClientsOptions } from '../auth/client/clients.ts'
import type { OwnClientOptions, PresetIssuers } from '../auth/client/ownClient.ts'
import type { Exceptions } from '../auth/discovery/overrides.ts'
import type { RequestClientCredentials } from '../auth/grants/clientCredentials.ts'
import type { RequestOptions } from '../auth/grants/request.ts'
import type { Config, ServerConfig } from '../config/config.ts'
import { memoizeAsync } from '../memoizeAsync.ts'
import type { AttemptStore, Cache, ClientStore, Clock, HttpClient, Leases, Logger, TokenStore } from '../ports.ts'
import type { TokenSet } from '../records.ts'

export interface LoginParts {
  readonly http: HttpClient
  readonly clock: Clock
  readonly log: Logger
  /** @throws BridgeError usage if no server was given */
  readonly server: () => ServerConfig
  /** Asks the person at a terminal whether their client belongs to this issuer; omitted: nobody can be asked. */
  readonly confirmIssuer?: OwnClientOptions['confirmIssuer']
  readonly store: () => Promise<{
    readonly attempts: AttemptStore
    readonly tokens: TokenStore
    readonly clients: ClientStore
    readonly cache: Cache
    readonly leases: Leases
  }>
}

/** Longest silence of an authorization server, in ms; a shorter request_timeout overrides it. */
const AS_TIMEOUT_MS = 20_000

export function composeLogin(config: Config, { http, clock, log, server, confirmIssuer, store }: LoginParts) {
  /** Which addresses the server's metadata may refer to; without a server there is no metadata. */
  const reach = memoizeAsync(async () => {
    if (!config.server) return undefined
    const { url, exceptions } = config.server
    const { createReach } = await import('../system/http/addresses.ts')
    return createReach(new URL(url), [...configuredOrigins(config.server), ...(exceptions.allow_private ?? [])])
  })

  /** The HTTP client of the sign-in: it reaches no other addresses. */
  const guarded = memoizeAsync(async () => {
    const bounds = await reach()
    return bounds ? (await import('../system/http/addresses.ts')).withinReach(http, bounds) : http
  })

  const rules = memoizeAsync(async () => (await import('../config/presets.ts')).rulesFor(config.server))

  const clients = memoizeAsync(async () => {
    const { createClients } = await import('../auth/client/clients.ts')
    const { clients: known, cache, leases } = await store()
    return createClients({
      ...clientsOf(config),
      ...{ bounds: boundsOf(config), presetIssuers: await presetIssuers(config.server), confirmIssuer },
      ...{ http: await guarded(), clients: known, cache, leases, clock, rules: await rules() },
      timeoutMs: Math.min(config.requestTimeoutMs || AS_TIMEOUT_MS, AS_TIMEOUT_MS),
    })
  })

  const refresh = memoizeAsync(async () => {
    const { createRefresh } = await import('../auth/tokens/refresh.ts')
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

  const clientCredentials = memoizeAsync(async () => {
    const { createClientCredentials } = await import('../auth/grants/clientCredentials.ts')
    const { bearer, url, authorizeParameters } = server()
    const known = { clients: await clients(), clock, log, bearer, redirectUri: config.callbackUrls[0] ?? '' }
    const { audience } = authorizeParameters
    return createClientCredentials({ ...(await requestOptions()), ...known, server: new URL(url), audience })
  })
  const asProgram: RequestClientCredentials = async (last, challenge) => (await clientCredentials())(last, challenge)

  /** One request to the server, as the bridge will make them: every attempt that is completed here is of our server. */
  const tryTokens = async (target: string, tokens: TokenSet) => {
    const { userHeaders, forwardHeaders: forward, blockedHeaders: blocked } = config
    const [{ createAuthorizer, fixedTokens }, module] = await Promise.all([
      import('../auth/authorizer.ts'),
      import('../signin/verifyTokens.ts'),
    ])
    const { headers } = server()
    const parts = { tokens: fixedTokens(tokens), userHeaders, headers, forward, blocked, log, clock }
    await module.tryTokens({ http, url: new URL(target), authorizer: createAuthorizer(parts), clock, log })
  }

  const signInOptions = async () => {
    const { attempts, tokens } = await store()
    const stores = { attempts, store: tokens, clients: await clients(), tryTokens }
    const wishes = { account: config.account, bearer: server().bearer, bounds: boundsOf(config) }
    return { ...(await requestOptions()), ...stores, clock, log, ...wishes }
  }

  const login = memoizeAsync(async () => {
    const { createLogin } = await import('../auth/grants/authorizationCode.ts')
    return createLogin({ ...(await signInOptions()), authorizeParameters: server().authorizeParameters })
  })

  return {
    reach,
    guarded,
    rules,
    clients,
    refresh,
    asProgram,

    /** One instance for all: it knows which attempts are ours. */
    login,

    async deviceLogin() {
      const { createDeviceLogin } = await import('../auth/grants/deviceCode.ts')
      const { audience } = server().authorizeParameters
      return createDeviceLogin({ ...(await signInOptions()), redirectUri: config.callbackUrls[0] ?? '', audience })
    },
  }
}

/**
 * Identifies the settings under which cached documents are valid: the server, the trusted certificates and the configured values. Documents
 * under another name were fetched with different rules.
 */
function boundsOf({ server }: Config): string {
  const { url, allowHttp, exceptions, provider, issuer, endpoints, certificates, clientId } = server ?? {}
  const said = [url, allowHttp, exceptions, provider, issuer, endpoints, certificates, clientId]
  return createHash('sha256').update(JSON.stringify(said)).digest('base64url').slice(0, 22)
}

/** A named preset without an issuer implies its own hosts; everybody can have a domain at Auth0 and Okta, so these do not. */
async function presetIssuers({ provider, issuer }: Partial<ServerConfig> = {}): Promise<PresetIssuers | undefined> {
  if (provider === undefined || issuer !== undefined) return undefined
  const { isIssuerOf, presetOf } = await import('../config/presets.ts')
  const preset = presetOf({ name: provider })
  if (preset?.issuer === undefined) return undefined
  return { name: preset.name, has: (named) => isIssuerOf(preset, named) }
}

/** Configured addresses do not come from the server, so they may refer anywhere. */
const configuredOrigins = ({ issuer, endpoints = {} }: ServerConfig) =>
  [...(issuer === undefined ? [] : [issuer]), ...Object.values(endpoints)].map((url) => new URL(url).origin)

const exceptionsOf = ({ allowHttp, exceptions }: ServerConfig) => ({
  allowHttp,
  allowMissingS256: exceptions.allow_missing_s256 === true,
  trustedIssuers: exceptions.trusted_issuers ?? [],
})

/** The configured client, and the exceptions for the server. */
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
