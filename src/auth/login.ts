// Authorization code + PKCE (OAuth 2.1 section 4.1): from an attempt row to an authorization URL, and from its callback to a token set.
import { asBridgeError, BridgeError, quote } from '../errors.ts'
import type {
  Attempt,
  AttemptPlan,
  AttemptStore,
  CallbackPage,
  Clock,
  HttpClient,
  Logger,
  TokenKey,
  TokenSet,
  TokenStore,
} from '../ports.ts'
import { isSecure } from '../secureUrl.ts'
import { doubtOfIssuer } from './authorizationResponse.ts'
import type { Clients } from './clients.ts'
import { discover, type ServerMetadata } from './discovery.ts'
import type { Exceptions } from './exceptions.ts'
import { randomNonce, randomVerifier, type TokenResponse } from './oauthClient.ts'
import { selectScopes } from './scopes.ts'
import { startAgain } from './startAgain.ts'

export interface LoginOptions extends Exceptions {
  readonly http: HttpClient
  readonly clients: Clients
  readonly attempts: AttemptStore
  readonly store: TokenStore
  readonly clock: Clock
  readonly log: Logger
  /** Refuses an address that a browser must not be sent to. @throws BridgeError address_refused */
  readonly checkAddress?: (url: URL) => Promise<void>
  readonly serverHeaders: Readonly<Record<string, string>>
  readonly issuer: string | undefined
  /** Configured scopes; undefined: as the servers say. */
  readonly scopes: readonly string[] | undefined
  /** RFC 8707 resource instead of the server's own; 'none' sends none. */
  readonly resource: string | undefined
  readonly authorizeParameters: Readonly<Record<string, string>>
  /** E-mail or subject that must sign in: sent as login_hint, and checked. */
  readonly account: string | undefined
  /** Claims wanted for X-User-* headers. */
  readonly claims: readonly string[]
}

export interface Login {
  /** Finds the authorization server, gets a client, and writes the plan into the attempt. Resolves to the URL to open. */
  prepare(attempt: Attempt, redirectUri: string): Promise<URL>
  /** One callback: completes the attempt its state names, and says what the person shall see. Never throws. */
  answer(query: URLSearchParams): Promise<CallbackPage>
}

