// The refresh grant (RFC 6749 section 6): a new token set, or 'rejected' if the grant is invalid; throws transient errors and other refusals.
import { BridgeError } from '../../errors.ts'
import type { Clock, Logger } from '../../ports.ts'
import type { RulesOf } from '../../providerRules.ts'
import type { RegisteredClient, TokenSet } from '../../records.ts'
import type { Clients } from '../client/clients.ts'
import { createRetry } from './retry.ts'
import { type BearerSource, renewedTokenSet } from './tokenSet.ts'

export interface RefreshOptions {
  readonly clients: Pick<Clients, 'connect' | 'ofTokens' | 'replacement' | 'restore'>
  readonly clock: Clock
  readonly log: Logger
  readonly rules: RulesOf
  readonly bearer: BearerSource
}

type Refreshable = TokenSet & { refreshToken: string }
export type Refresh = (tokens: Refreshable) => Promise<TokenSet | 'rejected'>

export function createRefresh({ clients, clock, log, rules, bearer }: RefreshOptions): Refresh {
  const withRetry = createRetry(clock, log, 'oauth:refresh')

  /** Clients that this process has replaced: each once, whatever the server answers to the next one. */
  const replaced = new Set<string>()

  const refreshAs = async (client: RegisteredClient, tokens: Refreshable) => {
    const { issuer, resource, dpopKey, refreshToken } = tokens
    const scope = rules(issuer).refreshScope === 'repeat' ? tokens.scope : undefined
    const answer = await withRetry(async () => {
      // The account does not change: an ID token is only used if it is the bearer.
      const idToken = bearer === 'id_token' ? 'read' : 'unread'
      const oauth = await clients.connect(issuer, client, { dpopKey, idToken })
      return oauth.refresh(refreshToken, { resource, scope })
    })
    log.info('oauth:refresh', { outcome: answer === 'rejected' ? 'rejected' : 'refreshed', issuer })
    if (answer === 'rejected') return answer
    return { ...renewedTokenSet(tokens, answer, clock.now(), bearer), clientId: client.clientId }
  }

  /** The server has forgotten the client: registers a new one and tries once more. */
  const refreshWithNewClient = async (tokens: Refreshable, refused: RegisteredClient | undefined, why: BridgeError) => {
    if (replaced.has(tokens.clientId)) throw why
    replaced.add(tokens.clientId)
    const next = await clients.replacement(tokens.issuer, tokens.redirectUri, tokens.clientId)
    if (!next) throw why
    return refreshAs(next.client, tokens).catch(async (thrown: unknown) => {
      // The client was not the cause: the previous registration is restored, for processes that still use it. One that was met is another's.
      if (isUnknownClient(thrown) && refused && next.was === 'made')
        await clients.restore(tokens.issuer, tokens.redirectUri, refused, next.client)
      throw thrown
    })
  }

  return async (tokens) => {
    let client: RegisteredClient | undefined
    try {
      client = await clients.ofTokens(tokens.issuer, tokens.clientId, tokens.redirectUri)
      return await refreshAs(client, tokens)
    } catch (thrown) {
      if (!isUnknownClient(thrown)) throw thrown
      return await refreshWithNewClient(tokens, client, thrown)
    }
  }
}

/** Other refusals are about the refresh token, also `unauthorized_client`: they register no client. */
const isUnknownClient = (thrown: unknown): thrown is BridgeError =>
  thrown instanceof BridgeError &&
  thrown.code === 'invalid_client' &&
  (thrown.details.refused !== true || thrown.details.error === 'invalid_client')
