// The plan of a sign-in by authorization code (OAuth 2.1 section 4.1.1): which request is sent, and all that its answer needs.
import { BridgeError } from '../../errors.ts'
import type { Logger, TokenStore } from '../../ports.ts'
import { present } from '../../present.ts'
import type { Attempt, AttemptPlan } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import { isSecure } from '../../secureUrl.ts'
import { leaveOut } from '../client/additions.ts'
import type { Clients } from '../client/clients.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { randomNonce, randomVerifier } from '../oauth/client.ts'
import { newDpopKey } from '../oauth/dpop.ts'
import { idTokenNeed } from '../oauth/idToken.ts'
import type { BearerSource } from '../tokens/tokenSet.ts'
import { type AuthRequest, type RequestOptions, requestFor, requestParameters } from './request.ts'
import { namesTrusted } from './validateIssuer.ts'

export interface AuthorizationRequestOptions extends RequestOptions {
  readonly clients: Clients
  /** What is stored for the attempt's key. */
  readonly store: Pick<TokenStore, 'load'>
  readonly log: Logger
  readonly authorizeParameters: Readonly<Record<string, string>>
  /** E-mail or subject that must sign in: sent as login_hint, and checked. */
  readonly account: string | undefined
  readonly bearer: BearerSource
  /** Names our settings for this server. */
  readonly bounds: string
}

/** Finds the authorization server of an MCP server, gets a client there, and makes the request that its page is opened with. */
export async function planAuthorization(
  options: AuthorizationRequestOptions,
  attempt: Attempt,
  /** The redirect URI, unless the server registers another one. */
  wanted: string,
): Promise<AttemptPlan> {
  const request = await requestFor(options, new URL(attempt.server), attempt.challenge, 'person')
  return planRequest(options, attempt, wanted, request)
}

/** The same at an authorization server that is known: `request` says which one, and what is asked for there. */
export async function planRequest(
  options: AuthorizationRequestOptions,
  attempt: Attempt,
  wanted: string,
  request: AuthRequest,
): Promise<AttemptPlan> {
  const { clients, log, account, bearer, bounds } = options
  const { issuer, metadata, scope, resource } = request
  const need = idTokenNeed(options)
  await clients.remember(issuer, request.published)
  await options.checkAddress?.(new URL(metadata.authorization_endpoint))
  const client = await clients.forSignIn(metadata, wanted, issuer, requestParameters(request))
  const { redirectUri = wanted } = client
  const oauth = await clients.connect(issuer, client, { metadata })
  const codeVerifier = randomVerifier()
  const nonce = scope?.split(' ').includes('openid') && metadata.jwks_uri !== undefined ? randomNonce() : undefined
  const extra = await extraParameters(options, attempt, request)
  const url = await oauth.authorizationUrl({
    redirectUri,
    state: attempt.state,
    codeVerifier,
    nonce,
    scope,
    resource,
    extra,
  })
  if (!isSecure(url, options.allowHttp))
    throw new BridgeError('discovery_failed', {
      message: `The authorization_endpoint of ${quote(issuer)} is neither https nor on loopback.`,
      hint: 'Tell the server’s owner, or set authorization_endpoint of its provider in config.yaml.',
    })
  const alsoNamed = namesTrusted(issuer, metadata.issuer, options)
  log.debug('oauth:pkce', { message: 'code_verifier generated', verifierLength: codeVerifier.length })
  log.debug('oauth:pkce', { message: 'code_challenge created (SHA-256)', method: 'S256' })
  return {
    redirectUri,
    codeVerifier,
    issuer,
    metadata,
    client,
    bounds,
    authorizationUrl: url.href,
    ...present({
      account,
      leftOut: request.leftOut.length === 0 ? undefined : request.leftOut,
      alsoNamed: alsoNamed.length === 0 ? undefined : alsoNamed,
      nonce,
      scope,
      resource,
      dpopKey: request.binding === 'dpop' ? newDpopKey() : undefined,
      bearer: bearer === 'id_token' ? bearer : undefined,
      idToken: need === 'optional' ? undefined : need,
    }),
  }
}

async function extraParameters(
  { store, account, authorizeParameters }: AuthorizationRequestOptions,
  attempt: Attempt,
  { metadata, rules, resource, leftOut }: AuthRequest,
): Promise<Record<string, string>> {
  const parameters: Record<string, string> = {
    ...rules.parameters,
    ...(rules.audience && resource !== undefined ? { audience: resource } : {}),
    ...authorizeParameters,
    ...loginHint(account, metadata),
  }
  const { generation, tokens } = await store.load(attempt)
  const kept = (given: Record<string, string>) => present(leaveOut(given, leftOut)) as Record<string, string>
  // Somebody signed in before, but there is no refresh token: only a new consent returns one.
  if (rules.reconsent === undefined || generation === 0 || tokens?.refreshToken !== undefined) return kept(parameters)
  return kept({ ...parameters, prompt: withPrompt(parameters.prompt, rules.reconsent) })
}

/** OpenID Connect Core section 3.1.2.1; where the server lists it, the person chooses even when they are signed in there. */
function loginHint(
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
