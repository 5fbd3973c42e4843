// Picks what the gateway's sign-in needs of OAuth: our client at each provider, the sign-in there, and the tokens of the persons who came
import type { ProviderOptions } from '../auth/grants/providerSignIn.ts'
import type { TokenProvider } from '../auth/tokens/providerTokens.ts'
import { presetOf, rulesFor } from '../config/providerPresets.ts'
import { ownRedirectUri } from '../config/serve/redirectUris.ts'
import { BridgeError } from '../errors.ts'
import type { ProviderSignIn, ProviderTokens } from '../gateway/ports.ts'
import type { Access, ServedProvider, ServeSettings } from '../gateway/settings.ts'
import type { AccessProvider } from '../gateway/signin/access.ts'
import { memoizeAsync } from '../memoizeAsync.ts'
import type { AttemptStore, Cache, ClientStore, Clock, HttpClient, Leases, Logger, TokenStore } from '../ports.ts'
import { registerSecret } from '../redaction/register.ts'
import { createReach, withinReach } from '../system/http/addresses.ts'

export interface GatewaySignInOptions {
  readonly settings: Pick<
    ServeSettings,
    'providers' | 'callbackUrl' | 'access' | 'servers' | 'userHeaders' | 'sessionTimeoutMs' | 'requestTimeoutMs'
  >
  readonly stores: {
    readonly attempts: AttemptStore
    readonly tokens: TokenStore
    readonly clients: ClientStore
    readonly cache: Cache
    readonly leases: Leases
  }
  readonly http: HttpClient
  readonly clock: Clock
  readonly log: Logger
}

export interface GatewaySignIn {
  readonly signIn: ProviderSignIn
  readonly tokens: ProviderTokens
  /** Before this process ends: resolves when no refresh of a person's tokens runs, or after so many ms. */
  readonly idle: (ms: number) => Promise<void>
  /** What decides how far the word of each provider counts. */
  readonly accessProviders: readonly AccessProvider[]
}

/** Longest silence of a provider, in ms; a shorter request_timeout overrides it. */
const PROVIDER_TIMEOUT_MS = 20_000

/** The code of the sign-in itself loads with the first one. @throws BridgeError config_invalid for a provider without an issuer */
export async function composeGatewaySignIn(options: GatewaySignInOptions): Promise<GatewaySignIn> {
  const { settings, stores, clock, log } = options
  const { createProviderTokens } = await import('../auth/tokens/providerTokens.ts')
  const providers = new Map(settings.providers.map((provider) => [provider.name, partsOf(options, provider)]))
  const signIns = memoizeAsync(async () => {
    const { createProviderSignIns } = await import('../auth/grants/providerSignIn.ts')
    return createProviderSignIns({
      ...{ attempts: stores.attempts, clock, log, sessionTimeoutMs: settings.sessionTimeoutMs },
      async provider(name) {
        const parts = providers.get(name)
        if (parts) return await parts.options()
        throw new BridgeError('usage', { message: 'There is no provider of this name.' })
      },
    })
  })
  const tokens = createProviderTokens({
    ...{ store: stores.tokens, leases: stores.leases, clock, log },
    providers: [...providers.values()].map((parts) => parts.tokens),
  })
  return {
    signIn: {
      scopes: async (provider) => (await signIns()).scopes(provider),
      begin: async (provider, binding) => (await signIns()).begin(provider, binding),
      binding: async (redirected) => (await signIns()).binding(redirected),
      answer: async (redirected) => (await signIns()).answer(redirected),
    },
    tokens,
    idle: tokens.idle,
    accessProviders: [...providers.values()].map(({ access }) => access),
  }
}

interface ProviderParts {
  readonly options: () => Promise<ProviderOptions>
  readonly tokens: TokenProvider
  readonly access: AccessProvider
}

