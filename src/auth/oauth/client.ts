// The only file that imports openid-client: requests to the authorization server, in our own types.
import * as client from 'openid-client'
import { BridgeError } from '../../errors.ts'
import { present } from '../../present.ts'
import type { ProviderRules } from '../../providerRules.ts'
import type { RegisteredClient, User } from '../../records.ts'
import { registerSecret } from '../../redaction/register.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { type TokenAnswer, type TokenResponse, toTokenResponse, toUser } from '../tokens/tokenSet.ts'
import { basicCredentials, HEADER_ALONE, signingKey } from './authentication.ts'
import { signingPair } from './dpop.ts'
import { withoutRepetition } from './endpoint.ts'
import { translateOAuthError } from './errors.ts'
import { type Fetch, fetchThrough } from './fetch.ts'
import { DEVICE_GRANT } from './grantTypes.ts'
import { type IdTokenNeed, type Tokens, taped, withIdToken } from './idToken.ts'
import { readRefreshFailure } from './refreshFailure.ts'
import type { AuthorizationRequest, OAuthClientOptions, Parameters, RefreshParameters } from './request.ts'

/** One authorization server, one client. Every method throws BridgeError only. */
export async function createOAuthClient(
  metadata: AuthorizationServerMetadata,
  registered: RegisteredClient,
  options: OAuthClientOptions,
) {
  const connection = await connect(metadata, registered, options)
  const { config, bound, rules } = connection
  const { issuer } = metadata
  const translated = <T>(work: () => Promise<T>) => translateErrors(issuer, work)

  return {
    authorizationUrl: (request: AuthorizationRequest) => authorizationUrl(connection, request),

    /** Checks state, iss (RFC 9207), PKCE, nonce and the ID token, then exchanges the code. `claims`: names wanted for headers. */
    redeem: (
      callback: URL,
      request: AuthorizationRequest,
      claims: readonly string[],
      need: IdTokenNeed = 'required',
    ): Promise<TokenResponse> =>
      translated(async () => {
        const { state, codeVerifier, nonce, resource } = request
        registerSecret([callback.searchParams.get('code') ?? undefined, state, codeVerifier, nonce], 'flow')
        const checks = { expectedState: state, pkceCodeVerifier: codeVerifier }
        const identity = nonce === undefined ? {} : { expectedNonce: nonce, idTokenExpected: true }
        const ask = (config: client.Configuration, more: object) =>
          client.authorizationCodeGrant(config, callback, { ...checks, ...more }, present({ resource }), bound)
        return withUser(connection, claims, need, (config) => ask(config, config === connection.config ? identity : {}))
      }),

    /** 'rejected': the grant is invalid (`invalid_grant`, RFC 6749 section 5.2). All other failures are thrown, also other refusals. */
    async refresh(refreshToken: string, parameters: RefreshParameters): Promise<TokenResponse | 'rejected'> {
      registerSecret([refreshToken], 'token')
      try {
        const ask: Ask = (config) => client.refreshTokenGrant(config, refreshToken, present(parameters), bound)
        const { answer, idTokenProblem } = await withIdToken(connection, ask, { need: 'optional', issuer })
        return { ...toTokenResponse(answer, issuer, rules), ...present({ idTokenProblem }) }
      } catch (thrown) {
        const failure = readRefreshFailure(thrown, issuer)
        if (failure === 'rejected') return failure
        throw failure
      }
    },

    /** RFC 6749 section 4.4 */
    clientCredentials: (parameters: Parameters): Promise<TokenResponse> =>
      translated(async () => {
        const ask = (config: client.Configuration) => client.clientCredentialsGrant(config, sent(parameters), bound)
        return toTokenResponse((await withIdToken(connection, ask, { need: 'checked', issuer })).answer, issuer, rules)
      }),

    /** One poll (RFC 8628 section 3.4); 'authorization_pending' and 'slow_down' ask for another (section 3.5). */
    async pollDevice(
      parameters: Parameters,
      claims: readonly string[],
      need: IdTokenNeed = 'required',
    ): Promise<TokenResponse | 'authorization_pending' | 'slow_down'> {
      try {
        const ask = (config: client.Configuration) =>
          client.genericGrantRequest(config, DEVICE_GRANT, sent(parameters), bound)
        return await withUser(connection, claims, need, ask)
      } catch (thrown) {
        const { error } = thrown as { error?: unknown }
        if (error === 'authorization_pending' || error === 'slow_down') return error
        throw translateOAuthError(thrown, issuer)
      }
    },

    /** RFC 8628 section 3.1. @throws BridgeError device_unsupported if it is not advertised */
    async deviceAuthorization(parameters: Parameters) {
      if (metadata.device_authorization_endpoint === undefined) throw new BridgeError('device_unsupported')
      const device = await translated(() => client.initiateDeviceAuthorization(config, sent(parameters)))
      registerSecret([device.device_code, device.user_code], 'flow')
      return device
    },

    /** Revokes one token (RFC 7009); false: the server does not revoke tokens of this kind. */
    async revoke(token: string, kind: 'access_token' | 'refresh_token'): Promise<boolean> {
      if (metadata.revocation_endpoint === undefined) return false
      try {
        await client.tokenRevocation(config, token, { token_type_hint: kind })
        return true
      } catch (thrown) {
        const error = translateOAuthError(thrown, issuer)
        // RFC 7009 section 2.2.1: self-contained access tokens often cannot be revoked.
        if (error.details.error === 'unsupported_token_type') return false
        throw error
      }
    },
  }
}

