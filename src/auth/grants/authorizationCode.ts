// The authorization code flow with PKCE (OAuth 2.1 section 4.1): from an attempt to an authorization URL, and from its callback to a token set.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Clock, TokenStore } from '../../ports.ts'
import { present } from '../../present.ts'
import type { Attempt, AttemptPlan, CallbackPage, TokenSet } from '../../records.ts'
import { atTokenEndpoint, leaveOut, relationOf } from '../client/additions.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { newTokenSet } from '../tokens/tokenSet.ts'
import { logIdToken } from './account.ts'
import { anotherRound } from './anotherRound.ts'
import { type AuthorizationRequestOptions, planAuthorization } from './authorizationRequest.ts'
import { type CompleteOptions, completeSignIn } from './complete.ts'
import { handOver } from './handOver.ts'
import { configuredOf } from './request.ts'
import { asNamed, validateIssuer } from './validateIssuer.ts'

export interface AuthorizationCodeOptions extends AuthorizationRequestOptions, CompleteOptions {
  readonly clock: Clock
  readonly store: TokenStore
}

export interface AuthorizationCodeFlow {
  /** Finds the authorization server, gets a client, and writes the plan into the attempt. Resolves to the URL to open. */
  start(attempt: Attempt, redirectUri: string): Promise<URL>
  /** Continues an attempt that another process planned and abandoned. False: that had other settings. */
  resume(attempt: Attempt): boolean
  /**
   * One callback: completes the attempt of its state, or passes it to the process that owns it. Resolves to the page that the person
   * sees. Never throws.
   */
  handleCallback(query: URLSearchParams): Promise<CallbackPage>
}

export function createAuthorizationCodeFlow(options: AuthorizationCodeOptions): AuthorizationCodeFlow {
  const { clients, attempts, clock, log } = options

  /** The attempts of this process; other processes complete theirs, with their own limits and trust. */
  const ours = new Set<string>()

  const handleCallback = async (query: URLSearchParams): Promise<CallbackPage> => {
    const state = query.get('state') ?? ''
    const waiting = await attempts.byState(state, clock.now())
    const issuerError = waiting?.plan && validateIssuer(waiting.plan, query)
    // Ignored and not shown: the sender is not the server of this sign-in (MCP, Authorization Response Validation).
    if (issuerError && query.has('error')) {
      log.warn('oauth:callback-ignored', { reason: 'issuer' })
      return { kind: 'invalid_state' }
    }
    if (waiting && !ours.has(waiting.id)) return await handOver(options, waiting, query)
    // If this process ends in the middle, the next one knows the code.
    if (waiting?.plan) await attempts.deliver(waiting, { ...waiting.plan, callback: query.toString() })
    const attempt = await attempts.claim(state, clock.now())
    if (!attempt?.plan) {
      log.warn('oauth:callback', { code: 'invalid_state' })
      return { kind: 'invalid_state' }
    }
    log.info('oauth:callback', { outcome: 'received', server: attempt.server })
    try {
      if (issuerError) throw issuerError
      return await redeem(attempt, attempt.plan, query)
    } catch (thrown) {
      const error = attempt.plan.interrupted ? afterInterruption(asBridgeError(thrown), query) : asBridgeError(thrown)
      const page = failedPage(error)
      await settleFailed(attempt, error).catch(() => undefined)
      return page
    }
  }

  /** The code is redeemed once: the attempt was claimed for it. */
  const redeem = async (attempt: Attempt, plan: AttemptPlan, query: URLSearchParams): Promise<CallbackPage> => {
    log.debug('oauth:pkce', { message: 'code_verifier retrieved for the token exchange' })
    const scopes = attempt.challenge.status === 403 ? 'needed' : 'wanted'
    const at = query.has('error') ? 'authorization' : 'code'
    const relation = relationOf(new URL(attempt.server), String(plan.metadata.token_endpoint), options.issuer)
    const round = { ...options, configured: configuredOf(options) }
    const tokens = await exchangeCode(options, { attempt, plan, query }).catch(
      anotherRound(round, { attemptId: attempt.id, plan, at, relation, scopes }),
    )
    if ('again' in tokens) return { kind: 'again', authorizationUrl: tokens.again }
    await rememberLeftOut(options, plan)
    await completeSignIn(options, attempt, tokens, plan.account)
    return { kind: 'done', server: attempt.server }
  }

  const settleFailed = async ({ id, plan }: Attempt, { code, message, hint }: BridgeError) => {
    // A registration that the server refuses at once must not block the next sign-in. One that was there before may serve others.
    if (code === 'invalid_client' && plan?.made)
      await clients.withdraw(plan.issuer, plan.redirectUri, plan.client.clientId)
    await attempts.settle(id, { status: 'failed', code, message, hint })
  }

  const failedPage = ({ code, message, hint }: BridgeError): CallbackPage => {
    log.warn('oauth:sign-in-failed', { code, message })
    return { kind: 'failed', code, message, hint }
  }

  return {
    async start(attempt, redirectUri) {
      ours.add(attempt.id)
      const plan = await planAuthorization(options, attempt, redirectUri)
      await attempts.plan(attempt.id, plan)
      log.debug('oauth:pkce', { message: 'code_verifier stored with the attempt, sealed' })
      return new URL(plan.authorizationUrl)
    },

    resume({ id, plan }) {
      if (plan && plan.bounds !== options.bounds) return false
      ours.add(id)
      return true
    },

    async handleCallback(query) {
      try {
        return await handleCallback(query)
      } catch (thrown) {
        return failedPage(asBridgeError(thrown))
      }
    },
  }
}

