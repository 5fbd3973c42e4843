// Authorization code + PKCE (OAuth 2.1 section 4.1): from an attempt to an authorization URL, and from its callback to a token set.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { CallbackPage, Clock } from '../../ports.ts'
import type { Attempt, AttemptPlan } from '../../records.ts'
import { isSecure } from '../../secureUrl.ts'
import type { Clients } from '../client/clients.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { randomNonce, randomVerifier } from '../oauth/client.ts'
import { newDpopKey } from '../oauth/dpop.ts'
import { type BearerSource, newTokenSet } from '../tokens/tokenSet.ts'
import { type CompleteOptions, completeSignIn } from './complete.ts'
import { handOver, requireSameBounds } from './handOver.ts'
import { type AuthRequest, type RequestOptions, requestFor, wanted } from './request.ts'
import { retryWithNewClient } from './retryWithNewClient.ts'
import { validateIssuer } from './validateIssuer.ts'

export interface LoginOptions extends RequestOptions, CompleteOptions {
  readonly clients: Clients
  readonly clock: Clock
  readonly authorizeParameters: Readonly<Record<string, string>>
  /** E-mail or subject that must sign in: sent as login_hint, and checked. */
  readonly account: string | undefined
  readonly bearer: BearerSource
  /** Names our settings for this server. */
  readonly bounds: string
}

export interface Login {
  /** Finds the authorization server, gets a client, and writes the plan into the attempt. Resolves to the URL to open. */
  prepare(attempt: Attempt, redirectUri: string): Promise<URL>
  /** Continues an attempt that another process planned and abandoned. @throws BridgeError login_failed when that had other settings */
  adopt(attempt: Attempt): void
  /**
   * One callback: completes the attempt of its state, or passes it to the process that owns it. Resolves to the page that the person
   * sees. Never throws.
   */
  answer(query: URLSearchParams): Promise<CallbackPage>
}

