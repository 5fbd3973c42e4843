// Repeats a sign-in with a new client in the same tab, after a code was refused because the server has forgotten the old one.
import { BridgeError } from '../../errors.ts'
import type { AttemptStore, Logger } from '../../ports.ts'
import type { AttemptPlan } from '../../records.ts'
import type { Clients } from '../client/clients.ts'
import { pkceChallenge, randomState, randomVerifier } from '../oauth/client.ts'

export interface RetryOptions {
  readonly clients: Pick<Clients, 'replacement'>
  readonly attempts: Pick<AttemptStore, 'planAgain'>
  readonly log: Logger
}

/**
 * For the `catch` of a code exchange: resolves to the address to continue at. Rethrows if the client is not unknown, if this was tried before, or
 * if we must not replace the client.
 */
export function retryWithNewClient({ clients, attempts, log }: RetryOptions, attemptId: string, plan: AttemptPlan) {
  return async (thrown: unknown): Promise<{ again: string }> => {
    const unknown = thrown instanceof BridgeError && thrown.code === 'invalid_client'
    if (!unknown || plan.replaced !== undefined || plan.client.own !== undefined) throw thrown
    const refused = plan.client.clientId
    const client = await clients.replacement(plan.issuer, plan.redirectUri, refused)
    if (!client) throw thrown
    const state = randomState()
    const codeVerifier = randomVerifier()
    const url = new URL(plan.authorizationUrl)
    url.searchParams.set('client_id', client.clientId)
    url.searchParams.set('state', state)
    url.searchParams.set('code_challenge', await pkceChallenge(codeVerifier))
    const { callback: _used, ...kept } = plan
    const next = { ...kept, client, codeVerifier, authorizationUrl: url.href, replaced: refused }
    await attempts.planAgain(attemptId, state, next)
    log.warn('oauth:client-replaced', { issuer: plan.issuer })
    return { again: url.href }
  }
}
