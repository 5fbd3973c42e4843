// The options of one sign-in, as short fingerprints that two processes can compare through the store.
import { createHash } from 'node:crypto'
import type { Wishes } from '../records.ts'
import { type Config, DEFAULT_CALLBACK_URL } from './config.ts'

/** Only the options that were given; defaults are not included. */
export function wishesOf({
  account,
  callbackUrls,
  server,
}: Pick<Config, 'account' | 'callbackUrls' | 'server'>): Wishes {
  const { server: _server, ...exceptions } = server?.exceptions ?? { server: '' }
  const client = [server?.clientId, server?.clientSecret, server?.clientKey]
  const wishes: Readonly<Record<string, unknown>> = {
    account,
    callback: callbackUrls.join(' ') === DEFAULT_CALLBACK_URL ? undefined : callbackUrls,
    client: client.some((part) => part !== undefined) ? client : undefined,
    metadata: server?.clientMetadataUrl,
    scope: server?.scopes?.toSorted(),
    resource: server?.resource,
    parameters: server?.authorizeParameters,
    headers: server?.headers,
    provider: server?.provider,
    issuer: server?.issuer,
    endpoints: server?.endpoints,
    bearer: server?.bearer === 'id_token' ? 'id_token' : undefined,
    exceptions,
    certificates: server?.certificates,
  }
  return Object.fromEntries(
    Object.entries(wishes)
      .filter(([, value]) => value !== undefined && JSON.stringify(value) !== '{}')
      .map(([name, value]) => [name, fingerprint(value)]),
  )
}

/**
 * Whether a sign-in with the options of `waiting` satisfies those of `mine`: options that `mine` does not have
 * may have any value, except the account.
 */
export const fits = (mine: Wishes, waiting: Wishes): boolean =>
  mine.account === waiting.account && Object.entries(mine).every(([name, value]) => waiting[name] === value)

/** 16 bits: different options can be distinguished, but an e-mail address or secret cannot be guessed from them. */
const fingerprint = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex')
    .slice(0, 4)

/** The order of keys says nothing. */
const sorted = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)))
    : value
