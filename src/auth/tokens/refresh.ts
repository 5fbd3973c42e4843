// The refresh grant (RFC 6749 section 6): a new token set, or 'rejected' if the grant is invalid; throws transient errors and other refusals.
import { BridgeError, reworded } from '../../errors.ts'
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
/** Stores the tokens of before with the next refresh token, where nothing else of the answer can be used. */
export type Keep = (tokens: TokenSet) => Promise<void>
/** Asked before each try. False: another process refreshes by now, because this one hung. */
export type MayAsk = () => Promise<boolean>
/**
 * 'interrupted': rejected too, after a try that may have spent the refresh token. 'overtaken': this process may not ask any more. What
 * is thrown says in `details.mayBeSpent` whether one of its tries has.
 */
export type Refresh = (
  tokens: Refreshable,
  keep: Keep,
  mayAsk: MayAsk,
) => Promise<TokenSet | 'rejected' | 'interrupted' | 'overtaken'>

/** `tokens`: with the refresh token that counts now. One that was answered with tokens may count as stolen if it comes again. */
interface Refreshing {
  tokens: Refreshable
  /** A try has sent that refresh token, and what came of it is not known, or not stored. */
  mayBeSpent: boolean
  readonly keep: Keep
  readonly mayAsk: MayAsk
}

export function createRefresh({ clients, clock, log, rules, bearer }: RefreshOptions): Refresh {
  const withRetry = createRetry(clock, log, 'oauth:refresh')

  /** Clients that this process has replaced: each once, whatever the server answers to the next one. */
  const replaced = new Set<string>()

  const refreshAs = async (client: RegisteredClient, refreshing: Refreshing) => {
    const { issuer, resource, dpopKey, scope: granted } = refreshing.tokens
    const scope = rules(issuer).refreshScope === 'repeat' ? granted : undefined
    const outcome = await withRetry(async () => {
      // The account does not change: an ID token is only used if it is the bearer.
      const idToken = bearer === 'id_token' ? 'read' : 'unread'
      const oauth = await clients.connect(issuer, client, { dpopKey, idToken })
      const { tokens: before, keep, mayAsk } = refreshing
      if (!(await mayAsk())) return 'overtaken'
      const answer = await oauth.refresh(before.refreshToken, { resource, scope }).catch((thrown: unknown) => {
        // What one try has left open, no later one settles that failed too.
        refreshing.mayBeSpent ||= !isUnspent(thrown)
        throw thrown
      })
      if (answer === 'rejected') return refreshing.mayBeSpent ? 'interrupted' : answer
      const { tokens, withheld } = renewedTokenSet(before, answer, clock.now(), bearer)
      const next = { ...tokens, clientId: client.clientId }
      if (withheld === undefined) return next
      refreshing.tokens = next
      refreshing.mayBeSpent = true
      if (next.refreshToken !== before.refreshToken) await keep(next)
      refreshing.mayBeSpent = false
      throw withheld
    })
    log.info('oauth:refresh', {
      outcome: typeof outcome !== 'string' ? 'refreshed' : outcome === 'overtaken' ? outcome : 'rejected',
      issuer,
    })
    return outcome
  }

  /** The server has forgotten the client: registers a new one and tries once more. */
  const refreshWithNewClient = async (
    refreshing: Refreshing,
    refused: RegisteredClient | undefined,
    why: BridgeError,
  ) => {
    const { tokens } = refreshing
    if (replaced.has(tokens.clientId)) throw why
    replaced.add(tokens.clientId)
    const next = await clients.replacement(tokens.issuer, tokens.redirectUri, tokens.clientId)
    if (!next) throw why
    return refreshAs(next.client, refreshing).catch(async (thrown: unknown) => {
      // The client was not the cause: the previous registration is restored, for processes that still use it. One that was met is another's.
      if (isUnknownClient(thrown) && refused && next.was === 'made')
        await clients.restore(tokens.issuer, tokens.redirectUri, refused, next.client)
      throw thrown
    })
  }

  const refreshAsAnybody = async (refreshing: Refreshing) => {
    const { tokens } = refreshing
    let client: RegisteredClient | undefined
    try {
      client = await clients.ofTokens(tokens.issuer, tokens.clientId, tokens.redirectUri)
      return await refreshAs(client, refreshing)
    } catch (thrown) {
      if (!isUnknownClient(thrown)) throw thrown
      return await refreshWithNewClient(refreshing, client, thrown)
    }
  }

  return async (tokens, keep, mayAsk) => {
    const refreshing: Refreshing = { tokens, mayBeSpent: false, keep, mayAsk }
    return refreshAsAnybody(refreshing).catch((thrown: unknown) => {
      if (!(thrown instanceof BridgeError)) throw thrown
      throw reworded(thrown, { details: { mayBeSpent: refreshing.mayBeSpent } })
    })
  }
}

/** Statuses of what stands in front of a server, and got no answer in time or none that it could read; the last two are Cloudflare's. */
const GAVE_UP: readonly unknown[] = [502, 504, 520, 524]

/** The refresh token did not reach the server, or the server has answered, and issued nothing for it. */
function isUnspent(thrown: unknown): boolean {
  if (!(thrown instanceof BridgeError)) return false
  const { sent, refused, status } = thrown.details
  const isRefused = refused === true || thrown.code === 'invalid_client'
  return sent === false || isRefused || (typeof status === 'number' && !GAVE_UP.includes(status))
}

/** Other refusals are about the refresh token, also `unauthorized_client`: they register no client. */
const isUnknownClient = (thrown: unknown): thrown is BridgeError =>
  thrown instanceof BridgeError &&
  thrown.code === 'invalid_client' &&
  (thrown.details.refused !== true || thrown.details.error === 'invalid_client')
