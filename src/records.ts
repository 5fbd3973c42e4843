// The data that is stored and passed between rooms: challenges, tokens, sign-in attempts, clients.

/** What a 401 or 403 answer of the protected resource says (RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9728 section 5.1). */
export interface Challenge {
  readonly status: number
  readonly error?: string
  readonly scope?: string
  readonly resourceMetadata?: string
  /** More addresses of the same document, for where the first one has none. */
  readonly moreResourceMetadata?: readonly string[]
  /** 'dpop' if the DPoP scheme is required (RFC 9449 section 7.1). */
  readonly scheme?: 'dpop'
}

/** Tokens never cross servers or profiles. `server` is the URL as serialized by the URL standard. */
export interface TokenKey {
  readonly server: string
  readonly profile: string
}

/** Whether another key names the same row. */
export const sameKey = (key: TokenKey) => (other: TokenKey) =>
  other.server === key.server && other.profile === key.profile

/** Claims of the validated ID token or of userinfo (OpenID Connect Core sections 2 and 5.3). */
export interface User {
  readonly issuer: string
  readonly subject: string
  readonly claims: Readonly<Record<string, unknown>>
}

export interface TokenSet {
  readonly issuer: string
  readonly clientId: string
  readonly redirectUri: string
  readonly accessToken: string
  readonly refreshToken?: string
  readonly scope?: string
  /** The scopes requested so far; a refused scope in it is not requested again. */
  readonly requestedScope?: string
  readonly resource?: string
  /** undefined: the server did not say (RFC 6749 section 5.1). */
  readonly expiresAt?: number
  readonly obtainedAt: number // ms since the epoch
  readonly user?: User
  /** Private JWK the tokens are bound to (RFC 9449). */
  readonly dpopKey?: string
  /** How it was obtained, where no person was needed. */
  readonly grant?: 'client_credentials'
}

/**
 * How a sign-in ended that nobody ended: its row is not as it was written, or nothing renews its tokens any more. With
 * refresh_token_missing, its access token may still do.
 */
export type SignInEnd = 'seal_broken' | 'token_expired' | 'refresh_token_missing'

/** One row of `tokens`: its generation grows with every change, also when the token set is removed. 0: no row yet. */
export interface TokenRecord {
  readonly generation: number
  /** Why there is no token set any more, or why this one cannot be renewed: in words, and as the error that a check reports. */
  readonly lastError?: string
  readonly lastErrorCode?: SignInEnd
  readonly requestedScope?: string
  /** When the MCP server refused these new tokens. */
  readonly refusedAt?: number
  readonly tokens?: TokenSet
}

/** A row without its secrets, for `status`. */
export interface AccountSummary extends TokenKey, Partial<Pick<TokenSet, 'issuer' | 'scope' | 'expiresAt'>> {
  readonly generation: number
  readonly signedIn: boolean
  /** A new access token can be had without a person, as far as is known. */
  readonly refreshable: boolean
  readonly subject?: string
  readonly email?: string
  readonly lastError?: string
  readonly lastErrorCode?: SignInEnd
}

/** The options of a sign-in, as fingerprints by name, so that two processes can compare them. */
export type Wishes = Readonly<Record<string, string>>

/** One row of `sessions`: everything about a sign-in, keyed by its `state` and by nothing else. */
export interface Attempt extends TokenKey {
  readonly id: string
  readonly state: string
  readonly status: 'requested' | 'waiting' | 'redeeming' | 'finished' | 'failed'
  readonly expiresAt: number
  readonly challenge: Challenge
  readonly wishes: Wishes
  /** The attempt that replaced it. */
  readonly successor?: string
  /** Time of the last change. */
  readonly updatedAt: number
  /** When its tab was opened; for one that a person opened without us, when the browser came back. */
  readonly openedAt?: number
  readonly errorCode?: string
  readonly errorMessage?: string
  readonly errorHint?: string
  readonly plan?: AttemptPlan
}

/**
 * What the bridge adds to a request although nobody configured it: parameters, and scopes for refresh tokens (offline_access) and
 * identity (openid stands for email and profile too). `token_resource`: the resource at the token endpoint only.
 */
