// Who we are at an authorization server: the configured client, a client metadata document, else one registered for us.
import { BridgeError, quote } from '../errors.ts'
import type { Cache, ClientStore, Clock, HttpClient, Leases } from '../ports.ts'
import type { RulesOf } from '../providerRules.ts'
import type { RegisteredClient } from '../records.ts'
import { chooseAuthMethod } from './clientAuth.ts'
import type { Exceptions } from './exceptions.ts'
import { createOAuthClient, type OAuthClient } from './oauthClient.ts'
import { registerClient } from './registration.ts'
import { findServer, guessServer, type ServerMetadata } from './serverMetadata.ts'
import { isForgotten } from './staleClient.ts'
import type { IdToken } from './tokenAnswers.ts'

export interface ConfiguredClient {
  readonly clientId: string
  readonly clientSecret?: string
  /** PEM or JWK */
  readonly privateKey?: string
}

export interface ClientsOptions extends Exceptions {
  readonly http: HttpClient
  readonly clients: ClientStore
  readonly cache: Cache
  readonly leases: Leases
  readonly clock: Clock
  readonly rules: RulesOf
  /** Longest silence of an authorization server, in ms. */
  readonly timeoutMs: number
  readonly configured: ConfiguredClient | undefined
  /** URL of our client metadata document; with `metadataKey` it authenticates by private_key_jwt. */
  readonly metadataUrl?: string | undefined
  readonly metadataKey?: string | undefined
  /** The MCP server, to which a configured client's issuer is bound. */
  readonly server?: URL | undefined
  /** The issuer a person configured; it needs no binding. */
  readonly issuer?: string | undefined
}

/** How a server is spoken to; left out: as it is known now, for bearer tokens. */
export interface Connecting {
  /** As it was when the sign-in began. */
  readonly metadata?: ServerMetadata
  readonly dpopKey?: string | undefined
  readonly idToken?: IdToken
}

const METADATA_MS = 24 * 60 * 60 * 1000
const BINDING_MS = 10 * 365 * METADATA_MS
const REGISTER_LEASE_MS = 4_000

export type Clients = ReturnType<typeof createClients>

