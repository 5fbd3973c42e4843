// The client we use at an authorization server: the configured one, a client ID metadata document, or a dynamically registered one.
import { BridgeError } from '../../errors.ts'
import type { HttpClient, Leases } from '../../ports.ts'
import type { RulesOf } from '../../providerRules.ts'
import type { RegisteredClient } from '../../records.ts'
import {
  type AuthorizationServerMetadata,
  fetchDefaultMetadata,
  fetchMetadata,
  guessed,
  laidOver,
  type Published,
  writtenServer,
} from '../discovery/authorizationServer.ts'
import type { Exceptions } from '../discovery/overrides.ts'
import { chooseAuthMethod } from '../oauth/authentication.ts'
import { createOAuthClient, type OAuthClient } from '../oauth/client.ts'
import type { IdToken } from '../oauth/normalize.ts'
import { createOwnClient, type OwnClientOptions } from './ownClient.ts'
import { isUnknownClient } from './probe.ts'
import { registerClient } from './registration.ts'

export interface ClientsOptions extends Exceptions, OwnClientOptions {
  readonly http: HttpClient
  readonly leases: Leases
  readonly rules: RulesOf
  /** Longest silence of an authorization server, in ms. */
  readonly timeoutMs: number
  /** URL of our client ID metadata document; with `metadataKey` it authenticates by private_key_jwt. */
  readonly metadataUrl?: string | undefined
  readonly metadataKey?: string | undefined
  /** The MCP server. */
  readonly server?: URL | undefined
  /** Names the trust and the exceptions under which documents are fetched: documents fetched under others are not used. */
  readonly bounds?: string | undefined
}

/** How to talk to a server; omitted: with its current metadata, for bearer tokens. */
export interface Connecting {
  /** The metadata when the sign-in began. */
  readonly metadata?: AuthorizationServerMetadata
  readonly dpopKey?: string | undefined
  readonly idToken?: IdToken
}

const METADATA_MS = 24 * 60 * 60 * 1000
const REGISTER_LEASE_MS = 4_000

export type Clients = ReturnType<typeof createClients>

