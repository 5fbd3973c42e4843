// The client we use at an authorization server, for a new sign-in and for stored tokens: the configured one, a client ID metadata document, or a registered one.
import { BridgeError } from '../../errors.ts'
import { present } from '../../present.ts'
import type { RegisteredClient } from '../../records.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { chooseAuthMethod } from '../oauth/authentication.ts'
import { createOAuthClient, type OAuthClient } from '../oauth/client.ts'
import type { IdToken } from '../oauth/normalize.ts'
import { type Configured, createLeftOut, type LeftOut, relationOf } from './additions.ts'
import { createIssuerCheck, type IssuerCheckOptions } from './issuerCheck.ts'
import { createMetadataCache, type MetadataCache, type MetadataCacheOptions } from './metadataCache.ts'
import { withOtherWays } from './otherWays.ts'
import { createRegistrations, type RegistrationsOptions, type Replacement } from './registrations.ts'

export interface ClientsOptions extends MetadataCacheOptions, IssuerCheckOptions, RegistrationsOptions {
  /** What a person configured of the requests; omitted: nothing. */
  readonly asked?: Configured
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
  readonly leftOut: LeftOut
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
   * After the server refused the client `refused`: the one in its place, newly registered where there is none yet. undefined: we must not
   * replace it.
   * `scope`: what the client has to be registered for.
   * @throws BridgeError registration_failed
   */
  replacement(issuer: string, redirectUri: string, refused: string, scope?: string): Promise<Replacement | undefined>
  /** Undoes a replacement that the server refused too: `client` is used again, and `made` is withdrawn. */
  restore(issuer: string, redirectUri: string, client: RegisteredClient, made: RegisteredClient): Promise<void>
  /** After a sign-in made this client and was refused with it: the next one registers anew. The tokens of others who met it find it still. */
  withdraw(issuer: string, redirectUri: string, clientId: string): Promise<void>
  /** The next sign-in registers a new client: this registration is deleted where the server said how, and forgotten here. */
  forget(issuer: string, redirectUri: string, clientId: string): Promise<void>
}

/** How long the method that a server accepted is tried first, in ms. */
const METHOD_MS = 90 * 24 * 60 * 60 * 1000
const NOTHING: Configured = { scopes: false, resource: false, parameters: [] }

export function createClients(options: ClientsOptions): Clients {
  const { http, clients, cache, clock, rules, timeoutMs, configured, metadataUrl, asked = NOTHING } = options
  const registrations = createRegistrations(options)
  const leftOut = createLeftOut(cache, clock.now, asked, options.server)
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
    const key = present({ privateKey: options.metadataKey })
    return { clientId: metadataUrl, ...key, authMethod: chooseAuthMethod(metadata, key), own: 'document' }
  }

  const isOurs = (clientId: string) => clientId === configured?.clientId || clientId === metadataUrl

  return {
    remember: metadataCache.remember,
    leftOut,

    async forSignIn(metadata, redirectUri, issuer = metadata.issuer, parameters = {}) {
      const given = (await fromConfig(metadata, issuer)) ?? fromDocument(metadata)
      return given ?? registrations.forSignIn({ issuer, redirectUri }, metadata, parameters)
    },

    async configuredClient(issuer) {
      if (configured) await mayBeUsedAt(issuer)
      const client = await fromConfig(await metadataCache.load(issuer), issuer)
      if (!client || client.authMethod === 'none') throw new BridgeError('client_required')
      return client
    },

    async ofTokens(issuer, clientId, redirectUri) {
      const known = async () => {
        const registered = await registrations.find({ issuer, redirectUri }, clientId)
        if (registered) return registered
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
      const place = `auth-method:${issuer} ${client.clientId}`
      // A key is not passed over for a secret that was accepted before there was one.
      const isOpen = client.clientSecret !== undefined && client.authMethod !== 'private_key_jwt'
      const learned = isOpen ? await cache.get(place, clock.now()) : undefined
      const authMethod = typeof learned === 'string' ? learned : client.authMethod
      const connection = { http, timeoutMs, rules: rules(issuer), ...connecting }
      return withOtherWays({
        client: { ...client, authMethod },
        connectWith: (method) => createOAuthClient(known, { ...client, authMethod: method }, connection),
        onMethod: (method) => cache.put(place, method, clock.now() + METHOD_MS),
        configured: asked,
        relation: relationOf(options.server, known.token_endpoint, options.issuer),
        leftOut: await leftOut.of(issuer),
        onLeftOut: (additions) => leftOut.remember(issuer, additions),
      })
    },

    async replacement(issuer, redirectUri, refused, scope) {
      const registered = await clients.load(issuer, redirectUri)
      if (registered?.clientId !== refused && isOurs(refused)) return undefined
      return registrations.replace({ issuer, redirectUri }, await metadataCache.load(issuer), refused, scope)
    },

    async restore(issuer, redirectUri, client, made) {
      await registrations.withdraw({ issuer, redirectUri: made.redirectUri ?? redirectUri }, made.clientId)
      if (!(await clients.load(issuer, redirectUri))) await clients.save(issuer, redirectUri, client)
    },

    withdraw: (issuer, redirectUri, clientId) => registrations.withdraw({ issuer, redirectUri }, clientId),
    forget: (issuer, redirectUri, clientId) => registrations.discard({ issuer, redirectUri }, clientId),
  }
}