async function authorizationUrl({ config, metadata }: Connection, request: AuthorizationRequest): Promise<URL> {
  const url = client.buildAuthorizationUrl(config, {
    ...request.extra,
    response_type: 'code',
    redirect_uri: request.redirectUri,
    state: request.state,
    code_challenge: await pkceChallenge(request.codeVerifier),
    code_challenge_method: 'S256',
    ...present({ nonce: request.nonce, scope: request.scope, resource: request.resource }),
  })
  return withoutRepetition(url, new URL(metadata.authorization_endpoint))
}

export type OAuthClient = Awaited<ReturnType<typeof createOAuthClient>>

export const randomVerifier = () => client.randomPKCECodeVerifier()
export const randomNonce = () => client.randomNonce()
export const randomState = () => client.randomState()
export const pkceChallenge = (verifier: string) => client.calculatePKCECodeChallenge(verifier)

interface Connection extends Tokens<client.Configuration> {
  /** To the key of DPoP; empty for bearer tokens. */
  readonly bound: client.DPoPOptions
  readonly metadata: AuthorizationServerMetadata
  readonly rules: ProviderRules | undefined
}

async function connect(
  metadata: AuthorizationServerMetadata,
  registered: RegisteredClient,
  { http, timeoutMs, rules, dpopKey, idToken }: OAuthClientOptions,
): Promise<Connection> {
  const { clientId, clientSecret } = registered
  if (clientSecret !== undefined) {
    const inHeader = basicCredentials(clientId, clientSecret).slice('Basic '.length)
    registerSecret([clientSecret, `${clientId}:${clientSecret}`, inHeader], 'client')
  }
  const tape = taped(fetchThrough(http, timeoutMs, { idToken, binding: dpopKey === undefined ? 'bearer' : 'dpop' }))
  const speaking = async (fetch: Fetch) => {
    const config = await configurationOf(metadata, registered)
    config[client.customFetch] = fetch
    // Discovery has refused every http endpoint that is not on loopback or overridden by the person.
    client.allowInsecureRequests(config)
    return config
  }
  const config = await speaking(tape.fetch)
  const again = () => {
    const fetch = tape.again()
    return fetch && speaking(fetch)
  }
  if (metadata.jwks_uri !== undefined) client.enableNonRepudiationChecks(config)
  const bound = dpopKey === undefined ? {} : { DPoP: client.getDPoPHandle(config, await signingPair(dpopKey)) }
  return { config, again, idToken: tape.idToken, bound, metadata, rules }
}

