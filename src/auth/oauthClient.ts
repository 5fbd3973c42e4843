// The only file that imports openid-client: requests to the authorization server, in our own types.
import { webcrypto } from 'node:crypto'
import * as client from 'openid-client'
import { BridgeError } from '../errors.ts'
import type { HttpClient, RegisteredClient, User } from '../ports.ts'
import type { ProviderRules } from '../providerRules.ts'
import type { ServerMetadata } from './discovery.ts'
import { fetchThrough } from './fetchThrough.ts'
import { isInvalidGrant, translateOAuthError } from './oauthErrors.ts'
import { DEVICE_GRANT } from './register.ts'
import { type TokenResponse, usable } from './tokenSet.ts'

export interface AuthorizationRequest {
  readonly redirectUri: string
  readonly state: string
  readonly codeVerifier: string
  readonly nonce: string | undefined
  readonly scope: string | undefined
  readonly resource: string | undefined
  /** Parameters a provider wants besides; they never override ours. */
  readonly extra: Readonly<Record<string, string>>
}

export interface ClientWishes {
  readonly rules?: ProviderRules
  /** Private JWK that new tokens are to be bound to (RFC 9449). */
  readonly dpopKey?: string | undefined
}

/** One authorization server, one client. Every method throws BridgeError only. */
export async function createOAuthClient(
  http: HttpClient,
  metadata: ServerMetadata,
  registered: RegisteredClient,
  timeoutMs: number,
  { rules, dpopKey }: ClientWishes = {},
) {
  const config = await configurationOf(metadata, registered)
  config[client.customFetch] = fetchThrough(http, timeoutMs)
  const bound = dpopKey === undefined ? {} : { DPoP: client.getDPoPHandle(config, await keyPairOf(dpopKey)) }
  // Discovery has refused every http endpoint that is not on loopback or excepted by the person.
  client.allowInsecureRequests(config)
  if (metadata.jwks_uri !== undefined) client.enableNonRepudiationChecks(config)

  const userInfo = async (
    accessToken: string,
    claims: User['claims'] | undefined,
  ): Promise<User['claims'] | undefined> => {
    if (metadata.userinfo_endpoint === undefined) return claims
    const subject = typeof claims?.sub === 'string' ? claims.sub : client.skipSubjectCheck
    try {
      return { ...(await client.fetchUserInfo(config, accessToken, subject, bound)), ...claims }
    } catch {
      // A resource-bound token may not open userinfo (RFC 8707); the ID token's claims are enough then.
      return claims
    }
  }

  const withUser = async (answer: TokenAnswer, claims: readonly string[]): Promise<TokenResponse> => {
    const known: User['claims'] | undefined = answer.claims()
    const complete = known && claims.every((claim) => known[claim] !== undefined)
    const found = complete ? known : await userInfo(answer.access_token, known)
    return toTokenResponse(answer, rules, found && toUser(metadata.issuer, found))
  }

  return {
    async authorizationUrl(request: AuthorizationRequest): Promise<URL> {
      return client.buildAuthorizationUrl(config, {
        ...request.extra,
        response_type: 'code',
        redirect_uri: request.redirectUri,
        state: request.state,
        code_challenge: await client.calculatePKCECodeChallenge(request.codeVerifier),
        code_challenge_method: 'S256',
        ...present({ nonce: request.nonce, scope: request.scope, resource: request.resource }),
      })
    },

    /** Checks state, iss (RFC 9207), PKCE, nonce and the ID token, then redeems the code. `claims`: names wanted for headers. */
    async redeem(callback: URL, request: AuthorizationRequest, claims: readonly string[]): Promise<TokenResponse> {
      try {
        const answer = await client.authorizationCodeGrant(
          config,
          callback,
          {
            expectedState: request.state,
            pkceCodeVerifier: request.codeVerifier,
            ...(request.nonce === undefined ? {} : { expectedNonce: request.nonce, idTokenExpected: true }),
          },
          present({ resource: request.resource }),
          bound,
        )
        return await withUser(answer, claims)
      } catch (thrown) {
        throw translateOAuthError(thrown, metadata.issuer)
      }
    },

    /** 'rejected': the grant is dead (`invalid_grant`, RFC 6749 section 5.2). Everything else that fails is thrown. */
    async refresh(
      refreshToken: string,
      extra: { scope: string | undefined; resource: string | undefined },
    ): Promise<TokenResponse | 'rejected'> {
      try {
        const answer = await client.refreshTokenGrant(config, refreshToken, present(extra), bound)
        return toTokenResponse(answer, rules)
      } catch (thrown) {
        if (isInvalidGrant(thrown)) return 'rejected'
        throw translateOAuthError(thrown, metadata.issuer)
      }
    },

    /** RFC 6749 section 4.4 */
    async clientCredentials(parameters: Readonly<Record<string, string | undefined>>): Promise<TokenResponse> {
      try {
        return toTokenResponse(await client.clientCredentialsGrant(config, present(parameters), bound), rules)
      } catch (thrown) {
        throw translateOAuthError(thrown, metadata.issuer)
      }
    },

    /** One poll (RFC 8628 section 3.4); 'authorization_pending' and 'slow_down' ask for another (section 3.5). */
    async pollDevice(
      parameters: Readonly<Record<string, string | undefined>>,
      claims: readonly string[],
    ): Promise<TokenResponse | 'authorization_pending' | 'slow_down'> {
      try {
        const answer = await client.genericGrantRequest(config, DEVICE_GRANT, present(parameters), bound)
        return await withUser(answer, claims)
      } catch (thrown) {
        const { error } = thrown as { error?: unknown }
        if (error === 'authorization_pending' || error === 'slow_down') return error
        throw translateOAuthError(thrown, metadata.issuer)
      }
    },

    /** RFC 8628 section 3.1. @throws BridgeError device_unsupported where it is not advertised */
    async deviceAuthorization(parameters: Readonly<Record<string, string | undefined>>) {
      if (metadata.device_authorization_endpoint === undefined) throw new BridgeError('device_unsupported')
      try {
        return await client.initiateDeviceAuthorization(config, present(parameters))
      } catch (thrown) {
        throw translateOAuthError(thrown, metadata.issuer)
      }
    },

    /** Revokes one token (RFC 7009); false: the server does not revoke tokens of this kind. */
    async revoke(token: string, kind: 'access_token' | 'refresh_token'): Promise<boolean> {
      if (metadata.revocation_endpoint === undefined) return false
      try {
        await client.tokenRevocation(config, token, { token_type_hint: kind })
        return true
      } catch (thrown) {
        const error = translateOAuthError(thrown, metadata.issuer)
        // RFC 7009 section 2.2.1: self-contained access tokens often cannot be revoked.
        if (error.details.error === 'unsupported_token_type') return false
        throw error
      }
    },
  }
}

