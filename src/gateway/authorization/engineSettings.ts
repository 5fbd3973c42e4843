// The settings of the engine: what depends on ours, and everything off that is not OAuth for MCP clients
import { generateKeyPairSync } from 'node:crypto'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { SCOPE } from '../http/protectedResource.ts'
import { DOCUMENT_CACHE_SECONDS } from './documents.ts'
import type { EngineOptions } from './engine.ts'
import { CLIENT_AUTH_METHODS, SIGNING_ALGS } from './metadata.ts'

const CODE_SECONDS = 60

/** What does not depend on the engine's own classes. */
export function basics({ settings, seal, isPerson }: EngineOptions): Configuration {
  const { tokens } = settings
  const seconds = (ms: number) => Math.max(1, Math.round(ms / 1000))
  return {
    clients: settings.clients.known.map(({ name, id, secret, redirectUris }) => ({
      client_id: id,
      client_name: name,
      redirect_uris: [...redirectUris],
      grant_types: ['authorization_code', 'refresh_token'],
      ...(secret === undefined
        ? { token_endpoint_auth_method: 'none' as const }
        : { client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' as const }),
    })),
    clientDefaults: { application_type: 'native', id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: [...CLIENT_AUTH_METHODS],
    enabledJWA: { clientAuthSigningAlgValues: [...SIGNING_ALGS] },
    // Nothing is signed with it; without one the engine takes a key that everybody knows.
    jwks: {
      keys: [
        {
          ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
          use: 'sig',
          alg: 'ES256',
        },
      ],
    },
    cookies: {
      keys: signingKeys(seal),
      short: { signed: true, httpOnly: true, sameSite: 'lax' },
      long: { signed: true, httpOnly: true, sameSite: 'lax' },
    },
    responseTypes: ['code'],
    scopes: [SCOPE],
    claims: {},
    pkce: { required: () => true },
    routes: { authorization: '/authorize', token: '/token', registration: '/register', revocation: '/revoke' },
    findAccount: async (_ctx, id) =>
      (await isPerson(id)) ? { accountId: id, claims: () => ({ sub: id }) } : undefined,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    // An access token that is given back is over; a refresh token that is given back or used again ends the grant.
    revokeGrantPolicy: (ctx) => ctx.oidc.route !== 'revocation' || ctx.oidc.entities.RefreshToken !== undefined,
    ttl: {
      AccessToken: seconds(tokens.accessMs),
      AuthorizationCode: CODE_SECONDS,
      Grant: seconds(tokens.refreshMs),
      Interaction: seconds(settings.sessionTimeoutMs),
      RefreshToken: (_ctx, token) =>
        Math.max(1, Math.min(seconds(tokens.refreshIdleMs), seconds(tokens.refreshMs) - token.totalLifetime())),
      Session: CODE_SECONDS,
      IdToken: CODE_SECONDS,
    },
  } as Configuration
}

/** There are no sessions here, so no browser keeps one. */
export function dropSessionCookie(ctx: KoaContextWithOIDC): void {
  const cookies = ctx.response.get('set-cookie') as unknown as string[] | string | undefined
  const others = [cookies ?? ''].flat().filter((cookie) => cookie !== '' && !/^_session(\.sig)?=/.test(cookie))
  if (others.length > 0) ctx.set('set-cookie', others)
  else ctx.remove('set-cookie')
}

export interface FeatureErrors {
  readonly invalidTarget: (text: string) => Error
  readonly tooMany: () => Error
}

export function features(
  options: EngineOptions,
  { invalidTarget, tooMany }: FeatureErrors,
): NonNullable<Configuration['features']> {
  const { settings, resources, documents, asked } = options
  return {
    claimsParameter: { enabled: false },
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    introspection: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    userinfo: { enabled: false },
    registration: { enabled: settings.clients.registration === 'open', issueRegistrationAccessToken: false },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    resourceIndicators: {
      enabled: true,
      defaultResource() {
        throw invalidTarget('resource must name one MCP server of this gateway.')
      },
      useGrantedResource: () => true,
      getResourceServerInfo(ctx, resource) {
        const wished = ctx.oidc.params?.resource
        if (Array.isArray(wished) || !resources.server(resource))
          throw invalidTarget('resource must name one MCP server of this gateway.')
        return {
          scope: SCOPE,
          audience: resource,
          accessTokenFormat: 'opaque',
          accessTokenTTL: Math.max(1, Math.round(settings.tokens.accessMs / 1000)),
        }
      },
    },
    clientIdMetadataDocument: {
      enabled: settings.clients.documents,
      ack: 'draft-02',
      cacheDuration: DOCUMENT_CACHE_SECONDS,
      allowFetch(ctx: KoaContextWithOIDC | undefined, clientId: string) {
        const address = ctx && asked.of(ctx.req)?.address
        const verdict = documents.allow(clientId, address)
        if (verdict === 'too_many') throw tooMany()
        return verdict === 'allowed'
      },
    },
  }
}

/** As the engine's cookies want their keys: a key of the ring signs, each of them verifies. */
const signingKeys = (seal: EngineOptions['seal']): NonNullable<NonNullable<Configuration['cookies']>['keys']> =>
  ({
    sign: (text: string) => seal.mac('cookie', text),
    verify: (text: string, mac: string) => seal.isMac(mac, 'cookie', text),
    index: (text: string, mac: string) => (seal.isMac(mac, 'cookie', text) ? 0 : -1),
  }) as never