type Ask = (config: client.Configuration) => Promise<TokenAnswer>

/** `claims`: names wanted for headers; what the ID token lacks of them may be in userinfo. */
async function withUser(
  connection: Connection,
  claims: readonly string[],
  need: IdTokenNeed,
  ask: Ask,
): Promise<TokenResponse> {
  const { rules, metadata } = connection
  const { issuer } = metadata
  const { answer, idTokenProblem } = await withIdToken(connection, ask, { need, issuer })
  // Who says something wrong about a person is not asked again.
  if (idTokenProblem?.outcome === 'refused') return { ...toTokenResponse(answer, issuer, rules), idTokenProblem }
  const known: User['claims'] | undefined = answer.claims()
  const isComplete = known && claims.every((claim) => known[claim] !== undefined)
  const found = isComplete ? known : await userInfo(connection, answer.access_token, known)
  return { ...toTokenResponse(answer, issuer, rules, found && toUser(issuer, found)), ...present({ idTokenProblem }) }
}

/** The claims of the ID token, completed from userinfo where the server has that. */
async function userInfo(
  { config, bound, metadata }: Connection,
  accessToken: string,
  claims: User['claims'] | undefined,
): Promise<User['claims'] | undefined> {
  if (metadata.userinfo_endpoint === undefined) return claims
  const subject = typeof claims?.sub === 'string' ? claims.sub : client.skipSubjectCheck
  try {
    return { ...(await client.fetchUserInfo(config, accessToken, subject, bound)), ...claims }
  } catch {
    // A resource-bound token may not open userinfo (RFC 8707); the ID token's claims are enough then.
    return claims
  }
}

/** Entra's ID tokens come from the tenant that signed in: openid-client fills `{tenantid}` for what it discovers there, from us. */
async function configurationOf(
  metadata: AuthorizationServerMetadata,
  registered: RegisteredClient,
): Promise<client.Configuration> {
  const { tenant_issuer: tenantIssuer, ...known } = metadata
  const proof = authentication(metadata, registered)
  if (tenantIssuer === undefined)
    return new client.Configuration(known as client.ServerMetadata, registered.clientId, undefined, proof)
  const answer = async () => Response.json({ ...known, issuer: tenantIssuer })
  const entra = new URL('https://login.microsoftonline.com/')
  return client.discovery(entra, registered.clientId, undefined, proof, { [client.customFetch]: answer })
}

function authentication(metadata: AuthorizationServerMetadata, registered: RegisteredClient): client.ClientAuth {
  const { authMethod, clientSecret, privateKey } = registered
  if (authMethod === 'private_key_jwt' && privateKey !== undefined) return signed(metadata, privateKey)
  if (clientSecret === undefined || authMethod === 'none') return client.None()
  if (authMethod === 'client_secret_post') return client.ClientSecretPost(clientSecret)
  return (_server, { client_id: clientId }, body, headers) => {
    // Some servers look there only (RFC 6749 section 3.2.1 allows it); a client registered by hand may be at one that refuses it.
    if (registered.own === undefined && authMethod !== HEADER_ALONE) body.set('client_id', clientId)
    headers.set('authorization', basicCredentials(clientId, clientSecret))
  }
}

/** Reads the key when it is needed; the assertion's algorithm is spelled as the server lists it. */
function signed(metadata: AuthorizationServerMetadata, privateKey: string): client.ClientAuth {
  return async (...request) => {
    const { alg, ...key } = await signingKey(privateKey, metadata)
    const modifyAssertion = (header: Record<string, unknown>) => {
      header.alg = alg
    }
    await client.PrivateKeyJwt(key, { [client.modifyAssertion]: modifyAssertion })(...request)
  }
}

/** Parameters of a request, without what is undefined. */
const sent = (parameters: Parameters) => present(parameters) as Record<string, string>

async function translateErrors<T>(issuer: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw translateOAuthError(thrown, issuer)
  }
}
