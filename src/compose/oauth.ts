// Picks the parts of OAuth: clients, refresh and the grants, each made of code that loads on first use.
import type { Configured } from '../auth/client/additions.ts'
import type { Clients, ClientsOptions } from '../auth/client/clients.ts'
import type { PresetIssuers } from '../auth/client/issuerCheck.ts'
import type { SecurityOverrides } from '../auth/discovery/overrides.ts'
import type { AuthorizationCodeFlow } from '../auth/grants/authorizationCode.ts'
import type { RequestClientCredentials } from '../auth/grants/clientCredentials.ts'
import type { DeviceCodeFlow } from '../auth/grants/deviceCode.ts'
import type { RequestOptions } from '../auth/grants/request.ts'
import type { Refresh } from '../auth/tokens/refresh.ts'
import type { Config, ServerConfig } from '../config/config.ts'
import { keyOf, serverOf } from '../config/target.ts'
import { memoizeAsync } from '../memoizeAsync.ts'
import type { RulesOf } from '../providerRules.ts'
import { sha256 } from '../sha256.ts'
import { createEraMemory } from '../store/eraMemory.ts'
import { authorizerOf } from './bridge.ts'
import type { Network } from './network.ts'
import type { Runtime } from './runtime.ts'
import type { Storage } from './storage.ts'

export interface OAuth {
  /** What providers do in their own way. */
  readonly rules: () => Promise<RulesOf>
  readonly clients: () => Promise<Clients>
  readonly refresh: () => Promise<Refresh>
  readonly clientCredentials: RequestClientCredentials
  /** One instance for all: it knows which attempts are ours. */
  readonly authorizationCode: () => Promise<AuthorizationCodeFlow>
  readonly deviceCode: () => Promise<DeviceCodeFlow>
}

/** Longest silence of an authorization server, in ms; a shorter request_timeout overrides it. */
const AS_TIMEOUT_MS = 20_000

export function composeOAuth(
  config: Config,
  { clock, log, confirmIssuer }: Pick<Runtime, 'clock' | 'log' | 'confirmIssuer'>,
  { http, guarded, reach }: Network,
  storage: Storage,
): OAuth {
  const server = () => serverOf(config)
  const redirectUri = config.callbackUrls[0] ?? ''

  const rules = memoizeAsync(async () => (await import('../config/providerPresets.ts')).rulesFor(config.server))

  const clients = memoizeAsync(async () => {
    const { createClients } = await import('../auth/client/clients.ts')
    const { clients: known, cache, leases } = await storage.open()
    return createClients({
      ...clientsOf(config),
      bounds: boundsOf(config),
      asked: configuredOf(config),
      presetIssuers: await presetIssuers(config.server),
      confirmIssuer,
      http: await guarded(),
      clients: known,
      cache,
      leases,
      clock,
      rules: await rules(),
      timeoutMs: Math.min(config.requestTimeoutMs || AS_TIMEOUT_MS, AS_TIMEOUT_MS),
    })
  })

  const refresh = memoizeAsync(async () => {
    const { createRefresh } = await import('../auth/tokens/refresh.ts')
    return createRefresh({ clients: await clients(), clock, log, rules: await rules(), bearer: server().bearer })
  })

  const requestOptions = async (): Promise<RequestOptions & { readonly clients: Clients }> => {
    const { issuer, scopes, resource, headers: serverHeaders } = server()
    const bounds = await reach()
    return {
      ...exceptionsOf(server()),
      ...(bounds ? { checkAddress: bounds.check } : {}),
      http: await guarded(),
      rules: await rules(),
      clients: await clients(),
      serverHeaders,
      issuer,
      scopes,
      resource,
      claims: Object.values(config.userHeaders),
    }
  }

  const clientCredentials = memoizeAsync(async () => {
    const { createClientCredentials } = await import('../auth/grants/clientCredentials.ts')
    const { bearer, url, authorizeParameters } = server()
    const { audience } = authorizeParameters
    const known = { clock, log, bearer, redirectUri, server: new URL(url), audience }
    return createClientCredentials({ ...(await requestOptions()), ...known })
  })

  const signInOptions = async () => {
    const { createVerifier } = await import('../auth/grants/verifyTokens.ts')
    const { attempts, tokens: store, answers } = await storage.open()
    const eras = createEraMemory(async () => answers, keyOf(config), clock)
    return {
      ...(await requestOptions()),
      attempts,
      store,
      // As the bridge will send them: every attempt that is completed here is of our server.
      verifyTokens: createVerifier(http, { ...authorizerOf(config), protocol: server().protocol, eras, clock, log }),
      clock,
      log,
      account: config.account,
      bearer: server().bearer,
      bounds: boundsOf(config),
    }
  }

  return {
    rules,
    clients,
    refresh,
    clientCredentials: async (last, challenge) => (await clientCredentials())(last, challenge),

    authorizationCode: memoizeAsync(async () => {
      const { createAuthorizationCodeFlow } = await import('../auth/grants/authorizationCode.ts')
      return createAuthorizationCodeFlow({
        ...(await signInOptions()),
        authorizeParameters: server().authorizeParameters,
      })
    }),

    async deviceCode() {
      const { createDeviceCodeFlow } = await import('../auth/grants/deviceCode.ts')
      const { audience } = server().authorizeParameters
      return createDeviceCodeFlow({ ...(await signInOptions()), redirectUri, audience })
    },
  }
}

/** What a person configured is never left out of a request. */
function configuredOf({ server }: Config): Configured {
  const { scopes, resource, authorizeParameters = {} } = server ?? {}
  const parameters = Object.keys(authorizeParameters)
  return { scopes: scopes !== undefined, resource: resource !== undefined, parameters }
}

/**
 * Identifies the settings under which cached documents are valid: the server, the trusted certificates and the configured values. Documents
 * under another name were fetched with different rules.
 */
function boundsOf({ server }: Config): string {
  const { url, allowHttp, exceptions, provider, issuer, endpoints, certificates, clientId } = server ?? {}
  const said = [url, allowHttp, exceptions, provider, issuer, endpoints, certificates, clientId]
  return sha256(JSON.stringify(said)).slice(0, 22)
}

/** A named preset without an issuer implies its own hosts; everybody can have a domain at Auth0 and Okta, so these do not. */
async function presetIssuers({ provider, issuer }: Partial<ServerConfig> = {}): Promise<PresetIssuers | undefined> {
  if (provider === undefined || issuer !== undefined) return undefined
  const { isIssuerOf, presetOf } = await import('../config/providerPresets.ts')
  const preset = presetOf({ name: provider })
  if (preset?.issuer === undefined) return undefined
  return { name: preset.name, has: (named) => isIssuerOf(preset, named) }
}

const exceptionsOf = ({ allowHttp, exceptions }: ServerConfig) => ({
  allowHttp,
  allowMissingS256: exceptions.allow_missing_s256 === true,
  trustedIssuers: exceptions.trusted_issuers ?? [],
  trustedResource: exceptions.trusted_resource,
})

/** The configured client, and the exceptions for the server. */
function clientsOf({
  server,
}: Config): Pick<ClientsOptions, 'configured'> & Partial<ClientsOptions> & SecurityOverrides {
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
