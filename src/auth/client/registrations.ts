// The clients that this program has registered at authorization servers: which one is used, when it is replaced, and what becomes of the former one.
import type { Cache, ClientStore, Clock, HttpClient, Leases } from '../../ports.ts'
import type { RegisteredClient } from '../../records.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { withinTime } from '../discovery/deadline.ts'
import { explainDefaults } from '../discovery/ownMetadata.ts'
import { haveNewClient, isNewClientWanted } from './newClient.ts'
import { isUnknownClient, type Probe } from './probe.ts'
import { registerClient } from './registration.ts'
import { asLoopbackAddress } from './registrationRequest.ts'

export interface RegistrationsOptions {
  readonly http: HttpClient
  readonly clients: ClientStore
  readonly cache: Cache
  readonly clock: Clock
  readonly leases: Leases
  /** Longest silence of an authorization server, in ms. */
  readonly timeoutMs: number
  /** The MCP server. */
  readonly server?: URL | undefined
}

/** Whose registration: the place where it is stored. */
export interface Place {
  readonly issuer: string
  readonly redirectUri: string
}

/** What takes the place of a refused client. 'made': registered for this; 'met': it was there before, for whoever else uses it. */
export interface Replacement {
  readonly client: RegisteredClient
  readonly was: 'made' | 'met'
}

export interface Registrations {
  /** The client for a new sign-in. @throws BridgeError registration_failed, redirect_uri_mismatch, … */
  forSignIn(
    place: Place,
    metadata: AuthorizationServerMetadata,
    parameters: Probe['parameters'],
  ): Promise<RegisteredClient>
  /** The client of stored tokens; a former one too. */
  find(place: Place, clientId: string): Promise<RegisteredClient | undefined>
  /** A registration that nobody needs any more: deleted where the server said how (RFC 7592), and forgotten here. */
  discard(place: Place, clientId: string): Promise<void>
  /** For who has made it, where it was refused: the same, unless others have met it. Then it is a former client, which their tokens find. */
  withdraw(place: Place, clientId: string): Promise<void>
  /** The one that takes the place of `refused`; registers one unless another process has done so. */
  replace(
    place: Place,
    metadata: AuthorizationServerMetadata,
    refused: string | undefined,
    scope?: string,
  ): Promise<Replacement>
}

const REGISTER_LEASE_MS = 4_000
/** Longest time to delete a registration, in ms. */
const DELETE_MS = 5_000
/** Stored in place of a redirect URI, which is an http URL: for tokens that it obtained before another one took its place. */
const formerPlace = (clientId: string) => `former:${clientId}`

/** Stored in place of a redirect URI: another one than its maker has got this client. */
const metPlace = (clientId: string) => `met:${clientId}`

/** Stored in place of a redirect URI: where a registration is deleted, and its sealed token. */
const managedPlace = (clientId: string) => `managed:${clientId}`
const asClient = ({ uri, token }: NonNullable<RegisteredClient['management']>) => ({
  clientId: uri,
  clientSecret: token,
  authMethod: 'none',
})

/** Whether this client is registered here, for new sign-ins or for tokens that it obtained before. */
export const isRegistered = async (clients: ClientStore, { issuer, redirectUri }: Place, clientId: string) =>
  (await clients.load(issuer, redirectUri))?.clientId === clientId ||
  (await clients.load(issuer, formerPlace(clientId))) !== undefined

/** The client of the next sign-in: also one whose server refuses `localhost`. */
export async function registeredFor(
  clients: ClientStore,
  { issuer, redirectUri }: Place,
): Promise<RegisteredClient | undefined> {
  const address = asLoopbackAddress(redirectUri)
  const known = await clients.load(issuer, redirectUri)
  if (known || address === undefined) return known
  const other = await clients.load(issuer, address)
  return other && { ...other, redirectUri: address }
}