/** The code was used by a process that is gone: nobody refused anything. */
const afterInterruption = (error: BridgeError, query: URLSearchParams) =>
  error.code !== 'login_failed' || !query.has('code')
    ? error
    : new BridgeError('cancelled', {
        message: 'The sign-in was interrupted while its code was exchanged.',
        hint: 'Start the sign-in again.',
        cause: error,
      })

/** The scopes of the servers themselves are asked for again: another call may need them. */
const rememberLeftOut = async ({ clients }: AuthorizationCodeOptions, { issuer, leftOut = [] }: AttemptPlan) => {
  const additions = leftOut.filter((addition) => addition !== 'scope')
  if (additions.length > 0) await clients.leftOut.remember(issuer, additions)
}

export interface Redirected {
  readonly attempt: Pick<Attempt, 'state'>
  readonly plan: AttemptPlan
  /** Of the redirect. */
  readonly query: URLSearchParams
}

/** The token request (OAuth 2.1 section 4.1.3), under the plan that the code was asked for with. */
export async function exchangeCode(
  { clients, claims, clock, log }: Pick<AuthorizationCodeOptions, 'clients' | 'claims' | 'clock' | 'log'>,
  { attempt, plan, query }: Redirected,
): Promise<TokenSet> {
  const { issuer, client, redirectUri, codeVerifier, nonce, scope, resource, dpopKey, bearer } = plan
  const metadata = plan.metadata as AuthorizationServerMetadata
  const oauth = await clients.connect(issuer, client, { metadata, dpopKey })
  const callback = new URL(redirectUri)
  callback.search = asNamed(plan, query)
  const sent = leaveOut({ resource }, atTokenEndpoint(plan.leftOut ?? []))
  const request = { redirectUri, state: attempt.state, codeVerifier, nonce, scope, ...sent, extra: {} }
  const answer = await oauth.redeem(callback, request, claims, plan.idToken ?? 'optional')
  logIdToken(log, issuer, answer)
  const asked = { issuer, clientId: client.clientId, redirectUri, ...present({ scope, resource, dpopKey }) }
  return newTokenSet(asked, answer, clock.now(), bearer ?? 'access_token')
}