export function createClients(options: ClientsOptions) {
  const { http, clients, cache, leases, clock, rules, timeoutMs, configured, metadataUrl, metadataKey } = options
  const fromConfig = (metadata: ServerMetadata): RegisteredClient | undefined =>
    configured && { ...configured, authMethod: chooseAuthMethod(metadata, configured) }

  const fromDocument = (metadata: ServerMetadata): RegisteredClient | undefined => {
    if (metadataUrl === undefined || metadata.client_id_metadata_document_supported !== true) return undefined
    const key = metadataKey === undefined ? {} : { privateKey: metadataKey }
    return { clientId: metadataUrl, ...key, authMethod: chooseAuthMethod(metadata, key) }
  }

  /** A client that was registered by hand belongs to one issuer: its secret never goes to another one that the server names later. */
  const bind = async (issuer: string, { clientId }: ConfiguredClient) => {
    if (options.issuer !== undefined || options.server === undefined) return
    const name = `bound:${options.server.href} ${clientId}`
    const bound = await cache.get(name, clock.now())
    if (bound === undefined) await cache.put(name, issuer, clock.now() + BINDING_MS)
    else if (bound !== issuer)
      throw new BridgeError('client_issuer_changed', {
        message: `The server now names the authorization server ${quote(issuer)}; the client ${quote(clientId)} was used with ${quote(String(bound))}.`,
      })
  }

  const metadataOf = async (issuer: string): Promise<ServerMetadata> => {
    const known = await cache.get(`as:${issuer}`, clock.now())
    if (known) return known as ServerMetadata
    const guessed = issuer === options.server?.origin
    const metadata = await (guessed ? guessServer(options, issuer) : findServer(options, issuer))
    await remember(metadata, issuer)
    return metadata
  }

  const remember = (metadata: ServerMetadata, issuer = metadata.issuer) =>
    cache.put(`as:${issuer}`, metadata, clock.now() + METADATA_MS)

  const isExpired = ({ secretExpiresAt }: RegisteredClient) =>
    secretExpiresAt !== undefined && secretExpiresAt <= clock.now()

  /** Registers anew, once for all processes: only while the stored client is still `refused`. */
  const register = (metadata: ServerMetadata, issuer: string, redirectUri: string, refused: string | undefined) =>
    leases.run(`register:${issuer} ${redirectUri}`, REGISTER_LEASE_MS, async () => {
      const meanwhile = await clients.load(issuer, redirectUri)
      if (meanwhile && meanwhile.clientId !== refused) return meanwhile
      const registered = await registerClient(http, metadata, redirectUri, timeoutMs)
      await clients.save(issuer, redirectUri, registered)
      return registered
    })

  return {
    remember,

    /** `asked`: scope and resource. The client for a new sign-in; registers one where nothing is configured, or what was registered is no longer known there. */
    async forLogin(
      metadata: ServerMetadata,
      redirectUri: string,
      issuer = metadata.issuer,
      asked: Readonly<Record<string, string>> = {},
    ): Promise<RegisteredClient> {
      if (configured) await bind(issuer, configured)
      const given = fromConfig(metadata) ?? fromDocument(metadata)
      if (given) return given
      const known = await clients.load(issuer, redirectUri)
      const stale = known && (isExpired(known) || (await isForgotten(http, metadata, known, redirectUri, asked)))
      if (known && !stale) return known
      return register(metadata, issuer, redirectUri, known?.clientId)
    },

    /**
     * After the server refused `refused` as a client: the one registered in its place. undefined: it is not ours to replace.
     * @throws BridgeError registration_failed
     */
    async replacement(issuer: string, redirectUri: string, refused: string): Promise<RegisteredClient | undefined> {
      if (refused === configured?.clientId || refused === metadataUrl) return undefined
      return register(await metadataOf(issuer), issuer, redirectUri, refused)
    },

    /** Takes a replacement back that the server refused as well. */
    restore: (issuer: string, redirectUri: string, client: RegisteredClient) =>
      clients.save(issuer, redirectUri, client),

    /** An OAuth client that speaks as `client` to `issuer`; with `dpopKey` it asks for tokens bound to that key. */
    async connect(
      issuer: string,
      client: RegisteredClient,
      { metadata, ...wishes }: Connecting = {},
    ): Promise<OAuthClient> {
      const known = metadata ?? (await metadataOf(issuer))
      return createOAuthClient(http, known, client, timeoutMs, { rules: rules(issuer), ...wishes })
    },

    /** The configured client, for a grant without a person. @throws BridgeError client_required without one that can prove itself, client_issuer_changed */
    async ofProgram(issuer: string): Promise<RegisteredClient> {
      if (configured) await bind(issuer, configured)
      const client = fromConfig(await metadataOf(issuer))
      if (!client || client.authMethod === 'none') throw new BridgeError('client_required')
      return client
    },

    /** The next sign-in registers anew. */
    forget: (issuer: string, redirectUri: string) => clients.remove(issuer, redirectUri),

    /** The client that obtained a token set. @throws BridgeError invalid_client when it is not known any more */
    async ofTokens(issuer: string, clientId: string, redirectUri: string): Promise<RegisteredClient> {
      const known = async () => {
        if (configured?.clientId === clientId) return fromConfig(await metadataOf(issuer))
        if (metadataUrl === clientId) return fromDocument(await metadataOf(issuer))
        return clients.load(issuer, redirectUri)
      }
      const client = await known()
      if (client?.clientId === clientId) return client
      throw new BridgeError('invalid_client', {
        message: 'The client that obtained the stored tokens is no longer known here.',
      })
    },
  }
}