export function createClients(options: ClientsOptions) {
  const { http, clients, cache, leases, clock, rules, timeoutMs, configured, metadataUrl, metadataKey } = options
  const mayBeUsedAt = createOwnClient(options)

  const fromConfig = async (
    metadata: AuthorizationServerMetadata,
    issuer: string,
  ): Promise<RegisteredClient | undefined> => {
    if (!configured) return undefined
    await mayBeUsedAt(issuer)
    return { ...configured, authMethod: chooseAuthMethod(metadata, configured), own: 'configured' }
  }

  const fromDocument = (metadata: AuthorizationServerMetadata): RegisteredClient | undefined => {
    if (metadataUrl === undefined || metadata.client_id_metadata_document_supported !== true) return undefined
    const key = metadataKey === undefined ? {} : { privateKey: metadataKey }
    return { clientId: metadataUrl, ...key, authMethod: chooseAuthMethod(metadata, key), own: 'document' }
  }

  const placeOf = (issuer: string) => `published:${options.bounds ?? ''} ${issuer}`

  const metadataOf = async (issuer: string): Promise<AuthorizationServerMetadata> => {
    const guess = options.issuer === undefined && issuer === options.server?.origin
    const known = asPublished(await cache.get(placeOf(issuer), clock.now()))
    if (known) {
      try {
        return writtenServer(options, issuer) ?? (guess ? guessed : laidOver)(options, issuer, known)
      } catch {
        // Refused under the current rules: the published metadata decides.
      }
    }
    const { metadata, published } = await (guess ? fetchDefaultMetadata : fetchMetadata)(options, issuer)
    await remember(issuer, published)
    return metadata
  }

  const remember = async (issuer: string, published: Published | undefined) => {
    if (published) await cache.put(placeOf(issuer), published, clock.now() + METADATA_MS)
  }

  const isOurs = (clientId: string) => clientId === configured?.clientId || clientId === metadataUrl

  const isExpired = ({ secretExpiresAt }: RegisteredClient) =>
    secretExpiresAt !== undefined && secretExpiresAt <= clock.now()

  /** Registers again, once for all processes: only while the stored client is still `refused`. */
  const register = (
    metadata: AuthorizationServerMetadata,
    issuer: string,
    redirectUri: string,
    refused: string | undefined,
  ) =>
    leases.run(`register:${issuer} ${redirectUri}`, REGISTER_LEASE_MS, async () => {
      const meanwhile = await clients.load(issuer, redirectUri)
      if (meanwhile && meanwhile.clientId !== refused) return meanwhile
      const registered = await registerClient(http, metadata, redirectUri, timeoutMs)
      await clients.save(issuer, redirectUri, registered)
      return registered
    })

  return {
    /** The metadata an issuer published, for a day; without configured endpoints. */
    remember,

    /** `asked`: scope and resource. The client for a new sign-in; registers one if none is configured, or if the server has forgotten the registered one. */
    async forLogin(
      metadata: AuthorizationServerMetadata,
      redirectUri: string,
      issuer = metadata.issuer,
      asked: Readonly<Record<string, string>> = {},
    ): Promise<RegisteredClient> {
      const given = (await fromConfig(metadata, issuer)) ?? fromDocument(metadata)
      if (given) return given
      const known = await clients.load(issuer, redirectUri)
      const stale = known && (isExpired(known) || (await isUnknownClient(http, metadata, known, redirectUri, asked)))
      if (known && !stale) return known
      return register(metadata, issuer, redirectUri, known?.clientId)
    },

    /**
     * After the server refused the client `refused`: the newly registered one. undefined: we must not replace it.
     * @throws BridgeError registration_failed
     */
    async replacement(issuer: string, redirectUri: string, refused: string): Promise<RegisteredClient | undefined> {
      const registered = await clients.load(issuer, redirectUri)
      if (registered?.clientId !== refused && isOurs(refused)) return undefined
      return register(await metadataOf(issuer), issuer, redirectUri, refused)
    },

    /** Undoes a replacement that the server refused too. */
    restore: (issuer: string, redirectUri: string, client: RegisteredClient) =>
      clients.save(issuer, redirectUri, client),

    /** An OAuth client that speaks as `client` to `issuer`; with `dpopKey` it asks for tokens bound to that key. */
    async connect(
      issuer: string,
      client: RegisteredClient,
      { metadata, ...wishes }: Connecting = {},
    ): Promise<OAuthClient> {
      // Also for a client that was chosen earlier or elsewhere: it is only ever used with its own issuer.
      if (client.own === 'configured') await mayBeUsedAt(issuer)
      const known = metadata ?? (await metadataOf(issuer))
      return createOAuthClient(http, known, client, timeoutMs, { rules: rules(issuer), ...wishes })
    },

    /** The configured client, for a grant without a person. @throws BridgeError client_required without one that can authenticate, client_issuer_changed, client_issuer_missing */
    async ofProgram(issuer: string): Promise<RegisteredClient> {
      if (configured) await mayBeUsedAt(issuer)
      const client = await fromConfig(await metadataOf(issuer), issuer)
      if (!client || client.authMethod === 'none') throw new BridgeError('client_required')
      return client
    },

    /** The next sign-in registers a new client. */
    forget: (issuer: string, redirectUri: string) => clients.remove(issuer, redirectUri),

    /**
     * The client that obtained a token set. A registered client is identified by its row: a server may give it any id, even one
     * that we have at another server.
     * @throws BridgeError invalid_client when it is not known any more, client_issuer_changed, client_issuer_missing
     */
    async ofTokens(issuer: string, clientId: string, redirectUri: string): Promise<RegisteredClient> {
      const known = async () => {
        const registered = await clients.load(issuer, redirectUri)
        if (registered?.clientId === clientId) return registered
        if (configured?.clientId === clientId) {
          await mayBeUsedAt(issuer)
          return fromConfig(await metadataOf(issuer), issuer)
        }
        return metadataUrl === clientId ? fromDocument(await metadataOf(issuer)) : undefined
      }
      const client = await known()
      if (client?.clientId === clientId) return client
      throw new BridgeError('invalid_client', {
        message: 'The client that obtained the stored tokens is no longer stored here.',
      })
    },
  }
}

/** A row of the cache, if it has the format of this version. */
function asPublished(value: unknown): Published | undefined {
  const { document, url } = (value ?? {}) as Partial<Published>
  const usable = typeof document === 'object' && document !== null && typeof url === 'string' && URL.canParse(url)
  return usable ? { document, url } : undefined
}
