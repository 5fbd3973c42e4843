// The client we use at an authorization server, for a new sign-in and for stored tokens: the configured one, a client ID metadata document, or a registered one.
import { BridgeError } from '../../errors.ts'
import type { Leases } from '../../ports.ts'
import { present } from '../../present.ts'
import type { RegisteredClient } from '../../records.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { explainDefaults } from '../discovery/ownMetadata.ts'
import { chooseAuthMethod } from '../oauth/authentication.ts'
import { createOAuthClient, type OAuthClient } from '../oauth/client.ts'
import type { IdToken } from '../oauth/normalize.ts'
import { createIssuerCheck, type IssuerCheckOptions } from './issuerCheck.ts'
import { createMetadataCache, type MetadataCache, type MetadataCacheOptions } from './metadataCache.ts'
import { isUnknownClient } from './probe.ts'
import { registerClient } from './registration.ts'

export interface ClientsOptions extends MetadataCacheOptions, IssuerCheckOptions {
  readonly leases: Leases
  /** Longest silence of an authorization server, in ms. */
  readonly timeoutMs: number
  /** URL of our client ID metadata document; with `metadataKey` it authenticates by private_key_jwt. */
  readonly metadataUrl?: string | undefined
  readonly metadataKey?: string | undefined
}

/** How to talk to a server; omitted: with its current metadata, for bearer tokens. */
export interface ConnectOptions {
  /** The metadata when the sign-in began. */
  readonly metadata?: AuthorizationServerMetadata
  readonly dpopKey?: string | undefined
  readonly idToken?: IdToken
}

export interface Clients extends Pick<MetadataCache, 'remember'> {
  /**
   * The client for a new sign-in; registers one where nothing is configured, or what was registered is no longer known there.
   * `parameters`: scope and resource of the sign-in.
   */
  forSignIn(
    metadata: AuthorizationServerMetadata,
    redirectUri: string,
    issuer?: string,
    parameters?: Readonly<Record<string, string>>,
  ): Promise<RegisteredClient>
  /**
   * The configured client, for a grant without a person.
   * @throws BridgeError client_required without one that can prove itself, client_issuer_changed, client_issuer_missing
   */
  configuredClient(issuer: string): Promise<RegisteredClient>
  /**
   * The client that obtained a token set. A registered client is identified by its row: a server may give it any id, even one
   * that we have at another server.
   * @throws BridgeError invalid_client when it is not known any more, client_issuer_changed, client_issuer_missing
   */
  ofTokens(issuer: string, clientId: string, redirectUri: string): Promise<RegisteredClient>
  /** An OAuth client that speaks as `client` to `issuer`; with `dpopKey` it asks for tokens bound to that key. */
  connect(issuer: string, client: RegisteredClient, connecting?: ConnectOptions): Promise<OAuthClient>
  /**
   * After the server refused the client `refused`: the newly registered one. undefined: we must not replace it.
   * @throws BridgeError registration_failed
   */
  replacement(issuer: string, redirectUri: string, refused: string): Promise<RegisteredClient | undefined>
  /** Undoes a replacement that the server refused too. */
  restore(issuer: string, redirectUri: string, client: RegisteredClient): Promise<void>
  /** The next sign-in registers a new client. */
  forget(issuer: string, redirectUri: string): Promise<void>
}

const REGISTER_LEASE_MS = 4_000

export function createClients(options: ClientsOptions): Clients {
  const { http, clients, leases, clock, rules, timeoutMs, configured, metadataUrl, metadataKey } = options
  const metadataCache = createMetadataCache(options)
  const mayBeUsedAt = createIssuerCheck(options)

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
    const key = present({ privateKey: metadataKey })
    return { clientId: metadataUrl, ...key, authMethod: chooseAuthMethod(metadata, key), own: 'document' }
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
      const registered = await registerClient(http, metadata, redirectUri, timeoutMs).catch((thrown: unknown) => {
        throw explainDefaults(thrown, metadata)
      })
      await clients.save(issuer, redirectUri, registered)
      return registered
    })

  return {
    remember: metadataCache.remember,

    async forSignIn(metadata, redirectUri, issuer = metadata.issuer, parameters = {}) {
      const given = (await fromConfig(metadata, issuer)) ?? fromDocument(metadata)
      if (given) return given
      const known = await clients.load(issuer, redirectUri)
      if (known && !isExpired(known)) {
        const probe = { metadata, clientId: known.clientId, redirectUri, parameters }
        if (!(await isUnknownClient(http, probe))) return known
      }
      return register(metadata, issuer, redirectUri, known?.clientId)
    },

    async configuredClient(issuer) {
      if (configured) await mayBeUsedAt(issuer)
      const client = await fromConfig(await metadataCache.load(issuer), issuer)
      if (!client || client.authMethod === 'none') throw new BridgeError('client_required')
      return client
    },

    async ofTokens(issuer, clientId, redirectUri) {
      const known = async () => {
        const registered = await clients.load(issuer, redirectUri)
        if (registered?.clientId === clientId) return registered
        if (configured?.clientId === clientId) {
          await mayBeUsedAt(issuer)
          return fromConfig(await metadataCache.load(issuer), issuer)
        }
        return metadataUrl === clientId ? fromDocument(await metadataCache.load(issuer)) : undefined
      }
      const client = await known()
      if (client?.clientId === clientId) return client
      throw new BridgeError('invalid_client', {
        message: 'The client that obtained the stored tokens is no longer stored here.',
      })
    },

    async connect(issuer, client, { metadata, ...connecting } = {}) {
      // Also for a client that was chosen earlier or elsewhere: it is only ever used with its own issuer.
      if (client.own === 'configured') await mayBeUsedAt(issuer)
      const known = metadata ?? (await metadataCache.load(issuer))
      return createOAuthClient(known, client, { http, timeoutMs, rules: rules(issuer), ...connecting })
    },

    async replacement(issuer, redirectUri, refused) {
      const registered = await clients.load(issuer, redirectUri)
      if (registered?.clientId !== refused && isOurs(refused)) return undefined
      return register(await metadataCache.load(issuer), issuer, redirectUri, refused)
    },

    restore: (issuer, redirectUri, client) => clients.save(issuer, redirectUri, client),

    forget: (issuer, redirectUri) => clients.remove(issuer, redirectUri),
  }
}
