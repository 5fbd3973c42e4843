// Sign-in at a configured provider, without an MCP server: from an attempt to its address, and from its redirect to an account and tokens that the caller keeps.
import { asBridgeError, BridgeError, reworded } from '../../errors.ts'
import type { AttemptStore, Clock, HttpClient, Logger } from '../../ports.ts'
import type { ProviderRules, RulesOf } from '../../providerRules.ts'
import type { Attempt, AttemptPlan, TokenSet, User } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import type { Clients } from '../client/clients.ts'
import { configuredMetadata, type FoundMetadata, fetchMetadata } from '../discovery/authorizationServer.ts'
import type { SecurityOverrides } from '../discovery/overrides.ts'
import { randomState } from '../oauth/client.ts'
import { providerServer } from '../tokens/providerTokens.ts'
import { union } from '../tokens/scopes.ts'
import { fetchAccount } from './accountApi.ts'
import { exchangeCode } from './authorizationCode.ts'
import { planRequest } from './authorizationRequest.ts'
import type { AuthRequest } from './request.ts'
import { validateIssuer } from './validateIssuer.ts'

/** One provider, with our client there. */
export interface ProviderOptions extends SecurityOverrides {
  readonly name: string
  readonly issuer: string
  readonly http: HttpClient
  readonly rules: RulesOf
  readonly clients: Clients
  readonly redirectUri: string
  /** In its place where the metadata does not promise `iss`: no other provider has it. undefined: there is no other provider. */
  readonly ownRedirectUri: string | undefined
  /** Configured scopes; undefined: those that tell who signs in, and renew the tokens. */
  readonly scopes: readonly string[] | undefined
  readonly authorizeParameters: Readonly<Record<string, string>>
  /** Claims that are needed; what the ID token lacks of them may be in userinfo. */
  readonly claims: readonly string[]
  /** Whether somebody asks for the organisations of an account (GitHub). */
  readonly organisations: 'wanted' | 'unwanted'
}

export interface ProviderSignInsOptions {
  readonly attempts: AttemptStore
  readonly clock: Clock
  readonly log: Logger
  /** How long a sign-in waits for its redirect, in ms. */
  readonly sessionTimeoutMs: number
  /** @throws BridgeError usage where there is none of this name */
  readonly provider: (name: string) => Promise<ProviderOptions>
}

export interface Answered {
  readonly provider: string
  readonly user: User
  readonly tokens: TokenSet
  readonly binding: Readonly<Record<string, string>>
}

/** How long the metadata of a provider is used for more sign-ins, in ms. */
const METADATA_MS = 5 * 60_000

export function createProviderSignIns({ attempts, clock, log, sessionTimeoutMs, provider }: ProviderSignInsOptions) {
  /** The attempt that is answered. Another redirect URI than its own is that of another provider, whose code would go to the wrong one (RFC 9700 section 4.4). */
  const waiting = async (redirected: URL) => {
    const attempt = await attempts.byState(redirected.searchParams.get('state') ?? '', clock.now())
    if (!attempt?.server.startsWith(providerServer('')) || !attempt.plan) return undefined
    if (pathOf(new URL(attempt.plan.redirectUri)) === pathOf(redirected)) return attempt
    log.warn('oauth:callback-ignored', { reason: 'redirect_uri' })
    return undefined
  }

  const found = new Map<string, FoundMetadata & { readonly until: number }>()
  const metadataOf = async (options: ProviderOptions) => {
    const known = found.get(options.name)
    if (known && clock.awake() < known.until) return known
    const fetched = { ...(await fetchMetadata(options, options.issuer)), until: clock.awake() + METADATA_MS }
    found.set(options.name, fetched)
    return fetched
  }

  return {
    /** Those that a sign-in asks for; where the metadata is not known yet, none is missing. Sends nothing. @throws BridgeError usage */
    async scopes(name: string): Promise<readonly string[]> {
      const options = await provider(name)
      const metadata = found.get(name)?.metadata ?? configuredMetadata(options, options.issuer)
      const asked = metadata
        ? requestAt(options, { metadata, published: undefined }).scope
        : openIdScope(options, options.rules(options.issuer), EVERYTHING)
      return (asked ?? options.authorizeParameters.scope ?? '').split(' ').filter((scope) => scope !== '')
    },

    /** Begins an attempt of its own. `binding` is sealed with it. @throws BridgeError why the provider cannot be used */
    async begin(name: string, binding: Readonly<Record<string, string>>) {
      const options = await provider(name)
      const request = requestAt(options, await metadataOf(options))
      const key = { server: providerServer(name), profile: randomState() }
      const { attempt } = await attempts.begin(key, { status: 401 }, clock.now() + sessionTimeoutMs)
      const asking = {
        ...options,
        ...{ log, account: undefined, bearer: 'access_token' as const, bounds: '', serverHeaders: {} },
        // Each attempt is for somebody who is not known yet: nothing is stored for it.
        store: { load: async () => ({ generation: 0 }) },
        scopes: request.scope?.split(' '),
        resource: undefined,
      }
      const plan = await planRequest(asking, attempt, redirectUriAt(options, request), request)
      await attempts.plan(attempt.id, { ...plan, binding })
      log.debug('oauth:pkce', { message: 'code_verifier stored with the attempt, sealed' })
      return { url: new URL(plan.authorizationUrl), state: attempt.state }
    },

    async binding(redirected: URL) {
      return (await waiting(redirected))?.plan?.binding
    },

    /** @throws BridgeError; `details.state` is 'claimed' where the attempt is used up */
    async answer(redirected: URL): Promise<Answered> {
      const query = redirected.searchParams
      const attempt = await waiting(redirected)
      const issuerError = attempt?.plan && validateIssuer(attempt.plan, query)
      if (issuerError && query.has('error')) {
        // The sender is not the server of this sign-in (MCP, Authorization Response Validation).
        log.warn('oauth:callback-ignored', { reason: 'issuer' })
        throw new BridgeError('invalid_state')
      }
      const claimed = attempt && (await attempts.claim(attempt.state, clock.now()))
      if (!claimed?.plan) throw new BridgeError('invalid_state')
      try {
        if (issuerError) throw issuerError
        const answered = await redeem(claimed, claimed.plan, query)
        await attempts.settle(claimed.id, { status: 'finished' })
        return answered
      } catch (thrown) {
        const error = asBridgeError(thrown)
        const { code, message, hint } = error
        log.warn('oauth:sign-in-failed', { code, message })
        await attempts.settle(claimed.id, { status: 'failed', code, message, hint }).catch(() => undefined)
        throw reworded(error, { details: { state: 'claimed' } })
      }
    },
  }

  /** The code is redeemed once: the attempt was claimed for it. */
  async function redeem(attempt: Attempt, plan: AttemptPlan, query: URLSearchParams): Promise<Answered> {
    log.debug('oauth:pkce', { message: 'code_verifier retrieved for the token exchange' })
    const name = attempt.server.slice(providerServer('').length)
    const options = await provider(name)
    const isOpenId = isOpenIdProvider(plan.metadata, options.rules(options.issuer))
    // Without OpenID Connect, who signed in is asked in another way.
    const { userinfo_endpoint: address, ...metadata } = plan.metadata
    const exchanged = isOpenId ? plan : { ...plan, metadata }
    const tokens = await exchangeCode({ ...options, clock, log }, { attempt, plan: exchanged, query })
    const user = isOpenId ? tokens.user : await askAccount(options, tokens, address)
    if (!user) throw unnamed(options.issuer)
    return { provider: name, user, tokens: { ...tokens, user }, binding: plan.binding ?? {} }
  }
}

