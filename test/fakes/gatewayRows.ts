// What tests put into the gateway's stores.
import type { Grant, OAuthClient, OAuthRecord } from '../../src/gateway/ports.ts'
import type { User } from '../../src/records.ts'
import { NOON } from './fakeClock.ts'
import type { Replica } from './gatewayEngines.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR

export const ADA: User = {
  issuer: 'https://accounts.example',
  subject: 'ada',
  claims: { sub: 'ada', email: 'ada@example.com', email_verified: true, name: 'Ada' },
}
export const CLIENT: Omit<OAuthClient, 'createdAt' | 'blockedAt'> = {
  id: 'client',
  metadata: { client_name: 'Editor', redirect_uris: ['http://127.0.0.1/cb'] },
  secret: undefined,
  source: 'registered',
}
export const RESOURCE = 'https://mcp.example.com/mcp'

export const grantOf = (personId: string, id = 'grant'): Omit<Grant, 'createdAt' | 'endedAt' | 'endedBy'> => ({
  id,
  personId,
  clientId: CLIENT.id,
  clientName: 'Editor',
  redirectHost: '127.0.0.1',
  resource: RESOURCE,
  scope: 'mcp',
  expiresAt: NOON + 90 * DAY,
})

export const recordOf = (members: Partial<OAuthRecord> = {}): Omit<OAuthRecord, 'consumedAt'> => ({
  kind: 'RefreshToken',
  idHash: 'hash',
  grantId: 'grant',
  clientId: CLIENT.id,
  personId: 'person',
  resource: RESOURCE,
  payload: { scope: 'mcp' },
  expiresAt: NOON + HOUR,
  ...members,
})

/** Somebody has signed in with a client: `token` is the hash of the access token, `refresh` that of the refresh token. */
export async function signedIn({ persons, clients, grants, records }: Replica, id = 'grant') {
  const person = await persons.seen(ADA)
  await clients.save(CLIENT, undefined)
  await grants.begin(grantOf(person.id, id))
  const under = { grantId: id, personId: person.id }
  const [token, refresh] = [`${id}-access`, `${id}-refresh`]
  await records.put(recordOf({ ...under, kind: 'AccessToken', idHash: token }))
  await records.put(recordOf({ ...under, kind: 'RefreshToken', idHash: refresh, expiresAt: NOON + 30 * DAY }))
  return { person, grantId: id, token, refresh }
}
