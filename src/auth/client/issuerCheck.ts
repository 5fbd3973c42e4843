// Checks that a configured client belongs to the issuer, before every request that names or authenticates the client.
import { BridgeError } from '../../errors.ts'
import type { Cache, ClientStore, Clock } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'

export interface ConfiguredClient {
  readonly clientId: string
  readonly clientSecret?: string
  /** PEM or JWK */
  readonly privateKey?: string
}

/** The origin of the client determines its issuer. */
export interface PresetIssuers {
  /** The preset's name. */
  readonly name: string
  readonly has: (issuer: string) => boolean
}

export interface IssuerCheckOptions {
  readonly clients: ClientStore
  readonly cache: Cache
  readonly clock: Clock
  readonly configured: ConfiguredClient | undefined
  /** The issuer that a person configured. */
  readonly issuer?: string | undefined
  /** The hosts of the named preset, if no issuer is configured. */
  readonly presetIssuers?: PresetIssuers | undefined
  /** Asks the person at a terminal; omitted: nobody can be asked. */
  readonly confirmIssuer?: ((issuer: string, clientId: string) => Promise<'yes' | 'no'>) | undefined
}

const FIRST_USE_MS = 10 * 365 * 24 * 60 * 60 * 1000
/** Sealed with issuer and client id, so that only this program can record the confirmation. */
const CONFIRMED = 'confirmed by a person'
/** Stored in place of a redirect URI, which is an http URL and so never equal to this. */
const confirmedPlace = (clientId: string) => `configured:${clientId}`

/** A person has confirmed at a terminal that this client belongs to `issuer`. */
export const isConfirmedIssuer = async (clients: ClientStore, issuer: string, clientId: string): Promise<boolean> =>
  (await clients.load(issuer, confirmedPlace(clientId)))?.clientSecret === CONFIRMED

/**
 * The check for one configuration: resolves if the client may be used at `issuer`. A configured issuer or a named preset decides.
 * Without either, a secret or key needs a confirmation, and a public client stays with its first issuer, whatever other servers name.
 * @throws BridgeError client_issuer_changed, client_issuer_missing
 */
export function createIssuerCheck(options: IssuerCheckOptions) {
  const { clients, cache, clock, configured, issuer: own, presetIssuers, confirmIssuer } = options

  const stayWithFirst = async (issuer: string, clientId: string) => {
    const name = `client-issuer:${clientId}`
    const first = await cache.get(name, clock.now())
    if (first === undefined) await cache.put(name, issuer, clock.now() + FIRST_USE_MS)
    else if (first !== issuer) throw changed(issuer, clientId, quote(String(first)))
  }

  const askPerson = async (issuer: string, clientId: string) => {
    if (await isConfirmedIssuer(clients, issuer, clientId)) return
    if ((await confirmIssuer?.(issuer, clientId)) !== 'yes') throw missing(issuer, clientId)
    await clients.save(issuer, confirmedPlace(clientId), { clientId, clientSecret: CONFIRMED, authMethod: 'none' })
  }

  return async (issuer: string): Promise<void> => {
    if (!configured)
      throw new BridgeError('invalid_client', { message: 'The client of this sign-in is not configured.' })
    const { clientId, clientSecret, privateKey } = configured
    // Simple string comparison (RFC 3986 section 6.2.1), as for every issuer.
    if (own !== undefined && own !== issuer) throw changed(issuer, clientId, quote(own))
    if (own !== undefined) return
    if (presetIssuers && !presetIssuers.has(issuer)) throw changed(issuer, clientId, presetIssuers.name)
    if (presetIssuers) return
    if (clientSecret === undefined && privateKey === undefined) await stayWithFirst(issuer, clientId)
    else await askPerson(issuer, clientId)
  }
}

const changed = (issuer: string, clientId: string, owner: string) =>
  new BridgeError('client_issuer_changed', {
    message: `The authorization server is ${quote(issuer)}, but the client ${quote(clientId)} belongs to ${owner}.`,
  })

const missing = (issuer: string, clientId: string) =>
  new BridgeError('client_issuer_missing', {
    message: `The client ${quote(clientId)} has a secret or key, and the configuration does not say that it belongs to ${quote(issuer)}, which this server names.`,
    hint: `If it does, pass --issuer ${quote(issuer, 2_000)}, or set issuer: ${quote(issuer, 2_000)} for its provider in config.yaml.`,
  })