export function createRegistrations(options: RegistrationsOptions): Registrations {
  const { http, clients, cache, clock, leases, timeoutMs, server } = options

  const meet = (issuer: string, { clientId, authMethod }: RegisteredClient) =>
    clients.save(issuer, metPlace(clientId), { clientId, authMethod })

  /** Once for all processes: only while the stored client is still `refused`. */
  const replace: Registrations['replace'] = ({ issuer, redirectUri }, metadata, refused, scope) =>
    leases.run(`register:${issuer} ${redirectUri}`, REGISTER_LEASE_MS, async () => {
      const meanwhile = await registeredFor(clients, { issuer, redirectUri })
      if (meanwhile && meanwhile.clientId !== refused) {
        await meet(issuer, meanwhile)
        return { client: meanwhile, was: 'met' }
      }
      // What this client has obtained, for whichever profile, it may still renew: a server may refuse it because of a person or a scope.
      if (meanwhile) await clients.save(issuer, formerPlace(meanwhile.clientId), meanwhile)
      const registering = registerClient(http, metadata, redirectUri, timeoutMs, scope)
      const registered = await registering.catch((thrown: unknown) => {
        throw explainDefaults(thrown, metadata)
      })
      const { management, ...client } = registered
      await clients.save(issuer, registered.redirectUri ?? redirectUri, client)
      if (management) await clients.save(issuer, managedPlace(client.clientId), asClient(management))
      if (registered.redirectUri !== undefined) await clients.remove(issuer, redirectUri)
      return { client, was: 'made' }
    })

  const replacing = async (...asked: Parameters<typeof replace>) => (await replace(...asked)).client

  const isUsable = async (known: RegisteredClient, probe: Omit<Probe, 'clientId'>) => {
    const isExpired = known.secretExpiresAt !== undefined && known.secretExpiresAt <= clock.now()
    return !isExpired && !(await isUnknownClient(http, { ...probe, clientId: known.clientId }))
  }

  /** For a person who begins anew: whatever cannot be seen from here, the registration is not the cause any more. */
  const renew = (place: Place, metadata: AuthorizationServerMetadata, known: RegisteredClient) =>
    // A server that registers nobody any more may still know the old one.
    replacing(place, metadata, known.clientId).catch(() => undefined)

  /** RFC 7592 section 2.3. A server that cannot be asked keeps a client that nobody uses. */
  const deleteAt = async ({ clientId: uri, clientSecret: token = '' }: RegisteredClient) => {
    const headers = { authorization: `Bearer ${token}` }
    const asked = { method: 'DELETE', url: new URL(uri), headers, idleMs: timeoutMs, redirect: 'manual' } as const
    const work = async (signal: AbortSignal) => (await http.request({ ...asked, signal })).discard()
    await withinTime(DELETE_MS, () => new Error('too late'), work).catch(() => undefined)
  }

  const discard: Registrations['discard'] = async ({ issuer, redirectUri }, clientId) => {
    const managed = await clients.load(issuer, managedPlace(clientId))
    if (managed) {
      await deleteAt(managed)
      await clients.remove(issuer, managedPlace(clientId))
    }
    await clients.remove(issuer, formerPlace(clientId))
    await clients.remove(issuer, metPlace(clientId))
    if ((await clients.load(issuer, redirectUri))?.clientId === clientId) await clients.remove(issuer, redirectUri)
  }

  return {
    replace,
    discard,

    async withdraw(place, clientId) {
      const { issuer, redirectUri } = place
      if (!(await clients.load(issuer, metPlace(clientId)))) return discard(place, clientId)
      const current = await clients.load(issuer, redirectUri)
      if (current?.clientId !== clientId) return
      await clients.save(issuer, formerPlace(clientId), current)
      await clients.remove(issuer, redirectUri)
    },

    async forSignIn(place, metadata, parameters) {
      const known = await registeredFor(clients, place)
      // Before anything else is asked: its maker may be about to withdraw it.
      if (known) await meet(place.issuer, known)
      const isAnew = server !== undefined && (await isNewClientWanted(cache, server.href, clock.now()))
      const renewed = known && isAnew ? await renew(place, metadata, known) : undefined
      if (isAnew && (renewed || !known)) await haveNewClient(cache, server.href, clock.now())
      if (!known) return replacing(place, metadata, undefined)
      if (renewed) return renewed
      const { redirectUri = place.redirectUri } = known
      if (await isUsable(known, { metadata, redirectUri, parameters })) return known
      return replacing(place, metadata, known.clientId)
    },

    async find({ issuer, redirectUri }, clientId) {
      const current = await registeredFor(clients, { issuer, redirectUri })
      if (current?.clientId === clientId) return current
      return clients.load(issuer, formerPlace(clientId))
    },
  }
}
