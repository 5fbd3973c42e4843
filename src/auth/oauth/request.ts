// What the requests to an authorization server are made of.
import type { HttpClient } from '../../ports.ts'
import type { ProviderRules } from '../../providerRules.ts'
import type { IdToken } from './normalize.ts'

export interface AuthorizationRequest {
  readonly redirectUri: string
  readonly state: string
  readonly codeVerifier: string
  readonly nonce: string | undefined
  readonly scope: string | undefined
  readonly resource: string | undefined
  /** Additional parameters for a provider; they never override ours. */
  readonly extra: Readonly<Record<string, string>>
}

export interface OAuthClientOptions {
  readonly http: HttpClient
  /** Longest silence of the authorization server, in ms. */
  readonly timeoutMs: number
  readonly rules?: ProviderRules
  /** Private JWK that new tokens are to be bound to (RFC 9449). */
  readonly dpopKey?: string | undefined
  readonly idToken?: IdToken | undefined
}

export type Parameters = Readonly<Record<string, string | undefined>>

export interface RefreshParameters {
  readonly scope: string | undefined
  readonly resource: string | undefined
}