export type Addition =
  | 'resource'
  | 'token_resource'
  | 'audience'
  | 'scope'
  | 'offline_access'
  | 'openid'
  | 'prompt'
  | 'login_hint'

/** What the login process adds before it shows the authorization URL. */
export interface AttemptPlan extends Pick<TokenSet, 'issuer' | 'redirectUri' | 'scope' | 'resource' | 'dpopKey'> {
  readonly client: RegisteredClient
  readonly codeVerifier: string
  readonly nonce?: string
  readonly authorizationUrl: string
  /** The ID token goes to the MCP server, not the access token. */
  readonly bearer?: 'id_token'
  /** E-mail or subject that must sign in; tokens of another account are refused. */
  readonly account?: string
  /** What is asked of the ID token; omitted: nobody needs it. */
  readonly idToken?: 'required' | 'checked'
  /** The authorization server's metadata as it was checked: the response is checked against it (RFC 9207 section 2.4). */
  readonly metadata: Readonly<Record<string, unknown>>
  /** Other names of this authorization server that a person trusts (trusted_issuers), for `iss` of the response. */
  readonly alsoNamed?: readonly string[]
  /** The client the server no longer knew. */
  readonly replaced?: string
  /** The client in its place was registered for this sign-in. */
  readonly made?: true
  /** A code was spent by trying an authentication method that the server does not take; another one is known now. */
  readonly methodChanged?: true
  /** What was left out after the server refused it. */
  readonly leftOut?: readonly Addition[]
  /** Identifies the settings it was created with; omitted: an older version created it. */
  readonly bounds?: string
  /** The query of the redirect, for the process that owns the attempt, or that takes it over. Sealed with the plan. */
  readonly callback?: string
  /** What whoever began the sign-in wants back with its answer. */
  readonly binding?: Readonly<Record<string, string>>
  /** The process that exchanged its code ended before it was done. */
  readonly interrupted?: true
}

/** What a login process is started with. */
export interface LoginJob {
  readonly attemptId: string
  readonly config: unknown
  /** Whether a tab may open by itself, if none was opened for this attempt before. */
  readonly tab: 'allowed' | 'none'
}

export type AttemptOutcome =
  | { readonly status: 'finished' }
  | { readonly status: 'failed'; readonly code: string; readonly message: string; readonly hint?: string }

/** A client at one authorization server (RFC 7591 section 3.2.1). */
export interface RegisteredClient {
  readonly clientId: string
  readonly clientSecret?: string
  readonly secretExpiresAt?: number
  /** PEM or JWK, for private_key_jwt */
  readonly privateKey?: string
  /** RFC 7591 token_endpoint_auth_method */
  readonly authMethod: string
  /** Where and with which token the registration can be deleted (RFC 7592); known when it was just made. */
  readonly management?: { readonly uri: string; readonly token: string }
  /** Where it is registered with another redirect URI than the one that was wanted. */
  readonly redirectUri?: string
  /** A configured client: by id, or by its metadata document. Omitted: dynamically registered. */
  readonly own?: 'configured' | 'document'
}

export interface BegunAttempt {
  readonly attempt: Attempt
  readonly begun: boolean
  /** It replaced another attempt. */
  readonly superseded: boolean
}

/** A page for the person in the browser. `code` is an ErrorCode. */
export type CallbackPage =
  | { readonly kind: 'done'; readonly server: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly hint: string }
  | { readonly kind: 'invalid_state' }
  | { readonly kind: 'again'; readonly authorizationUrl: string }

/** One request on its connection, as its sender may know and end it; costs less than listening to a signal. */
export interface Transmission {
  /** The request has gone onto a connection, so the server may have seen it. */
  sent: boolean
  /** Set while there is something to end. `reason`: what the request and its body throw then; left out: that of `signal`, which has aborted. */
  abort?: ((reason?: Error) => void) | undefined
  /** Called when all of it has left this process, or the server has answered. A request may be sent in other words than it came in. */
  readonly taken?: (() => void) | undefined
  /** Left out: the silence of the server has no other reason than the server. */
  patience?: Patience | undefined
}

/** Silence with a reason: a server that has asked something says nothing until it is answered. */
export interface Patience {
  /** Silence does not count now. */
  readonly held: boolean
  /** Goes up each time that silence begins to count anew. */
  readonly turns: number
}
