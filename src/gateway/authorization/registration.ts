// Dynamic client registration (RFC 7591): which members count, which redirect URIs, and how many clients an address may register
import { SCOPE } from '../http/protectedResource.ts'
import type { ClientRegistry } from '../ports.ts'
import { type RedirectRules, redirectUrisFault } from './redirectRules.ts'

const AN_HOUR_MS = 60 * 60 * 1000
const MOST_AN_HOUR = 20
/** Registrations of one address that wait for their turn. */
const MOST_WAITING = 40

/** Members of a registration that are kept and given back; the links among them are never loaded or shown. */
const KEPT = [
  'redirect_uris',
  'token_endpoint_auth_method',
  'token_endpoint_auth_signing_alg',
  'client_name',
  'client_uri',
  'logo_uri',
  'tos_uri',
  'policy_uri',
  'contacts',
  'jwks',
  'jwks_uri',
] as const
const ANSWERED = [
  ...KEPT,
  'application_type',
  'client_id',
  'client_id_issued_at',
  'client_secret',
  'client_secret_expires_at',
  'grant_types',
  'response_types',
] as const
const GRANT_TYPES = ['authorization_code', 'refresh_token']

export interface RegistrationFault {
  readonly error: 'invalid_client_metadata' | 'invalid_redirect_uri'
  readonly error_description: string
}

/** The metadata that the engine gets, or what is wrong with them. */
export function registrationMetadata(
  body: Readonly<Record<string, unknown>>,
  rules: RedirectRules,
): Record<string, unknown> | RegistrationFault {
  const fault = redirectUrisFault(body.redirect_uris, rules)
  if (fault !== undefined) return { error: 'invalid_redirect_uri', error_description: fault }
  const grantTypes = body.grant_types ?? ['authorization_code']
  if (!Array.isArray(grantTypes) || !grantTypes.includes('authorization_code'))
    return metadataFault('grant_types must contain authorization_code.')
  const responseTypes = body.response_types ?? ['code']
  if (!Array.isArray(responseTypes) || !responseTypes.includes('code'))
    return metadataFault('response_types must contain code.')
  const kept = KEPT.filter((name) => body[name] !== undefined && body[name] !== null && body[name] !== '')
  return {
    ...Object.fromEntries(kept.map((name) => [name, body[name]])),
    // A client may ask for more than there is here, and is told what it got (RFC 7591 section 2).
    grant_types: GRANT_TYPES.filter((type) => grantTypes.includes(type)),
    response_types: ['code'],
  }
}

const metadataFault = (text: string): RegistrationFault => ({
  error: 'invalid_client_metadata',
  error_description: text,
})

export const isFault = (metadata: Record<string, unknown> | RegistrationFault): metadata is RegistrationFault =>
  'error' in metadata

/** Of what the engine answers, the members that mean something here. */
export const registrationAnswer = (body: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  ...Object.fromEntries(ANSWERED.filter((name) => body[name] !== undefined).map((name) => [name, body[name]])),
  scope: SCOPE,
})

export interface RegistrationLimit {
  /** Runs `register` in turn with others of this address. 'refused': there have been too many. */
  within(address: string, register: () => Promise<void>): Promise<'done' | 'refused'>
}

/** Counted in the table, so that the number is the same for all replicas. */
export function createRegistrationLimit(clients: ClientRegistry, now: () => number): RegistrationLimit {
  const lines = new Map<string, { waiting: number; last: Promise<unknown> }>()
  return {
    async within(address, register) {
      const line = lines.get(address) ?? { waiting: 0, last: Promise.resolve() }
      if (line.waiting >= MOST_WAITING) return 'refused'
      lines.set(address, line)
      line.waiting++
      const turn = line.last.then(async () => {
        if ((await clients.countSince(address, now() - AN_HOUR_MS)) >= MOST_AN_HOUR) return 'refused' as const
        await register()
        return 'done' as const
      })
      line.last = turn.catch(() => undefined)
      try {
        return await turn
      } finally {
        line.waiting--
        if (line.waiting === 0) lines.delete(address)
      }
    },
  }
}

/** Deletes registrations that nobody uses; `now` in ms. Gives their number. */
export const tidyClients = (clients: ClientRegistry, now: number): Promise<number> =>
  clients.tidy({ unusedSince: now - 24 * AN_HOUR_MS, idleSince: now - 90 * 24 * AN_HOUR_MS, most: 50_000 })
