// The refresh grant (RFC 6749 section 6): a new token set, or 'rejected' when the grant is dead; throws what may pass.
import type { Clock, Logger, TokenSet } from '../ports.ts'
import type { RulesOf } from '../providerRules.ts'
import type { Clients } from './clients.ts'
import { createPatience } from './patience.ts'
import { type Bearer, renewedTokenSet } from './tokenSet.ts'

export interface RefreshOptions {
  readonly clients: Pick<Clients, 'connect' | 'ofTokens'>
  readonly clock: Clock
  readonly log: Logger
  readonly rules: RulesOf
  readonly bearer: Bearer
}

export type Refresh = (tokens: TokenSet & { refreshToken: string }) => Promise<TokenSet | 'rejected'>

export function createRefresh({ clients, clock, log, rules, bearer }: RefreshOptions): Refresh {
  const patiently = createPatience(clock, log, 'oauth:refresh')

  return async (tokens) => {
    const { issuer, resource, dpopKey } = tokens
    const client = await clients.ofTokens(issuer, tokens.clientId, tokens.redirectUri)
    const scope = rules(issuer).refreshScope === 'repeat' ? tokens.scope : undefined
    const answer = await patiently(async () => {
      const oauth = await clients.connect(issuer, client, dpopKey)
      return oauth.refresh(tokens.refreshToken, { resource, scope })
    })
    log.info('oauth:refresh', { outcome: answer === 'rejected' ? 'rejected' : 'refreshed', issuer })
    return answer === 'rejected' ? 'rejected' : renewedTokenSet(tokens, answer, clock.now(), bearer)
  }
}
