// The client credentials grant (RFC 6749 section 4.4): tokens for the program itself, without a person, a browser or an attempt.
import type { Clock, Logger } from '../../ports.ts'
import { present } from '../../present.ts'
import type { Challenge, TokenSet } from '../../records.ts'
import type { Clients } from '../client/clients.ts'
import { newDpopKey } from '../oauth/dpop.ts'
import { createRetry } from '../tokens/retry.ts'
import { type AskedFor, type BearerSource, newTokenSet } from '../tokens/tokenSet.ts'
import { type RequestOptions, requestFor } from './request.ts'

export interface ClientCredentialsOptions extends RequestOptions {
  readonly server: URL
  readonly clients: Clients
  readonly clock: Clock
  readonly log: Logger
  readonly bearer: BearerSource
  /** Names the configured client; nothing is redirected. */
  readonly redirectUri: string
  readonly audience: string | undefined
}

/** `last`: the token set before this one. `challenge`: what the server said; without it the last request is repeated. */
export type RequestClientCredentials = (
  last: TokenSet | undefined,
  challenge: Challenge | undefined,
) => Promise<TokenSet>

/** @throws BridgeError client_required, and what discovery and the authorization server say */
export function createClientCredentials(options: ClientCredentialsOptions): RequestClientCredentials {
  const { clients, clock, log, redirectUri } = options
  const withRetry = createRetry(clock, log, 'oauth:client-credentials')

  const discovered = async (challenge: Challenge, dpopKey = newDpopKey()): Promise<AskedFor> => {
    const asked = await requestFor(options, options.server, challenge, 'program')
    const { issuer, scope, resource, binding } = asked
    await clients.remember(issuer, asked.published)
    return {
      issuer,
      clientId: (await clients.configuredClient(issuer)).clientId,
      redirectUri,
      grant: 'client_credentials',
      ...present({ scope, resource, dpopKey: binding === 'dpop' ? dpopKey : undefined }),
    }
  }

  return async (last, challenge) => {
    const repeatable = last?.grant === 'client_credentials' ? last : undefined
    const { asked, answer } = await withRetry(async () => {
      const asked: AskedFor =
        repeatable && !challenge
          ? askedFor(repeatable)
          : await discovered(challenge ?? { status: 401 }, repeatable?.dpopKey)
      const { issuer, scope, resource, dpopKey } = asked
      // A program has no account: an ID token is only used if it is the bearer.
      const idToken = options.bearer === 'id_token' ? 'read' : 'unread'
      const oauth = await clients.connect(issuer, await clients.configuredClient(issuer), { dpopKey, idToken })
      const audience = options.audience ?? (options.rules(issuer).audience === 'resource' ? resource : undefined)
      const answer = await oauth.clientCredentials({ scope, resource, audience })
      return { asked, answer }
    })
    log.info('oauth:client-credentials', { outcome: 'signed in', issuer: asked.issuer })
    return newTokenSet(asked, answer, clock.now(), options.bearer)
  }
}

/** Repeats the last request; if fewer scopes were granted than requested, requests all of them again. */
function askedFor({
  issuer,
  clientId,
  redirectUri,
  requestedScope,
  scope,
  resource,
  dpopKey,
  grant,
}: TokenSet): AskedFor {
  return { issuer, clientId, redirectUri, ...present({ scope: requestedScope ?? scope, resource, dpopKey, grant }) }
}
