// The only file that imports openid-client: requests to the authorization server, in our own types.
import * as client from 'openid-client'
import { BridgeError, neverQuote } from '../errors.ts'
import type { HttpClient, RegisteredClient, User } from '../ports.ts'
import { signingKey } from './clientAuth.ts'
import type { ServerMetadata } from './discovery.ts'
import { fetchThrough } from './fetchThrough.ts'
import { isInvalidGrant, translateOAuthError } from './oauthErrors.ts'

export interface TokenResponse {
  readonly accessToken: string
  readonly refreshToken?: string
  readonly scope?: string
  /** seconds */
  readonly expiresIn?: number
  /** From the validated ID token, completed from userinfo. */
  readonly user?: User
}

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

/** One authorization server, one client. Every method throws BridgeError only. */
export function createOAuthClient(
  http: HttpClient,
  metadata: ServerMetadata,
  registered: RegisteredClient,
  timeoutMs: number,
) {
  const config = new client.Configuration(
    metadata as client.ServerMetadata,
    registered.clientId,
    undefined,
    authentication(metadata, registered),
  )
  config[client.customFetch] = fetchThrough(http, timeoutMs)
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
      return { ...(await client.fetchUserInfo(config, accessToken, subject)), ...claims }
    } catch {
      // A resource-bound token may not open userinfo (RFC 8707); the ID token's claims are enough then.
      return claims
    }
  }

  return {
    async authorizationUrl(request: AuthorizationRequest): Promise<URL> {
      return client.buildAuthorizationUrl(config, {
        ...request.extra,
        response_type: 'code',
        redirect_uri: request.redirectUri,
        state: request.state,
        code_challenge: await pkceChallenge(request.codeVerifier),
        code_challenge_method: 'S256',
        ...present({ nonce: request.nonce, scope: request.scope, resource: request.resource }),
      })
    },

    /** Checks state, iss (RFC 9207), PKCE, nonce and the ID token, then redeems the code. `claims`: names wanted for headers. */
    async redeem(callback: URL, request: AuthorizationRequest, claims: readonly string[]): Promise<TokenResponse> {
      neverQuote([callback.searchParams.get('code') ?? undefined, request.state, request.codeVerifier, request.nonce])
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
        )
        const known: User['claims'] | undefined = answer.claims()
        const complete = known && claims.every((claim) => known[claim] !== undefined)
        const found = complete ? known : await userInfo(answer.access_token, known)
        return toTokenResponse(answer, found && toUser(metadata.issuer, found))
      } catch (thrown) {
        throw translateOAuthError(thrown, metadata.issuer)
      }
    },

    /** 'rejected': the grant is dead (`invalid_grant`, RFC 6749 section 5.2). Everything else that fails is thrown. */
    async refresh(
      refreshToken: string,
      extra: { scope: string | undefined; resource: string | undefined },
    ): Promise<TokenResponse | 'rejected'> {
      neverQuote([refreshToken])
      try {
        const answer = await client.refreshTokenGrant(config, refreshToken, present(extra))
        return toTokenResponse(answer, undefined)
      } catch (thrown) {
        if (isInvalidGrant(thrown)) return 'rejected'
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

export type OAuthClient = ReturnType<typeof createOAuthClient>

export const randomVerifier = () => client.randomPKCECodeVerifier()
export const randomNonce = () => client.randomNonce()
export const randomState = () => client.randomState()
export const pkceChallenge = (verifier: string) => client.calculatePKCECodeChallenge(verifier)

function authentication(metadata: ServerMetadata, registered: RegisteredClient): client.ClientAuth {
  const { authMethod, clientSecret, privateKey } = registered
  if (authMethod === 'private_key_jwt' && privateKey !== undefined) return signed(metadata, privateKey)
  if (clientSecret === undefined || authMethod === 'none') return client.None()
  return authMethod === 'client_secret_post' ? client.ClientSecretPost(clientSecret) : basic(clientSecret)
}

/**
 * RFC 6749 section 2.3.1. The package's own also encodes "-", "." and "_", which the form encoding leaves as they are, and which servers
 * that do not decode take for other characters.
 */
function basic(clientSecret: string): client.ClientAuth {
  const encode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
  return (_server, { client_id: clientId }, _body, headers) => {
    const credentials = Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')
    headers.set('authorization', `Basic ${credentials}`)
  }
}

/** Reads the key when it is needed; the assertion's algorithm is spelt as the server lists it. */
function signed(metadata: ServerMetadata, privateKey: string): client.ClientAuth {
  return async (...request) => {
    const { alg, ...key } = await signingKey(privateKey, metadata)
    const modifyAssertion = (header: Record<string, unknown>) => {
      header.alg = alg
    }
    await client.PrivateKeyJwt(key, { [client.modifyAssertion]: modifyAssertion })(...request)
  }
}

function toTokenResponse(answer: client.TokenEndpointResponse, user: User | undefined): TokenResponse {
  return {
    accessToken: usable(answer.access_token),
    ...(answer.refresh_token === undefined ? {} : { refreshToken: usable(answer.refresh_token) }),
    ...(answer.scope === undefined ? {} : { scope: answer.scope }),
    ...(answer.expires_in === undefined ? {} : { expiresIn: answer.expires_in }),
    ...(user ? { user } : {}),
  }
}

/** A token goes into a header and a row: printable ASCII (RFC 6750 section 2.1), at most 64 KiB. */
function usable(token: string): string {
  if (/^[\x21-\x7e]{1,65536}$/.test(token)) return token
  throw new BridgeError('malformed_token', {
    message: `The authorization server sent a token of ${token.length} characters that cannot be used.`,
  })
}

function toUser(issuer: string, claims: User['claims']): User | undefined {
  return typeof claims.sub === 'string' ? { issuer, subject: claims.sub, claims } : undefined
}

function present(parameters: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
