// Who we are at an authorization server: the configured client, else one registered for us, remembered by issuer and redirect URI.
import { BridgeError } from '../errors.ts'
import type { Cache, ClientStore, Clock, HttpClient, Leases, RegisteredClient } from '../ports.ts'
import type { RulesOf } from '../providerRules.ts'
import { findServer, type ServerMetadata } from './discovery.ts'
import { createOAuthClient, type OAuthClient } from './oauthClient.ts'
import { registerClient } from './register.ts'

export interface ConfiguredClient {
  readonly clientId: string
  readonly clientSecret?: string
}

export interface ClientsOptions {
  readonly http: HttpClient
  readonly clients: ClientStore
  readonly cache: Cache
  readonly leases: Leases
  readonly clock: Clock
  readonly allowHttp: boolean
  readonly rules: RulesOf
  /** Longest silence of an authorization server, in ms. */
  readonly timeoutMs: number
  readonly configured: ConfiguredClient | undefined
}

const METADATA_MS = 24 * 60 * 60 * 1000
const REGISTER_LEASE_MS = 4_000

export type Clients = ReturnType<typeof createClients>

export function createClients({
  http,
  clients,
  cache,
  leases,
  clock,
  allowHttp,
  rules,
  timeoutMs,
  configured,
}: ClientsOptions) {
  const fromConfig = (metadata: ServerMetadata): RegisteredClient | undefined =>
    configured && { ...configured, authMethod: secretMethod(metadata, configured) }

  const metadataOf = async (issuer: string): Promise<ServerMetadata> => {
    const known = await cache.get(`as:${issuer}`, clock.now())
    if (known) return known as ServerMetadata
    const metadata = await findServer({ http, allowHttp, rules }, issuer)
    await remember(metadata)
    return metadata
  }

  const remember = (metadata: ServerMetadata) => cache.put(`as:${metadata.issuer}`, metadata, clock.now() + METADATA_MS)

  return {
    remember,

    /** The client for a new sign-in; registers one, once for all processes, where nothing is configured or known. */
    async forLogin(metadata: ServerMetadata, redirectUri: string): Promise<RegisteredClient> {
      const given = fromConfig(metadata) ?? (await clients.load(metadata.issuer, redirectUri))
      if (given) return given
      return leases.run(`register:${metadata.issuer} ${redirectUri}`, REGISTER_LEASE_MS, async () => {
        const meanwhile = await clients.load(metadata.issuer, redirectUri)
        if (meanwhile) return meanwhile
        const registered = await registerClient(http, metadata, redirectUri, timeoutMs)
        await clients.save(metadata.issuer, redirectUri, registered)
        return registered
      })
    },

    /** An OAuth client that speaks as `client` to `issuer`; with `dpopKey` it asks for tokens bound to that key. */
    async connect(issuer: string, client: RegisteredClient, dpopKey?: string): Promise<OAuthClient> {
      return createOAuthClient(http, await metadataOf(issuer), client, timeoutMs, { rules: rules(issuer), dpopKey })
    },

    /** The configured client, for a grant without a person. @throws BridgeError client_required without one that can prove itself */
    async ofProgram(issuer: string): Promise<RegisteredClient> {
      const client = fromConfig(await metadataOf(issuer))
      if (!client || client.authMethod === 'none') throw new BridgeError('client_required')
      return client
    },

    /** The next sign-in registers anew. */
    forget: (issuer: string, redirectUri: string) => clients.remove(issuer, redirectUri),

    /** The client that obtained a token set. @throws BridgeError invalid_client when it is not known any more */
    async ofTokens(issuer: string, clientId: string, redirectUri: string): Promise<RegisteredClient> {
      const mine = configured?.clientId === clientId ? fromConfig(await metadataOf(issuer)) : undefined
      const client = mine ?? (await clients.load(issuer, redirectUri))
      if (client?.clientId === clientId) return client
      throw new BridgeError('invalid_client', {
        message: 'The client that obtained the stored tokens is no longer known here.',
      })
    },
  }
}

function secretMethod(metadata: ServerMetadata, { clientSecret }: ConfiguredClient): string {
  if (clientSecret === undefined) return 'none'
  const offered = metadata.token_endpoint_auth_methods_supported
  // RFC 8414 section 2: client_secret_basic when the list is left out.
  const known = Array.isArray(offered) ? offered : ['client_secret_basic']
  return known.includes('client_secret_basic') ? 'client_secret_basic' : 'client_secret_post'
}