/** Of several providers, each is known by the `iss` of its answer, or else by the address that it answers at (RFC 9700 section 4.4.2). */
const redirectUriAt = ({ redirectUri, ownRedirectUri }: ProviderOptions, { metadata }: AuthRequest) =>
  metadata.authorization_response_iss_parameter_supported === true ? redirectUri : (ownRedirectUri ?? redirectUri)

/** However it is percent-encoded. */
const pathOf = ({ pathname }: URL) => decodeURIComponent(pathname)

/** What is asked for there. */
function requestAt(options: ProviderOptions, { metadata, published }: FoundMetadata): AuthRequest {
  const { issuer, organisations } = options
  const rules = options.rules(issuer)
  const scope = isOpenIdProvider(metadata, rules)
    ? openIdScope(options, rules, metadata.scopes_supported)
    : ownScope(options, rules, organisations)
  return { issuer, metadata, published, rules, scope, resource: undefined, leftOut: [], binding: 'bearer' }
}

/** It has keys for ID tokens, unless its rules name an API of its own. */
const isOpenIdProvider = ({ jwks_uri: keys }: AttemptPlan['metadata'], { account }: ProviderRules) =>
  keys !== undefined && account === undefined

/** As if it offered all that may be asked for. */
const EVERYTHING = ['email', 'profile', 'offline_access']

/** Without openid nobody is named. `supported`: of the metadata. */
function openIdScope({ scopes }: ProviderOptions, rules: ProviderRules, supported: unknown): string | undefined {
  if (scopes) return union('openid', scopes.join(' '))
  const offered = Array.isArray(supported) ? supported : ['email', 'profile']
  const more = ['email', 'profile', 'offline_access'].filter((scope) => offered.includes(scope))
  return rules.scopes?.join(' ') ?? union('openid', more.join(' '))
}

/** The scopes that open the API for accounts, besides configured ones. */
const ownScope = (
  { scopes }: ProviderOptions,
  { account }: ProviderRules,
  organisations: ProviderOptions['organisations'],
) =>
  union(
    scopes?.join(' '),
    account?.scopes.join(' '),
    account?.kind === 'github' && organisations === 'wanted' ? 'read:org' : undefined,
  )

/** undefined: nobody said where to ask. @throws BridgeError as `fetchAccount` does */
async function askAccount({ http, issuer, rules, organisations }: ProviderOptions, tokens: TokenSet, address: unknown) {
  const { account } = rules(issuer)
  const url = typeof address === 'string' ? address : account?.url
  if (url === undefined) return undefined
  return fetchAccount(http, { url: new URL(url), kind: account?.kind, organisations }, tokens)
}

const unnamed = (issuer: string) =>
  new BridgeError('login_failed', {
    message: `The provider ${quote(issuer)} did not say who signed in.`,
    hint: 'A provider without OpenID Connect needs userinfo_endpoint in config.yaml.',
  })