export type OAuthClient = Awaited<ReturnType<typeof createOAuthClient>>

export const randomVerifier = () => client.randomPKCECodeVerifier()
export const randomNonce = () => client.randomNonce()

function authentication({ authMethod, clientSecret }: RegisteredClient): client.ClientAuth {
  if (clientSecret === undefined || authMethod === 'none') return client.None()
  return authMethod === 'client_secret_post'
    ? client.ClientSecretPost(clientSecret)
    : client.ClientSecretBasic(clientSecret)
}

/** Entra's ID tokens come from the tenant that signed in: openid-client fills `{tenantid}` for what it discovers there, from us. */
async function configurationOf(metadata: ServerMetadata, registered: RegisteredClient): Promise<client.Configuration> {
  const { tenant_issuer: tenantIssuer, ...known } = metadata
  const clientId = registered.clientId
  if (tenantIssuer === undefined)
    return new client.Configuration(known as client.ServerMetadata, clientId, undefined, authentication(registered))
  const answer = async () => Response.json({ ...known, issuer: tenantIssuer })
  const entra = new URL('https://login.microsoftonline.com/')
  return client.discovery(entra, clientId, undefined, authentication(registered), { [client.customFetch]: answer })
}

async function keyPairOf(key: string): Promise<client.CryptoKeyPair> {
  const { d, ...jwk } = JSON.parse(key)
  const read = (it: object, use: 'sign' | 'verify') =>
    webcrypto.subtle.importKey('jwk', it, { name: 'ECDSA', namedCurve: 'P-256' }, use === 'verify', [use])
  return { privateKey: await read({ ...jwk, d }, 'sign'), publicKey: await read(jwk, 'verify') }
}

type TokenAnswer = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers

function toTokenResponse(answer: TokenAnswer, rules: ProviderRules | undefined, user?: User): TokenResponse {
  const idToken = answer.id_token
  return {
    accessToken: usable(answer.access_token),
    ...(answer.token_type === 'dpop' ? { tokenType: 'dpop' as const } : {}),
    ...(answer.refresh_token === undefined ? {} : { refreshToken: usable(answer.refresh_token) }),
    ...(answer.scope === undefined ? {} : { scope: answer.scope.replaceAll(rules?.scopeSeparator ?? ' ', ' ') }),
    ...(answer.expires_in === undefined ? {} : { expiresIn: answer.expires_in }),
    ...(idToken === undefined
      ? {}
      : { idToken: { token: usable(idToken), expiresAt: (answer.claims()?.exp ?? 0) * 1000 } }),
    ...(user ? { user } : {}),
  }
}

function toUser(issuer: string, claims: User['claims']): User | undefined {
  return typeof claims.sub === 'string' ? { issuer, subject: claims.sub, claims } : undefined
}

function present(parameters: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