function partsOf(given: GatewaySignInOptions, provider: ServedProvider): ProviderParts {
  const { settings, stores, clock, log } = given
  const { name, clientId, clientSecret, clientKey } = provider
  registerSecret([clientSecret, clientKey])
  const preset = presetOf({ name, issuer: provider.issuer })
  const issuer = issuerOf(provider)
  const { endpoints } = provider
  const rules = rulesFor({ provider: name, issuer, ...(endpoints ? { endpoints } : {}) })
  const reach = createReach(new URL(issuer), configuredOrigins(provider))
  const http = withinReach(given.http, reach)
  const kind = preset?.name === 'microsoft' || preset?.name === 'github' ? preset.name : 'other'

  const clients = memoizeAsync(async () => {
    const { createClients } = await import('../auth/client/clients.ts')
    return createClients({
      ...{ http, clients: stores.clients, cache: stores.cache, leases: stores.leases, clock, rules, allowHttp: false },
      // Nothing is left out of a request that a person configured as a whole.
      asked: { scopes: true, resource: true, parameters: Object.keys(provider.authorizeParameters) },
      configured: {
        clientId,
        ...(clientSecret === undefined ? {} : { clientSecret }),
        ...(clientKey === undefined ? {} : { privateKey: clientKey }),
      },
      issuer,
      bounds: `provider:${name}`,
      timeoutMs: Math.min(settings.requestTimeoutMs || PROVIDER_TIMEOUT_MS, PROVIDER_TIMEOUT_MS),
    })
  })
  const refresh = memoizeAsync(async () => {
    const { createRefresh } = await import('../auth/tokens/refresh.ts')
    return createRefresh({ clients: await clients(), clock, log, rules, bearer: 'access_token' })
  })
  return {
    options: async () => ({
      ...{ name, issuer, http, rules, clients: await clients(), allowHttp: false, checkAddress: reach.check },
      redirectUri: settings.callbackUrl,
      ownRedirectUri: ownRedirectUri(settings, name),
      scopes: provider.scopes,
      authorizeParameters: provider.authorizeParameters,
      claims: claimsOf(settings, kind),
      organisations: accessesOf(settings).some(({ organisations }) => organisations.length > 0) ? 'wanted' : 'unwanted',
    }),
    tokens: {
      ...{ name, issuer, refresh, strategy: provider.refreshStrategy },
      withoutRefreshToken: preset?.name === 'google' ? GOOGLE_WITHOUT_REFRESH_TOKEN : preset?.withoutRefreshToken,
    },
    access: { name, issuer, kind },
  }
}

/** The person’s browser is not at our command line, as with the bridge. */
const GOOGLE_WITHOUT_REFRESH_TOKEN =
  'Google issues a refresh token with the first consent only: remove the application in your Google account, then sign in again. Or set prompt: consent for google in config.yaml.'

/** What names the provider: its issuer, that of its preset, or else the origin of its token endpoint. */
function issuerOf({ name, issuer, endpoints }: ServedProvider): string {
  const found = issuer ?? presetOf({ name })?.issuer ?? originOf(endpoints?.token_endpoint)
  if (found !== undefined && URL.canParse(found)) return found
  throw new BridgeError('config_invalid', {
    message: `The provider ${name} has no issuer.`,
    hint: `Set issuer of ${name} under providers in config.yaml, or its authorization_endpoint and token_endpoint.`,
  })
}

const originOf = (url: string | undefined) => (url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined)

/** What a person wrote, and what a preset says, is not the word of a server: it may lead anywhere. */
const configuredOrigins = ({ issuer, endpoints = {} }: ServedProvider) =>
  [...(issuer === undefined ? [] : [issuer]), ...Object.values(endpoints)].flatMap((url) => originOf(url) ?? [])

const accessesOf = ({ access, servers }: GatewaySignInOptions['settings']) =>
  [access, ...servers.map((server) => server.access)].filter(
    (one): one is Exclude<Access, 'everyone'> => one !== undefined && one !== 'everyone',
  )

/** What X-User-* headers and access need to know. Microsoft never says whether an address is verified. */
function claimsOf(settings: GatewaySignInOptions['settings'], kind: AccessProvider['kind']): string[] {
  const groups = accessesOf(settings).some((access) => access.groups.length > 0) ? ['groups'] : []
  const wanted = new Set(['email', 'email_verified', ...Object.values(settings.userHeaders), ...groups])
  if (kind === 'microsoft') wanted.delete('email_verified')
  return [...wanted]
}