export function createLogin(options: LoginOptions): Login {
  const { clients, attempts, store, clock, log } = options

  const prepare = async (attempt: Attempt, redirectUri: string): Promise<URL> => {
    const plan = await makePlan(attempt, redirectUri)
    await attempts.plan(attempt.id, plan)
    log.debug('oauth:pkce', { message: 'code_verifier stored with the attempt, sealed' })
    return new URL(plan.authorizationUrl)
  }

  const makePlan = async (attempt: Attempt, redirectUri: string): Promise<AttemptPlan> => {
    const { challenge } = attempt
    const server = new URL(attempt.server)
    const found = await discover({ ...options, server }, challenge)
    await clients.remember(found.metadata, found.issuer)
    await options.checkAddress?.(new URL(found.metadata.authorization_endpoint))
    const offered = found.metadata.scopes_supported
    const scope = selectScopes({
      challenged: challenge.scope,
      configured: options.scopes,
      resource: found.scopesSupported,
      server: Array.isArray(offered) ? offered : undefined,
      identity: options.claims.length > 0,
    })
    const nonce =
      scope?.split(' ').includes('openid') && found.metadata.jwks_uri !== undefined ? randomNonce() : undefined
    const resource = options.resource === 'none' ? undefined : (options.resource ?? found.resource ?? server.href)
    const asked = { ...(scope === undefined ? {} : { scope }), ...(resource === undefined ? {} : { resource }) }
    const client = await clients.forLogin(found.metadata, redirectUri, found.issuer, asked)
    const request = {
      redirectUri,
      state: attempt.state,
      codeVerifier: randomVerifier(),
      nonce,
      scope,
      resource,
    }
    const oauth = await clients.connect(found.issuer, client, found.metadata)
    const url = await oauth.authorizationUrl({
      ...request,
      extra: { ...options.authorizeParameters, ...hint(options.account, found.metadata) },
    })
    if (!isSecure(url, options.allowHttp)) throw new BridgeError('discovery_failed')
    log.debug('oauth:pkce', { message: 'code_verifier generated', verifierLength: request.codeVerifier.length })
    log.debug('oauth:pkce', { message: 'code_challenge created (SHA-256)', method: 'S256' })
    const { state: _state, nonce: _nonce, scope: _scope, resource: _resource, ...rest } = request
    return {
      ...rest,
      issuer: found.issuer,
      metadata: found.metadata,
      client,
      authorizationUrl: url.href,
      ...(options.account === undefined ? {} : { account: options.account }),
      ...(nonce === undefined ? {} : { nonce }),
      ...asked,
    }
  }

  const redeem = async (attempt: Attempt, plan: AttemptPlan, query: URLSearchParams): Promise<TokenSet> => {
    const oauth = await clients.connect(plan.issuer, plan.client, plan.metadata as ServerMetadata)
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
    return toTokenSet(plan, await oauth.redeem(callback, request, options.claims), clock.now())
  }

  const settleFailed = async ({ id, plan }: Attempt, error: BridgeError) => {
    // A registration the server has forgotten must not stand in the way of the next sign-in.
    if (error.code === 'invalid_client' && plan) await clients.forget(plan.issuer, plan.redirectUri)
    await attempts.settle(id, { status: 'failed', code: error.code, message: error.message })
  }

  return {
    prepare,
    async answer(query) {
      let attempt: Attempt | undefined
      try {
        const state = query.get('state') ?? ''
        const waiting = await attempts.byState(state, clock.now())
        const doubt = waiting?.plan && doubtOfIssuer(waiting.plan, query)
        if (doubt && query.has('error')) {
          // Neither acted on nor shown: whoever sent it is not the server that was asked (MCP, Authorization Response Validation).
          log.warn('oauth:callback-ignored', { reason: 'issuer' })
          return { kind: 'invalid_state' }
        }
        attempt = await attempts.claim(state, clock.now())
        if (!attempt?.plan) {
          log.warn('oauth:callback', { code: 'invalid_state' })
          return { kind: 'invalid_state' }
        }
        log.info('oauth:callback', { outcome: 'received', server: attempt.server })
        if (doubt) throw doubt
        log.debug('oauth:pkce', { message: 'code_verifier retrieved for the token exchange' })
        const tokens = await redeem(attempt, attempt.plan, query).catch(startAgain(options, attempt.id, attempt.plan))
        if ('again' in tokens) return { kind: 'again', authorizationUrl: tokens.again }
        checkAccount(attempt.plan.account, tokens)
        await keep(store, attempt, tokens)
        await attempts.settle(attempt.id, { status: 'finished' })
        log.info('oauth:signed-in', { server: attempt.server, profile: attempt.profile, issuer: tokens.issuer })
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

/** OpenID Connect Core section 3.1.2.1; where the server lists it, the person chooses even if a session is open. */
function hint(
  account: string | undefined,
  { prompt_values_supported: prompts }: ServerMetadata,
): Record<string, string> {
  if (account === undefined) return {}
  const chooses = Array.isArray(prompts) && prompts.includes('select_account')
  return { login_hint: account, ...(chooses ? { prompt: 'select_account' } : {}) }
}

/** @throws BridgeError account_mismatch */
function checkAccount(wanted: string | undefined, { user }: TokenSet): void {
  if (wanted === undefined) return
  const names = [user?.subject, user?.claims.email].filter((name) => typeof name === 'string')
  if (names.some((name) => name.toLowerCase() === wanted.toLowerCase())) return
  const who = names.length === 0 ? 'nobody it names' : names.map((name) => quote(name)).join(' / ')
  throw new BridgeError('account_mismatch', {
    message: `The sign-in was for ${quote(wanted)}, but the authorization server signed in ${who}.`,
  })
}

/** A fresh sign-in goes before whatever stands there, also when that changed a moment ago. */
async function keep(store: TokenStore, key: TokenKey, tokens: TokenSet): Promise<void> {
  for (;;) {
    const { generation } = await store.load(key)
    if (await store.replace(key, tokens, generation)) return
  }
}

function toTokenSet(plan: AttemptPlan, { expiresIn, ...answer }: TokenResponse, now: number): TokenSet {
  return {
    issuer: plan.issuer,
    clientId: plan.client.clientId,
    redirectUri: plan.redirectUri,
    obtainedAt: now,
    ...(plan.scope === undefined ? {} : { scope: plan.scope, requestedScope: plan.scope }),
    ...(plan.resource === undefined ? {} : { resource: plan.resource }),
    ...answer,
    ...(expiresIn === undefined ? {} : { expiresAt: now + expiresIn * 1000 }),
  }
}