export function createLogin(options: LoginOptions): Login {
  const { clients, attempts, store, clock, log } = options

  /** The attempts of this process; other processes complete theirs, with their own limits and trust. */
  const ours = new Set<string>()

  const prepare = async (attempt: Attempt, redirectUri: string): Promise<URL> => {
    ours.add(attempt.id)
    const plan = await makePlan(attempt, redirectUri)
    await attempts.plan(attempt.id, plan)
    log.debug('oauth:pkce', { message: 'code_verifier stored with the attempt, sealed' })
    return new URL(plan.authorizationUrl)
  }

  const makePlan = async (attempt: Attempt, redirectUri: string): Promise<AttemptPlan> => {
    const asked = await requestFor(options, new URL(attempt.server), attempt.challenge, 'person')
    const { issuer, metadata, scope, resource } = asked
    await clients.remember(issuer, asked.published)
    await options.checkAddress?.(new URL(metadata.authorization_endpoint))
    const nonce = scope?.split(' ').includes('openid') && metadata.jwks_uri !== undefined ? randomNonce() : undefined
    const client = await clients.forLogin(metadata, redirectUri, issuer, wanted(asked))
    const request = {
      redirectUri,
      state: attempt.state,
      codeVerifier: randomVerifier(),
      nonce,
      scope,
      resource,
    }
    const oauth = await clients.connect(issuer, client, { metadata })
    const url = await oauth.authorizationUrl({
      ...request,
      extra: await extraParameters(attempt, asked),
    })
    if (!isSecure(url, options.allowHttp)) throw new BridgeError('discovery_failed')
    log.debug('oauth:pkce', { message: 'code_verifier generated', verifierLength: request.codeVerifier.length })
    log.debug('oauth:pkce', { message: 'code_challenge created (SHA-256)', method: 'S256' })
    const { state: _state, nonce: _nonce, scope: _scope, resource: _resource, ...rest } = request
    return {
      ...rest,
      issuer,
      metadata,
      client,
      bounds: options.bounds,
      authorizationUrl: url.href,
      ...(options.account === undefined ? {} : { account: options.account }),
      ...(nonce === undefined ? {} : { nonce }),
      ...wanted(asked),
      ...(asked.binding === 'dpop' ? { dpopKey: newDpopKey() } : {}),
      ...(options.bearer === 'id_token' ? { bearer: options.bearer } : {}),
    }
  }

  const extraParameters = async (attempt: Attempt, { metadata, rules, resource }: AuthRequest) => {
    const { generation, tokens } = await store.load(attempt)
    const audience = rules.audience && resource !== undefined ? { audience: resource } : {}
    const parameters: Record<string, string> = {
      ...rules.parameters,
      ...audience,
      ...options.authorizeParameters,
      ...hint(options.account, metadata),
    }
    // Somebody signed in before, but there is no refresh token: only a new consent returns one.
    const again = rules.reconsent !== undefined && generation > 0 && tokens?.refreshToken === undefined
    return again ? { ...parameters, prompt: withPrompt(parameters.prompt, rules.reconsent ?? '') } : parameters
  }

  const redeem = async (attempt: Attempt, plan: AttemptPlan, query: URLSearchParams) => {
    const oauth = await clients.connect(plan.issuer, plan.client, {
      metadata: plan.metadata as AuthorizationServerMetadata,
      dpopKey: plan.dpopKey,
    })
    const callback = new URL(plan.redirectUri)
    callback.search = query.toString()
    const { nonce, scope, resource } = plan
    const request = {
      redirectUri: plan.redirectUri,
      state: attempt.state,
      codeVerifier: plan.codeVerifier,
      nonce,
      scope,
      resource,
      extra: {},
    }
    const answer = await oauth.redeem(callback, request, options.claims)
    return newTokenSet(
      { ...given(plan), clientId: plan.client.clientId },
      answer,
      clock.now(),
      plan.bearer ?? 'access_token',
    )
  }

  const settleFailed = async ({ id, plan }: Attempt, error: BridgeError) => {
    // A registration that the server has forgotten must not block the next sign-in.
    if (error.code === 'invalid_client' && plan) await clients.forget(plan.issuer, plan.redirectUri)
    await attempts.settle(id, { status: 'failed', code: error.code, message: error.message, hint: error.hint })
  }

  return {
    prepare,
    adopt({ id, plan }) {
      if (plan) requireSameBounds(plan, options.bounds)
      ours.add(id)
    },
    async answer(query) {
      let attempt: Attempt | undefined
      try {
        const state = query.get('state') ?? ''
        const waiting = await attempts.byState(state, clock.now())
        const doubt = waiting?.plan && validateIssuer(waiting.plan, query)
        if (doubt && query.has('error')) {
          // Ignored and not shown: the sender is not the server of this sign-in (MCP, Authorization Response Validation).
          log.warn('oauth:callback-ignored', { reason: 'issuer' })
          return { kind: 'invalid_state' }
        }
        if (waiting && !ours.has(waiting.id)) return await handOver(options, waiting, query)
        attempt = await attempts.claim(state, clock.now())
        if (!attempt?.plan) {
          log.warn('oauth:callback', { code: 'invalid_state' })
          return { kind: 'invalid_state' }
        }
        log.info('oauth:callback', { outcome: 'received', server: attempt.server })
        if (doubt) throw doubt
        log.debug('oauth:pkce', { message: 'code_verifier retrieved for the token exchange' })
        const tokens = await redeem(attempt, attempt.plan, query).catch(
          retryWithNewClient(options, attempt.id, attempt.plan),
        )
        if ('again' in tokens) return { kind: 'again', authorizationUrl: tokens.again }
        await completeSignIn(options, attempt, tokens, attempt.plan.account)
        return { kind: 'done', server: attempt.server }
      } catch (thrown) {
        const error = asBridgeError(thrown)
        log.warn('oauth:sign-in-failed', { code: error.code, message: error.message })
        if (attempt) await settleFailed(attempt, error).catch(() => undefined)
        return { kind: 'failed', code: error.code, message: error.message, hint: error.hint }
      }
    },
  }
}

/** OpenID Connect Core section 3.1.2.1; if the server lists it, the person chooses an account even if a session is open. */
function hint(
  account: string | undefined,
  { prompt_values_supported: prompts }: AuthorizationServerMetadata,
): Record<string, string> {
  if (account === undefined) return {}
  const chooses = Array.isArray(prompts) && prompts.includes('select_account')
  return { login_hint: account, ...(chooses ? { prompt: 'select_account' } : {}) }
}

/** OpenID Connect Core section 3.1.2.1: a list; `none` must be alone. */
function withPrompt(prompt: string | undefined, added: string): string {
  const words = prompt?.split(' ') ?? []
  return words.includes('none') || words.includes(added) ? words.join(' ') : [...words, added].join(' ')
}

const given = ({ issuer, redirectUri, scope, resource, dpopKey }: AttemptPlan) => ({
  issuer,
  redirectUri,
  ...(scope === undefined ? {} : { scope }),
  ...(resource === undefined ? {} : { resource }),
  ...(dpopKey === undefined ? {} : { dpopKey }),
})
